/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/stream_remains.h"

/* One of the two connections of a splice: a descriptor, or a TLS session over it. */
struct tp_splice_side {
	int fd;
	struct tp_tls tls;            /* session NULL: plain */
	struct tp_stream_rest sealed; /* what the session reads before the descriptor */
};

/**
 * Takes over descriptor and session. The side must stay where it is.
 *
 * @remains: the bytes in ->rest stay there
 */
void tp_splice_side_init(struct tp_splice_side *side, struct tp_stream_remains *remains);

/** @reset: the far end is to see that something is missing. */
void tp_splice_side_fini(struct tp_splice_side *side, bool reset);

static inline bool tp_splice_side_is_plain(const struct tp_splice_side *side)
{
	return side->tls.session == NULL;
}

/** Returns the bytes read, 0 at the end of the stream. Errors: TP_EAGAIN, TP_EIO. */
long tp_splice_side_read(struct tp_splice_side *side, uint8_t *out, size_t size);

/**
 * Returns the bytes written. Errors: TP_EAGAIN, with TLS to be called again
 * with the same bytes; TP_EIO.
 */
long tp_splice_side_write(struct tp_splice_side *side, const uint8_t *bytes, size_t len);

/** Tell the far end that no more will come. Errors: TP_EAGAIN. */
int tp_splice_side_shut(struct tp_splice_side *side);
