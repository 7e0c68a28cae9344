/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include <turnpike/event.h>

#include "base/wheel.h"

struct tp_allocation;

/*
 * on_turn_usage: what an allocation has relayed, in pieces whose sum is what
 * on_turn_delete_allocation tells. An allocation has a meter only while somebody
 * subscribes; without one its last report tells of its whole life.
 */
struct tp_usage_meter {
	struct tp_allocation *allocation;
	struct tp_timer due;
	/* What has been reported. */
	uint64_t until_ms;
	struct tp_traffic client_to_peer;
	struct tp_traffic peer_to_client;
	struct tp_traffic over_limit;
};

/**
 * Report from now on, if that is wanted and not done yet; called at every
 * refresh, too, since plugins come and go. For lack of memory only the last
 * report comes.
 */
void tp_usage_begin(struct tp_allocation *allocation);

/** The last report; the allocation is about to be told as deleted. */
void tp_usage_end(struct tp_allocation *allocation);
