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
#include "host/instance.h"
#include "host/request.h"
#include "host/ticket.h"
#include "host/worker.h"
#include "io/loop.h"

static const struct tp_chain *chain_of(const struct tp_request *request)
{
	return &request->generation->chains[request->asking.event];
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
	if (is_provider(request)) {
		tp_provided_wipe(request);
	}
}

/* --- handlers that break the rules -------------------------------------------------- */

static void complain(struct tp_instance *instance, enum tp_event event, const char *what)
{
	tp_counter_add(
		tp_counter_named("host.verdict.wrong", "handlers that answered against the rules"),
		1);
	TP_LOG(TP_LOG_WARN, "host", "plugin %s broke the rules of %s and counts as refusal: %s",
	       tp_instance_name(instance), tp_event_table[event].name, what);
}

static enum tp_verdict refuse(struct tp_request *request, const char *what)
{
	complain(asked_of(request), request->asking.event, what);
	forget_answer(request);
	return TP_DENY;
}

static bool has_provided(const struct tp_request *request)
{
	const struct tp_provided *provided = &request->provided;

	return provided->password != NULL || provided->more_password_count != 0 ||
	       provided->key_md5.len != 0 || provided->key_sha256.len != 0;
}

/* --- parking ------------------------------------------------------------------------ */

static void silent(struct tp_timer *timer);

static void unpark(struct tp_request *request)
{
	struct tp_asking *asking = &request->asking;

	tp_loop_cancel(request->worker->loop, &asking->deadline);
	tp_ticket_release(request->worker->tickets, asking->ticket);
	tp_generation_add_busy(request->generation, request->worker, -1);
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
	*ticket = asking->ticket;
	return 0;
}

static enum tp_verdict park(struct tp_request *request)
{
	struct tp_worker *worker = request->worker;

	tp_loop_arm(worker->loop, &request->asking.deadline,
		    tp_loop_now_ms(worker->loop) + worker->park_deadline_ms);
	return TP_PARK;
}

static void tell_gone(struct tp_instance *instance, struct tp_ticket ticket)
{
	const struct tp_plugin *plugin = tp_instance_plugin(instance);

	if (plugin->request_gone != NULL) {
		plugin->request_gone(instance, ticket);
	}
}

/* --- asking ------------------------------------------------------------------------- */

static enum tp_verdict check_verdict(struct tp_request *request, enum tp_verdict verdict)
{
	bool has_ticket = request->asking.ticket.id != 0;

	if (has_ticket && verdict != TP_PARK) {
		unpark(request);
		if (verdict != TP_DENY) {
			return refuse(request, "took a ticket and did not park");
		}
		complain(asked_of(request), request->asking.event, "took a ticket and denied");
		return TP_DENY;
	}
	switch (verdict) {
	case TP_PASS:
	case TP_DENY:
		return verdict;
	case TP_ALLOW:
		if (is_provider(request) && !has_provided(request)) {
			return refuse(request, "allowed without credentials");
		}
		return verdict;
	case TP_PARK:
		return has_ticket ? park(request) : refuse(request, "parked without a ticket");
	}
	return refuse(request, "returned no verdict");
}

static enum tp_verdict ask_next(struct tp_request *request)
{
	struct tp_asking *asking = &request->asking;
	struct tp_instance *instance = chain_of(request)->instances[asking->next++];
	enum tp_verdict verdict;

	forget_answer(request);
	asking->asking = true;
	verdict = tp_event_table[asking->event].ask(instance, request, asking->payload);
	asking->asking = false;
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

	if (!tp_generation_wants(request->generation, event)) {
		return TP_PASS;
	}
	tp_assert(tp_event_table[event].ask != NULL && asking->ticket.id == 0 && !asking->asking);
	*asking = (struct tp_asking){.event = event, .payload = payload, .answered = answered};
	tp_timer_init(&asking->deadline, silent);
	return go_on(request, TP_PASS);
}

/* --- what comes of a parked request -------------------------------------------------- */

static enum tp_verdict take_answer(struct tp_request *request, enum tp_verdict verdict,
				   uint16_t code, const struct tp_credentials *credentials)
{
	forget_answer(request);
	if (credentials != NULL) {
		if (!is_provider(request)) {
			return refuse(request, "provided credentials nobody asked for");
		}
		if (tp_credentials_provide(request, credentials) != 0) {
			return refuse(request, "provided credentials that cannot be used");
		}
		return TP_ALLOW;
	}
	if (verdict == TP_DENY) {
		request->deny_code = code;
	}
	if (verdict == TP_ALLOW && is_provider(request)) {
		return refuse(request, "allowed without credentials");
	}
	return verdict;
}

static void finish(struct tp_request *request, enum tp_verdict verdict)
{
	if (verdict != TP_PARK) {
		request->asking.answered(request, verdict); /* may free the request */
	}
}

void tp_dispatch_answer(struct tp_request *request, enum tp_verdict verdict, uint16_t code,
			const struct tp_credentials *credentials)
{
	unpark(request);
	finish(request, go_on(request, take_answer(request, verdict, code, credentials)));
}

/* Silence fails closed. */
static void silent(struct tp_timer *timer)
{
	struct tp_request *request = tp_container_of(timer, struct tp_request, asking.deadline);
	struct tp_instance *instance = asked_of(request);

	tp_counter_add(tp_counter_named("host.ticket.silent",
					"parked requests that nobody answered in time"),
		       1);
	TP_LOG(TP_LOG_WARN, "host", "plugin %s did not answer %s within %u ms: refused",
	       tp_instance_name(instance), tp_event_table[request->asking.event].name,
	       request->worker->park_deadline_ms);
	tp_dispatch_cancel(request);
	forget_answer(request);
	finish(request, TP_DENY);
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

void tp_dispatch_tell(struct tp_generation *generation, enum tp_event event, const void *payload)
{
	const struct tp_chain *chain = &generation->chains[event];

	for (size_t i = 0; i < chain->count; i++) {
		tp_event_table[event].tell(chain->instances[i], payload);
	}
}

enum tp_verdict tp_dispatch_packet(struct tp_generation *generation, enum tp_event event,
				   const void *payload)
{
	const struct tp_chain *chain = &generation->chains[event];

	for (size_t i = 0; i < chain->count; i++) {
		enum tp_verdict verdict =
			tp_event_table[event].packet(chain->instances[i], payload);

		if (verdict != TP_PASS && verdict != TP_ALLOW) {
			if (verdict != TP_DENY) {
				complain(chain->instances[i], event,
					 "returned no verdict for a packet");
			}
			return TP_DENY;
		}
	}
	return TP_PASS;
}
