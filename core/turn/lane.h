/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tp_packet;

/*
 * Packets on their way from one thread to one other: a ring of bytes without a
 * lock, in order. What is put becomes visible when it is published, many at a time;
 * what is taken lies in the ring, with the room around it that every packet
 * has, until its place is released. While little is under way only the
 * beginning of the ring is used, so that its memory is mostly untouched.
 */
struct tp_lane;

#define TP_LANE_BYTES (512 * 1024)    /* of payloads, with 164 bytes or a little more for each */
#define TP_LANE_PAYLOAD_MAX (65507UL) /* what UDP over IPv4 can carry */

/** Errors: NULL when out of memory. */
struct tp_lane *tp_lane_create(void);
void tp_lane_free(struct tp_lane **lane);

/**
 * Copy a packet in: bytes, remote address, TTL and TOS.
 *
 * @tag: comes out with it
 *
 * Thread: the sender's
 * Errors: TP_EFULL, also for a payload larger than TP_LANE_PAYLOAD_MAX
 */
int tp_lane_put(struct tp_lane *lane, const struct tp_packet *packet, uint32_t tag);

/**
 * Let the receiver have what was put. Returns true when it must be woken: it
 * has answered the last call with tp_lane_open(), or there was none.
 *
 * Thread: the sender's
 */
bool tp_lane_publish(struct tp_lane *lane);

/** The receiver could not be woken: try again with the next. Thread: the sender's. */
void tp_lane_unpublish(struct tp_lane *lane);

/** Woken: look at what has been published until now. Thread: the receiver's. */
void tp_lane_open(struct tp_lane *lane);

/** The next packet, false when all are taken. Thread: the receiver's. */
bool tp_lane_take(struct tp_lane *lane, struct tp_packet *packet, uint32_t *tag);

/** The place of all that was taken may be used again. Thread: the receiver's. */
void tp_lane_release(struct tp_lane *lane);
