/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

/*
 * What the fixture plugin "hooks" calls: a test sets the functions it wants
 * and has every event of a real generation in its own hands.
 */
struct test_hooks {
	/* Providers and gates. NULL: pass. */
	enum tp_verdict (*ask)(enum tp_event event, struct tp_request *request,
			       const void *payload);
	/* Per-packet gates and what is asked the same way. NULL: pass. */
	enum tp_verdict (*packet)(enum tp_event event, const void *payload);
	/* Observers. NULL: nothing. */
	void (*tell)(enum tp_event event, const void *payload);
	void (*request_gone)(struct tp_ticket ticket);
	unsigned counts[TP_EVENT_COUNT]; /* how often each was raised */
};

TP_API extern struct test_hooks test_hooks;
