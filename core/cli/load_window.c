/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_window.h"

#define FIRST 128
#define FIRST_WITH_TRAINS 512

void tp_load_window_init(struct tp_load_window *window, uint32_t train)
{
	*window = (struct tp_load_window){.train = train,
					  .size = train > 1 ? FIRST_WITH_TRAINS : FIRST};
}

void tp_load_window_look(struct tp_load_window *window, bool may_widen)
{
	uint64_t least = (uint64_t)window->train * TP_LOAD_WINDOW_TRAINS_MIN;

	if (window->lost != 0) {
		window->size = window->size * 3 / 4;
		window->settled = true;
	} else if (may_widen && !window->settled) {
		window->size += window->size / 8;
	}
	if (window->size > TP_LOAD_WINDOW_MAX) {
		window->size = TP_LOAD_WINDOW_MAX;
	}
	if (window->size < least) {
		window->size = least;
	}
	window->lost = 0;
}

/* Twice the even share: a flow may be ahead of the others for a while. */
uint64_t tp_load_window_share(const struct tp_load_window *window, uint32_t flows)
{
	uint64_t share = 2 * window->size / flows;

	return share < window->train ? window->train : share;
}
