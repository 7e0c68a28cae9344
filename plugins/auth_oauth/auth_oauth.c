/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "key_watch.h"
#include "token.h"

/*
 * RFC 7635: a client shows a token that an authorization server has encrypted for us.
 * USERNAME is the name of the key it is encrypted with; inside is the key of the
 * client's MESSAGE-INTEGRITY.
 */

#define ATTR_ACCESS_TOKEN 0x001b
#define ATTR_THIRD_PARTY_AUTHORIZATION 0x802e
#define SERVER_NAME_MAX 255
#define COTURN_KEY_LEN 16

struct auth_oauth {
	struct key_watch *watch;
	const char *server_name;
	uint32_t leeway_s;
	bool as_coturn;
	struct tp_counter *accepted;
	struct tp_counter *unknown;
	struct tp_counter *faults[TOKEN_FAILED + 1]; /* of TOKEN_GOOD: none */
};

static const struct {
	const char *counter;
	const char *help;
} faults[] = {
	[TOKEN_GARBLED] = {"garbled", "tokens that are none"},
	[TOKEN_FORGED] = {"forged", "tokens of another key or server name, or altered"},
	[TOKEN_EARLY] = {"early", "tokens from the future"},
	[TOKEN_EXPIRED] = {"expired", "tokens whose time is over"},
	[TOKEN_FAILED] = {"failed", "tokens that could not be decrypted for want of memory"},
};

/* --- events ------------------------------------------------------------------------- */

/* RFC 7635 section 7 has the whole; coturn's clients leave what an MD5 would not have. */
static size_t key_len(const struct auth_oauth *state, const struct token *token)
{
	return state->as_coturn ? COTURN_KEY_LEN : token->mac_key_len;
}

static enum tp_verdict provide(struct auth_oauth *state, struct tp_request *request,
			       const struct token *token, uint32_t left_s)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.mac_key = token->mac_key,
		.mac_key_len = key_len(state, token),
		.valid_for_s = left_s,
	};

	tp_counter_add(state->accepted, 1);
	return tp_request_provide(request, &credentials);
}

static enum tp_verdict refuse(struct tp_instance *self, struct tp_request *request,
			      enum token_fault fault)
{
	const struct auth_oauth *state = tp_instance_state(self);

	tp_counter_add(state->faults[fault], 1);
	tp_log(self, TP_LOG_DEBUG, "a token is refused reason=%s", faults[fault].counter);
	return tp_request_deny(request, fault == TOKEN_FAILED ? 500 : 401, NULL);
}

static enum tp_verdict judge(struct tp_instance *self, struct tp_request *request,
			     const struct token_key *key, struct tp_view value, uint64_t now_s)
{
	static const struct token_key nobody = {.aes256 = true};
	struct auth_oauth *state = tp_instance_state(self);
	enum tp_verdict verdict;
	enum token_fault fault;
	struct token token;
	uint32_t left_s = 0;

	/* A key nobody has takes as long. */
	fault = token_open(key != NULL ? key : &nobody, state->server_name, value.data, value.len,
			   &token);
	if (fault == TOKEN_GOOD) {
		fault = token_judge(&token, now_s, state->leeway_s, &left_s);
	}
	if (key == NULL) {
		tp_counter_add(state->unknown, 1);
		verdict = TP_PASS;
	} else if (fault == TOKEN_GOOD) {
		verdict = provide(state, request, &token, left_s);
	} else {
		verdict = refuse(self, request, fault);
	}
	token_wipe(&token);
	return verdict;
}

static enum tp_verdict authorize(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_authorization *event)
{
	struct auth_oauth *state = tp_instance_state(self);
	uint64_t now_s = tp_worker_wall_s(tp_worker_current());
	enum tp_verdict verdict;
	struct key_ring *keys;
	struct tp_view value;

	if (event->username == NULL ||
	    !tp_request_attribute(request, ATTR_ACCESS_TOKEN, 0, &value)) {
		return TP_PASS;
	}
	keys = key_watch_keys(state->watch);
	verdict = judge(self, request, key_ring_find(keys, event->username, now_s), value, now_s);
	key_ring_unref(&keys);
	return verdict;
}

/* RFC 7635 section 6.1: where a client gets a token, it finds by this name. */
static enum tp_verdict challenge(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_error *event)
{
	const struct auth_oauth *state = tp_instance_state(self);

	if (event->code == 401) {
		(void)tp_request_add_attribute(request, ATTR_THIRD_PARTY_AUTHORIZATION,
					       state->server_name, strlen(state->server_name));
	}
	return TP_PASS;
}

/* --- life --------------------------------------------------------------------------- */

static int read_options(struct tp_instance *self, struct auth_oauth *state)
{
	size_t len;

	state->leeway_s = (uint32_t)(tp_option_integer(self, "leeway") / 1000);
	state->as_coturn = tp_option_bool(self, "coturn_keys");
	state->server_name = tp_option_string(self, "server_name");
	len = strlen(state->server_name);
	if (len == 0 || len > SERVER_NAME_MAX) {
		return tp_instance_fail(self, TP_EINVAL, "server_name: must have 1 to %d bytes",
					SERVER_NAME_MAX);
	}
	return key_watch_create(self, tp_option_string(self, "keys_file"), &state->watch);
}

static int create(struct tp_instance *self)
{
	struct auth_oauth *state = calloc(1, sizeof(*state));

	if (state == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, state);
	state->accepted = tp_counter_create(self, "accepted", "tokens that were good");
	state->unknown = tp_counter_create(self, "unknown", "tokens of a key that is not there");
	for (size_t i = TOKEN_GARBLED; i <= TOKEN_FAILED; i++) {
		state->faults[i] = tp_counter_create(self, faults[i].counter, faults[i].help);
	}
	return read_options(self, state);
}

static void destroy(struct tp_instance *self)
{
	struct auth_oauth *state = tp_instance_state(self);

	if (state != NULL) {
		key_watch_free(&state->watch);
		free(state);
	}
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	const struct auth_oauth *state = tp_instance_state(self);

	if (tp_worker_index(worker) == 0) {
		key_watch_start(state->watch, (uint64_t)tp_option_integer(self, "reload_interval"));
	}
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	const struct auth_oauth *state = tp_instance_state(self);

	if (tp_worker_index(worker) == 0) {
		key_watch_stop(state->watch);
	}
}

static const struct tp_option options[] = {
	{
		.name = "keys_file",
		.type = TP_OPTION_PATH,
		.help = "file with the keys that tokens are encrypted with, one a line",
		.flags = TP_OPTION_REQUIRED | TP_OPTION_RELOADABLE,
	},
	{
		.name = "server_name",
		.type = TP_OPTION_STRING,
		.help = "name of this server that tokens are made for",
		.flags = TP_OPTION_REQUIRED | TP_OPTION_RELOADABLE,
	},
	{
		.name = "leeway",
		.type = TP_OPTION_DURATION,
		.default_value = "5s",
		.help = "by how much the clocks of authorization server and daemon may differ",
		.min = 0,
		.max = 600000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "coturn_keys",
		.type = TP_OPTION_BOOL,
		.default_value = "no",
		.help = "clients use the first 16 bytes of the key in a token, as coturn's do",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "reload_interval",
		.type = TP_OPTION_DURATION,
		.default_value = "5s",
		.help = "how often to look whether the file has changed, 0 for never",
		.min = 0,
		.max = 86400000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorize,
	.on_stun_request_error = challenge,
};

TP_PLUGIN("auth_oauth", TP_VERSION, "clients with tokens of an OAuth server, RFC 7635",
	  .options = options, .events = &events, .create = create, .destroy = destroy,
	  .worker_start = worker_start, .worker_stop = worker_stop);
