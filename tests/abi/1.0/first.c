/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/plugin.h>

#include <stdlib.h>
#include <string.h>

/*
 * A plugin as it could be written for the first headers, built against those:
 * it must load and work in every daemon of major version 1.
 */

#define ATTRIBUTE 0xfffe

struct first {
	struct tp_prefix_set *refused;
	struct tp_counter *ended;
	struct tp_counter *gone;
};

/* One parked request, on its way through the job pool. */
struct question {
	struct tp_ticket ticket;
	bool known;
};

static int create(struct tp_instance *self)
{
	struct first *first = calloc(1, sizeof(*first));
	const char *const *networks;
	size_t count = 0;

	if (first == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, first);
	first->ended = tp_counter_create(self, "ended", "allocations that have ended");
	first->gone = tp_counter_create(self, "gone", "requests that went away");
	first->refused = tp_prefix_set_create();
	networks = tp_option_list(self, "refused_peers", &count);
	for (size_t i = 0; first->refused != NULL && i < count; i++) {
		if (tp_prefix_set_add(first->refused, networks[i], 1) != 0) {
			return tp_instance_fail(self, TP_EINVAL, "%s is no network", networks[i]);
		}
	}
	tp_log(self, TP_LOG_INFO, "the first interface, %zu networks refused", count);
	return first->refused != NULL ? 0 : TP_ENOMEM;
}

static int adopt(struct tp_instance *self, struct tp_instance *previous)
{
	(void)self;
	return tp_instance_state(previous) != NULL ? 0 : TP_EINVAL;
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	uint64_t *now_ms = malloc(sizeof(*now_ms));

	if (now_ms == NULL) {
		return TP_ENOMEM;
	}
	*now_ms = tp_worker_now_ms(worker);
	tp_worker_set_state(self, worker, now_ms);
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	free(tp_worker_state(self, worker));
}

static void destroy(struct tp_instance *self)
{
	struct first *first = tp_instance_state(self);

	if (first != NULL) {
		tp_prefix_set_free(&first->refused);
		free(first);
	}
}

/* --- a provider that asks elsewhere -------------------------------------------------- */

static void answer(struct question *question)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "secret",
		.valid_for_s = 60,
		.max_allocations = 2,
	};

	if (question->known) {
		(void)tp_ticket_provide(question->ticket, &credentials);
	} else {
		(void)tp_ticket_answer(question->ticket, TP_DENY, 403);
	}
}

static void look_up(void *arg)
{
	answer(arg);
}

static enum tp_verdict authorization(struct tp_instance *self, struct tp_request *request,
				     const struct tp_request_authorization *event)
{
	struct question *question;
	enum tp_verdict verdict;

	if (event->username == NULL || strcmp(event->username, "carol") == 0) {
		return TP_PASS;
	}
	question = calloc(1, sizeof(*question));
	if (question == NULL) {
		return TP_DENY;
	}
	question->known = strcmp(event->username, tp_option_string(self, "user")) == 0;
	verdict = tp_request_park(request, &question->ticket);
	if (verdict != TP_PARK) {
		free(question);
		return verdict;
	}
	if (tp_job_submit(self, look_up, free, question) != 0) {
		answer(question);
		free(question);
	}
	return verdict;
}

static void request_gone(struct tp_instance *self, struct tp_ticket ticket)
{
	const struct first *first = tp_instance_state(self);

	(void)ticket;
	tp_counter_add(first->gone, 1);
}

/* --- gates ---------------------------------------------------------------------------- */

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	tp_request_shorten_lifetime(request,
				    (uint32_t)(tp_option_integer(self, "lifetime") / 1000));
	return tp_addr_port(event->client_addr) < 1024
		       ? tp_request_deny(request, 403, "privileged client port")
		       : TP_PASS;
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	const struct first *first = tp_instance_state(self);

	(void)request;
	return tp_prefix_set_find(first->refused, event->peer_addr) != 0 ? TP_DENY : TP_PASS;
}

static enum tp_verdict success(struct tp_instance *self, struct tp_request *request,
			       const struct tp_request_success *event)
{
	(void)self;
	(void)event;
	(void)tp_request_add_attribute(request, ATTRIBUTE, "1.0", 3);
	return TP_PASS;
}

static enum tp_verdict before_relay(struct tp_instance *self,
				    const struct tp_before_relay_channel_data *event)
{
	(void)self;
	return event->payload.len > 0 && event->payload.data[0] == 'x' ? TP_DENY : TP_PASS;
}

/* --- observers ------------------------------------------------------------------------ */

static void deleted(struct tp_instance *self, const struct tp_delete_allocation *event)
{
	const struct first *first = tp_instance_state(self);

	tp_counter_add(first->ended, event->cause == TP_DELETE_EXPIRED ? 1 : 0);
}

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorization,
	.on_stun_request_success = success,
	.on_turn_before_allocate = before_allocate,
	.on_turn_delete_allocation = deleted,
	.on_turn_before_relay_channel_data = before_relay,
	.on_turn_before_permission = before_permission,
};

static const struct tp_option options[] = {
	{.name = "user",
	 .type = TP_OPTION_STRING,
	 .default_value = "alice",
	 .help = "the one who gets in"},
	{.name = "lifetime",
	 .type = TP_OPTION_DURATION,
	 .default_value = "5m",
	 .min = 1000,
	 .max = 3600000,
	 .help = "of an allocation"},
	{.name = "refused_peers", .type = TP_OPTION_PREFIXES, .help = "networks of peers"},
	{.name = NULL},
};

TP_PLUGIN("first", "1.0", "all that the first interface had", .events = &events, .options = options,
	  .create = create, .adopt = adopt, .worker_start = worker_start,
	  .worker_stop = worker_stop, .destroy = destroy, .request_gone = request_gone);
