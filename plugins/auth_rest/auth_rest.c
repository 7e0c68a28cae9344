/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <turnpike/plugin.h>

#include "answer.h"
#include "common/backend_peers.h"
#include "common/http_client.h"
#include "common/lookup.h"
#include "common/secret_option.h"
#include "question.h"

#define BODY_MAX 16384

struct auth_rest {
	char *token; /* NULL: none */
	bool get;    /* the URL has fields */
	unsigned depends;
	struct backend_peers *peers;
};

/* Of one worker. */
struct service {
	const char *url;
	bool get;
	struct http_client *client;
	struct lookup *lookup;
};

/* --- answers ------------------------------------------------------------------------------ */

static void found(struct lookup_query *query, const struct http_answer *http)
{
	char problem[ANSWER_PROBLEM_SIZE];
	struct lookup_credentials credentials = {.valid_for_s = LOOKUP_UNSAID};
	struct answer answer;

	switch (answer_read(http->body, http->len, query->userhash != NULL, &answer, problem)) {
	case ANSWER_GOOD:
		credentials.credentials = answer.credentials;
		if (answer.has_valid_for) {
			credentials.valid_for_s = answer.credentials.valid_for_s;
		}
		lookup_found(query, &credentials);
		break;
	case ANSWER_UNUSABLE:
		lookup_unusable(query, problem);
		break;
	case ANSWER_GARBAGE:
		lookup_failed(query, problem);
		break;
	}
	answer_wipe(&answer);
	explicit_bzero(&credentials, sizeof(credentials));
}

static void failed(struct lookup_query *query, const struct http_answer *http)
{
	char sentence[64];

	if (http->status == 0) {
		lookup_failed(query, http->problem);
		return;
	}
	snprintf(sentence, sizeof(sentence), "the service answers with status %ld", http->status);
	lookup_failed(query, sentence);
}

static void answered(void *arg, const struct http_answer *http)
{
	struct lookup_query *query = arg;
	char reason[ANSWER_REASON_SIZE];

	query->state = NULL;
	query->keep_s = http->fresh_s >= 0 ? http->fresh_s : LOOKUP_UNSAID;
	switch (http->status) {
	case 200:
		found(query, http);
		break;
	case 403:
		answer_read_reason(http->body, http->len, reason);
		lookup_refused(query, 403, reason[0] == '\0' ? NULL : reason);
		break;
	case 404:
		lookup_unknown(query);
		break;
	default:
		failed(query, http);
	}
}

/* --- questions ---------------------------------------------------------------------------- */

static int send_question(struct service *service, struct lookup_query *query)
{
	const struct question question = {
		.user = query->username,
		.userhash = query->userhash,
		.realm = query->realm,
		.five_tuple = &query->five_tuple,
		.server_name = query->server_name,
		.software = query->software,
	};
	char *url = service->get ? question_url(&question, service->url) : NULL;
	char *body = service->get ? NULL : question_json(&question);

	if (url != NULL || body != NULL) {
		query->state = http_client_send(service->client, url == NULL ? service->url : url,
						body, answered, query);
	}
	free(url);
	free(body);
	return query->state == NULL ? TP_ENOMEM : 0;
}

/* A name that JSON cannot hold is nobody's. */
static int start(void *backend, struct lookup_query *query)
{
	if (query->username != NULL &&
	    !question_is_utf8(query->username, strlen(query->username))) {
		lookup_unknown(query);
		return 0;
	}
	return send_question(backend, query);
}

static void cancel(void *backend, struct lookup_query *query)
{
	struct http_request *request = query->state;

	(void)backend;
	http_request_cancel(&request);
	query->state = NULL;
}

static const struct lookup_ops ops = {.start = start, .cancel = cancel};

/* --- events ------------------------------------------------------------------------------- */

static struct lookup *lookup_of(const struct tp_instance *self)
{
	struct service *service = tp_worker_state(self, tp_worker_current());

	return service->lookup;
}

static enum tp_verdict authorize(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_authorization *event)
{
	const struct tp_client_view *client = tp_client_of(event->five_tuple);
	struct lookup_details details = {
		.server_name = client == NULL ? NULL : tp_client_state(self, client),
	};

	return lookup_ask_with(lookup_of(self), request, event, &details);
}

static void request_gone(struct tp_instance *self, struct tp_ticket ticket)
{
	lookup_request_gone(lookup_of(self), ticket);
}

/* The name stays with the connection, for questions to come; without memory it is not asked. */
static enum tp_verdict client_connected(struct tp_instance *self,
					const struct tp_client_connected *event)
{
	char *name = event->server_name == NULL ? NULL : strdup(event->server_name);

	if (name != NULL && tp_client_set_state(self, event->client, name, free) != 0) {
		free(name);
	}
	return TP_PASS;
}

static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	lookup_create_allocation(lookup_of(self), event);
}

static enum tp_verdict before_refresh(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_refresh *event)
{
	return lookup_before_refresh(lookup_of(self), request, event);
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	const struct auth_rest *state = tp_instance_state(self);

	return backend_peers_before_permission(state->peers, request, event);
}

static enum tp_verdict before_connect(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_connect *event)
{
	const struct auth_rest *state = tp_instance_state(self);

	return backend_peers_before_connect(state->peers, request, event);
}

/* --- life of a worker --------------------------------------------------------------------- */

static void connected(void *arg, const char *address)
{
	struct auth_rest *state = arg;
	struct tp_addr addr;

	if (tp_addr_parse(address, &addr) == 0) {
		backend_peers_add(state->peers, &addr);
	}
}

static void service_free(struct service *service)
{
	lookup_free(&service->lookup);
	http_client_free(&service->client);
	free(service);
}

static struct service *service_create(struct tp_instance *self, struct tp_worker *worker)
{
	struct auth_rest *state = tp_instance_state(self);
	uint64_t deadline_ms = (uint64_t)tp_option_integer(self, "deadline");
	unsigned max_requests = (unsigned)tp_option_integer(self, "max_requests");
	struct http_settings http = {
		.ca_file = tp_option_string(self, "ca_file"),
		.certificate_file = tp_option_string(self, "certificate_file"),
		.key_file = tp_option_string(self, "key_file"),
		.token = state->token,
		.connections = max_requests,
		.connect_timeout_ms = deadline_ms,
		.timeout_ms = deadline_ms,
		.body_max = BODY_MAX,
		.connected = connected,
		.connected_arg = state,
	};
	struct service *service = calloc(1, sizeof(*service));

	if (service == NULL) {
		return NULL;
	}
	service->url = tp_option_string(self, "url");
	service->get = state->get;
	service->client = http_client_create(tp_worker_event_base(worker), &http);
	service->lookup = lookup_create(self, worker,
					&(struct lookup_settings){.ops = &ops,
								  .backend = service,
								  .depends = state->depends,
								  .active_max = max_requests});
	if (service->client == NULL || service->lookup == NULL) {
		service_free(service);
		return NULL;
	}
	return service;
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	struct service *service = service_create(self, worker);

	if (service == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_worker_set_state(self, worker, service);
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	struct service *service = tp_worker_state(self, worker);

	if (service != NULL) {
		service_free(service);
	}
	tp_worker_set_state(self, worker, NULL);
}

/* --- life --------------------------------------------------------------------------------- */

static int read_url(struct tp_instance *self)
{
	struct auth_rest *state = tp_instance_state(self);
	const char *url = tp_option_string(self, "url");
	char problem[QUESTION_PROBLEM_SIZE];

	if (!question_check_url(url, &state->get, problem)) {
		return tp_instance_fail(self, TP_EINVAL, "url: %s", problem);
	}
	return 0;
}

static int read_depends(struct tp_instance *self)
{
	static const struct {
		const char *field;
		unsigned depends;
	} fields[] = {
		{"client", LOOKUP_BY_CLIENT_IP},
		{"transport", LOOKUP_BY_TRANSPORT},
		{"sni", LOOKUP_BY_SERVER_NAME},
		{"software", LOOKUP_BY_SOFTWARE},
	};
	struct auth_rest *state = tp_instance_state(self);
	size_t count = 0;
	const char *const *words = tp_option_list(self, "depends", &count);

	for (size_t i = 0; i < count; i++) {
		unsigned depends = 0;

		for (size_t j = 0; j < sizeof(fields) / sizeof(fields[0]); j++) {
			depends |= strcmp(fields[j].field, words[i]) == 0 ? fields[j].depends : 0;
		}
		if (depends == 0) {
			return tp_instance_fail(self, TP_EINVAL,
						"depends: \"%s\" is none of client, transport, sni "
						"and software",
						words[i]);
		}
		state->depends |= depends;
	}
	return 0;
}

/* It becomes a header line. */
static int read_token(struct tp_instance *self)
{
	struct auth_rest *state = tp_instance_state(self);
	int err = secret_option_read(self, "token_file", &state->token);

	if (err != 0 || state->token == NULL) {
		return err;
	}
	for (const char *at = state->token; *at != '\0'; at++) {
		if (*at <= ' ' || *at >= 0x7f) {
			return tp_instance_fail(self, TP_EINVAL,
						"token_file: a token has neither blanks nor other "
						"than ASCII characters");
		}
	}
	return 0;
}

static int check_readable(struct tp_instance *self, const char *option)
{
	const char *path = tp_option_string(self, option);

	if (path == NULL || access(path, R_OK) == 0) {
		return 0;
	}
	return tp_instance_fail(self, TP_ENOENT, "%s: %s: %s", option, path, strerror(errno));
}

static int read_files(struct tp_instance *self)
{
	static const char *const options[] = {"ca_file", "certificate_file", "key_file"};
	int err = read_token(self);

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && err == 0; i++) {
		err = check_readable(self, options[i]);
	}
	if (err == 0 && tp_option_is_set(self, "key_file") &&
	    !tp_option_is_set(self, "certificate_file")) {
		err = tp_instance_fail(self, TP_EINVAL, "key_file: wants a certificate_file");
	}
	return err;
}

static int create(struct tp_instance *self)
{
	struct auth_rest *state = calloc(1, sizeof(*state));
	int err;

	if (state == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, state);
	state->peers = backend_peers_create();
	if (state->peers == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	err = read_url(self);
	if (err == 0) {
		err = read_depends(self);
	}
	return err == 0 ? read_files(self) : err;
}

static void destroy(struct tp_instance *self)
{
	struct auth_rest *state = tp_instance_state(self);

	if (state != NULL) {
		secret_option_free(&state->token);
		backend_peers_free(&state->peers);
		free(state);
	}
}

static const struct tp_option options[] = {
	{
		.name = "url",
		.type = TP_OPTION_STRING,
		.help = "service to ask; with {user} and other fields by GET, else by POST",
		.flags = TP_OPTION_REQUIRED | TP_OPTION_RELOADABLE,
	},
	{
		.name = "depends",
		.type = TP_OPTION_LIST,
		.help = "what answers depend on besides the user: client, transport, sni, software",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "token_file",
		.type = TP_OPTION_PATH,
		.help = "file with the bearer token to send",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "ca_file",
		.type = TP_OPTION_PATH,
		.help = "PEM file of authorities to trust, in place of the system's",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "certificate_file",
		.type = TP_OPTION_PATH,
		.help = "PEM file with a certificate to show to the service",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "key_file",
		.type = TP_OPTION_PATH,
		.help = "PEM file with its key, unless that is in the same file",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "max_requests",
		.type = TP_OPTION_INTEGER,
		.default_value = "16",
		.help = "requests, and connections, that each worker has under way; others wait",
		.min = 1,
		.max = 1000,
		.unit = "requests",
		.flags = TP_OPTION_RELOADABLE,
	},
	LOOKUP_OPTIONS("no"),
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorize,
	.on_client_connected = client_connected,
	.on_turn_create_allocation = create_allocation,
	.on_turn_before_refresh = before_refresh,
	.on_turn_before_permission = before_permission,
	.on_turn_before_connect = before_connect,
};

TP_PLUGIN("auth_rest", TP_VERSION, "users from a web service", .options = options,
	  .events = &events, .create = create, .destroy = destroy, .worker_start = worker_start,
	  .worker_stop = worker_stop, .request_gone = request_gone);
