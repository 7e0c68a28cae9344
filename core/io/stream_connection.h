/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/counter.h"
#include "io/loop.h"
#include "io/stream.h"
#include "io/stream_input.h"
#include "io/stream_queue.h"
#include "io/tls.h"
#include "io/turn_buffer.h"

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
	struct tp_turn_buffer messages;
	uint8_t scratch[TP_STREAM_READ_MAX];
	int fd; /* -1: not listening */
	struct event acceptable;
	struct tp_timer retry; /* accept again after descriptors ran out */
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
	TP_CONNECTION_HANDSHAKE,
	TP_CONNECTION_OPEN,
	TP_CONNECTION_CLOSED, /* freed when nobody is inside */
};

struct tp_connection {
	struct tp_endpoint endpoint;
	struct tp_list link;
	struct tp_stream_listener *listener; /* a reference */
	struct tp_five_tuple five_tuple;
	enum tp_connection_state state;
	int fd;
	struct event readable;
	struct event writable;
	struct tp_tls tls; /* session NULL: plain TCP */
	bool server;
	bool heard;         /* a whole message has come */
	const char *doomed; /* closes at the end of the turn, for this reason */
	unsigned inside;    /* calls on the stack that still need it */
	struct tp_timer timer;
	uint64_t heard_ms; /* when bytes came last */
	struct tp_turn_hook flush;
	struct tp_stream_queue queue;
	struct tp_stream_input input;
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
