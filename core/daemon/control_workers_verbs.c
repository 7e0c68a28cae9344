/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_verbs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <turnpike/version.h>

#include "base/addr.h"
#include "daemon/control_workers.h"
#include "daemon/crew.h"
#include "daemon/daemon.h"
#include "daemon/listener.h"
#include "daemon/worker.h"
#include "io/loop.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/session.h"

/* Allocations looked at in one loop turn. */
#define PORTION 500

static json_t *addr_text(const struct tp_addr *addr)
{
	char text[TP_ADDR_STRING];

	return json_string(tp_addr_format(addr, text));
}

/* --- status ----------------------------------------------------------------------- */

struct load {
	size_t allocations;
	size_t connections;
	size_t by_realm[TP_REALMS_MAX]; /* allocations */
	bool draining;
};

static bool ask_load(struct tp_inquiry_state *inquiry, struct tp_crew_worker *worker, void *part)
{
	struct load *load = part;

	(void)inquiry;
	load->allocations = tp_server_allocation_count(worker->server);
	load->connections = tp_crew_worker_connections(worker);
	load->draining = worker->server->draining;
	for (size_t i = 0; i < worker->server->realm_count; i++) {
		load->by_realm[i] = worker->server->realms[i].allocations;
	}
	return false;
}

static const char *realm_name(const struct tp_config *config, size_t realm)
{
	return realm == 0 ? config->turn.realm : config->realms[realm - 1].turn.realm;
}

static json_t *listener_object(const struct tp_config *config, const struct tp_binding *binding,
			       enum tp_transport transport)
{
	json_t *object =
		json_pack("{s:s, s:s, s:o}", "section", binding->config->section, "transport",
			  tp_transport_name(transport), "address", addr_text(&binding->addr));

	if (config->realm_count != 0) {
		(void)json_object_set_new(
			object, "realm",
			tp_control_text(realm_name(config, binding->config->realm)));
	}
	return object;
}

static json_t *listener_array(const struct tp_config *config, const struct tp_crew *crew)
{
	const struct tp_binding *bindings;
	json_t *array = json_array();
	size_t count;

	bindings = tp_crew_bindings(crew, &count);
	for (size_t i = 0; i < count; i++) {
		const struct tp_binding *binding = &bindings[i];
		enum tp_transport transport;

		for (size_t at = 0; tp_binding_transport(binding, at, &transport); at++) {
			(void)json_array_append_new(array,
						    listener_object(config, binding, transport));
		}
	}
	return array;
}

static struct load sum_loads(struct tp_inquiry_state *inquiry, const struct tp_roll *roll)
{
	struct load sum = {0};

	for (unsigned i = 0; i < tp_inquiry_workers(inquiry); i++) {
		const struct load *load = tp_inquiry_part(inquiry, i);

		if (tp_roll_answered(roll, i)) {
			sum.allocations += load->allocations;
			sum.connections += load->connections;
			sum.draining |= load->draining;
			for (size_t at = 0; at < TP_REALMS_MAX; at++) {
				sum.by_realm[at] += load->by_realm[at];
			}
		}
	}
	return sum;
}

static json_t *realm_array(const struct tp_config *config, const struct load *load)
{
	json_t *array = json_array();

	for (size_t i = 0; i <= config->realm_count; i++) {
		(void)json_array_append_new(
			array,
			json_pack("{s:s, s:o, s:I}", "section", tp_config_realm_section(config, i),
				  "realm", tp_control_text(realm_name(config, i)), "allocations",
				  (json_int_t)load->by_realm[i]));
	}
	return array;
}

static json_t *answer_status(struct tp_inquiry_state *inquiry, const struct tp_roll *roll)
{
	const struct tp_daemon *daemon = tp_inquiry_daemon(inquiry);
	const struct load load = sum_loads(inquiry, roll);
	uint64_t uptime_ms = tp_loop_now_ms(daemon->main.loop) - daemon->started_ms;
	json_t *status = json_pack(
		"{s:s, s:i, s:o, s:I, s:i, s:s, s:i, s:i, s:i, s:I, s:I, s:b, s:o}", "version",
		TP_VERSION, "pid", (int)getpid(), "config", tp_control_text(daemon->started->file),
		"uptime_s", (json_int_t)(uptime_ms / 1000), "workers", (int)daemon->workers,
		"backend", tp_crew_backend(daemon->crew), "generation",
		(int)daemon->generation->number, "leaving_generations", (int)daemon->leaving,
		"plugins", (int)daemon->generation->instance_count, "allocations",
		(json_int_t)load.allocations, "connections", (json_int_t)load.connections,
		"draining", load.draining, "listeners",
		listener_array(daemon->started, daemon->crew));

	if (daemon->started->realm_count != 0) {
		(void)json_object_set_new(status, "realms", realm_array(daemon->started, &load));
	}
	return status;
}

void tp_control_status(struct tp_control_call *call, size_t argc, char **argv)
{
	static const struct tp_inquiry status = {sizeof(struct load), ask_load, answer_status,
						 NULL};

	(void)argv;
	if (argc != 0) {
		tp_control_fail(call, "status takes no words");
		return;
	}
	tp_inquire(call, &status, 0, NULL);
}

/* --- drain ------------------------------------------------------------------------ */

static bool ask_drain(struct tp_inquiry_state *inquiry, struct tp_crew_worker *worker, void *part)
{
	tp_server_drain(worker->server);
	return ask_load(inquiry, worker, part);
}

static json_t *answer_drain(struct tp_inquiry_state *inquiry, const struct tp_roll *roll)
{
	const struct load load = sum_loads(inquiry, roll);

	return json_pack("{s:b, s:I}", "draining", load.draining, "allocations",
			 (json_int_t)load.allocations);
}

void tp_control_drain(struct tp_control_call *call, size_t argc, char **argv)
{
	static const struct tp_inquiry drain = {sizeof(struct load), ask_drain, answer_drain, NULL};

	(void)argv;
	if (argc != 0) {
		tp_control_fail(call, "drain takes no words");
		return;
	}
	tp_inquire(call, &drain, 0, NULL);
}

/* --- sessions --------------------------------------------------------------------- */

static bool ask_sessions(struct tp_inquiry_state *inquiry, struct tp_crew_worker *worker,
			 void *part)
{
	return tp_session_list_collect(part, worker->server, tp_inquiry_word(inquiry, 0), PORTION);
}

static void sessions_fini(void *part)
{
	tp_session_list_fini(part);
}

static json_t *traffic_object(const struct tp_traffic *traffic)
{
	return json_pack("{s:I, s:I}", "packets", (json_int_t)traffic->packets, "bytes",
			 (json_int_t)traffic->bytes);
}

static json_t *session_object(const struct tp_session *session, unsigned worker)
{
	json_t *object = json_pack(
		"{s:I, s:i, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:i, s:i, s:I, s:I, s:o, s:o}", "id",
		(json_int_t)session->id, "worker", (int)worker, "user",
		tp_control_text(session->user), "realm", tp_control_text(session->realm),
		"transport", tp_transport_name((enum tp_transport)session->five_tuple.transport),
		"client", addr_text(&session->five_tuple.client_addr), "server",
		addr_text(&session->five_tuple.server_addr), "relayed",
		addr_text(&session->relayed_addr), "relays", session->relays_tcp ? "tcp" : "udp",
		"permissions", (int)session->permission_count, "channels",
		(int)session->channel_count, "age_s", (json_int_t)(session->age_ms / 1000),
		"expires_in_s", (json_int_t)(session->expires_in_ms / 1000), "client_to_peer",
		traffic_object(&session->client_to_peer), "peer_to_client",
		traffic_object(&session->peer_to_client));

	if (session->relayed_addr_more.family != TP_FAMILY_NONE) {
		(void)json_object_set_new(object, "relayed_more",
					  addr_text(&session->relayed_addr_more));
	}
	if (session->relays_tcp) {
		(void)json_object_set_new(object, "data_connections",
					  json_integer((json_int_t)session->data_connection_count));
	}
	return object;
}

static json_t *answer_sessions(struct tp_inquiry_state *inquiry, const struct tp_roll *roll)
{
	json_t *array = json_array();
	bool cut = false;

	for (unsigned i = 0; i < tp_inquiry_workers(inquiry); i++) {
		const struct tp_session_list *list = tp_inquiry_part(inquiry, i);

		if (!tp_roll_answered(roll, i)) {
			continue;
		}
		cut |= list->cut;
		for (size_t j = 0; j < list->count; j++) {
			if (json_array_size(array) == TP_SESSIONS_MAX ||
			    json_array_append_new(array, session_object(&list->sessions[j], i)) !=
				    0) {
				cut = true;
				break;
			}
		}
	}
	return json_pack("{s:b, s:o}", "cut", cut, "sessions", array);
}

void tp_control_sessions(struct tp_control_call *call, size_t argc, char **argv)
{
	static const struct tp_inquiry sessions = {sizeof(struct tp_session_list), ask_sessions,
						   answer_sessions, sessions_fini};
	const char *words[TP_INQUIRY_WORDS] = {NULL};

	if (argc == 2 && strcmp(argv[0], "--user") == 0) {
		words[0] = argv[1];
	} else if (argc != 0) {
		tp_control_fail(call, "sessions takes nothing but --user USER");
		return;
	}
	tp_inquire(call, &sessions, 0, words);
}

/* --- kill ------------------------------------------------------------------------- */

static bool ask_kill(struct tp_inquiry_state *inquiry, struct tp_crew_worker *worker, void *part)
{
	size_t *killed = part;
	const char *user = tp_inquiry_word(inquiry, 0);

	if (user != NULL) {
		*killed = tp_session_kill_user(worker->server, user, tp_inquiry_word(inquiry, 1));
	} else {
		*killed = tp_session_kill(worker->server, tp_inquiry_number(inquiry));
	}
	return false;
}

static json_t *answer_kill(struct tp_inquiry_state *inquiry, const struct tp_roll *roll)
{
	json_int_t killed = 0;

	for (unsigned i = 0; i < tp_inquiry_workers(inquiry); i++) {
		const size_t *part = tp_inquiry_part(inquiry, i);

		killed += tp_roll_answered(roll, i) ? (json_int_t)*part : 0;
	}
	return json_pack("{s:I}", "killed", killed);
}

static bool parse_id(const char *word, uint64_t *id)
{
	char *end;

	if (word[0] < '0' || word[0] > '9' || strlen(word) > 19) {
		return false;
	}
	*id = strtoull(word, &end, 10);
	return *end == '\0';
}

void tp_control_kill(struct tp_control_call *call, size_t argc, char **argv)
{
	static const struct tp_inquiry kill = {sizeof(size_t), ask_kill, answer_kill, NULL};
	const char *words[TP_INQUIRY_WORDS] = {NULL};
	uint64_t id = 0;

	if ((argc == 2 || argc == 4) && strcmp(argv[0], "--user") == 0) {
		words[0] = argv[1];
		words[1] = argc == 4 ? argv[3] : NULL;
	}
	if (words[0] != NULL ? argc == 4 && strcmp(argv[2], "--realm") != 0
			     : argc != 1 || !parse_id(argv[0], &id)) {
		tp_control_fail(call, "kill takes the ID of an allocation, or --user USER and "
				      "perhaps --realm REALM");
		return;
	}
	tp_inquire(call, &kill, id, words);
}
