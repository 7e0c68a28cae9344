/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/event.h>
#include <turnpike/ticket.h>
#include <turnpike/types.h>

#include "jwk_set.h"
#include "token.h"

#define RULING_SECRET_MAX 1024

/* What logins are judged by. Texts are borrowed. */
struct ruling_rules {
	struct token_rules token;
	bool algorithms[JWT_ALGORITHM_COUNT]; /* served */
	char secret[RULING_SECRET_MAX + 1]; /* passwords are derived with it; "": they are fixed */
	const char *fixed_password;
	bool tls_only;
	bool strict_expiry; /* it ends allocations, too */
};

/* A login with a token. */
struct ruling {
	enum tp_verdict verdict; /* TP_PARK: a key is missing */
	uint16_t code;           /* with TP_DENY */
	const char *reason;      /* for the log; static storage */
	const char *phrase;      /* for the client; NULL: the registered one */
	struct token_claims claims;
	uint8_t key[32];
	struct tp_credentials credentials; /* with TP_ALLOW; points into the above */
};

/**
 * Judge a login.
 *
 * @keys: NULL: there are none
 * @out:  to be wiped; not to be moved
 */
void ruling_make(const struct ruling_rules *rules, const struct jwk_set *keys,
		 const struct tp_request_authorization *event, int64_t wall_s, struct ruling *out);

/**
 * Seconds until the token in USERNAME ends, at least 1, of a request that was let in;
 * UINT32_MAX when that does not matter.
 */
uint32_t ruling_left_s(const struct ruling_rules *rules, struct tp_view username, int64_t wall_s);

void ruling_wipe(struct ruling *ruling);
