/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/control.h"
#include "daemon/roll.h"

/*
 * Requests of the control socket that only the workers can answer: all are
 * asked, what they say is put together on the main thread. One that does not
 * answer in time is named in "silent_workers".
 */
struct tp_inquiry_state;

#define TP_INQUIRY_WORDS 2

struct tp_inquiry {
	size_t part_size; /* of what each worker answers with; zeroed at first */
	/*
	 * On each worker's thread: fill the part. Returns true when there is more
	 * to do than fits into one loop turn.
	 */
	bool (*ask)(struct tp_inquiry_state *inquiry, struct tp_crew_worker *worker, void *part);
	/* Main: put it together. Parts of those who have not answered are not to be read. */
	json_t *(*answer)(struct tp_inquiry_state *inquiry, const struct tp_roll *roll);
	void (*part_fini)(void *part); /* main; NULL: nothing to free */
};

/** Ask, and answer the call later. @words: copied; NULL: none; NULL inside likewise. */
void tp_inquire(struct tp_control_call *call, const struct tp_inquiry *kind, uint64_t number,
		const char *const words[TP_INQUIRY_WORDS]);

/** What was passed. Thread: any. */
const char *tp_inquiry_word(const struct tp_inquiry_state *inquiry, size_t index);
uint64_t tp_inquiry_number(const struct tp_inquiry_state *inquiry);

void *tp_inquiry_part(struct tp_inquiry_state *inquiry, unsigned worker);
unsigned tp_inquiry_workers(const struct tp_inquiry_state *inquiry);

/** The daemon of the call. Thread: main. */
struct tp_daemon *tp_inquiry_daemon(const struct tp_inquiry_state *inquiry);
