/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/turn_login.h"

#include <string.h>

#include <turnpike/error.h>

#include "base/secret.h"
#include "stun/attr.h"

/* The nonce cookie: RFC 8489 sections 9.2 and 18.1. */
#define COOKIE "obMatJos2"
#define COOKIE_LEN (sizeof(COOKIE) - 1)
#define FEATURE_PASSWORD_ALGORITHMS 0x20u /* bit 0 of 24 is the first of base64's first six */
#define FEATURE_USERNAME_ANONYMITY 0x10u

void tp_turn_login_init(struct tp_turn_login *login, const char *user, const char *password,
			bool prefer_sha256)
{
	memset(login, 0, sizeof(*login));
	login->user = user;
	login->password = password;
	login->prefer_sha256 = prefer_sha256;
	login->algorithm = TP_PASSWORD_MD5;
}

void tp_turn_login_fini(struct tp_turn_login *login)
{
	tp_secret_wipe(&login->key, sizeof(login->key));
}

/* The first six of the cookie's 24 feature bits; those in use are among them. */
static unsigned nonce_features(const struct tp_stun_attr *nonce)
{
	static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	const char *digit;

	if (nonce->len < COOKIE_LEN + 4 || memcmp(nonce->value, COOKIE, COOKIE_LEN) != 0) {
		return 0;
	}
	digit = memchr(base64, nonce->value[COOKIE_LEN], sizeof(base64) - 1);
	return digit == NULL ? 0 : (unsigned)(digit - base64);
}

/* The server's order decides, unless SHA-256 is preferred and listed at all. */
static uint16_t choose_algorithm(const struct tp_turn_login *login, const struct tp_stun_attr *list)
{
	uint16_t first = 0;
	uint16_t algorithm;
	struct tp_view parameters;
	size_t offset = 0;

	while (tp_attr_next_password_algorithm(list, &offset, &algorithm, &parameters) == 1) {
		if (algorithm == TP_PASSWORD_SHA256 && login->prefer_sha256) {
			return algorithm;
		}
		if (first == 0 &&
		    (algorithm == TP_PASSWORD_MD5 || algorithm == TP_PASSWORD_SHA256)) {
			first = algorithm;
		}
	}
	return first;
}

static int learn_algorithms(struct tp_turn_login *login, const struct tp_stun_attr *list,
			    unsigned features, const char **problem)
{
	login->algorithms_len = 0;
	login->algorithm = TP_PASSWORD_MD5;
	if (list == NULL) {
		if ((features & FEATURE_PASSWORD_ALGORITHMS) != 0) {
			*problem = "the nonce promises password algorithms and the response "
				   "lists none: somebody on the way may have removed them";
			return TP_EPROTO;
		}
		return 0;
	}
	login->algorithm = choose_algorithm(login, list);
	if (login->algorithm == 0 || list->len > sizeof(login->algorithms)) {
		*problem = "the server lists no password algorithm that is known here";
		return TP_EPROTO;
	}
	memcpy(login->algorithms, list->value, list->len);
	login->algorithms_len = list->len;
	return 0;
}

int tp_turn_login_challenge(struct tp_turn_login *login, const struct tp_stun_msg *response,
			    const char **problem)
{
	const struct tp_stun_attr *realm = tp_stun_msg_find(response, TP_ATTR_REALM);
	const struct tp_stun_attr *nonce = tp_stun_msg_find(response, TP_ATTR_NONCE);
	unsigned features;
	int err;

	if (login->user == NULL) {
		*problem = "the server wants a user name and a password";
		return TP_EINVAL;
	}
	if (realm == NULL || nonce == NULL || realm->len > TP_TURN_LOGIN_TEXT_MAX ||
	    nonce->len > TP_TURN_LOGIN_TEXT_MAX || memchr(realm->value, 0, realm->len) != NULL) {
		*problem = "the challenge has no proper REALM and NONCE";
		return TP_EPROTO;
	}
	features = nonce_features(nonce);
	err = learn_algorithms(login, tp_stun_msg_find(response, TP_ATTR_PASSWORD_ALGORITHMS),
			       features, problem);
	if (err != 0) {
		return err;
	}
	memcpy(login->realm, realm->value, realm->len);
	login->realm[realm->len] = 0;
	memcpy(login->nonce, nonce->value, nonce->len);
	login->nonce_len = nonce->len;
	login->userhash = (features & FEATURE_USERNAME_ANONYMITY) != 0;
	err = tp_key_long_term(&login->key, (enum tp_password_algorithm)login->algorithm,
			       login->user, login->realm, login->password);
	if (err != 0) {
		*problem = "no key could be made of the password";
		return err;
	}
	login->challenged = true;
	return 0;
}

void tp_turn_login_write(const struct tp_turn_login *login, struct tp_build *build)
{
	uint8_t userhash[TP_USERHASH_SIZE];
	bool listed = login->algorithms_len != 0;

	if (!login->challenged) {
		return;
	}
	if (login->userhash && tp_userhash(userhash, login->user, login->realm) == 0) {
		tp_build_bytes(build, TP_ATTR_USERHASH, userhash, sizeof(userhash));
	} else {
		tp_build_string(build, TP_ATTR_USERNAME, login->user);
	}
	tp_build_string(build, TP_ATTR_REALM, login->realm);
	tp_build_bytes(build, TP_ATTR_NONCE, login->nonce, login->nonce_len);
	if (listed) {
		tp_build_bytes(build, TP_ATTR_PASSWORD_ALGORITHMS, login->algorithms,
			       login->algorithms_len);
		tp_build_password_algorithm(build, login->algorithm);
	}
	tp_build_integrity(build, &login->key, listed);
}

bool tp_turn_login_verify(const struct tp_turn_login *login, const struct tp_stun_msg *response)
{
	if (!login->challenged) {
		return true;
	}
	return tp_integrity_check(response, &login->key, login->algorithms_len != 0) == 0;
}

const char *tp_turn_login_algorithm(const struct tp_turn_login *login)
{
	return login->algorithm == TP_PASSWORD_SHA256 ? "SHA-256" : "MD5";
}
