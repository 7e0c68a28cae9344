/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/lane.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "io/endpoint.h"

#define CACHE_LINE 64
#define MASK ((size_t)TP_LANE_BYTES - 1)

/* In front of each packet. Items begin at cache lines, so there is always room for one. */
struct item {
	uint32_t size; /* of all; 0: the next is at the beginning of the ring */
	uint32_t len;
	uint32_t tag;
	int16_t ttl;
	int16_t tos;
	struct tp_addr remote_addr;
};
_Static_assert(sizeof(struct item) <= CACHE_LINE, "the end of the ring has room for an item");

#define ITEM_MAX (2 * CACHE_LINE + TP_PACKET_HEADROOM + TP_LANE_PAYLOAD_MAX + TP_PACKET_TAILROOM)
_Static_assert(TP_LANE_BYTES >= 2 * ITEM_MAX, "the largest fits wherever the ring is at");

/*
 * Positions count bytes since the beginning, through all laps; they wrap with
 * their type. released <= taken <= published <= written.
 */
struct tp_lane {
	alignas(CACHE_LINE) size_t written;
	size_t floor; /* the ring was empty there: all below is released */

	alignas(CACHE_LINE) _Atomic size_t published;
	_Atomic size_t start; /* what is below is nothing to be taken */
	atomic_bool called;

	alignas(CACHE_LINE) _Atomic size_t released;

	alignas(CACHE_LINE) size_t taken;
	size_t limit; /* published, as last seen */

	alignas(CACHE_LINE) uint8_t bytes[TP_LANE_BYTES];
};

struct tp_lane *tp_lane_create(void)
{
	struct tp_lane *lane = aligned_alloc(CACHE_LINE, sizeof(*lane));

	if (lane != NULL) {
		memset(lane, 0, offsetof(struct tp_lane, bytes));
	}
	return lane;
}

void tp_lane_free(struct tp_lane **lane)
{
	free(*lane);
	*lane = NULL;
}

static struct item *item_at(struct tp_lane *lane, size_t position)
{
	return (struct item *)(void *)&lane->bytes[position & MASK];
}

/* To the beginning of the ring from any position. */
static size_t lap_left(size_t position)
{
	return (TP_LANE_BYTES - (position & MASK)) & MASK;
}

/* --- the sender --------------------------------------------------------------- */

/* Bytes that may not be overwritten. */
static size_t in_use(struct tp_lane *lane)
{
	size_t released = atomic_load_explicit(&lane->released, memory_order_acquire);

	if (released == lane->written && lap_left(released) != 0) {
		/* empty: begin anew, where the memory is warm */
		lane->written += lap_left(lane->written);
		lane->floor = lane->written;
		atomic_store_explicit(&lane->start, lane->written, memory_order_relaxed);
	}
	if (lane->floor - released <= TP_LANE_BYTES) {
		released = lane->floor;
	}
	return lane->written - released;
}

int tp_lane_put(struct tp_lane *lane, const struct tp_packet *packet, uint32_t tag)
{
	size_t used = in_use(lane);
	size_t left = lap_left(lane->written);
	struct item *item;
	size_t size;

	if (packet->len > TP_LANE_PAYLOAD_MAX) {
		return TP_EFULL;
	}
	size = sizeof(*item) + TP_PACKET_HEADROOM + packet->len + TP_PACKET_TAILROOM;
	size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	left = size <= left ? 0 : left; /* skipped at the end of the ring */
	if (used + left + size > TP_LANE_BYTES) {
		return TP_EFULL;
	}
	if (left != 0) {
		item_at(lane, lane->written)->size = 0;
		lane->written += left;
	}
	item = item_at(lane, lane->written);
	*item = (struct item){
		.size = (uint32_t)size,
		.len = (uint32_t)packet->len,
		.tag = tag,
		.ttl = (int16_t)packet->ttl,
		.tos = (int16_t)packet->tos,
		.remote_addr = packet->remote_addr,
	};
	memcpy((uint8_t *)(item + 1) + TP_PACKET_HEADROOM, packet->data, packet->len);
	lane->written += size;
	return 0;
}

bool tp_lane_publish(struct tp_lane *lane)
{
	atomic_store_explicit(&lane->published, lane->written, memory_order_release);
	return !atomic_exchange_explicit(&lane->called, true, memory_order_acq_rel);
}

void tp_lane_unpublish(struct tp_lane *lane)
{
	atomic_store_explicit(&lane->called, false, memory_order_relaxed);
}

/* --- the receiver ------------------------------------------------------------- */

void tp_lane_open(struct tp_lane *lane)
{
	size_t start;

	/*
	 * First: a sender that publishes after this line calls again, and what
	 * one before it has published is seen below.
	 */
	atomic_exchange_explicit(&lane->called, false, memory_order_acq_rel);
	lane->limit = atomic_load_explicit(&lane->published, memory_order_acquire);
	start = atomic_load_explicit(&lane->start, memory_order_relaxed);
	if (start - lane->taken <= lane->limit - lane->taken) {
		lane->taken = start;
	}
}

bool tp_lane_take(struct tp_lane *lane, struct tp_packet *packet, uint32_t *tag)
{
	struct item *item;

	if (lane->taken == lane->limit) {
		return false;
	}
	item = item_at(lane, lane->taken);
	if (item->size == 0) {
		lane->taken += lap_left(lane->taken);
		item = item_at(lane, lane->taken);
	}
	lane->taken += item->size;
	*packet = (struct tp_packet){
		.data = (uint8_t *)(item + 1) + TP_PACKET_HEADROOM,
		.len = item->len,
		.remote_addr = item->remote_addr,
		.ttl = item->ttl,
		.tos = item->tos,
	};
	*tag = item->tag;
	return true;
}

void tp_lane_release(struct tp_lane *lane)
{
	atomic_store_explicit(&lane->released, lane->taken, memory_order_release);
}
