/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/types.h>

#include "pcapng.h"

/*
 * A file that workers record into. Each gathers packets in a chunk of its own; full
 * ones, and all once a second, are written by jobs.
 */
struct recording;
struct recorder; /* one worker's part in it */

/* Of whom, and how much. */
struct recording_order {
	const char *user;    /* NULL: an allocation */
	uint64_t id;         /* of the allocation */
	uint64_t max_bytes;  /* of the file */
	uint64_t max_ms;     /* from when a worker has begun */
	size_t chunk_bytes;  /* two for each worker */
	const char *comment; /* for the file's head */
};

struct recording_totals {
	uint64_t packets;
	uint64_t bytes;     /* of the file, chunks not yet written included */
	uint64_t dropped;   /* packets, for want of a free chunk */
	const char *ending; /* why it has ended; NULL: it goes on */
};

/**
 * @fd:      of an empty file; the recording's from here on, also when this fails
 * @dropped: counts packets as well as the totals do
 *
 * Thread: main
 * Errors: TP_ENOMEM, TP_EIO when the head cannot be written
 */
int recording_create(int fd, const char *name, const struct recording_order *order,
		     struct tp_counter *dropped, struct recording **out);

/* Shares; thread: any. The file is closed with the last. NULL inside is fine. */
struct recording *recording_ref(struct recording *recording);
void recording_unref(struct recording **recording);

/** The name of the file. Thread: any. */
const char *recording_name(const struct recording *recording);

/** Record no more. The first reason stays. @reason: static. Thread: any. */
void recording_end(struct recording *recording, const char *reason);

struct recording_totals recording_totals(const struct recording *recording);

/* --- a worker's part; all on its thread ------------------------------------------- */

/** NULL when out of memory. It shares the recording. */
struct recorder *recorder_create(struct tp_instance *self, struct recording *recording,
				 uint64_t now_ms);

/** Hand over what is left, and leave. Sets the pointer to NULL; NULL inside is fine. */
void recorder_free(struct recorder **recorder);

/** Is the allocation to be recorded? */
bool recorder_wants(const struct recorder *recorder, const struct tp_allocation_view *allocation);

/** @packet: copied */
void recorder_add(struct recorder *recorder, const struct pcapng_packet *packet, uint64_t now_ms);

/** Once a second. Returns false when the recording has ended. */
bool recorder_tick(struct recorder *recorder, uint64_t now_ms);

/** Which recording it is part of. */
const struct recording *recorder_recording(const struct recorder *recorder);
