/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"
#include "io/endpoint.h"

struct tp_loop;

/*
 * One socket on one address, for all workers: the first to open it settles
 * the port where the kernel chooses.
 */
struct tp_binding {
	const struct tp_listener_config *config;
	enum tp_transport transport;
	bool plain_too; /* tls: tcp, too; dtls: udp, too */
	struct tp_addr addr;
	bool behavior; /* the first of the four of NAT behaviour discovery */
	bool marks;    /* TTL and TOS of what comes are wanted */
};

/**
 * Every binding of the file. Owner: free() it. Errors: NULL when out of memory.
 */
struct tp_binding *tp_bindings_create(const struct tp_config *config, size_t *count);

/**
 * The transports that a binding hears, for the log.
 *
 * @at: 0 at first, then 1, ...
 *
 * Returns false when there is no more
 */
bool tp_binding_transport(const struct tp_binding *binding, size_t at, enum tp_transport *out);

/* A worker's socket of one binding. */
struct tp_listener;

/**
 * Open a binding on a worker's loop.
 *
 * @first: this worker is the first: whoever else has the address is found out,
 *         although SO_REUSEPORT would let us share it, and binding->addr is set
 *
 * Errors: TP_EADDRINUSE, TP_EPERM, TP_EFULL, TP_EIO, TP_ENOMEM
 */
int tp_listener_open(struct tp_loop *loop, struct tp_binding *binding, bool first,
		     const struct tp_endpoint_handler *handler, struct tp_listener **out);

/**
 * Let a worker's four listeners of NAT behaviour discovery answer for each other.
 *
 * @listeners: from the binding with "behavior" on; open till the loop has ended
 */
void tp_listener_join(struct tp_listener *const *listeners);

/**
 * Who connects from now on gets these. @certs: a reference is taken; only for tls
 * and dtls.
 */
void tp_listener_use_certs(struct tp_listener *listener, struct tp_certs *certs);

/** Connections and sessions now; 0 for udp. */
size_t tp_listener_connections(const struct tp_listener *listener);

/** Accept nobody more; who is there stays. */
void tp_listener_pause(struct tp_listener *listener);

/** With its connections. Sets the pointer to NULL; NULL inside is fine. */
void tp_listener_close(struct tp_listener **listener);
