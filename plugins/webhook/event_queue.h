/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Events that wait to be sent, and the batch that is being sent. One queue for all
 * workers and for the generations of a reload, under a lock of its own; it holds
 * no pointer to code. Thread of all functions: any.
 */
struct event_queue;

#define BATCH_ID_SIZE 48

/* Some events, in a body that stays the same until it is delivered or given up. */
struct batch {
	char id[BATCH_ID_SIZE]; /* another for each */
	char *body;             /* JSON */
	size_t len;
	size_t events;
	unsigned attempts; /* that have failed */
};

/** NULL when out of memory. Unref it. */
struct event_queue *event_queue_create(size_t max_events);
struct event_queue *event_queue_ref(struct event_queue *queue);
/** NULL inside is fine. Sets the pointer to NULL. */
void event_queue_unref(struct event_queue **queue);
/** Nobody else shares it. */
bool event_queue_is_last(struct event_queue *queue);
/** A lower ceiling holds for events to come. */
void event_queue_set_max(struct event_queue *queue, size_t max_events);

/**
 * Append an event.
 *
 * @json: the queue's from here on; NULL counts as dropped
 *
 * Returns how many wait; 0 when it was dropped, because the queue is full.
 */
size_t event_queue_put(struct event_queue *queue, char *json);

size_t event_queue_waiting(struct event_queue *queue);

/**
 * Take a batch to send it: the one that failed, when its time has come, or the
 * next events.
 *
 * Owner: the queue's; give it back by one of the functions below
 *
 * Returns NULL when none is due, when one is taken already, or when out of memory.
 */
struct batch *event_queue_take(struct event_queue *queue, size_t max_events, uint64_t now_ms);

void event_queue_delivered(struct event_queue *queue);
void event_queue_give_up(struct event_queue *queue);
/** It was not sent at all. */
void event_queue_return(struct event_queue *queue);
/** @not_before_ms: on the clock of event_queue_take() */
void event_queue_retry(struct event_queue *queue, uint64_t not_before_ms);
