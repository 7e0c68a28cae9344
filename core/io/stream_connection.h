/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/counter.h"
#include "io/acceptor.h"
#include "io/loop.h"
#include "io/proxy_header.h"
#include "io/stream.h"
#include "io/stream_input.h"
#include "io/stream_queue.h"
#include "io/stream_remains.h"
#include "io/tls.h"
#include "io/transit.h"
#include "io/turn_buffer.h"
#include "stun/frame.h"

/* Bytes read at once; the most a TLS record holds. */
#define TP_STREAM_READ_MAX 16384

/*
 * What connections share. One that was made for an outgoing connection listens
 * on nothing and goes with it. Counted: the owner, each connection.
 */
struct tp_stream_listener {
	struct tp_loop *loop;
	struct tp_endpoint_handler handler;
	struct tp_stream_options options;
	struct tp_addr local_addr;
	unsigned references;
	struct tp_list connections;
	size_t connection_count;
	struct tp_transits transits;  /* they count as connections */
	struct tp_acceptor *acceptor; /* NULL: not listening */
	struct tp_counter *refused;
	struct tp_counter *accept_failed;
	struct tp_counter *media_dropped;
};

/** With one reference. Errors: TP_ENOMEM. */
int tp_stream_listener_create(struct tp_loop *loop, const struct tp_stream_options *options,
			      const struct tp_endpoint_handler *handler,
			      struct tp_stream_listener **out);
void tp_stream_listener_unref(struct tp_stream_listener *listener);

enum tp_connection_state {
	TP_CONNECTION_CONNECTING, /* of a client: TCP is not there yet */
	TP_CONNECTION_GREETING,   /* of a server: what comes before messages and TLS */
	TP_CONNECTION_HANDSHAKE,
	TP_CONNECTION_OPEN,
	TP_CONNECTION_CLOSED, /* freed when nobody is inside */
};

/* Messages of one connection before others have their turn. */
#define TP_STREAM_MESSAGES_MAX 32

/*
 * What the messages of one read may take of the turn buffer: each a room of its
 * own, one that is now whole, and what was read. Output leaves that much.
 */
#define TP_STREAM_READ_COST                                                                        \
	(2 * TP_TURN_BUFFER_COST(TP_STREAM_READ_MAX) +                                             \
	 TP_STREAM_MESSAGES_MAX * TP_TURN_BUFFER_COST(15) + TP_TURN_BUFFER_COST(TP_FRAME_MAX))

/*
 * What leaves together at the end of the turn. The bytes are of packets, or of
 * the loop's turn buffer, like the train itself: all of it is flushed with them.
 */
#define TP_STREAM_TRAIN_MAX 64

struct tp_stream_train {
	int count;
	struct iovec pieces[TP_STREAM_TRAIN_MAX];
	bool media[TP_STREAM_TRAIN_MAX];
};

/* A header of which more is to come. */
struct tp_stream_greeting {
	uint8_t bytes[TP_PROXY_HEADER_MAX];
	size_t len;
};

struct tp_stream_sealed;

/* Looks at the first bytes before they tell for whom a connection is. */
#define TP_STREAM_LOOKS_MAX 64

struct tp_connection {
	struct tp_endpoint endpoint;
	struct tp_list link;
	struct tp_stream_listener *listener; /* a reference */
	struct tp_five_tuple five_tuple;
	enum tp_connection_state state;
	int fd;
	struct tp_stream_greeting *greeting; /* NULL: no header is expected */
	struct event readable;
	struct event *writable; /* NULL: has never been waited for */
	struct tp_tls tls;      /* session NULL: plain TCP */
	bool server;
	uint8_t looks;      /* at its first bytes */
	bool heard;         /* a whole message has come */
	bool blocked;       /* waits until the descriptor is writable */
	bool gone;          /* so is the peer: closes at the end of the turn */
	bool paused;        /* nothing more is delivered for now */
	bool deaf;          /* nor read: the event is not added */
	const char *doomed; /* closes at the end of the turn, for this reason */
	unsigned inside;    /* calls on the stack that still need it */
	struct tp_timer timer;
	uint64_t heard_ms; /* when bytes came last */
	struct tp_turn_hook flush;
	struct tp_turn_hook resume;       /* with what the last turn has left */
	struct tp_stream_train *train;    /* NULL: none in this turn */
	struct tp_stream_queue queue;     /* not empty: blocked, or about to close */
	struct tp_stream_rest unsent;     /* TLS records before all that; the same */
	struct tp_stream_sealed *sealing; /* where records go, inside a call */
	struct tp_stream_input input;
	struct tp_stream_rest rest;   /* of the stream */
	struct tp_stream_rest sealed; /* of TLS records */
	const uint8_t *incoming;      /* what GnuTLS reads next, inside a call */
	size_t incoming_len;
	bool incoming_ended;
	tp_handed_over_fn taken; /* NULL: not to be handed over */
	void *taker;
};

/**
 * A connection on a descriptor: accepted, or with connect() under way.
 *
 * @server_name: of a client with TLS, as in tp_stream_connect()
 *
 * Owner:  the listener's; the descriptor, too, unless there is an error
 * Errors: TP_ENOMEM, TP_EIO
 */
int tp_connection_create(struct tp_stream_listener *listener, int fd,
			 const struct tp_five_tuple *five_tuple, bool server,
			 const char *server_name, struct tp_connection **out);

/**
 * TCP is there: shake hands, or be open. The connection may be gone afterwards.
 */
void tp_connection_start(struct tp_connection *connection);

/** Close at once, after sending what leaves without waiting. */
void tp_connection_close(struct tp_connection *connection);

/** The endpoint's: see io/endpoint.h. */
void tp_connection_pause(struct tp_endpoint *endpoint, bool paused);
void tp_connection_hand_over(struct tp_endpoint *endpoint, tp_handed_over_fn taken, void *taker);

/* Between these the connection stays where it is, closed or not. */
void tp_connection_enter(struct tp_connection *connection);
void tp_connection_leave(struct tp_connection *connection);

/**
 * Tell why, then close.
 *
 * @bytes: of the peer, what was wrong; NULL: nothing
 */
void tp_connection_fail(struct tp_connection *connection, const char *reason, const uint8_t *bytes,
			size_t len);

/** The same at the end of the turn: the caller is in the middle of something. */
void tp_connection_doom(struct tp_connection *connection, const char *reason);

/** Call on_writable once when there is room. Errors: TP_ENOMEM. */
int tp_connection_await_writable(struct tp_connection *connection);

/** A whole message has come: nobody waits for the first any more. */
void tp_connection_heard(struct tp_connection *connection);

/**
 * Make the session of a connection that has certificates.
 *
 * @server_name: as above
 *
 * Errors: TP_ENOMEM, TP_EIO
 */
int tp_connection_set_tls(struct tp_connection *connection, const char *server_name);

/** What came before is done with: shake hands, or be open. As above. */
void tp_connection_begin(struct tp_connection *connection);

/** Go on with the handshake as far as it goes. */
void tp_connection_shake_hands(struct tp_connection *connection);

/* --- stream_greeting.c ---------------------------------------------------- */

/**
 * Does an accepted connection begin with something else than messages or TLS?
 *
 * Errors: TP_ENOMEM
 */
int tp_connection_expect_greeting(struct tp_connection *connection, bool *expected);

/** Is it only told by the first bytes whether it is TLS? */
bool tp_connection_must_look(const struct tp_connection *connection);

/**
 * Go on with that as far as it goes, then begin, or pass the connection on: it
 * is closed here then.
 */
void tp_connection_greet(struct tp_connection *connection);

/* --- stream_output.c ------------------------------------------------------ */

extern const struct tp_endpoint_ops tp_connection_ops;

/** Write what waits and this turn's train, as far as the kernel takes it. */
void tp_connection_write(struct tp_connection *connection);

/** Wait until there is room again; what is given meanwhile is queued. */
void tp_connection_want_write(struct tp_connection *connection);

/* --- stream_sealing.c ------------------------------------------------------ */

/** How GnuTLS writes. */
void tp_connection_set_push(struct tp_connection *connection);

/**
 * Send messages as TLS records, one each, in one call.
 *
 * Returns the bytes that have become records and left, or wait in
 * connection->unsent. Errors: TP_EIO.
 */
long tp_connection_seal(struct tp_connection *connection, const struct iovec *pieces, int count);

/** Send records that wait. Errors: TP_EAGAIN with something left, TP_EIO. */
int tp_connection_write_unsent(struct tp_connection *connection);

/* --- stream_reading.c ----------------------------------------------------- */

/** How GnuTLS reads: what tp_connection_read() has received. */
void tp_connection_set_pull(struct tp_connection *connection);

/**
 * Receive and deliver, no more than a connection's share of the turn. What is
 * left comes in the next turn, whether or not the kernel has more.
 */
void tp_connection_read(struct tp_connection *connection);

/** Is there something left? */
bool tp_connection_has_rest(const struct tp_connection *connection);

/** Then ask for the next turn, unless the handshake must write first. */
void tp_connection_want_turn(struct tp_connection *connection);

void tp_connection_forget_input(struct tp_connection *connection);
