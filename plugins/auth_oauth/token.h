/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/ticket.h>

#define TOKEN_KEY_MAX 32

/* A key that authorization server and daemon share. */
struct token_key {
	bool aes256; /* A256GCM, 32 bytes; else A128GCM, 16 bytes */
	uint8_t bytes[TOKEN_KEY_MAX];
};

static inline size_t token_key_len(const struct token_key *key)
{
	return key->aes256 ? 32 : 16;
}

/* What the encrypted block of a token says. Wipe when done. */
struct token {
	uint8_t mac_key[TP_MAC_KEY_MAX];
	size_t mac_key_len;
	uint64_t made_s; /* since 1970 */
	uint32_t lifetime_s;
};

enum token_fault {
	TOKEN_GOOD,
	TOKEN_GARBLED, /* not what a token looks like, outside or inside */
	TOKEN_FORGED,  /* another key or server name, or altered */
	TOKEN_EARLY,
	TOKEN_EXPIRED,
	TOKEN_FAILED, /* the library did */
};

/**
 * Decrypt the value of ACCESS-TOKEN.
 *
 * @server_name: associated data of the encryption
 *
 * Thread: any
 * Owner:  @out is wiped with another result than TOKEN_GOOD
 * RFC:    7635 section 6.2, 5116
 */
enum token_fault token_open(const struct token_key *key, const char *server_name,
			    const uint8_t *bytes, size_t len, struct token *out);

/**
 * How long the token lasts from @now_s on, @leeway_s included.
 *
 * Returns TOKEN_GOOD with @left_s of at least 1, TOKEN_EARLY or TOKEN_EXPIRED.
 *
 * RFC: 7635 section 7
 */
enum token_fault token_judge(const struct token *token, uint64_t now_s, uint32_t leeway_s,
			     uint32_t *left_s);

void token_wipe(struct token *token);
