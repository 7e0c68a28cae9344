/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "host/generation.h"

struct tp_daemon;

/* Sentences kept about keys that need a restart; all are logged. */
#define TP_RELOAD_NOTES_MAX 64

/* Generations beside the one that serves: requests, jobs are under way in them. */
#define TP_GENERATIONS_LEAVING_MAX 16

/* How a reload has ended. Everything is borrowed for the call. */
struct tp_reload_outcome {
	int error;           /* 0: what was read is served now */
	const char *problem; /* a sentence; NULL: none */
	unsigned generation; /* that serves now */
	char *const *notes;  /* what was changed and needs a restart */
	size_t note_count;
};

typedef void (*tp_reloaded_fn)(void *arg, const struct tp_reload_outcome *outcome);

/**
 * Read the file again and serve with what is in it: a new generation of all
 * plugins, options of the protocol, certificates, log. Nothing has changed when
 * any of it fails. All of it is logged.
 *
 * With @plugin, only that one's section is taken from the file. The others are
 * made anew with the options they have: plugins of a generation belong together.
 *
 * @plugin: name of an instance; NULL: everything
 * @done:   called once, now or from the main loop; NULL: nobody asks
 *
 * Thread: main
 */
void tp_reload_begin(struct tp_daemon *daemon, const char *plugin, tp_reloaded_fn done, void *arg);
