/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "common/tcp_stream.h"
#include "pool.h"

/*
 * Keeps a pool current: resolves the names again and again, and checks each
 * address at an interval. On one worker, which it never holds up.
 */
struct watch;

enum watch_how {
	WATCH_AUTO =
		0, /* over the first of udp, tcp, tls that the target has; dtls counts as tls */
	WATCH_UDP = 1,
	WATCH_TCP = 2,
	WATCH_TLS = 3,
	WATCH_NONE = 4, /* names are resolved all the same */
};

struct watch_settings {
	enum watch_how how;
	uint64_t interval_ms;
	uint64_t timeout_ms;
	uint64_t resolve_ms;
	struct tcp_stream_tls *tls; /* NULL when nothing is checked over TLS */
	const char *domain;         /* in the certificates of targets without a name; or NULL */
	struct tp_counter *checks;
	struct tp_counter *failures;
	struct tp_counter *changes; /* of state */
};

/** The transport that a target is checked over: UDP, TCP or TLS. */
enum tp_transport watch_transport(const struct target *target, enum watch_how how);

/**
 * @settings: copied; what it points to stays
 *
 * Errors: NULL when out of memory
 */
struct watch *watch_create(struct tp_instance *self, struct tp_worker *worker, struct pool *pool,
			   const struct watch_settings *settings);
/** NULL inside is fine. Sets the pointer to NULL. */
void watch_free(struct watch **watch);
