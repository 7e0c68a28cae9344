/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "common/tcp_stream.h"

/* One question to one server: a STUN Binding request that is to be answered in time. */
struct check;

/** @problem: why it failed; NULL: it is answered. The check has ended. */
typedef void (*check_fn)(void *arg, const char *problem);

struct check_settings {
	struct tp_instance *self;
	struct tp_worker *worker;
	enum tp_transport transport; /* UDP, TCP or TLS */
	struct tp_addr addr;         /* with port */
	const char *host;            /* that its certificate must name */
	struct tcp_stream_tls *tls;
	uint64_t timeout_ms;
};

/**
 * @settings: what it points to stays until the check has ended
 * @done:     never inside this call
 * @problem:  a sentence when it cannot begin
 *
 * Owner:  ends with @done or check_cancel()
 * Thread: the worker's
 * Errors: NULL
 */
struct check *check_start(const struct check_settings *settings, check_fn done, void *arg,
			  char problem[TCP_STREAM_PROBLEM_SIZE]);
/** @done is not called. NULL inside is fine. Sets the pointer to NULL. */
void check_cancel(struct check **check);
