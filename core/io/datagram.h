/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/endpoint.h"
#include "io/socket.h"

struct tp_counter;
struct tp_loop;
struct tp_prefix_set;
struct tp_udp_proxy;

/*
 * A UDP socket on a loop: a listener's, a relayed one, a DTLS listener's.
 * Datagrams come in by callback, in batches where the backend can; those sent
 * leave at the end of the loop turn at the latest, in order per socket.
 */
struct tp_datagram;

/* What ICMP tells of a datagram that was sent, or this host of one too big for its link. */
struct tp_datagram_error {
	struct tp_addr remote_addr; /* where it was sent */
	uint8_t type;               /* of ICMP, or ICMPv6 */
	uint8_t code;
	uint32_t mtu; /* of the next hop, for one that was too big; else 0 */
};

struct tp_datagram_options {
	struct tp_socket_options socket;
	struct tp_counter *drops; /* of what the kernel had no room for; NULL: not counted */
	void *owner;
	/* One datagram, TP_PACKET_HEADROOM and TP_PACKET_TAILROOM around it.
	 * packet->local_addr is the destination (the bound address, exact with
	 * want_local_addr). The socket may be closed inside. */
	void (*receive)(void *owner, struct tp_datagram *datagram, struct tp_packet *packet);
	/* Told of ICMP errors; the socket stays open inside. NULL: not asked for. */
	void (*error)(void *owner, struct tp_datagram *datagram,
		      const struct tp_datagram_error *error);
};

/*
 * How datagrams are moved. One table per backend; a test has its own. The
 * backend allocates the datagram with its struct as first member.
 */
struct tp_datagram_backend {
	const char *name;
	/* Does this kernel have it? NULL: yes. */
	bool (*usable)(void);
	/* Per-loop state, kept with tp_loop_backend_state(); NULL: none. */
	int (*loop_open)(struct tp_loop *loop, void **state);
	void (*loop_close)(struct tp_loop *loop, void *state);
	/* All hooks of the turn have run: nobody looks at what was delivered any more. */
	void (*flushed)(struct tp_loop *loop, void *state);
	/* Open a socket; or take over @fd when it is not -1 (bound already). */
	int (*open)(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		    struct tp_datagram **out);
	void (*close)(struct tp_datagram *datagram);
	/*
	 * Stop receiving and give up the descriptor without closing it, -1 if
	 * impossible.
	 */
	int (*release)(struct tp_datagram *datagram);
	/* Add what the kernel has dropped since the last time; NULL: it cannot tell. */
	void (*count_drops)(struct tp_datagram *datagram);
	/* @stable: the bytes stay as they are until the end of the turn. */
	int (*send)(struct tp_datagram *datagram, const struct tp_packet *packet, bool stable);
};

struct tp_datagram {
	const struct tp_datagram_backend *backend;
	struct tp_loop *loop;
	struct tp_addr local_addr; /* as bound, port included */
	void *owner;
	void (*receive)(void *owner, struct tp_datagram *datagram, struct tp_packet *packet);
};

/** The backends built in, fastest first; ends with NULL. */
extern const struct tp_datagram_backend *const tp_datagram_backends[];

/** By name ("uring", "mmsg", "plain"); NULL when it is not built in. */
const struct tp_datagram_backend *tp_datagram_backend_named(const char *name);

/** Does this kernel have it, and is it allowed here? */
bool tp_datagram_backend_usable(const struct tp_datagram_backend *backend);

/** The fastest usable one; there always is one. */
const struct tp_datagram_backend *tp_datagram_backend_best(void);

/** Per-loop state of the loop's backend. */
void *tp_loop_backend_state(struct tp_loop *loop);

/**
 * Open on the loop's backend. Errors as tp_socket_open_udp(), TP_ENOMEM. Close
 * with tp_datagram_close().
 */
int tp_datagram_open(struct tp_loop *loop, const struct tp_datagram_options *options,
		     struct tp_datagram **out);

/**
 * The same with a descriptor that is bound already; it is the datagram's from
 * then on, also on error.
 */
int tp_datagram_adopt(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		      struct tp_datagram **out);

/**
 * Stop receiving and return the bound descriptor, now the caller's. Frees the
 * datagram, sets NULL.
 */
int tp_datagram_release(struct tp_datagram **datagram);

/**
 * Queued datagrams still leave. Sets the pointer to NULL; NULL inside is fine.
 */
void tp_datagram_close(struct tp_datagram **datagram);

/**
 * Add to options.drops what arrived since the last time and found the socket's
 * receive buffer full. Closing does it, too.
 */
void tp_datagram_count_drops(struct tp_datagram *datagram);

/**
 * Send a copy of bytes to packet->remote_addr, from packet->local_addr where
 * that is set.
 */
int tp_datagram_send(struct tp_datagram *datagram, const struct tp_packet *packet);

/** Send bytes of a packet delivered by the same loop in this turn; no copy. */
int tp_datagram_forward(struct tp_datagram *datagram, const struct tp_packet *packet);

/*
 * A UDP listener as an endpoint for clients: packets become messages with the
 * five-tuple made of their addresses.
 */
struct tp_udp_listener;

int tp_udp_listener_open(struct tp_loop *loop, const struct tp_socket_options *socket,
			 const struct tp_endpoint_handler *handler, struct tp_udp_listener **out);
/**
 * The same behind proxies (io/udp_proxy.h).
 *
 * @proxies:     borrowed, outlives it
 * @clients_max: that are held at a time
 */
int tp_udp_listener_open_proxied(struct tp_loop *loop, const struct tp_socket_options *socket,
				 const struct tp_prefix_set *proxies, size_t clients_max,
				 const struct tp_endpoint_handler *handler,
				 struct tp_udp_listener **out);
/** NULL when it has none. */
struct tp_udp_proxy *tp_udp_listener_proxy(struct tp_udp_listener *listener);
void tp_udp_listener_close(struct tp_udp_listener **listener);
typedef void (*tp_udp_receive_fn)(void *owner, struct tp_datagram *datagram,
				  struct tp_packet *packet);

/**
 * Datagrams whose first byte says DTLS (RFC 7983) go to somebody else from now
 * on.
 *
 * @receive: as in struct tp_datagram_options; may close the listener
 *
 * Returns the datagram, the listener's, by which to answer
 */
struct tp_datagram *tp_udp_listener_divert_dtls(struct tp_udp_listener *listener, void *owner,
						tp_udp_receive_fn receive);
struct tp_endpoint *tp_udp_listener_endpoint(struct tp_udp_listener *listener);
/** As bound; tells the port when the kernel chose it. */
const struct tp_addr *tp_udp_listener_addr(const struct tp_udp_listener *listener);
