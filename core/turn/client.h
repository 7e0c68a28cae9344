/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/attachment.h"

struct tp_endpoint;
struct tp_endpoint_security;
struct tp_five_tuple;
struct tp_realm;
struct tp_server;

/*
 * A client that is connected: over TCP, TLS or DTLS, from the end of the
 * handshake until the connection closes. Over UDP there is nothing to keep.
 */
struct tp_client {
	union { /* what plugins see, and have attached to it */
		struct tp_client_handle handle;
		struct tp_client_view view; /* five_tuple is the key in the server's table */
	};
	struct tp_realm *realm;
	struct tp_endpoint *endpoint;
	const char *reason; /* of its end, while that is told; NULL: not known yet */
};

/**
 * The handshake is done: the name that the client has asked for settles its realm,
 * and on_client_connected may close the connection.
 *
 * @security: NULL without TLS
 */
void tp_client_open(struct tp_server *server, struct tp_endpoint *endpoint,
		    const struct tp_five_tuple *five_tuple,
		    const struct tp_endpoint_security *security);

/** It closes, and why. @reason: stays as it is until tp_client_close(). */
void tp_client_note(struct tp_server *server, const struct tp_five_tuple *five_tuple,
		    const char *reason);

/** It has closed: on_client_closed. Nothing over UDP. */
void tp_client_close(struct tp_server *server, struct tp_endpoint *endpoint);

/** NULL when there is none. */
struct tp_client *tp_client_find(const struct tp_server *server,
				 const struct tp_five_tuple *five_tuple);

/** Those that are left when the server ends. */
void tp_client_close_all(struct tp_server *server);
