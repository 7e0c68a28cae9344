/* SPDX-License-Identifier: Apache-2.0 */
#include "support/turn_client.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

void turn_client_init(struct turn_client *client, const char *user, const char *password)
{
	*client = (struct turn_client){.user = user, .password = password};
}

static struct tp_build *begin(struct turn_client *client, uint16_t method,
			      enum tp_stun_class message_class)
{
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = {0xa5};

	tp_put_u32(transaction_id + 8, ++client->transaction);
	tp_build_init(&client->build, client->bytes, sizeof(client->bytes), method, message_class,
		      transaction_id);
	return &client->build;
}

struct tp_build *turn_client_begin(struct turn_client *client, uint16_t method)
{
	return begin(client, method, TP_STUN_REQUEST);
}

struct tp_build *turn_client_begin_indication(struct turn_client *client, uint16_t method)
{
	return begin(client, method, TP_STUN_INDICATION);
}

struct tp_key turn_client_key(const struct turn_client *client)
{
	enum tp_password_algorithm algorithm =
		client->algorithm == TP_PASSWORD_SHA256 ? TP_PASSWORD_SHA256 : TP_PASSWORD_MD5;
	struct tp_key key;

	tp_assert(tp_key_long_term(&key, algorithm, client->user, client->realm,
				   client->password) == 0);
	return key;
}

static void add_user(struct turn_client *client)
{
	uint8_t hash[TP_USERHASH_SIZE];

	if (client->userhash) {
		tp_assert(tp_userhash(hash, client->user, client->realm) == 0);
		tp_build_bytes(&client->build, TP_ATTR_USERHASH, hash, sizeof(hash));
	} else {
		tp_build_string(&client->build, TP_ATTR_USERNAME, client->user);
	}
}

void turn_client_sign(struct turn_client *client)
{
	struct tp_key key;

	if (client->nonce[0] != '\0') {
		add_user(client);
		tp_build_string(&client->build, TP_ATTR_REALM, client->realm);
		tp_build_string(&client->build, TP_ATTR_NONCE, client->nonce);
		if (client->algorithm != 0) {
			tp_build_password_algorithms(&client->build, client->offered,
						     client->offered_count);
			tp_build_password_algorithm(&client->build, client->algorithm);
		}
		key = turn_client_key(client);
		tp_build_integrity(&client->build, &key, client->sha256);
	}
	turn_client_finish(client);
}

void turn_client_finish(struct turn_client *client)
{
	if (client->fingerprint) {
		tp_build_fingerprint(&client->build);
	}
	client->len = tp_build_finish(&client->build);
	tp_assert(client->len != 0);
}

static void copy_text(char *out, size_t size, const struct tp_stun_attr *attr)
{
	snprintf(out, size, "%.*s", attr == NULL ? 0 : (int)attr->len,
		 attr == NULL ? "" : (const char *)attr->value);
}

void turn_client_learn(struct turn_client *client, const struct tp_stun_msg *response)
{
	const struct tp_stun_attr *offered =
		tp_stun_msg_find(response, TP_ATTR_PASSWORD_ALGORITHMS);
	struct tp_view parameters;
	size_t offset = 0;

	copy_text(client->realm, sizeof(client->realm), tp_stun_msg_find(response, TP_ATTR_REALM));
	copy_text(client->nonce, sizeof(client->nonce), tp_stun_msg_find(response, TP_ATTR_NONCE));
	client->offered_count = 0;
	while (offered != NULL && client->offered_count < 8 &&
	       tp_attr_next_password_algorithm(offered, &offset,
					       &client->offered[client->offered_count],
					       &parameters) == 1) {
		client->offered_count++;
	}
}

uint16_t turn_client_code(const struct tp_stun_msg *response)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(response, TP_ATTR_ERROR_CODE);
	struct tp_view reason;
	uint16_t code = 0;

	if (attr != NULL && tp_attr_read_error_code(attr, &code, &reason) != 0) {
		return 999;
	}
	return code;
}
