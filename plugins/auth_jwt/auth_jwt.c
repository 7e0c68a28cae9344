/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>

#include <turnpike/plugin.h>

#include "common/secret_file.h"
#include "key_source.h"
#include "ruling.h"

/*
 * The user name is a token that a web service has signed. RFC 8489 section 9.2 wants a
 * password, too: it is derived from the token, or the same for all.
 */

#define WAITING_MAX 1024 /* logins, on each worker */
#define ATTR_USERNAME 0x0006
#define SECRET_MIN 16

struct auth_jwt {
	struct ruling_rules rules;
	struct jwk_set *keys; /* of keys_file; NULL: they are from a URL */
	struct tp_counter *accepted;
	struct tp_counter *refused;
	struct tp_counter *failed;
};

/* A login that waits for keys. */
struct waiting {
	struct waiting *next;
	struct tp_ticket ticket;
	const struct tp_request_authorization *event; /* valid until the ticket is gone */
};

struct worker_keys {
	struct tp_instance *self;
	struct tp_worker *worker;
	struct key_source *source;
	struct waiting *first;
	size_t count;
};

/* --- answers ------------------------------------------------------------------------------ */

static void count(struct tp_instance *self, const struct ruling *ruling)
{
	const struct auth_jwt *state = tp_instance_state(self);

	if (ruling->verdict == TP_ALLOW) {
		tp_counter_add(state->accepted, 1);
	} else if (ruling->verdict == TP_DENY) {
		tp_counter_add(ruling->code == 500 ? state->failed : state->refused, 1);
		tp_log(self, TP_LOG_DEBUG, "a token is refused: %s code=%d", ruling->reason,
		       ruling->code);
	}
}

static void rule_out(struct ruling *ruling, uint16_t code)
{
	ruling->verdict = TP_DENY;
	ruling->code = code;
}

static enum tp_verdict answer_now(struct tp_instance *self, struct tp_request *request,
				  const struct ruling *ruling)
{
	count(self, ruling);
	switch (ruling->verdict) {
	case TP_ALLOW:
		return tp_request_provide(request, &ruling->credentials);
	case TP_DENY:
		return tp_request_deny(request, ruling->code, ruling->phrase);
	default:
		return TP_PASS;
	}
}

static void answer_later(struct tp_instance *self, struct tp_ticket ticket,
			 const struct ruling *ruling)
{
	count(self, ruling);
	if (ruling->verdict == TP_ALLOW) {
		tp_ticket_provide(ticket, &ruling->credentials);
	} else {
		tp_ticket_deny(ticket, ruling->code, ruling->phrase);
	}
}

/* --- logins that wait --------------------------------------------------------------------- */

/* A key that is not there now is not there; when nobody can say so, that is our failure. */
static void judge_waiting(struct worker_keys *keys, const struct waiting *waiting)
{
	const struct auth_jwt *state = tp_instance_state(keys->self);
	struct ruling ruling;

	ruling_make(&state->rules, key_source_keys(keys->source), waiting->event,
		    tp_worker_wall_s(keys->worker), &ruling);
	if (ruling.verdict == TP_PARK) {
		rule_out(&ruling, key_source_failed(keys->source) ? 500 : 401);
	}
	answer_later(keys->self, waiting->ticket, &ruling);
	ruling_wipe(&ruling);
}

static void keys_fetched(void *arg)
{
	struct worker_keys *keys = arg;
	struct waiting *waiting = keys->first;

	keys->first = NULL;
	keys->count = 0;
	while (waiting != NULL) {
		struct waiting *next = waiting->next;

		judge_waiting(keys, waiting);
		free(waiting);
		waiting = next;
	}
}

static enum tp_verdict wait_for_keys(struct worker_keys *keys, struct tp_request *request,
				     const struct tp_request_authorization *event)
{
	struct waiting *waiting = keys->count < WAITING_MAX ? calloc(1, sizeof(*waiting)) : NULL;
	enum tp_verdict verdict;

	if (waiting == NULL) {
		return tp_request_deny(request, 500, NULL);
	}
	waiting->event = event;
	verdict = tp_request_park(request, &waiting->ticket);
	if (verdict != TP_PARK) {
		free(waiting);
		return verdict;
	}
	waiting->next = keys->first;
	keys->first = waiting;
	keys->count++;
	return verdict;
}

static void request_gone(struct tp_instance *self, struct tp_ticket ticket)
{
	struct worker_keys *keys = tp_worker_state(self, tp_worker_current());

	for (struct waiting **at = &keys->first; *at != NULL; at = &(*at)->next) {
		if ((*at)->ticket.id == ticket.id) {
			struct waiting *waiting = *at;

			*at = waiting->next;
			keys->count--;
			free(waiting);
			return;
		}
	}
}

/* --- events ------------------------------------------------------------------------------- */

static enum tp_verdict authorize(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_authorization *event)
{
	const struct auth_jwt *state = tp_instance_state(self);
	struct tp_worker *worker = tp_worker_current();
	struct worker_keys *keys = tp_worker_state(self, worker);
	const struct jwk_set *set = state->keys;
	enum tp_verdict verdict;
	struct ruling ruling;

	if (keys != NULL) {
		set = key_source_keys(keys->source);
	}
	ruling_make(&state->rules, set, event, tp_worker_wall_s(worker), &ruling);
	if (ruling.verdict == TP_PARK && keys != NULL && key_source_want(keys->source)) {
		return wait_for_keys(keys, request, event);
	}
	if (ruling.verdict == TP_PARK) {
		rule_out(&ruling, keys != NULL ? 500 : 401);
	}
	verdict = answer_now(self, request, &ruling);
	ruling_wipe(&ruling);
	return verdict;
}

/* Strict expiry: what a token has allocated ends with it, unless a newer one came. */
static void end_with_token(struct tp_instance *self, struct tp_request *request)
{
	const struct auth_jwt *state = tp_instance_state(self);
	struct tp_view username;
	uint32_t left_s;

	if (tp_request_attribute(request, ATTR_USERNAME, 0, &username)) {
		left_s = ruling_left_s(&state->rules, username,
				       tp_worker_wall_s(tp_worker_current()));
		if (left_s != UINT32_MAX) {
			tp_request_shorten_lifetime(request, left_s);
		}
	}
}

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	end_with_token(self, request);
	return TP_PASS;
}

static enum tp_verdict before_refresh(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_refresh *event)
{
	if (event->lifetime_s != 0) {
		end_with_token(self, request);
	}
	return TP_PASS;
}

/* --- life --------------------------------------------------------------------------------- */

static int fail_open_url(struct tp_instance *self)
{
	return tp_instance_fail(self, TP_EINVAL,
				"keys_url: must begin with https:// (http:// for this host alone), "
				"or else anybody on the way gives us keys");
}

static int check_url(struct tp_instance *self, const char *url)
{
	static const char *const prefixes[] = {"https://", "http://127.0.0.1:", "http://127.0.0.1/",
					       "http://[::1]:", "http://[::1]/"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(url, prefixes[i], strlen(prefixes[i])) == 0 &&
		    strcspn(url + strlen(prefixes[i]), "@ \t") ==
			    strlen(url + strlen(prefixes[i]))) {
			return 0;
		}
	}
	return fail_open_url(self);
}

static int parse_keys(struct tp_instance *self, const char *path, const char *text, size_t len)
{
	struct auth_jwt *state = tp_instance_state(self);
	char problem[JWK_SET_PROBLEM_SIZE];

	if (len > JWK_SET_JSON_MAX) {
		return tp_instance_fail(self, TP_EFULL, "keys_file: %s is larger than %d bytes",
					path, JWK_SET_JSON_MAX);
	}
	state->keys = jwk_set_parse(text, len, true, problem);
	return state->keys != NULL
		       ? 0
		       : tp_instance_fail(self, TP_EINVAL, "keys_file: %s: %s", path, problem);
}

static int read_keys(struct tp_instance *self, const char *path)
{
	char *text = malloc(JWK_SET_JSON_MAX + 1);
	FILE *file = text == NULL ? NULL : fopen(path, "re");
	size_t len;
	int err;

	if (file == NULL) {
		free(text);
		return tp_instance_fail(self, TP_ENOENT, "keys_file: %s cannot be read", path);
	}
	len = fread(text, 1, JWK_SET_JSON_MAX + 1, file);
	fclose(file);
	err = parse_keys(self, path, text, len);
	gnutls_memset(text, 0, len);
	free(text);
	return err;
}

static int read_keys_options(struct tp_instance *self)
{
	const char *path = tp_option_string(self, "keys_file");
	const char *url = tp_option_string(self, "keys_url");

	if ((path == NULL) == (url == NULL)) {
		return tp_instance_fail(self, TP_EINVAL,
					"one of keys_file and keys_url must be set, and one alone");
	}
	return path != NULL ? read_keys(self, path) : check_url(self, url);
}

static int take_secret(struct tp_instance *self, const struct secret_file *file, const char *path)
{
	struct auth_jwt *state = tp_instance_state(self);
	size_t len = file->count == 1 ? strlen(file->lines[0]) : 0;

	if (len < SECRET_MIN || len > RULING_SECRET_MAX) {
		return tp_instance_fail(
			self, TP_EINVAL,
			"password_secret_file: %s must have one line of %d to %d bytes", path,
			SECRET_MIN, RULING_SECRET_MAX);
	}
	if (file->readable_by_all) {
		tp_log(self, TP_LOG_WARN, "%s can be read by everybody: chmod 640", path);
	}
	memcpy(state->rules.secret, file->lines[0], len + 1);
	return 0;
}

static int read_secret(struct tp_instance *self)
{
	const char *path = tp_option_string(self, "password_secret_file");
	char problem[SECRET_FILE_PROBLEM_SIZE];
	struct secret_file file;
	int err;

	if (path == NULL) {
		return tp_instance_fail(
			self, TP_EINVAL,
			"password_secret_file: is required with password = derived");
	}
	err = secret_file_read(path, &file, problem);
	if (err != 0) {
		return tp_instance_fail(self, err, "password_secret_file: %s", problem);
	}
	err = take_secret(self, &file, path);
	secret_file_wipe(&file);
	return err;
}

static int read_password_options(struct tp_instance *self)
{
	struct auth_jwt *state = tp_instance_state(self);

	if (strcmp(tp_option_string(self, "password"), "derived") == 0) {
		return read_secret(self);
	}
	state->rules.fixed_password = tp_option_string(self, "fixed_password");
	state->rules.tls_only = tp_option_bool(self, "require_tls");
	if (!state->rules.tls_only) {
		tp_log(self, TP_LOG_WARN,
		       "whoever reads a client's packets can log in with its token: require_tls is "
		       "no");
	}
	return 0;
}

static int read_algorithms(struct tp_instance *self)
{
	struct auth_jwt *state = tp_instance_state(self);
	size_t names = 0;
	const char *const *list = tp_option_list(self, "algorithms", &names);

	for (size_t i = 0; i < names; i++) {
		enum jwt_algorithm algorithm = jwt_algorithm_find(list[i]);

		if (algorithm == JWT_ALGORITHM_COUNT) {
			return tp_instance_fail(
				self, TP_EINVAL,
				"algorithms: \"%s\" is none of RS256, ES256, EdDSA and HS256",
				list[i]);
		}
		state->rules.algorithms[algorithm] = true;
	}
	return 0;
}

static int read_options(struct tp_instance *self)
{
	struct auth_jwt *state = tp_instance_state(self);
	struct ruling_rules *rules = &state->rules;
	int err = read_algorithms(self);

	rules->token.issuer = tp_option_string(self, "issuer");
	rules->token.audience_count = 0;
	rules->token.audiences = tp_option_list(self, "audience", &rules->token.audience_count);
	rules->token.leeway_s = tp_option_integer(self, "leeway") / 1000;
	rules->strict_expiry = tp_option_bool(self, "strict_expiry");
	if (err == 0) {
		err = read_password_options(self);
	}
	return err == 0 ? read_keys_options(self) : err;
}

static int create(struct tp_instance *self)
{
	struct auth_jwt *state = calloc(1, sizeof(*state));

	if (state == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, state);
	state->accepted = tp_counter_create(self, "accepted", "tokens that were good");
	state->refused = tp_counter_create(self, "refused", "tokens that were not");
	state->failed = tp_counter_create(self, "failed", "logins refused for want of keys");
	return read_options(self);
}

static void destroy(struct tp_instance *self)
{
	struct auth_jwt *state = tp_instance_state(self);

	if (state != NULL) {
		jwk_set_free(&state->keys);
		gnutls_memset(state, 0, sizeof(*state));
		free(state);
	}
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	const char *url = tp_option_string(self, "keys_url");
	struct worker_keys *keys;

	if (url == NULL) {
		return 0;
	}
	keys = calloc(1, sizeof(*keys));
	if (keys == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	keys->self = self;
	keys->worker = worker;
	keys->source = key_source_create(
		self, worker,
		&(struct key_source_settings){
			.url = url,
			.http = {.ca_file = tp_option_string(self, "ca_file"),
				 .connections = 1,
				 .connect_timeout_ms =
					 (uint64_t)tp_option_integer(self, "keys_timeout"),
				 .timeout_ms = (uint64_t)tp_option_integer(self, "keys_timeout"),
				 .body_max = JWK_SET_JSON_MAX},
			.refresh_ms = (uint64_t)tp_option_integer(self, "keys_refresh"),
			.keep_ms = (uint64_t)tp_option_integer(self, "keys_keep"),
			.fetched = keys_fetched,
			.arg = keys,
		});
	if (keys->source == NULL) {
		free(keys);
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_worker_set_state(self, worker, keys);
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	struct worker_keys *keys = tp_worker_state(self, worker);

	if (keys == NULL) {
		return;
	}
	while (keys->first != NULL) {
		struct waiting *waiting = keys->first;

		keys->first = waiting->next;
		tp_ticket_deny(waiting->ticket, 500, NULL);
		free(waiting);
	}
	key_source_free(&keys->source);
	free(keys);
	tp_worker_set_state(self, worker, NULL);
}

static const char *const password_choices[] = {"derived", "fixed", NULL};

static const struct tp_option options[] = {
	{
		.name = "keys_file",
		.type = TP_OPTION_PATH,
		.help = "file with the keys that tokens are signed with, a JSON Web Key Set",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "keys_url",
		.type = TP_OPTION_STRING,
		.help = "where to fetch the keys in place of a file",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "keys_refresh",
		.type = TP_OPTION_DURATION,
		.default_value = "10m",
		.help = "after which the keys are fetched again",
		.min = 10000,
		.max = 86400000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "keys_keep",
		.type = TP_OPTION_DURATION,
		.default_value = "1d",
		.help = "how long old keys count while new ones cannot be fetched",
		.min = 10000,
		.max = 2592000000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "keys_timeout",
		.type = TP_OPTION_DURATION,
		.default_value = "2s",
		.help = "for one attempt to fetch them",
		.min = 100,
		.max = 60000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "ca_file",
		.type = TP_OPTION_PATH,
		.help = "PEM file of authorities to trust for keys_url, in place of the system's",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "algorithms",
		.type = TP_OPTION_LIST,
		.default_value = "RS256 ES256 EdDSA",
		.help = "signature algorithms to accept; there is HS256 as well",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "issuer",
		.type = TP_OPTION_STRING,
		.help = "what the claim iss must be",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "audience",
		.type = TP_OPTION_LIST,
		.help = "of which the claim aud must name one",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "leeway",
		.type = TP_OPTION_DURATION,
		.default_value = "30s",
		.help = "by which clocks may differ",
		.min = 0,
		.max = 600000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "password",
		.type = TP_OPTION_ENUM,
		.default_value = "derived",
		.help = "what clients send: one derived from the token, or the same for all",
		.choices = password_choices,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "password_secret_file",
		.type = TP_OPTION_PATH,
		.help = "file with the secret that passwords are derived with",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "fixed_password",
		.type = TP_OPTION_STRING,
		.default_value = "jwt",
		.help = "the password that is the same for all",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "require_tls",
		.type = TP_OPTION_BOOL,
		.default_value = "yes",
		.help = "refuse fixed passwords over UDP and TCP, where tokens can be stolen",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "strict_expiry",
		.type = TP_OPTION_BOOL,
		.default_value = "yes",
		.help = "end allocations with the token they were made with",
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorize,
	.on_turn_before_allocate = before_allocate,
	.on_turn_before_refresh = before_refresh,
};

TP_PLUGIN("auth_jwt", TP_VERSION, "users with tokens that a web service has signed",
	  .options = options, .events = &events, .create = create, .destroy = destroy,
	  .worker_start = worker_start, .worker_stop = worker_stop, .request_gone = request_gone);
