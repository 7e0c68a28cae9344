/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "io/certs.h"
#include "io/endpoint.h"

struct tp_loop;

/*
 * A client's way to its server: UDP, TCP, TLS or DTLS behind the same calls.
 * All callbacks come from the loop, none from inside tp_turn_link_open().
 */
struct tp_turn_link;

struct tp_turn_link_options {
	enum tp_transport transport;
	struct tp_addr server_addr;
	const char *server_name; /* for SNI and verification; NULL: the address; borrowed by open */
	struct tp_certs *certs;  /* of TLS and DTLS */
	uint32_t timeout_ms;     /* to connect, handshake included */
};

struct tp_turn_link_handler {
	void *owner;
	void (*opened)(void *owner);
	/* The link has ended or never came to be; close it, but not from in here.
	 * @reason: in words, borrowed. */
	void (*failed)(void *owner, const char *reason);
	/* One STUN or ChannelData message, or a datagram with any content; borrowed. */
	void (*message)(void *owner, const uint8_t *bytes, size_t len);
};

/**
 * @handler: copied
 *
 * Owner:  close with tp_turn_link_close()
 * Errors: TP_ENOMEM, TP_EINVAL, TP_EIO and what sockets return
 */
int tp_turn_link_open(struct tp_loop *loop, const struct tp_turn_link_options *options,
		      const struct tp_turn_link_handler *handler, struct tp_turn_link **out);

/** No callback comes any more. Sets the pointer to NULL; NULL inside is fine. */
void tp_turn_link_close(struct tp_turn_link **link);

/** Send a copy of one message. Errors: TP_ESHUTDOWN when not open, TP_EFULL, TP_EIO. */
int tp_turn_link_send(struct tp_turn_link *link, const uint8_t *bytes, size_t len);

/** A byte stream: no retransmissions, and ChannelData is padded (RFC 8656 section 12.5). */
bool tp_turn_link_is_stream(const struct tp_turn_link *link);

/** "DTLS1.2 ECDHE-…"; empty without TLS. Owner: the link. */
const char *tp_turn_link_security(const struct tp_turn_link *link);
