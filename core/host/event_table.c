/* SPDX-License-Identifier: Apache-2.0 */
#include "host/event_table.h"

#include "host/instance_body.h"

#define HANDLED(member)                                                                            \
	static bool handled_##member(const struct tp_events *events)                               \
	{                                                                                          \
		return events->member != NULL;                                                     \
	}                                                                                          \
	static void forget_##member(struct tp_events *events)                                      \
	{                                                                                          \
		events->member = NULL;                                                             \
	}

#define CALL_PROVIDER(member)                                                                      \
	HANDLED(member)                                                                            \
	static enum tp_verdict call_##member(struct tp_instance *instance,                         \
					     struct tp_request *request, const void *payload)      \
	{                                                                                          \
		return instance->events.member(instance, request, payload);                        \
	}
#define CALL_GATE(member) CALL_PROVIDER(member)
#define CALL_PACKET(member)                                                                        \
	HANDLED(member)                                                                            \
	static enum tp_verdict call_##member(struct tp_instance *instance, const void *payload)    \
	{                                                                                          \
		return instance->events.member(instance, payload);                                 \
	}
#define CALL_INLINE(member) CALL_PACKET(member)
#define CALL_OBSERVER(member)                                                                      \
	HANDLED(member)                                                                            \
	static void call_##member(struct tp_instance *instance, const void *payload)               \
	{                                                                                          \
		instance->events.member(instance, payload);                                        \
	}
#define CALL(family, member, payload) CALL_##family(member)
TP_EVENT_LIST(CALL)

/* RFC 8489 section 9.2.4 (401), RFC 8656 sections 7.2 (486), 10.2 and 12.2 (403). */
enum {
	OWN_CODE_on_stun_request_authorization = 401,
	OWN_CODE_on_stun_request_success = 0,
	OWN_CODE_on_stun_request_error = 0,
	OWN_CODE_on_turn_before_allocate = 486,
	OWN_CODE_on_turn_before_permission = 403,
	OWN_CODE_on_turn_before_channel = 403,
	OWN_CODE_on_turn_redirect = 508,
	OWN_CODE_on_turn_choose_relay = 508,
	OWN_CODE_on_turn_before_refresh = 403,
	OWN_CODE_on_turn_before_connect = 403,
};

#define ROW_PROVIDER(member) .own_code = OWN_CODE_##member, .ask = call_##member
#define ROW_GATE(member) ROW_PROVIDER(member)
#define ROW_PACKET(member) .packet = call_##member
#define ROW_INLINE(member) ROW_PACKET(member)
#define ROW_OBSERVER(member) .tell = call_##member
#define ROW(member_family, member, payload)                                                        \
	[TP_EVENT_##member] = {.name = #member,                                                    \
			       .family = TP_EVENT_FAMILY_##member_family,                          \
			       .handled = handled_##member,                                        \
			       .forget = forget_##member,                                          \
			       ROW_##member_family(member)},

const struct tp_event_row tp_event_table[TP_EVENT_COUNT] = {TP_EVENT_LIST(ROW)};
