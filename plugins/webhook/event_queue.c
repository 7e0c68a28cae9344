/* SPDX-License-Identifier: Apache-2.0 */
#include "event_queue.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct waiting {
	struct waiting *next;
	char *json;
	size_t len;
};

struct event_queue {
	pthread_mutex_t lock; /* for all below */
	size_t refs;
	size_t max;
	size_t count;
	struct waiting *first;
	struct waiting **last;
	uint64_t dropped;    /* since the last batch was made */
	uint64_t run;        /* so that another life of the daemon numbers its own */
	uint64_t number;     /* of the last batch */
	struct batch *batch; /* NULL: none under way */
	bool taken;
	uint64_t not_before_ms;
};

/* --- events ------------------------------------------------------------------------------ */

static bool append(struct event_queue *queue, char *json)
{
	struct waiting *waiting;

	if (json == NULL || queue->count >= queue->max) {
		return false;
	}
	waiting = calloc(1, sizeof(*waiting));
	if (waiting == NULL) {
		return false;
	}
	waiting->json = json;
	waiting->len = strlen(json);
	*queue->last = waiting;
	queue->last = &waiting->next;
	queue->count++;
	return true;
}

size_t event_queue_put(struct event_queue *queue, char *json)
{
	size_t count = 0;

	pthread_mutex_lock(&queue->lock);
	if (append(queue, json)) {
		count = queue->count;
		json = NULL;
	} else {
		queue->dropped++;
	}
	pthread_mutex_unlock(&queue->lock);
	free(json);
	return count;
}

static void remove_first(struct event_queue *queue)
{
	struct waiting *waiting = queue->first;

	queue->first = waiting->next;
	if (queue->first == NULL) {
		queue->last = &queue->first;
	}
	queue->count--;
	free(waiting->json);
	free(waiting);
}

size_t event_queue_waiting(struct event_queue *queue)
{
	size_t count;

	pthread_mutex_lock(&queue->lock);
	count = queue->count + (queue->batch == NULL ? 0 : queue->batch->events);
	pthread_mutex_unlock(&queue->lock);
	return count;
}

/* --- batches ------------------------------------------------------------------------------ */

static void batch_free(struct batch *batch)
{
	free(batch->body);
	free(batch);
}

static size_t body_size(const struct event_queue *queue, size_t events)
{
	size_t size = 128 + BATCH_ID_SIZE; /* what stands around them */
	const struct waiting *waiting = queue->first;

	for (size_t i = 0; i < events; i++, waiting = waiting->next) {
		size += waiting->len + 1;
	}
	return size;
}

/* {"batch":"...","dropped":0,"events":[...]} */
static void fill(struct event_queue *queue, struct batch *batch, size_t size)
{
	size_t len = (size_t)snprintf(batch->body, size,
				      "{\"batch\":\"%s\",\"dropped\":%" PRIu64 ",\"events\":[",
				      batch->id, queue->dropped);

	for (size_t i = 0; i < batch->events; i++) {
		if (i != 0) {
			batch->body[len++] = ',';
		}
		memcpy(batch->body + len, queue->first->json, queue->first->len);
		len += queue->first->len;
		remove_first(queue);
	}
	memcpy(batch->body + len, "]}", 3);
	batch->len = len + 2;
	queue->dropped = 0;
}

static struct batch *make_batch(struct event_queue *queue, size_t max_events)
{
	size_t events = queue->count < max_events ? queue->count : max_events;
	size_t size = body_size(queue, events);
	struct batch *batch = calloc(1, sizeof(*batch));

	if (batch == NULL) {
		return NULL;
	}
	batch->body = malloc(size);
	if (batch->body == NULL) {
		free(batch);
		return NULL;
	}
	snprintf(batch->id, sizeof(batch->id), "%016" PRIx64 "-%" PRIu64, queue->run,
		 ++queue->number);
	batch->events = events;
	fill(queue, batch, size);
	return batch;
}

struct batch *event_queue_take(struct event_queue *queue, size_t max_events, uint64_t now_ms)
{
	struct batch *batch = NULL;

	pthread_mutex_lock(&queue->lock);
	if (!queue->taken && now_ms >= queue->not_before_ms) {
		if (queue->batch == NULL && queue->count != 0) {
			queue->batch = make_batch(queue, max_events);
		}
		batch = queue->batch;
		queue->taken = batch != NULL;
	}
	pthread_mutex_unlock(&queue->lock);
	return batch;
}

static void drop_batch(struct event_queue *queue, bool lost)
{
	pthread_mutex_lock(&queue->lock);
	queue->dropped += lost ? queue->batch->events : 0;
	batch_free(queue->batch);
	queue->batch = NULL;
	queue->taken = false;
	queue->not_before_ms = 0;
	pthread_mutex_unlock(&queue->lock);
}

void event_queue_delivered(struct event_queue *queue)
{
	drop_batch(queue, false);
}

void event_queue_give_up(struct event_queue *queue)
{
	drop_batch(queue, true);
}

void event_queue_return(struct event_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->taken = false;
	pthread_mutex_unlock(&queue->lock);
}

void event_queue_retry(struct event_queue *queue, uint64_t not_before_ms)
{
	pthread_mutex_lock(&queue->lock);
	queue->batch->attempts++;
	queue->taken = false;
	queue->not_before_ms = not_before_ms;
	pthread_mutex_unlock(&queue->lock);
}

/* --- life ----------------------------------------------------------------------------------- */

struct event_queue *event_queue_create(size_t max_events)
{
	struct event_queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL) {
		return NULL;
	}
	pthread_mutex_init(&queue->lock, NULL);
	queue->refs = 1;
	queue->max = max_events;
	queue->last = &queue->first;
	(void)!getrandom(&queue->run, sizeof(queue->run), 0);
	return queue;
}

struct event_queue *event_queue_ref(struct event_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->refs++;
	pthread_mutex_unlock(&queue->lock);
	return queue;
}

static void queue_free(struct event_queue *queue)
{
	while (queue->first != NULL) {
		remove_first(queue);
	}
	if (queue->batch != NULL) {
		batch_free(queue->batch);
	}
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

void event_queue_unref(struct event_queue **queue)
{
	size_t refs;

	if (*queue != NULL) {
		pthread_mutex_lock(&(*queue)->lock);
		refs = --(*queue)->refs;
		pthread_mutex_unlock(&(*queue)->lock);
		if (refs == 0) {
			queue_free(*queue);
		}
	}
	*queue = NULL;
}

bool event_queue_is_last(struct event_queue *queue)
{
	bool last;

	pthread_mutex_lock(&queue->lock);
	last = queue->refs == 1;
	pthread_mutex_unlock(&queue->lock);
	return last;
}

void event_queue_set_max(struct event_queue *queue, size_t max_events)
{
	pthread_mutex_lock(&queue->lock);
	queue->max = max_events;
	pthread_mutex_unlock(&queue->lock);
}
