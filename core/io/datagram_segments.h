/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/endpoint.h"

/*
 * Datagrams that the kernel delivered as one (UDP GRO), taken apart: copied, so
 * that each has the room around it that every packet has, and a header can be
 * written in front without touching its neighbour. The memory is one for a whole loop turn.
 */
struct tp_segments {
	uint8_t *bytes;
	size_t used;
};

/** Errors: TP_ENOMEM. Only pages that datagrams reach cost memory. */
int tp_segments_init(struct tp_segments *segments);
void tp_segments_fini(struct tp_segments *segments);

/** Nobody looks at what was delivered any more. */
void tp_segments_clear(struct tp_segments *segments);

/** Is there room to take that apart now, or only after tp_segments_clear()? */
bool tp_segments_have_room(const struct tp_segments *segments, size_t len, size_t segment_size);

/**
 * Call for each datagram in order until @deliver returns false. There must be
 * room.
 *
 * @deliver: gets a packet of its own, good until tp_segments_clear()
 */
void tp_segments_deliver(struct tp_segments *segments, const struct tp_packet *whole,
			 size_t segment_size,
			 bool (*deliver)(void *context, struct tp_packet *packet), void *context);
