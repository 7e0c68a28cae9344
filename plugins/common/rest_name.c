/* SPDX-License-Identifier: Apache-2.0 */
#include "rest_name.h"

#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define EXPIRY_DIGITS_MAX 15

/* The whole text, or -1. */
static int64_t parse_expiry(const char *text, size_t len)
{
	int64_t value = 0;

	if (len == 0 || len > EXPIRY_DIGITS_MAX) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return -1;
		}
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

int64_t rest_name_expiry(const char *name, char separator)
{
	const char *first = strchr(name, separator);
	const char *last = strrchr(name, separator);
	int64_t expiry;

	if (first == NULL) {
		return parse_expiry(name, strlen(name));
	}
	expiry = parse_expiry(name, (size_t)(first - name));
	return expiry >= 0 ? expiry : parse_expiry(last + 1, strlen(last + 1));
}

bool rest_name_password(const char *name, const char *secret, char out[REST_PASSWORD_SIZE])
{
	uint8_t digest[20];
	gnutls_datum_t raw = {digest, sizeof(digest)};
	gnutls_datum_t text;
	bool fits;

	if (gnutls_hmac_fast(GNUTLS_MAC_SHA1, secret, strlen(secret), name, strlen(name), digest) <
		    0 ||
	    gnutls_base64_encode2(&raw, &text) < 0) {
		return false;
	}
	fits = text.size < REST_PASSWORD_SIZE;
	if (fits) {
		memcpy(out, text.data, text.size);
		out[text.size] = '\0';
	}
	gnutls_memset(text.data, 0, text.size);
	gnutls_free(text.data);
	gnutls_memset(digest, 0, sizeof(digest));
	return fits;
}
