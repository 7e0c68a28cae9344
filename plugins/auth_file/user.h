/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * One user, as a line of the file tells it: a name, then words.
 *
 *	alice plain:secret
 *	bob   md5:0123456789abcdef0123456789abcdef max_allocations=10
 *	carol sha256:<64 digits> md5:<32 digits> max_lifetime=3600
 *
 * In names and passwords %20 is a blank, %25 a %, any byte but NUL %XX.
 */
struct user {
	char *name;
	char *password; /* NULL: keys only */
	uint8_t key_md5[16];
	uint8_t key_sha256[32];
	bool has_md5;
	bool has_sha256;
	uint32_t max_allocations; /* 0: the daemon's limit */
	uint32_t max_lifetime_s;  /* 0: the daemon's limit */
	unsigned line;            /* of the file */
};

#define USER_NAME_MAX 508 /* bytes: RFC 8489 section 14.3 has less than 509 */
#define USER_PASSWORD_MAX 512
#define USER_ALLOCATIONS_MAX 1000000
#define USER_LIFETIME_MAX_S 86400

/**
 * Read a line.
 *
 * @line: NUL-terminated, with at least one word; is written to
 *
 * Owner: user_fini(), also after a failure
 *
 * Returns NULL, or what is wrong with the line.
 */
const char *user_parse(struct user *user, char *line);

/** Wipe and free what is inside. */
void user_fini(struct user *user);
