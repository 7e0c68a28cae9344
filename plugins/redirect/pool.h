/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "health.h"
#include "resolve.h"
#include "target.h"

/*
 * The targets, the addresses of each and how these are. All workers choose from
 * it, one keeps it current, an operator looks: each call takes its lock.
 */
struct pool;

#define POOL_TARGETS_MAX 128
#define POOL_SELF_MAX 32
#define POOL_PROBLEM_SIZE 128

struct pool_settings {
	struct health_rules rules;
	bool unchecked;             /* what is there is up */
	const struct tp_addr *self; /* this server, as others see it; port 0: any. Copied */
	size_t self_count;          /* at most POOL_SELF_MAX */
};

/** Errors: NULL when out of memory. */
struct pool *pool_create(const struct pool_settings *settings);
/** NULL inside is fine. Sets the pointer to NULL. */
void pool_free(struct pool **pool);

/** In create, before others have it. Errors: TP_EFULL, TP_EEXIST, TP_ENOMEM. */
int pool_add(struct pool *pool, const struct target *target);

size_t pool_count(const struct pool *pool);

/** Stays as it is. @index: 0 to pool_count() - 1 */
const struct target *pool_target(const struct pool *pool, size_t index);

/** Take over what @before knows of targets of the same name. In adopt, of a pool not yet in use. */
void pool_adopt(struct pool *pool, struct pool *before);

/* --- for the one that keeps it current -------------------------------------------- */

/** Addresses of a target: as written, resolved, or adopted. Returns how many. */
size_t pool_addrs(struct pool *pool, size_t index, struct tp_addr out[RESOLVE_ADDRS_MAX]);

/** These are the target's from now on; those that stay keep their state. */
void pool_resolved(struct pool *pool, size_t index, const struct tp_addr *addrs, size_t count);

/**
 * A check of an address has ended.
 *
 * @problem: why it failed, copied; NULL: it was good
 *
 * Returns true with the new state when that has changed.
 */
bool pool_report(struct pool *pool, size_t index, const struct tp_addr *addr, const char *problem,
		 enum health_state *state);

/* --- for those that redirect -------------------------------------------------------- */

enum pool_choice {
	POOL_NONE = 0, /* nobody suits */
	POOL_SELF = 1, /* this very server */
	POOL_OTHER = 2,
};

struct pool_answer {
	struct tp_addr addr;         /* with port, of the client's family */
	struct tp_addr other;        /* the same target's of the other family; family NONE: none */
	const struct target *target; /* the pool's */
};

/**
 * Where a client goes: the same answer for its IP address as long as the same
 * targets are up.
 *
 * @not_self: this server is no choice
 */
enum pool_choice pool_choose(struct pool *pool, const struct tp_five_tuple *five_tuple,
			     bool not_self, struct pool_answer *out);

/* --- for an operator ------------------------------------------------------------------ */

struct pool_row {
	const struct target *target; /* the pool's */
	bool off;
	size_t count; /* of addresses */
	struct {
		struct tp_addr addr;
		enum health_state state;
		int64_t since_s; /* seconds since 1970; 0: unknown yet */
		uint64_t sent;   /* clients */
		char problem[POOL_PROBLEM_SIZE];
	} addrs[RESOLVE_ADDRS_MAX];
};

void pool_row(struct pool *pool, size_t index, struct pool_row *out);

/** An operator takes a target out, or lets it in again. Errors: TP_ENOENT. */
int pool_switch(struct pool *pool, const char *name, bool off);
