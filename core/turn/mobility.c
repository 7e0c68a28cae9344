/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/mobility.h"

#include <string.h>

#include <gnutls/crypto.h>

#include <turnpike/error.h>

#include "base/bytes.h"

#define WORDS_SIZE 8 /* what is sealed */
#define VECTOR_SIZE 16
#define SEALED_SIZE (VECTOR_SIZE + WORDS_SIZE)
#define ID_BITS 48

_Static_assert(SEALED_SIZE / 3 * 4 == TP_MOBILITY_TICKET_SIZE, "base64 without padding");

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What is sealed elsewhere with the same key, if ever, does not open here. */
static const char purpose[] = "RFC 8016 ticket";

/* --- text --------------------------------------------------------------------- */

static void encode(const uint8_t sealed[SEALED_SIZE], uint8_t out[TP_MOBILITY_TICKET_SIZE])
{
	for (size_t i = 0; i < SEALED_SIZE; i += 3) {
		uint32_t bits =
			(uint32_t)sealed[i] << 16 | (uint32_t)sealed[i + 1] << 8 | sealed[i + 2];

		for (unsigned digit = 0; digit < 4; digit++) {
			*out++ = (uint8_t)digits[bits >> (18 - 6 * digit) & 63];
		}
	}
}

static int decode(const uint8_t text[TP_MOBILITY_TICKET_SIZE], uint8_t out[SEALED_SIZE])
{
	for (size_t i = 0; i < SEALED_SIZE; i += 3) {
		uint32_t bits = 0;

		for (unsigned digit = 0; digit < 4; digit++) {
			const char *at = memchr(digits, *text++, sizeof(digits) - 1);

			if (at == NULL) {
				return TP_EINVAL;
			}
			bits = bits << 6 | (uint32_t)(at - digits);
		}
		out[i] = (uint8_t)(bits >> 16);
		out[i + 1] = (uint8_t)(bits >> 8);
		out[i + 2] = (uint8_t)bits;
	}
	return 0;
}

/* --- seal --------------------------------------------------------------------- */

static int cipher_init(const uint8_t key[TP_MOBILITY_KEY_SIZE], gnutls_aead_cipher_hd_t *out)
{
	const gnutls_datum_t datum = {
		.data = (unsigned char *)(uintptr_t)key,
		.size = TP_MOBILITY_KEY_SIZE,
	};

	return gnutls_aead_cipher_init(out, GNUTLS_CIPHER_AES_256_SIV, &datum) == 0 ? 0 : TP_EIO;
}

int tp_mobility_seal(const uint8_t key[TP_MOBILITY_KEY_SIZE],
		     const struct tp_mobility_ticket *ticket, uint8_t out[TP_MOBILITY_TICKET_SIZE])
{
	uint8_t sealed[SEALED_SIZE];
	uint8_t words[WORDS_SIZE];
	size_t size = sizeof(sealed);
	gnutls_aead_cipher_hd_t cipher;
	int err;

	if (ticket->allocation_id >> ID_BITS != 0) {
		return TP_ERANGE;
	}
	tp_put_u32(words, (uint32_t)(ticket->allocation_id >> 16));
	tp_put_u16(words + 4, (uint16_t)ticket->allocation_id);
	tp_put_u16(words + 6, ticket->number);
	if (cipher_init(key, &cipher) != 0) {
		return TP_EIO;
	}
	err = gnutls_aead_cipher_encrypt(cipher, purpose, sizeof(purpose), NULL, 0, VECTOR_SIZE,
					 words, sizeof(words), sealed, &size);
	gnutls_aead_cipher_deinit(cipher);
	if (err != 0 || size != sizeof(sealed)) {
		return TP_EIO;
	}
	encode(sealed, out);
	return 0;
}

int tp_mobility_open(const uint8_t key[TP_MOBILITY_KEY_SIZE], struct tp_view sealed,
		     struct tp_mobility_ticket *out)
{
	uint8_t bytes[SEALED_SIZE];
	uint8_t words[WORDS_SIZE];
	size_t size = sizeof(words);
	gnutls_aead_cipher_hd_t cipher;
	int err;

	if (sealed.len != TP_MOBILITY_TICKET_SIZE || decode(sealed.data, bytes) != 0 ||
	    cipher_init(key, &cipher) != 0) {
		return TP_EINVAL;
	}
	err = gnutls_aead_cipher_decrypt(cipher, purpose, sizeof(purpose), NULL, 0, VECTOR_SIZE,
					 bytes, sizeof(bytes), words, &size);
	gnutls_aead_cipher_deinit(cipher);
	if (err != 0 || size != sizeof(words)) {
		return TP_EINVAL;
	}
	out->allocation_id = (uint64_t)tp_get_u32(words) << 16 | tp_get_u16(words + 4);
	out->number = tp_get_u16(words + 6);
	return 0;
}
