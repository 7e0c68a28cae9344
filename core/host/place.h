/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Whose code this thread is running, for the line that a crash leaves behind.
 * Whoever calls into a plugin sets it and puts the one before back afterwards.
 */
struct tp_place {
	const char *instance;
	const char *what; /* an event, or a few words */
};

extern _Thread_local const struct tp_place *tp_place_now;

/** Returns the one before. Owner: @place is the caller's, until tp_place_leave(). */
static inline const struct tp_place *tp_place_enter(const struct tp_place *place)
{
	const struct tp_place *before = tp_place_now;

	tp_place_now = place;
	return before;
}

static inline void tp_place_leave(const struct tp_place *before)
{
	tp_place_now = before;
}
