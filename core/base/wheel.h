/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

/*
 * Hierarchical timer wheel in milliseconds: arm, move and cancel in constant
 * time. One thread. A timer belongs to the caller and fires once; its function
 * may arm, cancel or free any timer, itself included.
 */
struct tp_timer {
	struct tp_list link;
	uint64_t at_ms;
	void (*fire)(struct tp_timer *timer);
};

#define TP_WHEEL_LEVELS 6
#define TP_WHEEL_SLOTS 64

struct tp_wheel {
	struct tp_list slots[TP_WHEEL_LEVELS][TP_WHEEL_SLOTS];
	uint64_t occupied[TP_WHEEL_LEVELS]; /* one bit per slot */
	uint64_t now_ms;
	uint64_t armed; /* timers in the wheel */
};

void tp_wheel_init(struct tp_wheel *wheel, uint64_t now_ms);

void tp_timer_init(struct tp_timer *timer, void (*fire)(struct tp_timer *timer));

bool tp_timer_armed(const struct tp_timer *timer);

/** Arm, or move when armed. A time not after now fires a millisecond from now. */
void tp_wheel_arm(struct tp_wheel *wheel, struct tp_timer *timer, uint64_t at_ms);

/** Harmless when not armed. */
void tp_wheel_cancel(struct tp_wheel *wheel, struct tp_timer *timer);

/** Fire all that is due at @now_ms, in the order of their times. */
void tp_wheel_advance(struct tp_wheel *wheel, uint64_t now_ms);

/** A time at or before the next timer's; UINT64_MAX when none is armed. */
uint64_t tp_wheel_next_ms(const struct tp_wheel *wheel);
