/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wheel.h"

#include <stddef.h>

#define SLOT_BITS 6
#define SLOT_MASK (TP_WHEEL_SLOTS - 1)

/*
 * A timer sits at the lowest level whose span still holds it, in the slot of
 * its time's digit at that level. When the clock enters a slot of a higher
 * level, its timers move down.
 */

static unsigned shift_of(unsigned level)
{
	return level * SLOT_BITS;
}

void tp_wheel_init(struct tp_wheel *wheel, uint64_t now_ms)
{
	for (unsigned level = 0; level < TP_WHEEL_LEVELS; level++) {
		wheel->occupied[level] = 0;
		for (unsigned slot = 0; slot < TP_WHEEL_SLOTS; slot++) {
			tp_list_init(&wheel->slots[level][slot]);
		}
	}
	wheel->now_ms = now_ms;
	wheel->armed = 0;
}

void tp_timer_init(struct tp_timer *timer, void (*fire)(struct tp_timer *timer))
{
	tp_list_init(&timer->link);
	timer->at_ms = 0;
	timer->fire = fire;
}

bool tp_timer_armed(const struct tp_timer *timer)
{
	return !tp_list_empty(&timer->link);
}

/* The level whose digit is the highest in which the two times differ. */
static unsigned level_of(uint64_t now_ms, uint64_t at_ms)
{
	uint64_t different = now_ms ^ at_ms;
	unsigned level =
		different == 0 ? 0 : (63u - (unsigned)__builtin_clzll(different)) / SLOT_BITS;

	return level < TP_WHEEL_LEVELS ? level : TP_WHEEL_LEVELS - 1;
}

static void place(struct tp_wheel *wheel, struct tp_timer *timer)
{
	uint64_t at_ms = timer->at_ms > wheel->now_ms ? timer->at_ms : wheel->now_ms;
	unsigned level = level_of(wheel->now_ms, at_ms);
	unsigned slot = (unsigned)(at_ms >> shift_of(level)) & SLOT_MASK;

	tp_list_append(&wheel->slots[level][slot], &timer->link);
	wheel->occupied[level] |= UINT64_C(1) << slot;
}

void tp_wheel_arm(struct tp_wheel *wheel, struct tp_timer *timer, uint64_t at_ms)
{
	tp_wheel_cancel(wheel, timer);
	/* Beyond the span of the wheel is its end: some two years. */
	if (at_ms > wheel->now_ms + (UINT64_C(1) << (TP_WHEEL_LEVELS * SLOT_BITS)) - 1) {
		at_ms = wheel->now_ms + (UINT64_C(1) << (TP_WHEEL_LEVELS * SLOT_BITS)) - 1;
	}
	timer->at_ms = at_ms > wheel->now_ms ? at_ms : wheel->now_ms + 1;
	place(wheel, timer);
	wheel->armed++;
}

void tp_wheel_cancel(struct tp_wheel *wheel, struct tp_timer *timer)
{
	if (tp_timer_armed(timer)) {
		tp_list_remove(&timer->link);
		wheel->armed--;
	}
}

/* Begin of the next slot that may hold timers; UINT64_MAX when there is none. */
static uint64_t next_slot_ms(const struct tp_wheel *wheel)
{
	for (unsigned level = 0; level < TP_WHEEL_LEVELS; level++) {
		unsigned shift = shift_of(level);
		unsigned digit = (unsigned)(wheel->now_ms >> shift) & SLOT_MASK;
		uint64_t later = digit == SLOT_MASK ? 0 : UINT64_MAX << (digit + 1);
		uint64_t slots = wheel->occupied[level] & later;
		uint64_t base_ms = wheel->now_ms >> (shift + SLOT_BITS) << (shift + SLOT_BITS);

		if (slots == 0 && level == TP_WHEEL_LEVELS - 1) { /* the next lap */
			slots = wheel->occupied[level];
			base_ms += UINT64_C(1) << (shift + SLOT_BITS);
		}
		if (slots != 0) {
			return base_ms + ((uint64_t)__builtin_ctzll(slots) << shift);
		}
	}
	return UINT64_MAX;
}

uint64_t tp_wheel_next_ms(const struct tp_wheel *wheel)
{
	return wheel->armed == 0 ? UINT64_MAX : next_slot_ms(wheel);
}

/* Move what is in the slot of now into a list of its own. */
static void take_slot(struct tp_wheel *wheel, unsigned level, struct tp_list *taken)
{
	unsigned slot = (unsigned)(wheel->now_ms >> shift_of(level)) & SLOT_MASK;
	struct tp_list *list = &wheel->slots[level][slot];
	struct tp_list *link;

	tp_list_init(taken);
	while ((link = tp_list_shift(list)) != NULL) {
		tp_list_append(taken, link);
	}
	wheel->occupied[level] &= ~(UINT64_C(1) << slot);
}

static void cascade(struct tp_wheel *wheel, unsigned level)
{
	struct tp_list taken;
	struct tp_list *link;

	take_slot(wheel, level, &taken);
	while ((link = tp_list_shift(&taken)) != NULL) {
		place(wheel, tp_container_of(link, struct tp_timer, link));
	}
}

static void fire_due(struct tp_wheel *wheel)
{
	struct tp_list taken;
	struct tp_list *link;

	take_slot(wheel, 0, &taken);
	while ((link = tp_list_shift(&taken)) != NULL) {
		struct tp_timer *timer = tp_container_of(link, struct tp_timer, link);

		wheel->armed--;
		timer->fire(timer);
	}
}

void tp_wheel_advance(struct tp_wheel *wheel, uint64_t now_ms)
{
	while (wheel->now_ms < now_ms) {
		uint64_t next_ms = tp_wheel_next_ms(wheel);

		if (next_ms > now_ms) {
			wheel->now_ms = now_ms;
			return;
		}
		wheel->now_ms = next_ms;
		for (unsigned level = TP_WHEEL_LEVELS - 1; level > 0; level--) {
			cascade(wheel, level);
		}
		fire_due(wheel);
	}
}
