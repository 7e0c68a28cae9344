/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/build.h"
#include "stun/integrity.h"
#include "stun/msg.h"

/*
 * A client's side of the long-term credential mechanism (RFC 8489 section 9.2;
 * servers that know RFC 5389 only are fine): what the server's last challenge
 * said, the key made of it, and what requests carry for it.
 */
#define TP_TURN_LOGIN_TEXT_MAX 763 /* most bytes of USERNAME, REALM and NONCE */
#define TP_TURN_LOGIN_ALGORITHMS_MAX 64

struct tp_turn_login {
	const char *user;     /* borrowed; NULL: no credentials */
	const char *password; /* borrowed */
	bool prefer_sha256;   /* SHA-256 wherever the server lists it, not its own order */

	bool challenged;
	char realm[TP_TURN_LOGIN_TEXT_MAX + 1];
	uint8_t nonce[TP_TURN_LOGIN_TEXT_MAX];
	size_t nonce_len;
	bool userhash; /* the server wants USERHASH (security feature bit 1) */
	uint8_t algorithms[TP_TURN_LOGIN_ALGORITHMS_MAX]; /* PASSWORD-ALGORITHMS as sent */
	size_t algorithms_len;                            /* 0: not sent */
	uint16_t algorithm;                               /* enum tp_password_algorithm */
	struct tp_key key;
};

/** @user and @password are borrowed as long as the login lives; both NULL for none. */
void tp_turn_login_init(struct tp_turn_login *login, const char *user, const char *password,
			bool prefer_sha256);

/** Wipes the key. */
void tp_turn_login_fini(struct tp_turn_login *login);

/**
 * Learn from a 401 or 438 response: realm, nonce, algorithms; make the key.
 *
 * @problem: set to words when the challenge cannot be answered; static storage
 *
 * Errors: TP_EPROTO for a challenge that must not be answered, TP_EINVAL
 *         without credentials, TP_EIO
 * RFC:    8489 section 9.2.5
 */
int tp_turn_login_challenge(struct tp_turn_login *login, const struct tp_stun_msg *response,
			    const char **problem);

/** Append the credentials and the integrity; nothing before a challenge. RFC 8489 section 9.2.3. */
void tp_turn_login_write(const struct tp_turn_login *login, struct tp_build *build);

/** Is the response the server's? True before a challenge. RFC 8489 section 9.2.5. */
bool tp_turn_login_verify(const struct tp_turn_login *login, const struct tp_stun_msg *response);

/** "SHA-256" or "MD5". Owner: static storage. */
const char *tp_turn_login_algorithm(const struct tp_turn_login *login);
