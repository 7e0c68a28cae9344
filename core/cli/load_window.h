/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How many packets of one direction may be on their way, so that the server
 * always has something to do and loses nothing. It widens at each look as long
 * as nothing is lost, and narrows when something is; from then on it widens no
 * more.
 */
#define TP_LOAD_WINDOW_MAX 2048
#define TP_LOAD_WINDOW_TRAINS_MIN 16

struct tp_load_window {
	uint32_t train; /* packets in a row; the unit of sending */
	uint64_t size;
	uint64_t in_flight;
	uint64_t lost; /* since the last look */
	bool settled;  /* has narrowed once */
};

void tp_load_window_init(struct tp_load_window *window, uint32_t train);

/** May one train more be sent? */
static inline bool tp_load_window_is_open(const struct tp_load_window *window)
{
	return window->in_flight + window->train <= window->size;
}

/** Reconsider the size. @may_widen: while nothing is measured yet. */
void tp_load_window_look(struct tp_load_window *window, bool may_widen);

/** How many packets one of so many flows may have on their way; a train at least. */
uint64_t tp_load_window_share(const struct tp_load_window *window, uint32_t flows);
