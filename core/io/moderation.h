/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * When a loop rests before it looks for more, as network cards moderate their
 * interrupts: waking up costs several times what relaying a packet does, so a
 * loop that is woken for every single one of many packets lets some gather.
 * One that has enough to do never rests, nor does one whose packets are far
 * apart: a trial now and then tells.
 */
struct tp_moderation {
	uint32_t rest_us;  /* 0: never rest */
	bool rested;       /* before the turn that has just ended */
	bool pays;         /* the last rest gathered something */
	unsigned untested; /* turns since the last trial */
};

/**
 * A turn has ended.
 *
 * @messages: that it has handled
 * @more:     is there already
 *
 * Returns microseconds to rest before the next turn, 0: none.
 */
uint32_t tp_moderation_rest_us(struct tp_moderation *moderation, unsigned messages, bool more);
