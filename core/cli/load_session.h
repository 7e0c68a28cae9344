/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/load_fleet.h"

/*
 * Requests of many clients at once. A session is one client's way through a
 * list of methods, each request sent again until it is answered, challenges met
 * on the way; a number of sessions is always under way.
 */
#define TP_LOAD_SESSIONS_MAX 256
#define TP_LOAD_REASON_SIZE 256

struct tp_load_sessions;

struct tp_load_sessions_options {
	struct tp_load_fleet *fleet;
	const uint16_t *methods; /* enum tp_stun_method, in order; borrowed */
	size_t method_count;
	bool anew;        /* each session begins without a nonce */
	const char *user; /* NULL: none */
	const char *password;
	uint32_t flight; /* most sessions at once, up to TP_LOAD_SESSIONS_MAX */
	int wait_ms;     /* in one run for an answer, when none is there; 0: the core is ours */
	void *owner;
	/** The client that goes next; NULL: none at this time. */
	struct tp_load_client *(*next)(void *owner);
	/** The session has ended; @reason is NULL when all was granted. */
	void (*done)(void *owner, struct tp_load_client *client, const char *reason,
		     uint64_t took_ns);
};

/** Errors: TP_ENOMEM. Owner: free with tp_load_sessions_free(). */
int tp_load_sessions_create(const struct tp_load_sessions_options *options,
			    struct tp_load_sessions **out);

/** Also ends those under way, without a word. NULL inside is fine. */
void tp_load_sessions_free(struct tp_load_sessions **sessions);

/** Begin, hear, send again: what is to be done now. */
void tp_load_sessions_run(struct tp_load_sessions *sessions);

/** How many are under way. */
uint32_t tp_load_sessions_busy(const struct tp_load_sessions *sessions);
