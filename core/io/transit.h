/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "base/list.h"

struct tp_counter;
struct tp_loop;

/*
 * Connections that are not ours, on their way through to another server. Here
 * is decided where to and for how long; the two are joined by a splice
 * (io/splice.h), so that what is passed on stays in the kernel. A half that is
 * left over may go on until it is silent for @idle_timeout_ms.
 */

/* The other server, and which connections it does not get. */
struct tp_back_end {
	struct tp_addr addr; /* family NONE: at @path */
	const char *path;    /* of a UNIX socket */
	bool proxy_header;   /* begin with a PROXY header, version 2 */
	/* What TLS clients call us, in lower case; none: any name. */
	const char *const *server_names;
	size_t server_name_count;
};

struct tp_transits {
	struct tp_loop *loop;
	const struct tp_back_end *back_end; /* borrowed */
	uint32_t connect_timeout_ms;
	uint32_t idle_timeout_ms; /* nothing has passed either way for so long */
	struct tp_list all;
	size_t count;
	struct tp_counter *passed_on;
	struct tp_counter *failed;
};

/** @back_end: NULL: there will be none. */
void tp_transits_init(struct tp_transits *transits, struct tp_loop *loop,
		      const struct tp_back_end *back_end, uint32_t connect_timeout_ms,
		      uint32_t idle_timeout_ms);

/** Close all. */
void tp_transits_fini(struct tp_transits *transits);

/**
 * Pass a connection on. Whatever becomes of it afterwards is counted; that the
 * back end cannot be reached is logged.
 *
 * @fd:         the client's, non-blocking; the transit's from now on, also on
 *              error
 * @five_tuple: what the PROXY header tells
 *
 * Errors: TP_ENOMEM; as tp_dialer_start()
 */
int tp_transits_add(struct tp_transits *transits, int fd, const struct tp_five_tuple *five_tuple);
