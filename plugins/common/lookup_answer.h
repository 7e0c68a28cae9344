/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/ticket.h>

#define LOOKUP_REASON_SIZE 128

enum lookup_kind {
	LOOKUP_FOUND = 0,
	LOOKUP_UNKNOWN = 1,
	LOOKUP_REFUSED = 2,
};

/* What a back end has said: one block of memory, wiped when freed. Times as tp_worker_now_ms(). */
struct lookup_answer {
	enum lookup_kind kind;
	uint16_t code; /* LOOKUP_REFUSED */
	char reason[LOOKUP_REASON_SIZE];
	uint64_t fresh_until_ms; /* used again without asking */
	uint64_t stale_until_ms; /* used again when there is no other */
	uint64_t ends_ms;        /* when the credentials end; 0: not said */
	bool once;               /* good for one request */

	struct tp_credentials credentials; /* LOOKUP_FOUND; points into the block */
	const char *more_passwords[TP_MORE_PASSWORDS_MAX];
	size_t size; /* of the block */
	char bytes[];
};

/** Errors: NULL when out of memory. */
struct lookup_answer *lookup_answer_create(enum lookup_kind kind);

/** A copy of credentials. Errors: NULL when out of memory. */
struct lookup_answer *lookup_answer_copy(const struct tp_credentials *credentials);

/** Can anybody log in with them? @hashed: the client sent a hash of the name */
bool lookup_credentials_usable(const struct tp_credentials *credentials, bool hashed);

/** Sets the pointer to NULL; NULL inside is fine. */
void lookup_answer_free(struct lookup_answer **answer);

/** Is there something in it that a request with this algorithm can be checked with? */
bool lookup_answer_fits(const struct lookup_answer *answer, uint16_t algorithm);
