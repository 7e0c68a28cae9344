/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "io/tls.h"

/* Bytes that must wait: that came, or that leave. */
struct tp_stream_rest {
	uint8_t *bytes; /* NULL: none */
	size_t at;
	size_t len;
};

static inline void tp_stream_rest_fini(struct tp_stream_rest *rest)
{
	free(rest->bytes);
	*rest = (struct tp_stream_rest){0};
}

/*
 * What is left of a connection when it has been handed over
 * (tp_endpoint_hand_over()): a stream of bytes in which messages have an end.
 * It belongs to no loop and may go to another thread.
 */
struct tp_stream_remains {
	int fd;                       /* -1: it has closed instead */
	struct tp_tls tls;            /* session NULL: plain TCP */
	struct tp_stream_rest rest;   /* has come after the last message */
	struct tp_stream_rest sealed; /* the same in TLS records, after the above */
};

/** Close what nobody has taken. Harmless on one with fd -1 and nothing else. */
void tp_stream_remains_fini(struct tp_stream_remains *remains);
