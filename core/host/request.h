/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/allocation.h>
#include <turnpike/event.h>
#include <turnpike/request.h>

#include "base/arena.h"
#include "base/list.h"
#include "host/dispatch.h"
#include "stun/build.h"
#include "stun/integrity.h"
#include "stun/msg.h"

struct tp_generation;
struct tp_worker;

#define TP_REASON_SIZE 128 /* RFC 8489 section 14.8: fewer than 128 characters */

/* What a provider supplied, copied into the request's arena. */
struct tp_provided {
	char *password; /* NULL: keys only */
	char *more_passwords[TP_MORE_PASSWORDS_MAX];
	size_t more_password_count;
	struct tp_key key_md5;
	struct tp_key key_sha256;
	struct tp_key mac_key; /* in place of passwords and keys */
	char *user;            /* NULL: as sent */
	uint32_t valid_for_s;
	uint32_t max_allocations;
	uint32_t max_lifetime_s;
	struct tp_limits limits; /* of each allocation; 0: none */
};

/* Where a provider of on_turn_redirect sends the client. */
struct tp_redirection {
	struct tp_addr alternate; /* family NONE: nowhere */
	struct tp_addr other;     /* beside it, of the other family; NONE: none */
	const char *domain;       /* in the request's arena; NULL: none */
};

/* What a provider of on_turn_choose_relay wants. */
struct tp_relay_choice {
	struct tp_addr relay; /* family NONE: any of the family */
	uint16_t port_min;    /* both 0: the whole range */
	uint16_t port_max;
};

/*
 * The part of a request that plugins may see and set. The layer above embeds
 * it as first member, fills the upper half and reads the lower one.
 */
struct tp_request {
	struct tp_worker *worker;
	struct tp_generation *generation; /* a reference, until the request ends */
	const struct tp_chains *chains;   /* the generation's, of the request's realm */
	struct tp_arena arena;
	struct tp_five_tuple five_tuple;
	const struct tp_stun_msg *msg; /* owned by the request: it survives parking */
	const char *user;              /* NULL until known */
	const char *realm;
	struct tp_build *build; /* the response while its gate is asked, else NULL */
	size_t build_reserve;   /* bytes that integrity and fingerprint will need in it */

	uint16_t deny_code; /* 0: the event's own */
	char deny_reason[TP_REASON_SIZE];
	struct tp_provided provided;
	uint32_t lifetime_s; /* before_allocate: to be granted; handlers only shorten it */
	struct tp_redirection redirection;
	struct tp_relay_choice relay_choice;
	struct tp_limits limits; /* before_allocate: the lowest that handlers have asked for */

	struct tp_asking asking;
};

/** As much of the text as fits, ending where a character of UTF-8 ends. */
void tp_reason_copy(char out[TP_REASON_SIZE], const char *reason);

/** Wipe what was provided, cancel what is parked, drop the generation, free the arena. */
void tp_request_fini(struct tp_request *request);
