/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/allocation.h>
#include <turnpike/api.h>
#include <turnpike/ticket.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

/*
 * What a handler may ask of a request, and set. All on the thread of the
 * handler, inside it; the request is gone afterwards.
 */

/** The five-tuple the request came on. Owner: the request. */
TP_API const struct tp_five_tuple *tp_request_five_tuple(const struct tp_request *request);

/** STUN method number. */
TP_API uint16_t tp_request_method(const struct tp_request *request);

/** User whose credentials the request carries: NULL before they are known. Owner: the request. */
TP_API const char *tp_request_user(const struct tp_request *request);

/** Realm in use. Owner: the request. */
TP_API const char *tp_request_realm(const struct tp_request *request);

/** The whole message as received. */
TP_API struct tp_view tp_request_bytes(const struct tp_request *request);

/**
 * An attribute of the request.
 *
 * @nth: 0 for the first; more than one only for XOR-PEER-ADDRESS
 *
 * Only attributes that count are found: see RFC 8489 section 14.5 for what
 * stands behind MESSAGE-INTEGRITY. Returns false when there is none.
 */
TP_API bool tp_request_attribute(const struct tp_request *request, uint16_t type, size_t nth,
				 struct tp_view *out);

/**
 * Say no, with the error code to send.
 *
 * @code:   300 to 699; 0 for the event's own
 * @reason: for ERROR-CODE, copied, cut at 127 bytes; NULL for the registered phrase
 *
 * Returns TP_DENY, so that a handler can return this call.
 */
TP_API enum tp_verdict tp_request_deny(struct tp_request *request, uint16_t code,
				       const char *reason);

/**
 * Supply credentials, at on_stun_request_authorization.
 *
 * Returns TP_ALLOW, or TP_DENY when they cannot be taken (no key for the
 * algorithm in use, out of memory), so that a handler can return this call.
 */
TP_API enum tp_verdict tp_request_provide(struct tp_request *request,
					  const struct tp_credentials *credentials);

/**
 * Wait for an answer: take a ticket, keep it, return what this returns.
 *
 * Returns TP_PARK; TP_DENY when no ticket can be had (counted). Not in the
 * events of family PACKET and OBSERVER.
 */
TP_API enum tp_verdict tp_request_park(struct tp_request *request, struct tp_ticket *ticket);

/**
 * Shorten the lifetime to be granted, at on_turn_before_allocate and, since 1.1,
 * on_turn_before_refresh. A longer one than the daemon would grant changes
 * nothing.
 *
 * Units: seconds
 */
TP_API void tp_request_shorten_lifetime(struct tp_request *request, uint32_t lifetime_s);

/**
 * Send the client elsewhere, at on_turn_redirect: 300 with ALTERNATE-SERVER.
 *
 * @alternate: IP address and port, of the client's address family; after that, in a
 *             second call, the same server's address of the other family
 * @domain:    ALTERNATE-DOMAIN for a client that checks a certificate; NULL: none;
 *             of the first call
 *
 * Returns TP_ALLOW, or TP_PASS when that cannot be (the other address family
 * first, RFC 8489 section 10), so that a handler can return this call.
 * Since: 1.1
 */
TP_API enum tp_verdict tp_request_redirect(struct tp_request *request,
					   const struct tp_addr *alternate, const char *domain);

/**
 * Choose where to relay, at on_turn_choose_relay.
 *
 * @relay:    one of the configured relay addresses, bound or advertised, port
 *            not looked at; NULL: any of the family
 * @port_min: with @port_max a part of the configured range; both 0: all of it
 *
 * Returns TP_ALLOW, or TP_DENY (508) when there is no such address or port, so
 * that a handler can return this call.
 * Since: 1.1
 */
TP_API enum tp_verdict tp_request_choose_relay(struct tp_request *request,
					       const struct tp_addr *relay, uint16_t port_min,
					       uint16_t port_max);

/**
 * Limit what the allocation may relay, at on_turn_before_allocate. Of several limits
 * the lowest counts.
 *
 * Since: 1.1
 */
TP_API void tp_request_limit(struct tp_request *request, const struct tp_limits *limits);

/**
 * Add an attribute to the response, at on_stun_request_success and, since 1.1,
 * on_stun_request_error.
 *
 * @type: comprehension-optional (0x8000 to 0xffff), and none that the daemon
 *        writes itself (FINGERPRINT, SOFTWARE, …)
 *
 * Errors: TP_EINVAL for another type or event, TP_EFULL when it does not fit
 */
TP_API int tp_request_add_attribute(struct tp_request *request, uint16_t type, const void *value,
				    size_t len);

TP_END_DECLS
