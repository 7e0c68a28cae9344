/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/request.h>

#include <string.h>

#include <turnpike/error.h>

#include "base/log.h"
#include "host/credentials.h"
#include "host/dispatch.h"
#include "host/request.h"

#define ATTRIBUTE_HEADER_SIZE 4
#define DOMAIN_MAX 255 /* RFC 8489 section 14.16 */

const struct tp_five_tuple *tp_request_five_tuple(const struct tp_request *request)
{
	return &request->five_tuple;
}

uint16_t tp_request_method(const struct tp_request *request)
{
	return request->msg->method;
}

const char *tp_request_user(const struct tp_request *request)
{
	return request->user;
}

const char *tp_request_realm(const struct tp_request *request)
{
	return request->realm;
}

struct tp_view tp_request_bytes(const struct tp_request *request)
{
	return (struct tp_view){request->msg->bytes, request->msg->len};
}

bool tp_request_attribute(const struct tp_request *request, uint16_t type, size_t nth,
			  struct tp_view *out)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find_nth(request->msg, type, nth);

	if (attr == NULL) {
		return false;
	}
	*out = (struct tp_view){attr->value, attr->len};
	return true;
}

static bool asked(const struct tp_request *request, enum tp_event event)
{
	return request->asking.asking && request->asking.event == event;
}

enum tp_verdict tp_request_deny(struct tp_request *request, uint16_t code, const char *reason)
{
	if (!request->asking.asking) {
		return TP_DENY;
	}
	request->deny_code = code >= 300 && code <= 699 ? code : 0;
	request->deny_reason[0] = '\0';
	if (reason != NULL) {
		tp_reason_copy(request->deny_reason, reason);
	}
	return TP_DENY;
}

enum tp_verdict tp_request_provide(struct tp_request *request,
				   const struct tp_credentials *credentials)
{
	int err;

	if (!asked(request, TP_EVENT_on_stun_request_authorization)) {
		return TP_DENY;
	}
	err = tp_credentials_provide(request, credentials);
	if (err != 0) {
		TP_LOG(TP_LOG_WARN, "host", "credentials of a provider cannot be used: %s",
		       tp_error_string(err));
		return TP_DENY;
	}
	return TP_ALLOW;
}

enum tp_verdict tp_request_park(struct tp_request *request, struct tp_ticket *ticket)
{
	ticket->id = 0;
	return tp_dispatch_park(request, ticket) == 0 ? TP_PARK : TP_DENY;
}

void tp_request_shorten_lifetime(struct tp_request *request, uint32_t lifetime_s)
{
	bool gate = asked(request, TP_EVENT_on_turn_before_allocate) ||
		    asked(request, TP_EVENT_on_turn_before_refresh);

	/* RFC 8656 section 7.2: a lifetime of 0 is none that Allocate grants. */
	if (gate && lifetime_s != 0 && lifetime_s < request->lifetime_s) {
		request->lifetime_s = lifetime_s;
	}
}

/* RFC 8489 section 10: after one of the family of the request's source, and only so. */
static enum tp_verdict add_other(struct tp_redirection *redirection, const struct tp_addr *other)
{
	if (redirection->alternate.family == TP_FAMILY_NONE ||
	    (other->family != TP_FAMILY_IPV4 && other->family != TP_FAMILY_IPV6)) {
		return TP_PASS;
	}
	redirection->other = *other;
	return TP_ALLOW;
}

enum tp_verdict tp_request_redirect(struct tp_request *request, const struct tp_addr *alternate,
				    const char *domain)
{
	struct tp_redirection *redirection = &request->redirection;
	const char *copy = NULL;

	if (!asked(request, TP_EVENT_on_turn_redirect) || alternate->port == 0) {
		return TP_PASS;
	}
	if (alternate->family != request->five_tuple.client_addr.family) {
		return add_other(redirection, alternate);
	}
	if (domain != NULL) {
		size_t len = strnlen(domain, DOMAIN_MAX + 1);

		if (len == 0 || len > DOMAIN_MAX) {
			return TP_PASS;
		}
		copy = tp_arena_string(&request->arena, domain, len);
		if (copy == NULL) {
			return TP_PASS;
		}
	}
	*redirection = (struct tp_redirection){.alternate = *alternate, .domain = copy};
	return TP_ALLOW;
}

/* Whether the daemon has such an address and port, the layer above knows. */
static bool is_choice(const struct tp_request *request, const struct tp_addr *relay,
		      uint16_t port_min, uint16_t port_max)
{
	const struct tp_choose_relay *event = request->asking.payload;

	return (port_min == 0) == (port_max == 0) && port_min <= port_max &&
	       (relay == NULL || tp_addr_family(relay) == event->family);
}

enum tp_verdict tp_request_choose_relay(struct tp_request *request, const struct tp_addr *relay,
					uint16_t port_min, uint16_t port_max)
{
	struct tp_relay_choice *choice = &request->relay_choice;

	if (!asked(request, TP_EVENT_on_turn_choose_relay) ||
	    !is_choice(request, relay, port_min, port_max)) {
		return TP_DENY;
	}
	*choice = (struct tp_relay_choice){.port_min = port_min, .port_max = port_max};
	if (relay != NULL) {
		choice->relay = *relay;
	}
	return TP_ALLOW;
}

/* 0 is no limit. */
static uint64_t lower(uint64_t limit, uint64_t other)
{
	return limit == 0 || (other != 0 && other < limit) ? other : limit;
}

void tp_request_limit(struct tp_request *request, const struct tp_limits *limits)
{
	struct tp_limits *lowest = &request->limits;

	if (!asked(request, TP_EVENT_on_turn_before_allocate) || limits == NULL ||
	    limits->size < sizeof(*limits)) {
		return;
	}
	lowest->size = sizeof(*lowest);
	lowest->bits_per_s = lower(lowest->bits_per_s, limits->bits_per_s);
	lowest->packets_per_s = lower(lowest->packets_per_s, limits->packets_per_s);
}

/* Comprehension-optional, and nothing that the daemon says itself. */
static bool may_add(uint16_t type)
{
	switch (type) {
	case TP_ATTR_ADDITIONAL_ADDRESS_FAMILY:
	case TP_ATTR_ADDRESS_ERROR_CODE:
	case TP_ATTR_PASSWORD_ALGORITHMS:
	case TP_ATTR_ALTERNATE_DOMAIN:
	case TP_ATTR_ICMP:
	case TP_ATTR_SOFTWARE:
	case TP_ATTR_ALTERNATE_SERVER:
	case TP_ATTR_FINGERPRINT:
	case TP_ATTR_RESPONSE_ORIGIN:
	case TP_ATTR_OTHER_ADDRESS:
	case TP_ATTR_MOBILITY_TICKET:
		return false;
	default:
		return !tp_stun_attribute_required(type);
	}
}

static bool fits(const struct tp_request *request, size_t len)
{
	const struct tp_build *build = request->build;
	size_t room = build->size - build->len;

	/* RFC 8489 section 14: values are padded to a multiple of four. */
	return !build->failed && room >= request->build_reserve &&
	       len <= UINT16_MAX - ATTRIBUTE_HEADER_SIZE &&
	       room - request->build_reserve >= ATTRIBUTE_HEADER_SIZE + ((len + 3) & ~(size_t)3);
}

int tp_request_add_attribute(struct tp_request *request, uint16_t type, const void *value,
			     size_t len)
{
	bool gate = asked(request, TP_EVENT_on_stun_request_success) ||
		    asked(request, TP_EVENT_on_stun_request_error);

	if (!gate || request->build == NULL || !may_add(type) || (value == NULL && len != 0)) {
		return TP_EINVAL;
	}
	if (!fits(request, len)) {
		return TP_EFULL;
	}
	tp_build_bytes(request->build, type, value, len);
	return 0;
}
