/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "host/dispatch.h"
#include "host/event_table.h"
#include "host/ticket.h"
#include "kit/test_host.h"
#include "stun/codes.h"

#define RESPONSE_RESERVE 44 /* MESSAGE-INTEGRITY-SHA256 and FINGERPRINT */

struct tp_addr tp_test_addr(const char *text)
{
	struct tp_addr addr;

	if (tp_addr_parse(text, &addr) != 0) {
		tp_test_die("\"%s\" is no address", text);
	}
	return addr;
}

/* --- what requests look like ------------------------------------------------------------ */

void tp_test_set_five_tuple(struct tp_test_host *host, enum tp_transport transport,
			    const char *client_addr, const char *server_addr)
{
	host->five_tuple = (struct tp_five_tuple){
		.client_addr = tp_test_addr(client_addr),
		.server_addr = tp_test_addr(server_addr),
		.transport = transport,
	};
}

void tp_test_set_user(struct tp_test_host *host, const char *user)
{
	host->user = user;
}

static uint8_t *copy_bytes(const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);

	tp_test_must(copy != NULL);
	memcpy(copy, bytes, len);
	return copy;
}

void tp_test_set_request(struct tp_test_host *host, const void *bytes, size_t len)
{
	const char *reason = "";
	struct tp_stun_msg msg;

	if (tp_stun_msg_parse(&msg, bytes, len, &reason) != 0) {
		tp_test_die("the request is no STUN message: %s", reason);
	}
	free(host->request);
	host->request = copy_bytes(bytes, len);
	host->request_len = len;
}

void tp_test_requests_init(struct tp_test_host *host)
{
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "test-host-0";
	uint8_t bytes[64];
	struct tp_build build;

	tp_list_init(&host->requests);
	tp_test_set_five_tuple(host, TP_TRANSPORT_UDP, "192.0.2.10:4000", "198.51.100.1:3478");
	tp_test_set_user(host, "alice");
	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_ALLOCATE, TP_STUN_REQUEST,
		      transaction_id);
	tp_build_requested_transport(&build, TP_PROTOCOL_UDP);
	tp_test_set_request(host, bytes, tp_build_finish(&build));
}

/* --- a request's life ------------------------------------------------------------------- */

static struct tp_test_request *request_create(struct tp_test_host *host)
{
	struct tp_test_request *request = calloc(1, sizeof(*request));
	const char *reason;

	tp_test_must(request != NULL);
	request->bytes = copy_bytes(host->request, host->request_len);
	tp_test_must(tp_stun_msg_parse(&request->msg, request->bytes, host->request_len, &reason) ==
		     0);
	tp_arena_init(&request->request.arena, NULL, 0);
	request->request.worker = &host->worker;
	request->request.generation = tp_generation_ref(host->generation);
	request->request.chains = &host->generation->all;
	request->request.five_tuple = host->five_tuple;
	request->request.msg = &request->msg;
	request->request.user = host->user;
	request->request.realm = "example.org";
	tp_list_init(&request->link);
	tp_list_append(&host->requests, &request->link);
	return request;
}

static void request_free(struct tp_test_request *request)
{
	tp_list_remove(&request->link);
	tp_request_fini(&request->request);
	free(request->bytes);
	free(request);
}

void tp_test_cancel(struct tp_test_host *host, const struct tp_test_asked *asked)
{
	if (asked != &host->told) {
		request_free((struct tp_test_request *)(uintptr_t)asked);
	}
}

void tp_test_requests_fini(struct tp_test_host *host)
{
	while (!tp_list_empty(&host->requests)) {
		request_free(tp_container_of(host->requests.next, struct tp_test_request, link));
	}
}

size_t tp_test_parked(struct tp_test_host *host)
{
	return tp_ticket_table_parked(host->worker.tickets);
}

/* --- what came of it -------------------------------------------------------------------- */

static void show_provided(struct tp_test_request *request)
{
	const struct tp_provided *provided = &request->request.provided;
	struct tp_test_asked *asked = &request->asked;

	asked->password = provided->password;
	asked->key_md5 = provided->key_md5.len != 0 ? provided->key_md5.bytes : NULL;
	asked->key_sha256 = provided->key_sha256.len != 0 ? provided->key_sha256.bytes : NULL;
	asked->mac_key = provided->mac_key.len != 0 ? provided->mac_key.bytes : NULL;
	asked->mac_key_len = provided->mac_key.len;
	asked->user = provided->user;
	asked->valid_for_s = provided->valid_for_s;
	asked->max_allocations = provided->max_allocations;
	asked->max_lifetime_s = provided->max_lifetime_s;
	asked->max_bits_per_s = provided->limits.bits_per_s;
	asked->max_packets_per_s = provided->limits.packets_per_s;
	asked->more_passwords = (const char *const *)provided->more_passwords;
	asked->more_password_count = provided->more_password_count;
}

static void show_allowed(struct tp_test_request *request)
{
	struct tp_test_asked *asked = &request->asked;

	switch (request->request.asking.event) {
	case TP_EVENT_on_stun_request_authorization:
		show_provided(request);
		break;
	case TP_EVENT_on_turn_redirect:
		asked->alternate = request->request.redirection.alternate;
		asked->alternate_domain = request->request.redirection.domain;
		asked->alternate_other = request->request.redirection.other;
		break;
	case TP_EVENT_on_turn_choose_relay:
		asked->relay = request->request.relay_choice.relay;
		asked->port_min = request->request.relay_choice.port_min;
		asked->port_max = request->request.relay_choice.port_max;
		break;
	default:
		break;
	}
}

static void settle(struct tp_test_request *request, enum tp_verdict verdict)
{
	const struct tp_request *shown = &request->request;
	const struct tp_event_row *row = &tp_event_table[shown->asking.event];
	struct tp_test_asked *asked = &request->asked;

	asked->verdict = verdict;
	asked->lifetime_s = shown->lifetime_s;
	asked->limits = shown->limits;
	asked->reason = verdict == TP_DENY ? shown->deny_reason : NULL;
	if (verdict == TP_DENY && row->own_code != 0) { /* with 0 nothing is sent anyway */
		asked->code = shown->deny_code != 0 ? shown->deny_code : row->own_code;
	}
	if (verdict == TP_ALLOW) {
		show_allowed(request);
	}
	if (shown->build != NULL) {
		asked->response = (struct tp_view){shown->build->bytes, shown->build->len};
	}
}

static void answered(struct tp_request *request, enum tp_verdict verdict)
{
	settle(tp_container_of(request, struct tp_test_request, request), verdict);
}

/* --- asking ----------------------------------------------------------------------------- */

static const struct tp_test_asked *ask(struct tp_test_request *request, enum tp_event event,
				       const void *payload)
{
	if (event == TP_EVENT_on_turn_before_allocate) {
		request->request.lifetime_s =
			((const struct tp_before_allocate *)payload)->lifetime_s;
	} else if (event == TP_EVENT_on_turn_before_refresh) {
		request->request.lifetime_s =
			((const struct tp_before_refresh *)payload)->lifetime_s;
	}
	request->request.asking.event = event; /* also when nobody subscribes */
	settle(request, tp_dispatch_ask(&request->request, event, payload, answered));
	return &request->asked;
}

const struct tp_test_asked *tp_test_fire(struct tp_test_host *host, enum tp_event event,
					 const void *payload)
{
	tp_test_must(event < TP_EVENT_COUNT);
	if (tp_event_table[event].ask != NULL) {
		return ask(request_create(host), event, payload);
	}
	host->told = (struct tp_test_asked){.verdict = TP_PASS};
	if (tp_event_table[event].packet != NULL) {
		host->told.verdict = tp_dispatch_packet(&host->generation->all, event, payload);
	} else {
		tp_dispatch_tell(&host->generation->all, event, payload);
	}
	return &host->told;
}

static const struct tp_test_asked *authorize(struct tp_test_host *host, const char *user,
					     const uint8_t *userhash, const char *realm,
					     uint16_t algorithm)
{
	struct tp_test_request *request = request_create(host);

	request->request.user = NULL;
	request->request.realm = realm;
	request->authorization = (struct tp_request_authorization){
		.five_tuple = &request->request.five_tuple,
		.method = request->msg.method,
		.algorithm = algorithm,
		.username = user,
		.userhash = userhash,
		.realm = realm,
	};
	return ask(request, TP_EVENT_on_stun_request_authorization, &request->authorization);
}

const struct tp_test_asked *tp_test_authorize(struct tp_test_host *host, const char *user,
					      const char *realm, uint16_t algorithm)
{
	return authorize(host, user, NULL, realm, algorithm);
}

const struct tp_test_asked *tp_test_authorize_userhash(struct tp_test_host *host,
						       const uint8_t *userhash, const char *realm,
						       uint16_t algorithm)
{
	return authorize(host, NULL, userhash, realm, algorithm);
}

static void begin_response(struct tp_test_request *request, enum tp_stun_class message_class)
{
	tp_build_init(&request->build, request->response, sizeof(request->response),
		      request->msg.method, message_class, request->msg.transaction_id);
	request->request.build = &request->build;
	request->request.build_reserve = RESPONSE_RESERVE;
}

const struct tp_test_asked *tp_test_success(struct tp_test_host *host,
					    const struct tp_allocation_view *allocation)
{
	struct tp_test_request *request = request_create(host);

	begin_response(request, TP_STUN_SUCCESS);
	request->success = (struct tp_request_success){
		.five_tuple = &request->request.five_tuple,
		.method = request->msg.method,
		.response = {request->build.bytes, request->build.len},
		.allocation = allocation,
	};
	return ask(request, TP_EVENT_on_stun_request_success, &request->success);
}

const struct tp_test_asked *tp_test_error(struct tp_test_host *host, uint16_t code)
{
	struct tp_test_request *request = request_create(host);

	begin_response(request, TP_STUN_ERROR);
	tp_build_error_code(&request->build, code, NULL);
	request->error = (struct tp_request_error){
		.five_tuple = &request->request.five_tuple,
		.method = request->msg.method,
		.code = code,
		.reason = tp_stun_reason(code),
		.response = {request->build.bytes, request->build.len},
	};
	return ask(request, TP_EVENT_on_stun_request_error, &request->error);
}
