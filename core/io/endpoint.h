/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * Where messages of clients come from and go to: a UDP listener (many clients,
 * told apart by five-tuple), a TCP or TLS connection, a DTLS session (one
 * client each). What is above never asks which.
 */

/* Room that every delivered packet has in front and behind, so that a Data
 * indication or ChannelData header and padding are written in place. */
#define TP_PACKET_HEADROOM 64
#define TP_PACKET_TAILROOM 64

struct tp_packet {
	uint8_t *data;
	size_t len;
	struct tp_addr remote_addr;
	struct tp_addr local_addr;
	int ttl;            /* received or to be sent; -1: unknown, or the socket's default */
	int tos;            /* DSCP and ECN byte; -1 likewise */
	bool dont_fragment; /* to be sent: set DF */
};

struct tp_endpoint;

/* What a handshake has found out; NULL for what is not there. */
struct tp_endpoint_security {
	const char *description;    /* "TLS1.3 …": version and ciphers */
	const char *server_name;    /* SNI */
	const char *alpn;           /* as negotiated */
	const uint8_t *certificate; /* the peer's own, DER; not verified on a server */
	size_t certificate_len;
};

/*
 * Callbacks a higher layer gives with its "owner". All on the loop's thread.
 * The packet and the five-tuple are borrowed for the call; the packet's bytes
 * and room around them may be rewritten.
 */
struct tp_endpoint_handler {
	void *owner;
	/*
	 * One whole STUN or ChannelData message (ChannelData with its padding
	 * on a stream), or one datagram with any content. Never DTLS records.
	 */
	void (*message)(void *owner, struct tp_endpoint *endpoint,
			const struct tp_five_tuple *five_tuple, struct tp_packet *packet);
	/*
	 * A connection or session has passed its handshake; @security: NULL
	 * without TLS, borrowed. It may be closed inside. Not for UDP. NULL is
	 * fine.
	 */
	void (*opened)(void *owner, struct tp_endpoint *endpoint,
		       const struct tp_five_tuple *five_tuple,
		       const struct tp_endpoint_security *security);
	/*
	 * A connection or session that was opened is about to be freed, for
	 * whatever reason, tp_endpoint_close() included. Last chance to drop
	 * pointers to it.
	 */
	void (*closed)(void *owner, struct tp_endpoint *endpoint,
		       const struct tp_five_tuple *five_tuple);
	/*
	 * Bytes that are no message, a failed handshake, an idle or overlong
	 * connection: @reason in words, first bytes as seen. The connection
	 * closes.
	 */
	void (*exception)(void *owner, const struct tp_five_tuple *five_tuple, const char *reason,
			  const uint8_t *bytes, size_t len);
	/* Told by the endpoints of this listener: a number of the layer above. */
	unsigned realm;
	/* With TLS, ask clients for a certificate of their own; none is fine. */
	bool ask_certificate;
};

struct tp_stream_remains;

/*
 * @remains: to be taken from, what is left there is closed; fd -1 when the
 *           connection has closed first
 */
typedef void (*tp_handed_over_fn)(void *taker, struct tp_stream_remains *remains);

struct tp_endpoint_ops {
	int (*send)(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
		    const uint8_t *bytes, size_t len);
	int (*forward)(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
		       struct tp_packet *packet);
	void (*close)(struct tp_endpoint *endpoint);
	/* NULL: nothing is to be kept for a client. */
	int (*hold)(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple);
	void (*release)(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple);
	/* Of a connection of a stream; NULL for any other: */
	void (*pause)(struct tp_endpoint *endpoint, bool paused);
	void (*hand_over)(struct tp_endpoint *endpoint, tp_handed_over_fn taken, void *taker);
};

struct tp_endpoint {
	const struct tp_endpoint_ops *ops;
	enum tp_transport transport;
	bool stream;    /* ChannelData needs padding (RFC 8656 section 12.5) */
	unsigned realm; /* the handler's at first; the layer above may change it */
	void *attached; /* free for the layer above; NULL at first */
};

/**
 * Send a response: the bytes are copied where they cannot leave at once.
 *
 * A response is never dropped from a bounded queue for media; when even so
 * there is no room the connection closes.
 *
 * Errors: TP_EFULL, TP_ESHUTDOWN, TP_EIO; a datagram the kernel refused later
 *         is counted only
 */
static inline int tp_endpoint_send(struct tp_endpoint *endpoint,
				   const struct tp_five_tuple *five_tuple, const uint8_t *bytes,
				   size_t len)
{
	return endpoint->ops->send(endpoint, five_tuple, bytes, len);
}

/**
 * Send media: packet->data and ->len, which must lie in a packet that the same
 * loop delivered in this turn, or stay as they are until its hooks have run
 * (tp_loop_flush()). No copy where the transport can do without. Over UDP and DTLS the datagram
 * gets packet->ttl and ->tos.
 * On a slow stream media is dropped, oldest first, and counted.
 */
static inline int tp_endpoint_forward(struct tp_endpoint *endpoint,
				      const struct tp_five_tuple *five_tuple,
				      struct tp_packet *packet)
{
	return endpoint->ops->forward(endpoint, five_tuple, packet);
}

/**
 * Close a connection or session; nothing for UDP. @closed is called before this
 * returns.
 */
static inline void tp_endpoint_close(struct tp_endpoint *endpoint)
{
	endpoint->ops->close(endpoint);
}

/**
 * Something will be sent to this client later, when what it has sent now is done
 * with: keep the way to it. Until tp_endpoint_release(), as often as this. Only for
 * clients that have authenticated, or requests that are bounded in number.
 *
 * Errors: TP_EFULL, TP_ENOMEM
 */
static inline int tp_endpoint_hold(struct tp_endpoint *endpoint,
				   const struct tp_five_tuple *five_tuple)
{
	return endpoint->ops->hold == NULL ? 0 : endpoint->ops->hold(endpoint, five_tuple);
}

static inline void tp_endpoint_release(struct tp_endpoint *endpoint,
				       const struct tp_five_tuple *five_tuple)
{
	if (endpoint->ops->release != NULL) {
		endpoint->ops->release(endpoint, five_tuple);
	}
}

/**
 * Deliver no further message and read nothing, or go on: also inside a delivery. What
 * is sent leaves all the same. Nothing for an endpoint that is no stream.
 */
static inline void tp_endpoint_pause(struct tp_endpoint *endpoint, bool paused)
{
	if (endpoint->ops->pause != NULL) {
		endpoint->ops->pause(endpoint, paused);
	}
}

/**
 * When all that was sent until now has left, the connection ends as an endpoint:
 * @closed is called, then @taken with what is left of it, bytes that came after
 * the last message included. Only for a stream; nothing may be sent any more. @taken is
 * called exactly once, not before this has returned.
 */
static inline void tp_endpoint_hand_over(struct tp_endpoint *endpoint, tp_handed_over_fn taken,
					 void *taker)
{
	endpoint->ops->hand_over(endpoint, taken, taker);
}
