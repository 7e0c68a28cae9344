/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/nonce.h"

#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "stun/integrity.h"

/*
 * "obMatJos2", four base64 digits of feature bits, eight hexadecimal digits of
 * time, 32 of MAC: 53 bytes.
 */
#define COOKIE "obMatJos2"
#define COOKIE_LEN (sizeof(COOKIE) - 1)
#define FEATURES_LEN 4
#define TIME_LEN 8
#define MAC_SIZE 16
#define NONCE_LEN (COOKIE_LEN + FEATURES_LEN + TIME_LEN + 2 * MAC_SIZE)

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Bit 0 of RFC 8489 section 18.1 is the leftmost of the 24 bits. */
static uint32_t to_wire(unsigned features)
{
	return (features & TP_NONCE_PASSWORD_ALGORITHMS ? UINT32_C(1) << 23 : 0) |
	       (features & TP_NONCE_USERNAME_ANONYMITY ? UINT32_C(1) << 22 : 0);
}

static unsigned from_wire(uint32_t bits)
{
	return (bits & UINT32_C(1) << 23 ? TP_NONCE_PASSWORD_ALGORITHMS : 0) |
	       (bits & UINT32_C(1) << 22 ? TP_NONCE_USERNAME_ANONYMITY : 0);
}

static int mac(const uint8_t *key, const struct tp_addr *client_addr, uint32_t scope,
	       const char *head, uint8_t out[32])
{
	uint8_t bytes[sizeof(*client_addr) + sizeof(scope) + FEATURES_LEN + TIME_LEN];
	uint8_t *at = bytes;

	memcpy(at, client_addr, sizeof(*client_addr));
	at += sizeof(*client_addr);
	tp_put_u32(at, scope);
	at += sizeof(scope);
	memcpy(at, head + COOKIE_LEN, FEATURES_LEN + TIME_LEN);
	return tp_hmac_sha256(key, TP_NONCE_KEY_SIZE, bytes, sizeof(bytes), out);
}

int tp_nonce_mint(const uint8_t key[TP_NONCE_KEY_SIZE], const struct tp_addr *client_addr,
		  uint32_t scope, unsigned features, uint32_t now_s, char out[TP_NONCE_SIZE])
{
	uint32_t bits = to_wire(features);
	uint8_t time[4];
	uint8_t digest[32];
	char *at = out;
	int err;

	memcpy(at, COOKIE, COOKIE_LEN);
	at += COOKIE_LEN;
	for (int shift = 18; shift >= 0; shift -= 6) {
		*at++ = base64_digits[bits >> shift & 63];
	}
	tp_put_u32(time, now_s);
	tp_hex_encode(time, sizeof(time), at);
	at += TIME_LEN;
	err = mac(key, client_addr, scope, out, digest);
	tp_hex_encode(digest, MAC_SIZE, at);
	return err;
}

static bool has_cookie(struct tp_view nonce)
{
	return nonce.len >= COOKIE_LEN + FEATURES_LEN &&
	       memcmp(nonce.data, COOKIE, COOKIE_LEN) == 0;
}

unsigned tp_nonce_features(struct tp_view nonce)
{
	uint32_t bits = 0;

	if (!has_cookie(nonce)) {
		return 0;
	}
	for (size_t i = 0; i < FEATURES_LEN; i++) {
		const char *digit = memchr(base64_digits, nonce.data[COOKIE_LEN + i],
					   sizeof(base64_digits) - 1);

		if (digit == NULL) {
			return 0;
		}
		bits = bits << 6 | (uint32_t)(digit - base64_digits);
	}
	return from_wire(bits);
}

enum tp_nonce_state tp_nonce_check(const uint8_t key[TP_NONCE_KEY_SIZE],
				   const struct tp_addr *client_addr, uint32_t scope,
				   struct tp_view nonce, uint32_t now_s, uint32_t lifetime_s)
{
	const char *text = (const char *)nonce.data;
	const char *time_text = text + COOKIE_LEN + FEATURES_LEN;
	uint8_t expected[32];
	uint8_t found[MAC_SIZE];
	uint8_t time[4];

	if (nonce.len != NONCE_LEN || !has_cookie(nonce) ||
	    tp_hex_decode(time_text, TIME_LEN, time, sizeof(time)) != 0 ||
	    tp_hex_decode(time_text + TIME_LEN, 2 * MAC_SIZE, found, MAC_SIZE) != 0 ||
	    mac(key, client_addr, scope, text, expected) != 0 ||
	    !tp_secret_equal(expected, found, MAC_SIZE)) {
		return TP_NONCE_FOREIGN;
	}
	return now_s - tp_get_u32(time) > lifetime_s ? TP_NONCE_STALE : TP_NONCE_VALID;
}
