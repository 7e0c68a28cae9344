/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * A user name and password made of a secret that is shared with the server:
 * "expiry:name" and the HMAC-SHA1 of that (draft-uberti-behave-turn-rest-00).
 */
#define TP_REST_USER_SIZE 512
#define TP_REST_PASSWORD_SIZE 32

struct tp_rest_credential {
	char user[TP_REST_USER_SIZE];
	char password[TP_REST_PASSWORD_SIZE];
};

/**
 * @name:      NULL: the user name is the expiry alone
 * @expires_s: seconds since 1970
 *
 * Thread: any
 * Errors: TP_ERANGE for too long a name, TP_EIO when the library refuses
 */
int tp_rest_credential_make(struct tp_rest_credential *credential, const char *secret,
			    const char *name, int64_t expires_s);
