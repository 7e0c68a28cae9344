/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

/*
 * RFC 7635 section 6.2: length of the nonce in two bytes, nonce, encrypted block with
 * its tag. In the block: length of the key in two bytes, key, timestamp, lifetime.
 */
#define LENGTH_SIZE 2
#define NONCE_SIZE 12 /* of AES-GCM: RFC 5116 section 5 */
#define TAG_SIZE 16
#define TIMES_SIZE (8 + 4)
#define FRACTION_BITS 16 /* the timestamp has 48 bits of seconds before them */
#define BLOCK_MIN (LENGTH_SIZE + TP_MAC_KEY_MIN + TIMES_SIZE)
#define BLOCK_MAX (LENGTH_SIZE + TP_MAC_KEY_MAX + TIMES_SIZE)
#define OUTSIDE_SIZE (LENGTH_SIZE + NONCE_SIZE + TAG_SIZE)

static uint64_t get(const uint8_t *bytes, size_t len)
{
	uint64_t value = 0;

	for (size_t i = 0; i < len; i++) {
		value = value << 8 | bytes[i];
	}
	return value;
}

static enum token_fault decrypt(const struct token_key *key, const char *server_name,
				const uint8_t *bytes, size_t len, uint8_t *block, size_t *block_len)
{
	const gnutls_datum_t datum = {(unsigned char *)key->bytes, (unsigned)token_key_len(key)};
	const uint8_t *nonce = bytes + LENGTH_SIZE;
	gnutls_aead_cipher_hd_t cipher;
	int err = gnutls_aead_cipher_init(
		&cipher, key->aes256 ? GNUTLS_CIPHER_AES_256_GCM : GNUTLS_CIPHER_AES_128_GCM,
		&datum);

	if (err < 0) {
		return TOKEN_FAILED;
	}
	err = gnutls_aead_cipher_decrypt(cipher, nonce, NONCE_SIZE, server_name,
					 strlen(server_name), TAG_SIZE, nonce + NONCE_SIZE,
					 len - LENGTH_SIZE - NONCE_SIZE, block, block_len);
	gnutls_aead_cipher_deinit(cipher);
	return err < 0 ? TOKEN_FORGED : TOKEN_GOOD;
}

/* Nothing may be missing, and nothing left over. */
static enum token_fault read_block(const uint8_t *block, size_t len, struct token *out)
{
	size_t key_len = (size_t)get(block, LENGTH_SIZE);
	const uint8_t *times = block + LENGTH_SIZE + key_len;

	if (key_len < TP_MAC_KEY_MIN || key_len > TP_MAC_KEY_MAX ||
	    len != LENGTH_SIZE + key_len + TIMES_SIZE) {
		return TOKEN_GARBLED;
	}
	memcpy(out->mac_key, block + LENGTH_SIZE, key_len);
	out->mac_key_len = key_len;
	out->made_s = get(times, 8) >> FRACTION_BITS;
	out->lifetime_s = (uint32_t)get(times + 8, 4);
	return TOKEN_GOOD;
}

enum token_fault token_open(const struct token_key *key, const char *server_name,
			    const uint8_t *bytes, size_t len, struct token *out)
{
	uint8_t block[BLOCK_MAX];
	size_t block_len = sizeof(block);
	enum token_fault fault;

	memset(out, 0, sizeof(*out));
	if (len < OUTSIDE_SIZE + BLOCK_MIN || len > OUTSIDE_SIZE + BLOCK_MAX ||
	    get(bytes, LENGTH_SIZE) != NONCE_SIZE) {
		return TOKEN_GARBLED;
	}
	fault = decrypt(key, server_name, bytes, len, block, &block_len);
	if (fault == TOKEN_GOOD) {
		fault = read_block(block, block_len, out);
	}
	gnutls_memset(block, 0, sizeof(block));
	return fault;
}

enum token_fault token_judge(const struct token *token, uint64_t now_s, uint32_t leeway_s,
			     uint32_t *left_s)
{
	/* 48 bits and two times 32: the sum does not wrap. */
	uint64_t end_s = token->made_s + token->lifetime_s + leeway_s;

	if (token->made_s > now_s + leeway_s) {
		return TOKEN_EARLY;
	}
	if (end_s <= now_s) {
		return TOKEN_EXPIRED;
	}
	*left_s = end_s - now_s > UINT32_MAX ? UINT32_MAX : (uint32_t)(end_s - now_s);
	return TOKEN_GOOD;
}

void token_wipe(struct token *token)
{
	gnutls_memset(token, 0, sizeof(*token));
}
