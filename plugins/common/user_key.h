/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Keys as coturn's data bases have them: in hex, MD5 or SHA-256 of
 * "user:realm:password" (RFC 8489 sections 9.2.2 and 18.5.1).
 */

#define USER_KEY_MD5_SIZE 16
#define USER_KEY_SHA256_SIZE 32
#define USER_KEY_HEX_SIZE (2 * USER_KEY_SHA256_SIZE + 1)

struct user_key {
	uint8_t bytes[USER_KEY_SHA256_SIZE];
	size_t len; /* one of the sizes above; 0: none */
};

/** Blanks behind it do not count. Returns false for what is no key. */
bool user_key_parse(const char *hex, size_t len, struct user_key *out);

/** @sha256: in place of MD5. Returns false when the library fails. */
bool user_key_make(const char *user, const char *realm, const char *password, bool sha256,
		   struct user_key *out);

void user_key_format(const struct user_key *key, char hex[USER_KEY_HEX_SIZE]);

/** Is it UTF-8 (RFC 3629)? What is not can be nobody's name. */
bool user_name_is_utf8(const char *name);
