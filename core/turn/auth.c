/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/auth.h"

#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "io/loop.h"
#include "stun/attr.h"
#include "turn/allocation.h"
#include "turn/discard.h"
#include "turn/nonce.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/transaction.h"

#define USERNAME_MAX 763 /* RFC 8489 section 14.3: what a receiver must be ready for */

/* What is known of the credentials until the provider has answered. */
struct credentials {
	struct tp_request_authorization event;
	enum tp_nonce_state nonce;
	bool sha256; /* MESSAGE-INTEGRITY-SHA256 is there */
};

static unsigned features(const struct tp_turn_options *options)
{
	return (options->password_algorithm_count != 0 ? TP_NONCE_PASSWORD_ALGORITHMS : 0) |
	       (options->userhash ? TP_NONCE_USERNAME_ANONYMITY : 0);
}

static uint32_t now_s(const struct tp_server *server)
{
	return (uint32_t)(tp_loop_now_ms(server->worker->loop) / 1000);
}

/* A nonce goes with the realm and the list of algorithms that were sent beside it. */
static uint32_t nonce_scope(const struct tp_realm *realm)
{
	uint32_t scope = realm->index;

	for (size_t i = 0; i < realm->options->password_algorithm_count; i++) {
		scope = scope << 4 | realm->options->password_algorithms[i];
	}
	return scope;
}

void tp_auth_write_challenge(struct tp_transaction *transaction, struct tp_build *build)
{
	const struct tp_shared *shared = transaction->server->shared;
	const struct tp_turn_options *options = transaction->realm->options;
	char nonce[TP_NONCE_SIZE];

	if (tp_nonce_mint(shared->nonce_key, &transaction->request.five_tuple.client_addr,
			  nonce_scope(transaction->realm), features(options), now_s(transaction->server),
			  nonce) != 0) {
		build->failed = true;
		return;
	}
	tp_build_string(build, TP_ATTR_REALM, transaction->realm->name);
	tp_build_string(build, TP_ATTR_NONCE, nonce);
	if (options->password_algorithm_count != 0) {
		tp_build_password_algorithms(build, options->password_algorithms,
					     options->password_algorithm_count);
	}
}

/* Is it the list we sent? Ours has no parameters. */
static bool is_our_list(const struct tp_turn_options *options, const struct tp_stun_attr *list)
{
	struct tp_view parameters;
	uint16_t algorithm;
	size_t offset = 0;

	for (size_t i = 0; i < options->password_algorithm_count; i++) {
		if (tp_attr_next_password_algorithm(list, &offset, &algorithm, &parameters) != 1 ||
		    algorithm != options->password_algorithms[i] || parameters.len != 0) {
			return false;
		}
	}
	return tp_attr_next_password_algorithm(list, &offset, &algorithm, &parameters) == 0;
}

static bool is_offered(const struct tp_turn_options *options, uint16_t algorithm)
{
	for (size_t i = 0; i < options->password_algorithm_count; i++) {
		if (options->password_algorithms[i] == algorithm) {
			return true;
		}
	}
	return false;
}

/* RFC 8489 section 9.2.4, third item: bid-down protection. */
static bool choose_algorithm(struct tp_transaction *transaction, struct tp_view nonce)
{
	const struct tp_turn_options *options = transaction->realm->options;
	const struct tp_stun_attr *list =
		tp_stun_msg_find(&transaction->msg, TP_ATTR_PASSWORD_ALGORITHMS);
	const struct tp_stun_attr *chosen =
		tp_stun_msg_find(&transaction->msg, TP_ATTR_PASSWORD_ALGORITHM);
	struct tp_view parameters;
	uint16_t algorithm;

	transaction->algorithm = TP_PASSWORD_MD5;
	transaction->sha256 = false;
	if ((tp_nonce_features(nonce) & TP_NONCE_PASSWORD_ALGORITHMS) == 0 ||
	    (list == NULL && chosen == NULL)) {
		return true;
	}
	if (list == NULL || chosen == NULL || !is_our_list(options, list) ||
	    tp_attr_read_password_algorithm(chosen, &algorithm, &parameters) != 0 ||
	    !is_offered(options, algorithm)) {
		return false;
	}
	transaction->algorithm = (enum tp_password_algorithm)algorithm;
	transaction->sha256 = true;
	return true;
}

static bool check_key(struct tp_transaction *transaction, const struct tp_key *key)
{
	const struct credentials *credentials = transaction->credentials;

	if (key->len == 0 || tp_integrity_check(&transaction->msg, key, credentials->sha256) != 0) {
		return false;
	}
	transaction->integrity_key = *key;
	return true;
}

static bool check_password(struct tp_transaction *transaction, const char *user,
			   const char *password)
{
	struct tp_key key = {.len = 0};
	bool good = tp_key_long_term(&key, transaction->algorithm, user, transaction->request.realm,
				     password) == 0 &&
		    check_key(transaction, &key);

	tp_secret_wipe(&key, sizeof(key));
	return good;
}

static bool check_provided(struct tp_transaction *transaction, const char *user)
{
	const struct tp_provided *provided = &transaction->request.provided;
	const struct tp_key *key = transaction->algorithm == TP_PASSWORD_SHA256
					   ? &provided->key_sha256
					   : &provided->key_md5;

	if (provided->mac_key.len != 0) {
		return check_key(transaction, &provided->mac_key);
	}
	if (check_key(transaction, key)) {
		return true;
	}
	if (provided->password != NULL && check_password(transaction, user, provided->password)) {
		return true;
	}
	for (size_t i = 0; i < provided->more_password_count; i++) {
		if (check_password(transaction, user, provided->more_passwords[i])) {
			return true;
		}
	}
	return false;
}

static void accept(struct tp_transaction *transaction, const char *user)
{
	const struct credentials *credentials = transaction->credentials;

	transaction->request.user = user;
	transaction->authenticated = true;
	if (credentials->nonce == TP_NONCE_STALE) {
		tp_transaction_fail(transaction, 438, NULL);
		return;
	}
	tp_transaction_authenticated(transaction);
}

static void reject(struct tp_transaction *transaction)
{
	tp_exception_tell(transaction->server, transaction->realm, &transaction->request.five_tuple,
			  TP_STAGE_VERIFY, "integrity does not match", transaction->msg.bytes,
			  transaction->msg.len);
	tp_transaction_fail(transaction, 401, NULL);
}

/* A user nobody knows costs as much as a wrong password. */
static void reject_unknown(struct tp_transaction *transaction)
{
	(void)check_password(transaction, "unknown", "unknown");
	tp_secret_wipe(&transaction->integrity_key, sizeof(transaction->integrity_key));
	reject(transaction);
}

/* The answer holds for the allocation's next requests, too. */
static void renew_kept_key(struct tp_transaction *transaction, const char *user)
{
	struct tp_allocation *allocation = transaction->allocation;

	if (allocation != NULL && strcmp(user, allocation->user) == 0) {
		tp_allocation_keep_key(allocation, &transaction->integrity_key,
				       transaction->algorithm,
				       transaction->request.provided.valid_for_s);
	}
}

/*
 * The user whose request this is; NULL when nobody knows. RFC 7635 has the name of
 * a key in USERNAME, and a later token may be made with a later key.
 */
static const char *user_of(const struct tp_transaction *transaction)
{
	const struct credentials *credentials = transaction->credentials;
	const struct tp_provided *provided = &transaction->request.provided;
	const struct tp_allocation *allocation = transaction->allocation;

	if (provided->mac_key.len != 0 && allocation != NULL && allocation->key.of_token) {
		return allocation->user;
	}
	return provided->user != NULL ? provided->user : credentials->event.username;
}

static void provider_answered(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	const char *user;

	switch (verdict) {
	case TP_ALLOW:
		break;
	case TP_DENY:
		tp_transaction_refuse(transaction, 401);
		return;
	default:
		reject_unknown(transaction);
		return;
	}
	user = user_of(transaction);
	if (user == NULL) { /* USERHASH, and the provider did not say who that is */
		reject_unknown(transaction);
	} else if (check_provided(transaction, user)) {
		renew_kept_key(transaction, user);
		accept(transaction, user);
	} else {
		reject(transaction);
	}
}

static bool names_user(const struct credentials *credentials,
		       const struct tp_allocation *allocation)
{
	uint8_t hash[TP_USERHASH_SIZE];

	if (credentials->event.username != NULL) {
		return strcmp(credentials->event.username, allocation->user) == 0;
	}
	return tp_userhash(hash, allocation->user, allocation->view.realm) == 0 &&
	       tp_secret_equal(hash, credentials->event.userhash, sizeof(hash));
}

/* Within valid_for_s of its provider's answer the allocation's own key will do. */
static bool check_kept_key(struct tp_transaction *transaction)
{
	const struct tp_allocation *allocation = transaction->allocation;

	return allocation != NULL && allocation->algorithm == transaction->algorithm &&
	       tp_loop_now_ms(transaction->server->worker->loop) < allocation->key_valid_until_ms &&
	       (allocation->key.of_token || names_user(transaction->credentials, allocation)) &&
	       check_key(transaction, &allocation->key);
}

static bool read_username(struct tp_transaction *transaction, struct credentials *credentials)
{
	const struct tp_stun_attr *username = tp_stun_msg_find(&transaction->msg, TP_ATTR_USERNAME);
	const struct tp_stun_attr *userhash = tp_stun_msg_find(&transaction->msg, TP_ATTR_USERHASH);

	if (username != NULL) {
		if (username->len > USERNAME_MAX ||
		    memchr(username->value, '\0', username->len) != NULL) {
			return false;
		}
		credentials->event.username = tp_arena_string(
			&transaction->request.arena, (const char *)username->value, username->len);
		return credentials->event.username != NULL;
	}
	if (userhash == NULL || userhash->len != TP_USERHASH_SIZE) {
		return false;
	}
	credentials->event.userhash = userhash->value;
	return true;
}

static void ask_provider(struct tp_transaction *transaction, struct credentials *credentials)
{
	if (check_kept_key(transaction)) {
		accept(transaction, transaction->allocation->user);
		return;
	}
	credentials->event.five_tuple = &transaction->request.five_tuple;
	credentials->event.method = transaction->msg.method;
	credentials->event.algorithm = transaction->algorithm;
	credentials->event.realm = transaction->request.realm;
	tp_transaction_ask(transaction, TP_EVENT_on_stun_request_authorization, &credentials->event,
			   provider_answered);
}

static bool names_realm(const struct tp_transaction *transaction, const struct tp_stun_attr *realm)
{
	const char *name = transaction->realm->name;

	return realm->len == strlen(name) && memcmp(realm->value, name, realm->len) == 0;
}

void tp_auth_begin(struct tp_transaction *transaction)
{
	const struct tp_server *server = transaction->server;
	const struct tp_stun_msg *msg = &transaction->msg;
	const struct tp_stun_attr *nonce = tp_stun_msg_find(msg, TP_ATTR_NONCE);
	const struct tp_stun_attr *realm = tp_stun_msg_find(msg, TP_ATTR_REALM);
	bool sha256 = tp_stun_msg_find(msg, TP_ATTR_MESSAGE_INTEGRITY_SHA256) != NULL;
	struct credentials *credentials;

	if (!sha256 && tp_stun_msg_find(msg, TP_ATTR_MESSAGE_INTEGRITY) == NULL) {
		tp_transaction_fail(transaction, 401, NULL);
		return;
	}
	credentials = tp_arena_take_zero(&transaction->request.arena, sizeof(*credentials));
	if (credentials == NULL) {
		tp_transaction_fail(transaction, 500, NULL);
		return;
	}
	transaction->credentials = credentials;
	credentials->sha256 = sha256;
	if (nonce == NULL || realm == NULL || !read_username(transaction, credentials)) {
		tp_transaction_fail(transaction, 400, NULL);
		return;
	}
	credentials->nonce = tp_nonce_check(server->shared->nonce_key,
					    &transaction->request.five_tuple.client_addr,
					    nonce_scope(transaction->realm), tp_attr_view(nonce),
					    now_s(server), server->options->nonce_lifetime_s);
	/* One that is ours but old goes through the integrity check first, as the RFC
	 * has it. One that is not ours asks nobody's directory for anything. */
	if (credentials->nonce == TP_NONCE_FOREIGN) {
		tp_transaction_fail(transaction, 438, NULL);
		return;
	}
	if (!choose_algorithm(transaction, tp_attr_view(nonce))) {
		tp_transaction_fail(transaction, 400, NULL);
		return;
	}
	/* The credentials are another realm's, so nobody here knows them. */
	if (!names_realm(transaction, realm)) {
		reject(transaction);
		return;
	}
	ask_provider(transaction, credentials);
}

/* 0: no limit. */
static uint32_t lower(uint32_t limit_s, uint32_t other_s)
{
	return limit_s == 0 || (other_s != 0 && other_s < limit_s) ? other_s : limit_s;
}

static uint32_t left_of_token_s(const struct tp_transaction *transaction)
{
	const struct tp_allocation *allocation = transaction->allocation;
	uint64_t now_ms = tp_loop_now_ms(transaction->server->worker->loop);

	if (!transaction->integrity_key.of_token) {
		return 0;
	}
	if (allocation == NULL) {
		return transaction->request.provided.valid_for_s;
	}
	/* Rounded up: a lifetime of 0 would delete it. */
	return allocation->key_valid_until_ms > now_ms
		       ? (uint32_t)((allocation->key_valid_until_ms - now_ms + 999) / 1000)
		       : 0;
}

uint32_t tp_auth_max_lifetime_s(const struct tp_transaction *transaction)
{
	const struct tp_allocation *allocation = transaction->allocation;

	return lower(allocation != NULL ? allocation->max_lifetime_s
					: transaction->request.provided.max_lifetime_s,
		     left_of_token_s(transaction));
}
