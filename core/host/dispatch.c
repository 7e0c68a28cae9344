/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch.h"

#include <turnpike/error.h>
#include <turnpike/plugin.h>

#include "base/counter.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "host/credentials.h"
#include "host/event_table.h"
#include "host/instance_body.h"
#include "host/observation_row.h"
#include "host/request.h"
#include "host/ticket.h"
#include "host/worker.h"
#include "io/loop.h"

#define CODE_SILENT 500

static const struct tp_chain *chain_of(const struct tp_request *request)
{
	return &request->chains->by_event[request->asking.event];
}

/* The one that was asked last. */
static struct tp_instance *asked_of(const struct tp_request *request)
{
	return chain_of(request)->instances[request->asking.next - 1];
}

static bool is_provider(const struct tp_request *request)
{
	return tp_event_table[request->asking.event].family == TP_EVENT_FAMILY_PROVIDER;
}

/* What an earlier handler has set is not the next one's. */
static void forget_answer(struct tp_request *request)
{
	request->deny_code = 0;
	request->deny_reason[0] = '\0';
	switch (request->asking.event) {
	case TP_EVENT_on_stun_request_authorization:
		tp_provided_wipe(request);
		break;
	case TP_EVENT_on_turn_redirect:
		request->redirection = (struct tp_redirection){.domain = NULL};
		break;
	case TP_EVENT_on_turn_choose_relay:
		request->relay_choice = (struct tp_relay_choice){.port_min = 0};
		break;
	default:
		break;
	}
}

/* --- handlers that break the rules -------------------------------------------------- */

static void complain(struct tp_instance *instance, enum tp_event event, const char *what,
		     enum tp_verdict verdict)
{
	tp_observation_add(&tp_observation_row(instance, event)->wrong, 1);
	tp_counter_add(
		tp_counter_named("host.verdict.wrong", "handlers that answered against the rules"),
		1);
	tp_instance_blame(instance, "plugin %s broke the rules of %s and counts as %s: %s",
			  instance->name, tp_event_table[event].name,
			  verdict == TP_PASS ? "no opinion" : "refusal", what);
}

/* What a failure of the instance counts as: its key "on_error". */
static enum tp_verdict verdict_on_error(const struct tp_instance *instance)
{
	return instance->on_error == TP_ON_ERROR_PASS ? TP_PASS : TP_DENY;
}

static enum tp_verdict refuse(struct tp_request *request, const char *what)
{
	enum tp_verdict verdict = verdict_on_error(asked_of(request));

	complain(asked_of(request), request->asking.event, what, verdict);
	forget_answer(request);
	return verdict;
}

/* Why a provider may not allow as things are; NULL: it may. */
static const char *missing_answer(const struct tp_request *request)
{
	const struct tp_provided *provided = &request->provided;

	switch (request->asking.event) {
	case TP_EVENT_on_stun_request_authorization:
		return provided->password != NULL || provided->more_password_count != 0 ||
				       provided->key_md5.len != 0 ||
				       provided->key_sha256.len != 0 || provided->mac_key.len != 0
			       ? NULL
			       : "allowed without credentials";
	case TP_EVENT_on_turn_redirect:
		return tp_addr_family(&request->redirection.alternate) != TP_FAMILY_NONE
			       ? NULL
			       : "allowed without an alternate server";
	default:
		return NULL;
	}
}

/* --- parking ------------------------------------------------------------------------ */

static void silent(struct tp_timer *timer);

static struct tp_observation_row *asked_row(const struct tp_request *request)
{
	return tp_observation_row(asked_of(request), request->asking.event);
}

static void unpark(struct tp_request *request)
{
	struct tp_asking *asking = &request->asking;

	tp_loop_cancel(request->worker->loop, &asking->deadline);
	tp_ticket_release(request->worker->tickets, asking->ticket);
	tp_generation_add_busy(request->generation, request->worker, -1);
	tp_observation_add(&asked_row(request)->parked_now, UINT64_MAX);
	asking->ticket.id = 0;
}

int tp_dispatch_park(struct tp_request *request, struct tp_ticket *ticket)
{
	struct tp_asking *asking = &request->asking;
	int err;

	if (!asking->asking || asking->ticket.id != 0) {
		return TP_EINVAL;
	}
	err = tp_ticket_take(request->worker->tickets, request, &asking->ticket);
	if (err != 0) {
		tp_counter_add(
			tp_counter_named("host.ticket.full", "requests that could not be parked"),
			1);
		return err;
	}
	tp_generation_add_busy(request->generation, request->worker, 1);
	tp_observation_add(&asked_row(request)->parked_now, 1);
	tp_ticket_note(request->worker->tickets, asking->ticket, asked_row(request));
	*ticket = asking->ticket;
	return 0;
}

static uint32_t deadline_ms_of(const struct tp_request *request)
{
	uint32_t own_ms = asked_of(request)->deadline_ms;

	return own_ms != 0 ? own_ms : request->worker->park_deadline_ms;
}

static enum tp_verdict park(struct tp_request *request)
{
	struct tp_worker *worker = request->worker;

	tp_loop_arm(worker->loop, &request->asking.deadline,
		    tp_loop_now_ms(worker->loop) + deadline_ms_of(request));
	return TP_PARK;
}

static void tell_gone(struct tp_instance *instance, struct tp_ticket ticket)
{
	const struct tp_place place = {instance->name, "request_gone"};
	const struct tp_place *before;

	if (instance->plugin->request_gone != NULL) {
		before = tp_place_enter(&place);
		instance->plugin->request_gone(instance, ticket);
		tp_place_leave(before);
	}
}

/* --- asking ------------------------------------------------------------------------- */

static enum tp_verdict check_verdict(struct tp_request *request, enum tp_verdict verdict)
{
	bool has_ticket = request->asking.ticket.id != 0;
	const char *missing;

	if (has_ticket && verdict != TP_PARK) {
		unpark(request);
		if (verdict != TP_DENY) {
			return refuse(request, "took a ticket and did not park");
		}
		complain(asked_of(request), request->asking.event, "took a ticket and denied",
			 TP_DENY);
		return TP_DENY;
	}
	switch (verdict) {
	case TP_PASS:
	case TP_DENY:
		return verdict;
	case TP_ALLOW:
		missing = missing_answer(request);
		return missing != NULL ? refuse(request, missing) : verdict;
	case TP_PARK:
		return has_ticket ? park(request) : refuse(request, "parked without a ticket");
	}
	return refuse(request, "returned no verdict");
}

static enum tp_verdict ask_next(struct tp_request *request)
{
	struct tp_asking *asking = &request->asking;
	struct tp_instance *instance = chain_of(request)->instances[asking->next++];
	struct tp_observation_row *row = tp_observation_row(instance, asking->event);
	struct tp_observed_call call;
	enum tp_verdict verdict;

	forget_answer(request);
	tp_observation_add(&row->calls, 1);
	asking->asking = true;
	tp_observation_begin(row, &call);
	verdict = tp_event_table[asking->event].ask(instance, request, asking->payload);
	tp_observation_end(row, &call);
	asking->asking = false;
	if (verdict <= TP_PARK) {
		tp_observation_add(&row->verdicts[verdict], 1);
	}
	return check_verdict(request, verdict);
}

/* From the verdict of the handler asked last on to the chain's, or to the next ticket. */
static enum tp_verdict go_on(struct tp_request *request, enum tp_verdict verdict)
{
	struct tp_asking *asking = &request->asking;

	for (;;) {
		if (verdict == TP_PARK || verdict == TP_DENY) {
			return verdict;
		}
		if (verdict == TP_ALLOW) {
			if (is_provider(request)) {
				return verdict;
			}
			asking->allowed = true;
		}
		if (asking->next >= chain_of(request)->count) {
			return asking->allowed ? TP_ALLOW : TP_PASS;
		}
		verdict = ask_next(request);
	}
}

enum tp_verdict tp_dispatch_ask(struct tp_request *request, enum tp_event event,
				const void *payload, tp_answered_fn answered)
{
	struct tp_asking *asking = &request->asking;

	if (!tp_chains_want(request->chains, event)) {
		return TP_PASS;
	}
	tp_assert(tp_event_table[event].ask != NULL && asking->ticket.id == 0 && !asking->asking);
	*asking = (struct tp_asking){.event = event, .payload = payload, .answered = answered};
	tp_timer_init(&asking->deadline, silent);
	return go_on(request, TP_PASS);
}

/* --- what comes of a parked request -------------------------------------------------- */

static enum tp_verdict take_answer(struct tp_request *request, enum tp_verdict verdict,
				   uint16_t code, const char *reason,
				   const struct tp_credentials *credentials)
{
	const char *missing;

	forget_answer(request);
	if (credentials != NULL) {
		if (request->asking.event != TP_EVENT_on_stun_request_authorization) {
			return refuse(request, "provided credentials nobody asked for");
		}
		if (tp_credentials_provide(request, credentials) != 0) {
			return refuse(request, "provided credentials that cannot be used");
		}
		return TP_ALLOW;
	}
	if (verdict == TP_DENY) {
		request->deny_code = code;
		tp_reason_copy(request->deny_reason, reason);
	}
	missing = verdict == TP_ALLOW ? missing_answer(request) : NULL;
	return missing != NULL ? refuse(request, missing) : verdict;
}

static void finish(struct tp_request *request, enum tp_verdict verdict)
{
	if (verdict != TP_PARK) {
		request->asking.answered(request, verdict); /* may free the request */
	}
}

void tp_dispatch_answer(struct tp_request *request, enum tp_verdict verdict, uint16_t code,
			const char *reason, const struct tp_credentials *credentials)
{
	unpark(request);
	tp_observation_add(&asked_row(request)->verdicts[verdict], 1);
	finish(request, go_on(request, take_answer(request, verdict, code, reason, credentials)));
}

/* Silence fails closed, unless the instance is configured otherwise. */
static void silent(struct tp_timer *timer)
{
	struct tp_request *request = tp_container_of(timer, struct tp_request, asking.deadline);
	struct tp_instance *instance = asked_of(request);
	enum tp_verdict verdict = verdict_on_error(instance);

	tp_observation_add(&asked_row(request)->missed, 1);
	tp_counter_add(tp_counter_named("host.ticket.silent",
					"parked requests that nobody answered in time"),
		       1);
	tp_instance_blame(instance, "plugin %s did not answer %s within %u ms: %s", instance->name,
			  tp_event_table[request->asking.event].name, deadline_ms_of(request),
			  verdict == TP_PASS ? "counts as no opinion" : "refused");
	tp_dispatch_cancel(request);
	forget_answer(request);
	if (tp_event_table[request->asking.event].own_code != 0) {
		request->deny_code = CODE_SILENT;
	}
	finish(request, go_on(request, verdict));
}

void tp_dispatch_cancel(struct tp_request *request)
{
	struct tp_ticket ticket = request->asking.ticket;

	if (ticket.id != 0) {
		unpark(request);
		tell_gone(asked_of(request), ticket);
	}
}

bool tp_dispatch_parked(const struct tp_request *request)
{
	return request->asking.ticket.id != 0;
}

/* --- events without a request -------------------------------------------------------- */

/* Raised per packet: not every call is timed. */
static bool is_sampled(enum tp_event event)
{
	return event == TP_EVENT_on_turn_channel_data_discarded ||
	       event == TP_EVENT_on_turn_message_discarded || event == TP_EVENT_on_stun_exception ||
	       event == TP_EVENT_on_turn_peer_error;
}

static void tell_one(struct tp_instance *instance, enum tp_event event, const void *payload)
{
	struct tp_observation_row *row = tp_observation_row(instance, event);
	uint64_t calls = tp_observation_add(&row->calls, 1);
	struct tp_observed_call call;

	if (is_sampled(event) && calls % TP_OBSERVED_EVERY != 0) {
		const struct tp_place *before = tp_place_enter(&row->place);

		tp_event_table[event].tell(instance, payload);
		tp_place_leave(before);
		return;
	}
	tp_observation_begin(row, &call);
	tp_event_table[event].tell(instance, payload);
	tp_observation_end(row, &call);
}

void tp_dispatch_tell(const struct tp_chains *chains, enum tp_event event, const void *payload)
{
	const struct tp_chain *chain = &chains->by_event[event];

	for (size_t i = 0; i < chain->count; i++) {
		tell_one(chain->instances[i], event, payload);
	}
}

typedef enum tp_verdict (*packet_fn)(struct tp_instance *instance, const void *payload);

static __attribute__((noinline, cold)) enum tp_verdict packet_timed(struct tp_instance *instance,
								    struct tp_observation_row *row,
								    packet_fn packet,
								    const void *payload)
{
	struct tp_observed_call call;
	enum tp_verdict verdict;

	tp_observation_begin(row, &call);
	verdict = packet(instance, payload);
	tp_observation_end(row, &call);
	return verdict;
}

/* Anything but a pass. */
static __attribute__((noinline, cold)) enum tp_verdict
packet_judge(struct tp_instance *instance, enum tp_event event, enum tp_verdict verdict)
{
	if (verdict == TP_ALLOW || verdict == TP_DENY) {
		tp_observation_add(&tp_observation_row(instance, event)->verdicts[verdict], 1);
		return verdict == TP_DENY ? TP_DENY : TP_PASS;
	}
	verdict = verdict_on_error(instance);
	complain(instance, event, "returned no verdict", verdict);
	return verdict;
}

/* For each packet, so nothing but what must be; never inside another handler. */
static inline enum tp_verdict packet_one(struct tp_instance *instance, enum tp_event event,
					 packet_fn packet, const void *payload)
{
	struct tp_observation_row *row = tp_observation_row(instance, event);
	enum tp_verdict verdict;

	if (tp_observation_add(&row->calls, 1) % TP_OBSERVED_EVERY == 0) {
		return packet_timed(instance, row, packet, payload);
	}
	tp_place_enter(&row->place);
	verdict = packet(instance, payload);
	tp_place_leave(NULL);
	return verdict;
}

enum tp_verdict tp_dispatch_packet(const struct tp_chains *chains, enum tp_event event,
				   const void *payload)
{
	struct tp_instance *const *instance = chains->by_event[event].instances;
	struct tp_instance *const *end = instance + chains->by_event[event].count;
	packet_fn packet = tp_event_table[event].packet;

	for (; instance != end; instance++) {
		enum tp_verdict verdict = packet_one(*instance, event, packet, payload);

		if (verdict != TP_PASS && packet_judge(*instance, event, verdict) == TP_DENY) {
			return TP_DENY;
		}
	}
	return TP_PASS;
}
