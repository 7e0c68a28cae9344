/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "common/event_line.h"
#include "log_sink.h"

/* A line of JSON for each event that matters to whoever keeps the books. */

#define ATTR_USERNAME 0x0006
#define ATTR_USERHASH 0x001e
#define CODE_UNAUTHENTICATED 401
#define CODE_STALE_NONCE 438

struct event_log {
	bool wanted[TP_EVENT_COUNT];
	struct log_sink *sink;
};

static bool wants(struct tp_instance *self, enum tp_event event)
{
	const struct event_log *log = tp_instance_state(self);

	return log->wanted[event];
}

static void begin(struct event_line *line, enum tp_event event)
{
	struct tp_worker *worker = tp_worker_current();

	event_line_begin(line, tp_worker_wall_s(worker), tp_event_name(event));
	event_line_number(line, "worker", tp_worker_index(worker));
}

static void end(struct tp_instance *self, struct event_line *line)
{
	const struct event_log *log = tp_instance_state(self);

	log_sink_put(log->sink, event_line_end(line));
}

/* --- allocations --------------------------------------------------------------------- */

static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	struct event_line line;

	if (!wants(self, TP_EVENT_on_turn_create_allocation)) {
		return;
	}
	begin(&line, TP_EVENT_on_turn_create_allocation);
	event_line_allocation(&line, event->allocation);
	event_line_relayed(&line, event->allocation);
	event_line_number(&line, "lifetime_s", event->lifetime_s);
	end(self, &line);
}

static void delete_allocation(struct tp_instance *self, const struct tp_delete_allocation *event)
{
	struct event_line line;

	if (!wants(self, TP_EVENT_on_turn_delete_allocation)) {
		return;
	}
	begin(&line, TP_EVENT_on_turn_delete_allocation);
	event_line_allocation(&line, event->allocation);
	event_line_relayed(&line, event->allocation);
	event_line_text(&line, "cause", tp_delete_cause_name(event->cause));
	event_line_number(&line, "duration_ms", event->duration_ms);
	event_line_traffic(&line, &event->client_to_peer, &event->peer_to_client);
	end(self, &line);
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	struct event_line line;

	if (wants(self, TP_EVENT_on_turn_before_permission)) {
		begin(&line, TP_EVENT_on_turn_before_permission);
		event_line_allocation(&line, event->allocation);
		event_line_text(&line, "method", tp_method_name(event->method));
		event_line_address(&line, "peer", event->peer_addr);
		end(self, &line);
	}
	return TP_PASS;
}

static enum tp_verdict before_channel(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_channel *event)
{
	struct event_line line;

	if (wants(self, TP_EVENT_on_turn_before_channel)) {
		begin(&line, TP_EVENT_on_turn_before_channel);
		event_line_allocation(&line, event->allocation);
		event_line_number(&line, "channel", event->channel);
		event_line_address(&line, "peer", event->peer_addr);
		end(self, &line);
	}
	return TP_PASS;
}

/* --- requests ------------------------------------------------------------------------ */

/*
 * A 401 for a request without credentials and a 438 are how every client
 * begins (RFC 8489 section 9.2): no error that anybody wants to read of.
 */
static bool is_handshake(const struct tp_request *request, uint16_t code)
{
	struct tp_view name;

	return code == CODE_STALE_NONCE ||
	       (code == CODE_UNAUTHENTICATED &&
		!tp_request_attribute(request, ATTR_USERNAME, 0, &name) &&
		!tp_request_attribute(request, ATTR_USERHASH, 0, &name));
}

/* Who is known, or else whom the client says it is. */
static void put_user(struct event_line *line, const struct tp_request *request)
{
	struct tp_view name;

	if (tp_request_user(request) != NULL) {
		event_line_text(line, "user", tp_request_user(request));
	} else if (tp_request_attribute(request, ATTR_USERNAME, 0, &name)) {
		event_line_bytes(line, "claimed_user", name.data, name.len);
	}
}

static enum tp_verdict request_error(struct tp_instance *self, struct tp_request *request,
				     const struct tp_request_error *event)
{
	struct event_line line;

	if (!wants(self, TP_EVENT_on_stun_request_error) || is_handshake(request, event->code)) {
		return TP_PASS;
	}
	begin(&line, TP_EVENT_on_stun_request_error);
	event_line_five_tuple(&line, event->five_tuple);
	event_line_text(&line, "method", tp_method_name(event->method));
	put_user(&line, request);
	event_line_number(&line, "code", event->code);
	event_line_text(&line, "reason", event->reason);
	if (event->allocation != NULL) {
		event_line_number(&line, "id", event->allocation->id);
	}
	end(self, &line);
	return TP_PASS;
}

static const char *stage_name(enum tp_exception_stage stage)
{
	static const char *const names[] = {
		[TP_STAGE_PARSE] = "parse",
		[TP_STAGE_VERIFY] = "verify",
		[TP_STAGE_HANDLE] = "handle",
		[TP_STAGE_WRITE] = "write",
	};

	return (size_t)stage < sizeof(names) / sizeof(names[0]) ? names[stage] : "other";
}

static void exception(struct tp_instance *self, const struct tp_exception *event)
{
	struct event_line line;

	if (!wants(self, TP_EVENT_on_stun_exception)) {
		return;
	}
	begin(&line, TP_EVENT_on_stun_exception);
	event_line_five_tuple(&line, event->five_tuple);
	event_line_text(&line, "stage", stage_name(event->stage));
	event_line_text(&line, "reason", event->reason);
	event_line_number(&line, "bytes", event->bytes.len);
	end(self, &line);
}

/* --- life ---------------------------------------------------------------------------- */

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_error = request_error,
	.on_stun_exception = exception,
	.on_turn_create_allocation = create_allocation,
	.on_turn_delete_allocation = delete_allocation,
	.on_turn_before_permission = before_permission,
	.on_turn_before_channel = before_channel,
};

static bool is_logged(enum tp_event event)
{
	switch (event) {
	case TP_EVENT_on_stun_request_error:
	case TP_EVENT_on_stun_exception:
	case TP_EVENT_on_turn_create_allocation:
	case TP_EVENT_on_turn_delete_allocation:
	case TP_EVENT_on_turn_before_permission:
	case TP_EVENT_on_turn_before_channel:
		return true;
	default:
		return false;
	}
}

static bool want(struct event_log *log, const char *name)
{
	for (int event = 0; event < TP_EVENT_COUNT; event++) {
		if (is_logged((enum tp_event)event) &&
		    strcmp(tp_event_name((enum tp_event)event), name) == 0) {
			log->wanted[event] = true;
			return true;
		}
	}
	return false;
}

static int create(struct tp_instance *self)
{
	struct event_log *log = calloc(1, sizeof(*log));
	size_t count = 0;
	const char *const *names = tp_option_list(self, "events", &count);

	if (log == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, log);
	log->sink = log_sink_create(self, tp_option_string(self, "log_file"),
				    (size_t)tp_option_integer(self, "queue"));
	if (log->sink == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < count; i++) {
		if (!want(log, names[i])) {
			return tp_instance_fail(self, TP_EINVAL,
						"events: %s is none that is logged", names[i]);
		}
	}
	return 0;
}

/* Here and not in create, where the daemon may still be root. */
static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	const struct event_log *log = tp_instance_state(self);
	int err = log_sink_open(log->sink);

	return err == 0 ? 0
			: tp_instance_fail(self, err, "log_file: %s cannot be written: %s",
					   tp_option_string(self, "log_file"), strerror(errno));
}

static void destroy(struct tp_instance *self)
{
	struct event_log *log = tp_instance_state(self);

	if (log != NULL) {
		log_sink_free(&log->sink);
		free(log);
	}
}

static const struct tp_option options[] = {
	{
		.name = "log_file",
		.type = TP_OPTION_PATH,
		.help = "file to append to; standard error without it",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "events",
		.type = TP_OPTION_LIST,
		.default_value = "on_turn_create_allocation on_turn_delete_allocation "
				 "on_stun_request_error",
		.help = "names of the events to log",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "queue",
		.type = TP_OPTION_INTEGER,
		.default_value = "4096",
		.help = "lines that may wait to be written; more are dropped and counted",
		.min = 1,
		.max = 1000000,
		.unit = "lines",
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

TP_PLUGIN("event_log", TP_VERSION, "a line of JSON for each event of an allocation's life",
	  .options = options, .events = &events, .create = create, .destroy = destroy,
	  .worker_start = worker_start);
