/* SPDX-License-Identifier: Apache-2.0 */
#include "recording.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <turnpike/plugin.h>

#define CHUNKS_MAX 2 /* of a worker: one is filled while the other is written */

struct recording {
	atomic_size_t refs;
	char *name;
	char *user; /* NULL: an allocation */
	uint64_t id;
	uint64_t max_bytes;
	uint64_t max_ms;
	size_t chunk_bytes;
	struct tp_counter *dropped_counter;
	_Atomic uint64_t packets;
	_Atomic uint64_t bytes;
	_Atomic uint64_t dropped;
	_Atomic(const char *) ending;

	pthread_mutex_t file_lock;
	int fd;
	off_t good; /* the file up to here is whole blocks */
	bool broken;
};

struct chunk {
	struct recording *recording;
	struct recorder *recorder; /* to be told; NULL: it is gone */
	struct chunk *next;
	size_t len;
	uint8_t bytes[];
};

struct recorder {
	struct tp_instance *self;
	struct recording *recording;
	struct chunk *filling;
	struct chunk *writing; /* list of those with a job */
	size_t writing_count;
	uint64_t begun_ms;
};

/* --- the file --------------------------------------------------------------------------- */

static bool write_bytes(struct recording *recording, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(recording->fd, bytes, len);

		if (written < 0 && errno != EINTR) {
			return false;
		}
		if (written > 0) {
			bytes += written;
			len -= (size_t)written;
		}
	}
	return true;
}

/* What got out in part is taken back: readers stumble over half a block. */
static bool write_blocks(struct recording *recording, const uint8_t *bytes, size_t len)
{
	bool written;

	pthread_mutex_lock(&recording->file_lock);
	written = !recording->broken && write_bytes(recording, bytes, len);
	if (written) {
		recording->good += (off_t)len;
	} else if (!recording->broken) {
		recording->broken = true;
		(void)!ftruncate(recording->fd, recording->good);
	}
	pthread_mutex_unlock(&recording->file_lock);
	return written;
}

int recording_create(int fd, const char *name, const struct recording_order *order,
		     struct tp_counter *dropped, struct recording **out)
{
	struct recording *recording = calloc(1, sizeof(*recording));
	uint8_t header[PCAPNG_HEADER_MAX];
	size_t len = pcapng_write_header(header, order->comment);

	if (recording == NULL) {
		close(fd);
		return TP_ENOMEM;
	}
	atomic_init(&recording->refs, 1);
	pthread_mutex_init(&recording->file_lock, NULL);
	recording->fd = fd;
	recording->name = strdup(name);
	recording->user = order->user == NULL ? NULL : strdup(order->user);
	recording->id = order->id;
	recording->max_bytes = order->max_bytes;
	recording->max_ms = order->max_ms;
	recording->chunk_bytes = order->chunk_bytes;
	recording->dropped_counter = dropped;
	atomic_init(&recording->bytes, len);
	if (recording->name == NULL || (order->user != NULL && recording->user == NULL)) {
		recording_unref(&recording);
		return TP_ENOMEM;
	}
	if (!write_blocks(recording, header, len)) {
		recording_unref(&recording);
		return TP_EIO;
	}
	*out = recording;
	return 0;
}

struct recording *recording_ref(struct recording *recording)
{
	atomic_fetch_add_explicit(&recording->refs, 1, memory_order_relaxed);
	return recording;
}

void recording_unref(struct recording **recording)
{
	struct recording *ours = *recording;

	*recording = NULL;
	if (ours == NULL || atomic_fetch_sub_explicit(&ours->refs, 1, memory_order_acq_rel) != 1) {
		return;
	}
	close(ours->fd);
	pthread_mutex_destroy(&ours->file_lock);
	free(ours->name);
	free(ours->user);
	free(ours);
}

const char *recording_name(const struct recording *recording)
{
	return recording->name;
}

void recording_end(struct recording *recording, const char *reason)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&recording->ending, &none, reason);
}

struct recording_totals recording_totals(const struct recording *recording)
{
	return (struct recording_totals){
		.packets = atomic_load_explicit(&recording->packets, memory_order_relaxed),
		.bytes = atomic_load_explicit(&recording->bytes, memory_order_relaxed),
		.dropped = atomic_load_explicit(&recording->dropped, memory_order_relaxed),
		.ending = atomic_load(&recording->ending),
	};
}

/* --- chunks ------------------------------------------------------------------------------- */

static struct chunk *chunk_create(struct recording *recording)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + recording->chunk_bytes);

	if (chunk != NULL) {
		chunk->recording = recording_ref(recording);
		chunk->recorder = NULL;
		chunk->next = NULL;
		chunk->len = 0;
	}
	return chunk;
}

static void chunk_free(struct chunk *chunk)
{
	recording_unref(&chunk->recording);
	free(chunk);
}

/* On a job's thread. */
static void chunk_write(void *arg)
{
	const struct chunk *chunk = arg;

	if (!write_blocks(chunk->recording, chunk->bytes, chunk->len)) {
		recording_end(chunk->recording, "the file cannot be written");
	}
}

static void remove_writing(struct recorder *recorder, const struct chunk *chunk)
{
	struct chunk **at = &recorder->writing;

	while (*at != chunk) {
		at = &(*at)->next;
	}
	*at = chunk->next;
	recorder->writing_count--;
}

static void chunk_written(void *arg)
{
	struct chunk *chunk = arg;

	if (chunk->recorder != NULL) {
		remove_writing(chunk->recorder, chunk);
	}
	chunk_free(chunk);
}

/* Refused by the jobs it is kept, and more packets are dropped. */
static void hand_over(struct recorder *recorder)
{
	struct chunk *chunk = recorder->filling;

	if (chunk == NULL || chunk->len == 0 ||
	    tp_job_submit(recorder->self, chunk_write, chunk_written, chunk) != 0) {
		return;
	}
	recorder->filling = NULL;
	chunk->recorder = recorder;
	chunk->next = recorder->writing;
	recorder->writing = chunk;
	recorder->writing_count++;
}

/* Room for @size bytes; NULL: none. */
static uint8_t *reserve(struct recorder *recorder, size_t size)
{
	struct recording *recording = recorder->recording;
	struct chunk *chunk;

	if (size > recording->chunk_bytes) {
		return NULL;
	}
	if (recorder->filling != NULL && recording->chunk_bytes - recorder->filling->len < size) {
		hand_over(recorder);
	}
	if (recorder->filling == NULL && recorder->writing_count < CHUNKS_MAX) {
		recorder->filling = chunk_create(recording);
	}
	chunk = recorder->filling;
	if (chunk == NULL || recording->chunk_bytes - chunk->len < size) {
		return NULL;
	}
	chunk->len += size;
	return chunk->bytes + chunk->len - size;
}

/* --- a worker's part ------------------------------------------------------------------------ */

struct recorder *recorder_create(struct tp_instance *self, struct recording *recording,
				 uint64_t now_ms)
{
	struct recorder *recorder = calloc(1, sizeof(*recorder));

	if (recorder != NULL) {
		recorder->self = self;
		recorder->recording = recording_ref(recording);
		recorder->begun_ms = now_ms;
	}
	return recorder;
}

void recorder_free(struct recorder **recorder)
{
	struct recorder *ours = *recorder;

	*recorder = NULL;
	if (ours == NULL) {
		return;
	}
	hand_over(ours);
	for (struct chunk *chunk = ours->writing; chunk != NULL; chunk = chunk->next) {
		chunk->recorder = NULL;
	}
	if (ours->filling != NULL) {
		/* Empty; or there are no jobs any more, and nobody who would wait. */
		if (ours->filling->len != 0) {
			chunk_write(ours->filling);
		}
		chunk_free(ours->filling);
	}
	recording_unref(&ours->recording);
	free(ours);
}

bool recorder_wants(const struct recorder *recorder, const struct tp_allocation_view *allocation)
{
	const struct recording *recording = recorder->recording;

	return recording->user == NULL ? allocation->id == recording->id
				       : strcmp(allocation->user, recording->user) == 0;
}

static bool has_ended(const struct recorder *recorder)
{
	return atomic_load_explicit(&recorder->recording->ending, memory_order_relaxed) != NULL;
}

static void end_in_time(struct recorder *recorder, uint64_t now_ms)
{
	if (now_ms - recorder->begun_ms >= recorder->recording->max_ms) {
		recording_end(recorder->recording, "max_time is reached");
	}
}

static void drop(struct recording *recording)
{
	atomic_fetch_add_explicit(&recording->dropped, 1, memory_order_relaxed);
	tp_counter_add(recording->dropped_counter, 1);
}

/* Before the bytes are there, so that all workers together keep the limit. */
static bool take_bytes(struct recording *recording, size_t size)
{
	uint64_t before = atomic_fetch_add_explicit(&recording->bytes, size, memory_order_relaxed);

	if (before + size <= recording->max_bytes) {
		return true;
	}
	atomic_fetch_sub_explicit(&recording->bytes, size, memory_order_relaxed);
	recording_end(recording, "max_bytes is reached");
	return false;
}

void recorder_add(struct recorder *recorder, const struct pcapng_packet *packet, uint64_t now_ms)
{
	struct recording *recording = recorder->recording;
	size_t size = pcapng_packet_size(packet);
	uint8_t *out;

	end_in_time(recorder, now_ms);
	if (has_ended(recorder) || (size != 0 && !take_bytes(recording, size))) {
		return;
	}
	out = size == 0 ? NULL : reserve(recorder, size);
	if (out == NULL) {
		atomic_fetch_sub_explicit(&recording->bytes, size, memory_order_relaxed);
		drop(recording);
		return;
	}
	pcapng_write_packet(out, packet);
	atomic_fetch_add_explicit(&recording->packets, 1, memory_order_relaxed);
}

bool recorder_tick(struct recorder *recorder, uint64_t now_ms)
{
	end_in_time(recorder, now_ms);
	if (recorder->writing_count < CHUNKS_MAX) {
		hand_over(recorder);
	}
	return !has_ended(recorder);
}

const struct recording *recorder_recording(const struct recorder *recorder)
{
	return recorder->recording;
}
