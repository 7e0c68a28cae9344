/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/ticket.h>

#define ANSWER_PASSWORD_MAX 1024
#define ANSWER_USER_MAX 509
#define ANSWER_PROBLEM_SIZE 160
#define ANSWER_REASON_SIZE 128

/* What a service has said of a user. */
struct answer {
	char password[ANSWER_PASSWORD_MAX + 1];
	char user[ANSWER_USER_MAX + 1];
	uint8_t key_md5[16];
	uint8_t key_sha256[32];
	bool has_valid_for;
	struct tp_credentials credentials; /* points into the above */
};

enum answer_verdict {
	ANSWER_GOOD,
	ANSWER_UNUSABLE, /* what it says of the user is wrong */
	ANSWER_GARBAGE,  /* no answer of such a service at all */
};

/**
 * Read the JSON object of status 200.
 *
 * @hashed:  the client sent a hash: "user" is required
 * @problem: what is wrong with it, never with any of its secrets
 *
 * Owner: @out is to be wiped, and must not be moved
 */
enum answer_verdict answer_read(const char *body, size_t len, bool hashed, struct answer *out,
				char problem[ANSWER_PROBLEM_SIZE]);

void answer_wipe(struct answer *answer);

/** "reason" of the JSON object of status 403; "" for none, or for one of control characters. */
void answer_read_reason(const char *body, size_t len, char reason[ANSWER_REASON_SIZE]);
