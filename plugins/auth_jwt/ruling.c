/* SPDX-License-Identifier: Apache-2.0 */
#include "ruling.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#define METHOD_ALLOCATE 0x003
#define ALGORITHM_SHA256 2
#define MAC_SIZE 32
#define PASSWORD_SIZE 64 /* base64 of 32 bytes is 44 */

static void deny(struct ruling *out, uint16_t code, const char *reason)
{
	out->verdict = TP_DENY;
	out->code = code;
	out->reason = reason;
}

/* --- passwords and keys ------------------------------------------------------------------- */

/* base64(HMAC-SHA256(secret, token)) */
static bool derive_password(const char *secret, const char *token, char out[PASSWORD_SIZE])
{
	uint8_t mac[MAC_SIZE];
	gnutls_datum_t raw = {mac, sizeof(mac)};
	gnutls_datum_t text;
	bool done;

	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, strlen(secret), token, strlen(token), mac) <
		    0 ||
	    gnutls_base64_encode2(&raw, &text) < 0) {
		return false;
	}
	done = text.size < PASSWORD_SIZE;
	if (done) {
		memcpy(out, text.data, text.size);
		out[text.size] = '\0';
	}
	gnutls_memset(text.data, 0, text.size);
	gnutls_free(text.data);
	gnutls_memset(mac, 0, sizeof(mac));
	return done;
}

static bool hash_key(gnutls_digest_algorithm_t algorithm, const char *user, const char *realm,
		     const char *password, uint8_t *out)
{
	gnutls_hash_hd_t hash;
	bool done;

	if (gnutls_hash_init(&hash, algorithm) < 0) {
		return false;
	}
	done = gnutls_hash(hash, user, strlen(user)) == 0 && gnutls_hash(hash, ":", 1) == 0 &&
	       gnutls_hash(hash, realm, strlen(realm)) == 0 && gnutls_hash(hash, ":", 1) == 0 &&
	       gnutls_hash(hash, password, strlen(password)) == 0;
	gnutls_hash_deinit(hash, out);
	return done;
}

/*
 * The key is made here, of the token (RFC 8489 section 9.2.2), so that the user can
 * go by the name in the token from then on.
 */
static bool make_key(const struct ruling_rules *rules, const struct tp_request_authorization *event,
		     struct ruling *out)
{
	bool sha256 = event->algorithm == ALGORITHM_SHA256;
	char derived[PASSWORD_SIZE];
	const char *password = rules->fixed_password;
	bool done = true;

	if (rules->secret[0] != '\0') {
		done = derive_password(rules->secret, event->username, derived);
		password = derived;
	}
	done = done && hash_key(sha256 ? GNUTLS_DIG_SHA256 : GNUTLS_DIG_MD5, event->username,
				event->realm, password, out->key);
	gnutls_memset(derived, 0, sizeof(derived));
	out->credentials.key_md5 = sha256 ? NULL : out->key;
	out->credentials.key_sha256 = sha256 ? out->key : NULL;
	return done;
}

/* --- judging ------------------------------------------------------------------------------ */

static void allow(const struct ruling_rules *rules, const struct tp_request_authorization *event,
		  struct ruling *out)
{
	if (!make_key(rules, event, out)) {
		deny(out, 500, "the key cannot be made");
		return;
	}
	out->verdict = TP_ALLOW;
	out->credentials.user = out->claims.subject;
	out->credentials.max_allocations = out->claims.max_allocations;
	out->credentials.max_lifetime_s = out->claims.max_lifetime_s;
	out->credentials.max_bits_per_s = out->claims.max_bits_per_s;
	out->credentials.max_packets_per_s = out->claims.max_packets_per_s;
}

static bool is_expiry_of_interest(const struct ruling_rules *rules,
				  const struct tp_request_authorization *event)
{
	return rules->strict_expiry || event->method == METHOD_ALLOCATE;
}

static void check_claims(const struct ruling_rules *rules, const struct token *token,
			 const struct tp_request_authorization *event, int64_t wall_s,
			 struct ruling *out)
{
	struct token_rules token_rules = rules->token;
	const char *problem;

	token_rules.ignore_expiry = !is_expiry_of_interest(rules, event);
	if (!token_check(token, &token_rules, wall_s, &out->claims, &problem)) {
		deny(out, 401, problem);
		return;
	}
	allow(rules, event, out);
}

static bool is_over_tls(const struct tp_request_authorization *event)
{
	return event->five_tuple->transport == TP_TRANSPORT_TLS ||
	       event->five_tuple->transport == TP_TRANSPORT_DTLS;
}

static void check_signature(const struct ruling_rules *rules, const struct jwk_set *keys,
			    const struct token *token, const struct tp_request_authorization *event,
			    int64_t wall_s, struct ruling *out)
{
	enum jwk_verdict verdict = JWK_NO_KEY;

	if (keys != NULL) {
		verdict = jwk_set_verify(keys, token->algorithm,
					 token->kid[0] == '\0' ? NULL : token->kid,
					 (const uint8_t *)token->signed_text, token->signed_len,
					 token->signature, token->signature_len);
	}
	if (verdict == JWK_NO_KEY) {
		out->verdict = TP_PARK;
		out->reason = "its key is not known";
	} else if (verdict == JWK_BAD) {
		deny(out, 401, "its signature is wrong");
	} else {
		check_claims(rules, token, event, wall_s, out);
	}
}

void ruling_make(const struct ruling_rules *rules, const struct jwk_set *keys,
		 const struct tp_request_authorization *event, int64_t wall_s, struct ruling *out)
{
	struct token token;

	*out = (struct ruling){.verdict = TP_PASS, .credentials.size = sizeof(out->credentials)};
	if (event->username == NULL || !token_parse(event->username, &token)) {
		return;
	}
	if (token.algorithm == JWT_ALGORITHM_COUNT || !rules->algorithms[token.algorithm]) {
		deny(out, 401, "its algorithm is not served");
	} else if (rules->tls_only && !is_over_tls(event)) {
		deny(out, 403, "it came without TLS");
		out->phrase = "Use TLS or DTLS";
	} else {
		check_signature(rules, keys, &token, event, wall_s, out);
	}
	gnutls_memset(&token, 0, sizeof(token));
}

uint32_t ruling_left_s(const struct ruling_rules *rules, struct tp_view username, int64_t wall_s)
{
	char text[TOKEN_MAX + 1];
	struct token token;
	int64_t expiry_s;
	int64_t left_s = UINT32_MAX;

	if (!rules->strict_expiry || username.len > TOKEN_MAX) {
		return UINT32_MAX;
	}
	memcpy(text, username.data, username.len);
	text[username.len] = '\0';
	if (token_parse(text, &token) && token_expiry(&token, &expiry_s)) {
		left_s = expiry_s <= wall_s ? rules->token.leeway_s
					    : expiry_s - wall_s + rules->token.leeway_s;
	}
	gnutls_memset(text, 0, sizeof(text));
	gnutls_memset(&token, 0, sizeof(token));
	return left_s >= UINT32_MAX ? UINT32_MAX : left_s < 1 ? 1 : (uint32_t)left_s;
}

void ruling_wipe(struct ruling *ruling)
{
	gnutls_memset(ruling, 0, sizeof(*ruling));
}
