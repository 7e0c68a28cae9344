/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/build.h"
#include "stun/msg.h"

#define TP_KEY_MAX 32
#define TP_KEY_MD5_SIZE 16
#define TP_KEY_SHA256_SIZE 32
#define TP_KEY_TEXT_MAX 2048 /* user, realm and password with their colons, in bytes */
#define TP_USERHASH_SIZE 32
#define TP_INTEGRITY_SIZE 20        /* HMAC-SHA1 */
#define TP_INTEGRITY_SHA256_SIZE 32 /* HMAC-SHA256, untruncated */

/* Key of a long-term credential or an access token. Wipe with tp_secret_wipe() when done. */
struct tp_key {
	uint8_t bytes[TP_KEY_MAX];
	size_t len;    /* 0: none */
	bool of_token; /* RFC 7635: no user name is in it */
};

/**
 * Key of a long-term credential: hash of "username:realm:password" (RFC 8489
 * sections 9.2.2 and 18.5.1). Texts are taken as they are, already prepared.
 *
 * Thread: any
 * Errors: TP_EINVAL for another algorithm or texts of more than TP_KEY_TEXT_MAX
 *         bytes, TP_EIO when the library refuses; the key is then empty
 */
int tp_key_long_term(struct tp_key *key, enum tp_password_algorithm algorithm, const char *user,
		     const char *realm, const char *password);

/** USERHASH: SHA-256 of "username:realm" (RFC 8489 section 14.4). Errors: as above. */
int tp_userhash(uint8_t out[TP_USERHASH_SIZE], const char *user, const char *realm);

/**
 * Check MESSAGE-INTEGRITY, or MESSAGE-INTEGRITY-SHA256 with @sha256, in full: TURN
 * does not allow truncation, which RFC 8489 section 14.6 leaves to a usage. The header's
 * length is taken as the RFC says; the message is not written to. An empty key
 * matches nothing.
 *
 * Thread: any; constant time in the comparison
 * Errors: TP_ENOENT without the attribute, TP_EPROTO for a wrong length,
 *         TP_EAUTH when it does not match, TP_EIO
 */
int tp_integrity_check(const struct tp_stun_msg *msg, const struct tp_key *key, bool sha256);

/** Append MESSAGE-INTEGRITY or, with @sha256, MESSAGE-INTEGRITY-SHA256. An empty key fails. */
void tp_build_integrity(struct tp_build *build, const struct tp_key *key, bool sha256);

/** Append FINGERPRINT (RFC 8489 section 14.7); the last thing a message gets. */
void tp_build_fingerprint(struct tp_build *build);

/** CRC-32 of the bytes before the attribute, XOR 0x5354554e. */
uint32_t tp_fingerprint(const uint8_t *bytes, size_t len);

/** HMAC-SHA256, for tokens and nonces. @out: 32 bytes. Errors: TP_EIO. */
int tp_hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, uint8_t *out);
