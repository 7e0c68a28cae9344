/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/allocation.h>
#include <turnpike/event.h>

/*
 * What an allocation may relay: for each direction a token bucket of bits and
 * one of packets, which hold a second's worth. A packet that is larger than the
 * bucket of bits passes when that is full, and what it took too much is owed, so
 * that no rate is too low to relay at and none is exceeded in the long run.
 *
 * Only allocations that have limits have one of these.
 */
struct tp_bucket {
	uint64_t rate; /* tokens a second; 0: no limit */
	int64_t level; /* thousandths of a token; below 0: owed */
};

struct tp_limit {
	struct {
		struct tp_bucket bits;
		struct tp_bucket packets;
		uint64_t filled_ms;
	} directions[2];          /* by enum tp_direction */
	struct tp_limits ceiling; /* of the user, by the credentials; 0: none */
	struct tp_traffic over;   /* dropped, both ways */
};

/**
 * Full buckets.
 *
 * @ceiling: no limit that is set later goes above; 0: none
 */
void tp_limit_init(struct tp_limit *limit, const struct tp_limits *ceiling, uint64_t now_ms);

/** From now on; what the buckets hold stays, as far as the new ones hold it. */
void tp_limit_set(struct tp_limit *limit, const struct tp_limits *limits, uint64_t now_ms);

/** May a packet be relayed? Takes its tokens, or counts it as dropped. @len: of payload, bytes. */
bool tp_limit_pass(struct tp_limit *limit, enum tp_direction direction, size_t len,
		   uint64_t now_ms);

/**
 * How much of a stream may be relayed now, for which tp_limit_take() comes; it waits
 * where a packet would be dropped.
 *
 * @max:     bytes that are wanted at most, not 0
 * @wait_ms: set with 0: how long until it may be more, a tenth of a second's worth
 */
size_t tp_limit_room(struct tp_limit *limit, enum tp_direction direction, size_t max,
		     uint64_t now_ms, uint32_t *wait_ms);

/** So much has been: it counts as one packet. */
void tp_limit_take(struct tp_limit *limit, enum tp_direction direction, size_t len);

/** The lower of two limits, member by member; 0 is none. */
struct tp_limits tp_limits_lowest(const struct tp_limits *a, const struct tp_limits *b);

static inline bool tp_limits_any(const struct tp_limits *limits)
{
	return limits->bits_per_s != 0 || limits->packets_per_s != 0;
}
