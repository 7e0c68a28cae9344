/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/datagram.h"
#include "io/endpoint.h"

/*
 * A network that is a table: a datagram backend that records what is sent and
 * delivers what a test says. One per process; sockets on any loop that was
 * created with &fake_net_backend.
 */
extern const struct tp_datagram_backend fake_net_backend;

/* A datagram as a socket has sent it. */
struct fake_net_datagram {
	struct tp_addr from; /* packet's local_addr where it is set, else the socket's */
	struct tp_addr to;
	uint8_t *bytes; /* exactly len of them */
	size_t len;
	int ttl;
	int tos;
	bool dont_fragment;
	bool forwarded; /* by tp_datagram_forward() */
};

/**
 * Forget what was sent and which opens shall fail; sockets that are open stay.
 */
void fake_net_reset(void);

/** Sockets open now, released descriptors that nobody has closed included. */
size_t fake_net_open_sockets(void);

/** Is a socket bound to this address? */
bool fake_net_is_bound(const struct tp_addr *addr);

/** Datagrams sent since the last reset, in order. */
size_t fake_net_sent_count(void);
/** NULL past the end. Borrowed until the next reset. */
const struct fake_net_datagram *fake_net_sent(size_t index);
/** The latest; NULL when there is none. */
const struct fake_net_datagram *fake_net_last_sent(void);

/**
 * Let a datagram arrive at the socket bound to @to, now, inside this call. The
 * memory is exactly the room a packet has and goes afterwards.
 *
 * Returns false when no socket is bound there
 */
bool fake_net_deliver(const struct tp_addr *from, const struct tp_addr *to, const void *bytes,
		      size_t len);
/** The same with TTL and TOS as received. */
bool fake_net_deliver_marked(const struct tp_addr *from, const struct tp_addr *to,
			     const void *bytes, size_t len, int ttl, int tos);

/** Does the socket bound to @addr want to hear TTL and TOS? */
bool fake_net_wants_marks(const struct tp_addr *addr);

/** Let ICMP tell the socket bound to @at of an error; false when none there asks for it. */
bool fake_net_tell_error(const struct tp_addr *at, const struct tp_datagram_error *error);

/** Let the next @count opens fail with @error. */
void fake_net_fail_opens(unsigned count, int error);
/** Let every open on this port fail with @error; 0 lifts it. */
void fake_net_fail_port(uint16_t port, int error);
/** Let every send fail with @error; 0 lifts it. */
void fake_net_fail_sends(int error);

#define FAKE_ENDPOINT_KEPT 32
#define FAKE_ENDPOINT_BYTES_MAX 2048

/* What an endpoint was told to send. */
struct fake_message {
	struct tp_five_tuple five_tuple;
	uint8_t bytes[FAKE_ENDPOINT_BYTES_MAX]; /* cut when longer; len is not */
	size_t len;
	bool forwarded;
	int ttl; /* -1 when it was not forwarded */
	int tos;
};

/* A client's endpoint that records. */
struct fake_endpoint {
	struct tp_endpoint endpoint; /* transport and stream are free to change */
	size_t send_count;
	size_t forward_count;
	size_t close_count;
	size_t held;          /* holds that were not released */
	int hold_result;      /* what hold returns; it counts only with 0 */
	size_t message_count; /* sends and forwards */
	struct fake_message messages[FAKE_ENDPOINT_KEPT]; /* the latest, by count modulo */
	int result; /* what send and forward return; they record only with 0 */
	/* Called with each message recorded; NULL: nothing. */
	void (*sent)(struct fake_endpoint *endpoint, const struct fake_message *message);
	bool paused;             /* by tp_endpoint_pause() */
	tp_handed_over_fn taken; /* by tp_endpoint_hand_over(), for the test to call; NULL: not */
	void *taker;
	/* Called by tp_endpoint_close(); NULL: nothing. */
	void (*closed)(struct fake_endpoint *endpoint);
	void *arg; /* the test's */
};

void fake_endpoint_init(struct fake_endpoint *endpoint, enum tp_transport transport);

/** The latest message; NULL when there is none. */
const struct fake_message *fake_endpoint_last(const struct fake_endpoint *endpoint);
