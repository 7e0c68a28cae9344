/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rest_credential.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <turnpike/error.h>

#define SHA1_SIZE 20

int tp_rest_credential_make(struct tp_rest_credential *credential, const char *secret,
			    const char *name, int64_t expires_s)
{
	uint8_t digest[SHA1_SIZE];
	gnutls_datum_t in = {digest, sizeof(digest)};
	gnutls_datum_t out = {NULL, 0};
	int err = 0;
	int len;

	len = snprintf(credential->user, sizeof(credential->user), "%" PRId64 "%s%s", expires_s,
		       name == NULL ? "" : ":", name == NULL ? "" : name);
	if (len < 0 || (size_t)len >= sizeof(credential->user)) {
		return TP_ERANGE;
	}
	if (gnutls_hmac_fast(GNUTLS_MAC_SHA1, secret, strlen(secret), credential->user, (size_t)len,
			     digest) != 0 ||
	    gnutls_base64_encode2(&in, &out) != 0) {
		return TP_EIO;
	}
	if (out.size >= sizeof(credential->password)) {
		err = TP_EIO;
	} else {
		memcpy(credential->password, out.data, out.size);
		credential->password[out.size] = 0;
	}
	gnutls_free(out.data);
	return err;
}
