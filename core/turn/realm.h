/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "host/generation.h"
#include "turn/shared.h"

struct tp_endpoint;
struct tp_quota;
struct tp_server;

/*
 * A realm on one worker (RFC 8489 section 9.2): who is asked about its clients,
 * and what it is run with. Listeners and SNI put clients into one; a request, an
 * allocation and a connection stay in theirs. How many there are, in which order,
 * and their names are those of the start; a reload changes the rest.
 */
struct tp_realm {
	const struct tp_chains *chains; /* of the server's generation */
	struct tp_shared *shared;
	struct tp_server *server;
	const struct tp_turn_options *options; /* of the server's settings, with its own values */
	struct tp_quota *quota;                /* of all workers */
	const char *name;
	size_t allocations; /* on this worker now */
	uint32_t index;
};

/** The realms of a server, by index. Errors: TP_ENOMEM. */
int tp_realms_create(struct tp_server *server);
void tp_realms_free(struct tp_server *server);

/** The server has other plugins or options. */
void tp_realms_reload(struct tp_server *server);

/** Of what comes over an endpoint. */
struct tp_realm *tp_realm_of(const struct tp_server *server, const struct tp_endpoint *endpoint);

/**
 * The realm that a name in TLS belongs to; NULL: none. An exact name goes before
 * "*.example.org", which stands for one label more.
 *
 * @server_name: SNI, any text; NULL: none
 */
struct tp_realm *tp_realm_of_name(const struct tp_server *server, const char *server_name);
