/* SPDX-License-Identifier: Apache-2.0 */
#include "user_key.h"

#include <stdio.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

static int digit_of(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool user_key_parse(const char *hex, size_t len, struct user_key *out)
{
	while (len > 0 && hex[len - 1] == ' ') {
		len--;
	}
	if (len != 2 * USER_KEY_MD5_SIZE && len != 2 * USER_KEY_SHA256_SIZE) {
		return false;
	}
	for (size_t i = 0; i < len / 2; i++) {
		int high = digit_of(hex[2 * i]);
		int low = digit_of(hex[2 * i + 1]);

		if (high < 0 || low < 0) {
			return false;
		}
		out->bytes[i] = (uint8_t)(high * 16 + low);
	}
	out->len = len / 2;
	return true;
}

bool user_key_make(const char *user, const char *realm, const char *password, bool sha256,
		   struct user_key *out)
{
	gnutls_hash_hd_t hash;

	if (gnutls_hash_init(&hash, sha256 ? GNUTLS_DIG_SHA256 : GNUTLS_DIG_MD5) < 0) {
		return false;
	}
	gnutls_hash(hash, user, strlen(user));
	gnutls_hash(hash, ":", 1);
	gnutls_hash(hash, realm, strlen(realm));
	gnutls_hash(hash, ":", 1);
	gnutls_hash(hash, password, strlen(password));
	gnutls_hash_deinit(hash, out->bytes);
	out->len = sha256 ? USER_KEY_SHA256_SIZE : USER_KEY_MD5_SIZE;
	return true;
}

void user_key_format(const struct user_key *key, char hex[USER_KEY_HEX_SIZE])
{
	for (size_t i = 0; i < key->len; i++) {
		snprintf(hex + 2 * i, 3, "%02x", key->bytes[i]);
	}
}

/* Bytes of the character that begins here, 0 for none; @least: what needs so many. */
static size_t character_len(unsigned char first, uint32_t *value, uint32_t *least)
{
	static const struct {
		uint8_t mask, mark, len;
		uint32_t least;
	} forms[] = {
		{0x80, 0x00, 1, 1},
		{0xe0, 0xc0, 2, 0x80},
		{0xf0, 0xe0, 3, 0x800},
		{0xf8, 0xf0, 4, 0x10000},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if ((first & forms[i].mask) == forms[i].mark) {
			*value = first & (uint8_t)~forms[i].mask;
			*least = forms[i].least;
			return forms[i].len;
		}
	}
	return 0;
}

bool user_name_is_utf8(const char *name)
{
	while (*name != '\0') {
		uint32_t value = 0;
		uint32_t least = 0;
		size_t len = character_len((unsigned char)*name, &value, &least);

		if (len == 0) {
			return false;
		}
		for (size_t i = 1; i < len; i++) {
			if (((unsigned char)name[i] & 0xc0) != 0x80) {
				return false;
			}
			value = value << 6 | ((unsigned char)name[i] & 0x3f);
		}
		if (value < least || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) {
			return false;
		}
		name += len;
	}
	return true;
}
