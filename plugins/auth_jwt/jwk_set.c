/* SPDX-License-Identifier: Apache-2.0 */
#include "jwk_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <jansson.h>

#include "base64url.h"

#define KID_MAX 255
#define NUMBER_MAX 1024 /* bytes of an RSA modulus: 8192 bits */
#define RSA_BITS_MIN 2048
#define SECRET_MIN 32 /* RFC 7518 section 3.2 */
#define SECRET_MAX 512
#define HMAC_SIZE 32
#define ES256_SIZE 32 /* of each of the two numbers */

struct jwk {
	enum jwt_algorithm algorithm;
	char kid[KID_MAX + 1]; /* "" for none */
	gnutls_pubkey_t public_key;
	uint8_t secret[SECRET_MAX];
	size_t secret_len;
};

struct jwk_set {
	struct jwk keys[JWK_SET_MAX];
	size_t count;
};

static const char *const algorithm_names[] = {
	[JWT_RS256] = "RS256",
	[JWT_ES256] = "ES256",
	[JWT_EDDSA] = "EdDSA",
	[JWT_HS256] = "HS256",
};

enum jwt_algorithm jwt_algorithm_find(const char *name)
{
	enum jwt_algorithm algorithm = JWT_RS256;

	while (algorithm != JWT_ALGORITHM_COUNT && strcmp(algorithm_names[algorithm], name) != 0) {
		algorithm++;
	}
	return algorithm;
}

/* --- keys --------------------------------------------------------------------------------- */

struct number {
	uint8_t bytes[NUMBER_MAX];
	size_t len;
};

static const char *text_of(json_t *key, const char *member)
{
	const char *text = json_string_value(json_object_get(key, member));

	return text == NULL ? "" : text;
}

static bool read_number(json_t *key, const char *member, struct number *out)
{
	const char *text = text_of(key, member);

	return base64url_decode(text, strlen(text), out->bytes, sizeof(out->bytes), &out->len) &&
	       out->len != 0;
}

static gnutls_datum_t datum(struct number *number)
{
	return (gnutls_datum_t){number->bytes, (unsigned)number->len};
}

static bool read_rsa(struct jwk *jwk, json_t *key)
{
	struct number modulus;
	struct number exponent;
	gnutls_datum_t m;
	gnutls_datum_t e;
	unsigned bits = 0;

	if (!read_number(key, "n", &modulus) || !read_number(key, "e", &exponent)) {
		return false;
	}
	m = datum(&modulus);
	e = datum(&exponent);
	return gnutls_pubkey_import_rsa_raw(jwk->public_key, &m, &e) == 0 &&
	       gnutls_pubkey_get_pk_algorithm(jwk->public_key, &bits) == GNUTLS_PK_RSA &&
	       bits >= RSA_BITS_MIN;
}

static bool read_curve(struct jwk *jwk, json_t *key, gnutls_ecc_curve_t curve, bool two)
{
	struct number x;
	struct number y;
	gnutls_datum_t x_datum;
	gnutls_datum_t y_datum;

	if (!read_number(key, "x", &x) || x.len != 32) {
		return false;
	}
	x_datum = datum(&x);
	if (!two) {
		return gnutls_pubkey_import_ecc_raw(jwk->public_key, curve, &x_datum, NULL) == 0;
	}
	if (!read_number(key, "y", &y) || y.len != 32) {
		return false;
	}
	y_datum = datum(&y);
	return gnutls_pubkey_import_ecc_raw(jwk->public_key, curve, &x_datum, &y_datum) == 0;
}

static bool read_secret(struct jwk *jwk, json_t *key)
{
	const char *text = text_of(key, "k");

	return base64url_decode(text, strlen(text), jwk->secret, sizeof(jwk->secret),
				&jwk->secret_len) &&
	       jwk->secret_len >= SECRET_MIN;
}

/* RFC 7518 section 6 and RFC 8037: the type of a key says what it is for. */
static enum jwt_algorithm algorithm_of(json_t *key)
{
	const char *type = text_of(key, "kty");
	const char *curve = text_of(key, "crv");

	if (strcmp(type, "RSA") == 0) {
		return JWT_RS256;
	}
	if (strcmp(type, "EC") == 0 && strcmp(curve, "P-256") == 0) {
		return JWT_ES256;
	}
	if (strcmp(type, "OKP") == 0 && strcmp(curve, "Ed25519") == 0) {
		return JWT_EDDSA;
	}
	return strcmp(type, "oct") == 0 ? JWT_HS256 : JWT_ALGORITHM_COUNT;
}

static bool is_for_us(json_t *key, enum jwt_algorithm algorithm, bool secrets)
{
	const char *use = text_of(key, "use");
	const char *named = text_of(key, "alg");

	return algorithm != JWT_ALGORITHM_COUNT && (algorithm != JWT_HS256 || secrets) &&
	       (use[0] == '\0' || strcmp(use, "sig") == 0) &&
	       (named[0] == '\0' || strcmp(named, algorithm_names[algorithm]) == 0) &&
	       strlen(text_of(key, "kid")) <= KID_MAX;
}

static bool read_material(struct jwk *jwk, json_t *key)
{
	switch (jwk->algorithm) {
	case JWT_RS256:
		return read_rsa(jwk, key);
	case JWT_ES256:
		return read_curve(jwk, key, GNUTLS_ECC_CURVE_SECP256R1, true);
	case JWT_EDDSA:
		return read_curve(jwk, key, GNUTLS_ECC_CURVE_ED25519, false);
	default:
		return read_secret(jwk, key);
	}
}

static void wipe_key(struct jwk *jwk)
{
	if (jwk->public_key != NULL) {
		gnutls_pubkey_deinit(jwk->public_key);
	}
	gnutls_memset(jwk, 0, sizeof(*jwk));
}

/* One that cannot be used is left out, as RFC 7517 section 5 says. */
static void add_key(struct jwk_set *set, json_t *key, bool secrets)
{
	struct jwk *jwk = &set->keys[set->count];

	jwk->algorithm = algorithm_of(key);
	if (is_for_us(key, jwk->algorithm, secrets) && gnutls_pubkey_init(&jwk->public_key) == 0 &&
	    read_material(jwk, key)) {
		snprintf(jwk->kid, sizeof(jwk->kid), "%s", text_of(key, "kid"));
		set->count++;
	} else {
		wipe_key(jwk);
	}
}

/* --- sets --------------------------------------------------------------------------------- */

static bool fill(struct jwk_set *set, json_t *root, bool secrets, char *problem)
{
	json_t *keys = json_object_get(root, "keys");
	json_t *key;
	size_t i;

	if (!json_is_array(keys)) {
		snprintf(problem, JWK_SET_PROBLEM_SIZE, "it is no JSON object with \"keys\"");
		return false;
	}
	if (json_array_size(keys) > JWK_SET_MAX) {
		snprintf(problem, JWK_SET_PROBLEM_SIZE, "it has more than %d keys", JWK_SET_MAX);
		return false;
	}
	json_array_foreach(keys, i, key)
	{
		add_key(set, key, secrets);
	}
	if (set->count == 0) {
		snprintf(problem, JWK_SET_PROBLEM_SIZE, "it has no key that can be used");
	}
	return set->count != 0;
}

struct jwk_set *jwk_set_parse(const char *json, size_t len, bool secrets,
			      char problem[JWK_SET_PROBLEM_SIZE])
{
	struct jwk_set *set = calloc(1, sizeof(*set));
	json_t *root =
		len > JWK_SET_JSON_MAX ? NULL : json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);

	if (set == NULL) {
		snprintf(problem, JWK_SET_PROBLEM_SIZE, "out of memory");
	} else if (!fill(set, root, secrets, problem)) {
		jwk_set_free(&set);
	}
	json_decref(root);
	return set;
}

void jwk_set_free(struct jwk_set **set)
{
	if (*set != NULL) {
		for (size_t i = 0; i < (*set)->count; i++) {
			wipe_key(&(*set)->keys[i]);
		}
		free(*set);
	}
	*set = NULL;
}

size_t jwk_set_count(const struct jwk_set *set)
{
	return set->count;
}

/* --- signatures --------------------------------------------------------------------------- */

static bool verify_hmac(const struct jwk *jwk, const uint8_t *bytes, size_t len,
			const uint8_t *signature, size_t signature_len)
{
	uint8_t mac[HMAC_SIZE];
	bool good = signature_len == sizeof(mac) &&
		    gnutls_hmac_fast(GNUTLS_MAC_SHA256, jwk->secret, jwk->secret_len, bytes, len,
				     mac) == 0 &&
		    gnutls_memcmp(mac, signature, sizeof(mac)) == 0;

	gnutls_memset(mac, 0, sizeof(mac));
	return good;
}

static bool verify_public(const struct jwk *jwk, gnutls_sign_algorithm_t algorithm,
			  const uint8_t *bytes, size_t len, const gnutls_datum_t *signature)
{
	gnutls_datum_t message = {(unsigned char *)(uintptr_t)bytes, (unsigned)len};

	return gnutls_pubkey_verify_data2(jwk->public_key, algorithm, 0, &message, signature) == 0;
}

/* RFC 7518 section 3.4: two numbers side by side, where X.509 has them in DER. */
static bool verify_ecdsa(const struct jwk *jwk, const uint8_t *bytes, size_t len,
			 uint8_t *signature, size_t signature_len)
{
	gnutls_datum_t r = {signature, ES256_SIZE};
	gnutls_datum_t s = {signature + ES256_SIZE, ES256_SIZE};
	gnutls_datum_t der;
	bool good;

	if (signature_len != 2 * ES256_SIZE || gnutls_encode_rs_value(&der, &r, &s) != 0) {
		return false;
	}
	good = verify_public(jwk, GNUTLS_SIGN_ECDSA_SHA256, bytes, len, &der);
	gnutls_free(der.data);
	return good;
}

static bool verify(const struct jwk *jwk, const uint8_t *bytes, size_t len,
		   const uint8_t *signature, size_t signature_len)
{
	gnutls_datum_t raw = {(unsigned char *)(uintptr_t)signature, (unsigned)signature_len};

	switch (jwk->algorithm) {
	case JWT_RS256:
		return verify_public(jwk, GNUTLS_SIGN_RSA_SHA256, bytes, len, &raw);
	case JWT_ES256:
		return verify_ecdsa(jwk, bytes, len, raw.data, signature_len);
	case JWT_EDDSA:
		return verify_public(jwk, GNUTLS_SIGN_EDDSA_ED25519, bytes, len, &raw);
	default:
		return verify_hmac(jwk, bytes, len, signature, signature_len);
	}
}

enum jwk_verdict jwk_set_verify(const struct jwk_set *set, enum jwt_algorithm algorithm,
				const char *kid, const uint8_t *bytes, size_t len,
				const uint8_t *signature, size_t signature_len)
{
	enum jwk_verdict verdict = JWK_NO_KEY;

	for (size_t i = 0; i < set->count; i++) {
		const struct jwk *jwk = &set->keys[i];

		if (jwk->algorithm != algorithm || (kid != NULL && strcmp(jwk->kid, kid) != 0)) {
			continue;
		}
		if (verify(jwk, bytes, len, signature, signature_len)) {
			return JWK_GOOD;
		}
		verdict = JWK_BAD;
	}
	return verdict;
}
