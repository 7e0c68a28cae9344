/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/crossing.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/list.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "turn/server.h"

/*
 * From one worker to one other. Made when first used and kept as long as the
 * shared state, for the receiver may look at it later than its sender lives. A
 * member is for the sender or for the receiver alone.
 */
struct tp_crossing_lane {
	struct tp_crossing_lane *next; /* of all, under the lock */
	struct tp_shared *shared;
	struct tp_lane *lane;
	unsigned sender;
	unsigned receiver;
	struct tp_list filled;     /* sender: in this turn */
	struct tp_message message; /* calls the receiver; on its way while the lane is "called" */
	struct tp_list delivered;  /* receiver: something is not yet released */
};

struct tp_crossing {
	struct tp_server *server;
	const tp_crossing_fn *receive; /* by kind */

	struct tp_crossing_lane **lanes; /* to other workers, by number; NULL: not used yet */
	struct tp_list filled;
	struct tp_list notes;
	struct tp_turn_hook publish;

	struct tp_list delivered; /* lanes from other workers */
	struct tp_turn_hook release;
};

/* --- from other workers ------------------------------------------------------- */

/*
 * Sockets and connections send what they are given at the end of the turn, from
 * where it lies: its place in the lane is the sender's again after that.
 */
static void await_flush(struct tp_crossing *crossing, struct tp_crossing_lane *lane)
{
	if (tp_list_empty(&lane->delivered)) {
		tp_list_append(&crossing->delivered, &lane->delivered);
	}
	tp_loop_request_flushed_hook(crossing->server->worker->loop, &crossing->release);
}

static void on_release(struct tp_turn_hook *hook)
{
	struct tp_crossing *crossing = tp_container_of(hook, struct tp_crossing, release);
	struct tp_list *link;

	while ((link = tp_list_shift(&crossing->delivered)) != NULL) {
		struct tp_crossing_lane *lane =
			tp_container_of(link, struct tp_crossing_lane, delivered);

		tp_lane_release(lane->lane);
	}
}

/* Called, on the receiver's thread. */
static void on_called(struct tp_message *message)
{
	struct tp_crossing_lane *lane = tp_container_of(message, struct tp_crossing_lane, message);
	/* no lock: nobody but this thread changes it */
	struct tp_server *server = lane->shared->servers[lane->receiver];
	struct tp_packet packet;
	unsigned count = 0;
	uint32_t tag;

	tp_lane_open(lane->lane);
	if (server == NULL) { /* stopped, its allocations with it */
		return;
	}
	while (tp_lane_take(lane->lane, &packet, &tag)) {
		server->crossing->receive[tag >> TP_CROSSING_TAG_BITS](
			server, lane->sender, tag & TP_CROSSING_TAG_MASK, &packet);
		count++;
	}
	tp_loop_count_messages(server->worker->loop, count);
	await_flush(server->crossing, lane);
}

/* --- to another worker -------------------------------------------------------- */

static struct tp_crossing_lane *lane_create(struct tp_shared *shared, unsigned sender,
					    unsigned receiver)
{
	struct tp_crossing_lane *lane = calloc(1, sizeof(*lane));

	if (lane == NULL) {
		return NULL;
	}
	lane->lane = tp_lane_create();
	if (lane->lane == NULL) {
		free(lane);
		return NULL;
	}
	lane->shared = shared;
	lane->sender = sender;
	lane->receiver = receiver;
	lane->message.deliver = on_called;
	tp_list_init(&lane->filled);
	tp_list_init(&lane->delivered);
	pthread_rwlock_wrlock(&shared->servers_lock);
	lane->next = shared->lanes;
	shared->lanes = lane;
	pthread_rwlock_unlock(&shared->servers_lock);
	return lane;
}

void tp_crossing_free_lanes(struct tp_shared *shared)
{
	struct tp_crossing_lane *lane;

	while ((lane = shared->lanes) != NULL) {
		shared->lanes = lane->next;
		tp_lane_free(&lane->lane);
		free(lane);
	}
}

static int post(struct tp_shared *shared, unsigned worker, struct tp_message *message)
{
	const struct tp_server *server;
	int err = TP_ESHUTDOWN;

	pthread_rwlock_rdlock(&shared->servers_lock);
	server = shared->servers[worker];
	if (server != NULL) {
		err = tp_mailbox_post(server->worker->mailbox, message);
	}
	pthread_rwlock_unlock(&shared->servers_lock);
	return err;
}

static void publish(struct tp_crossing_lane *lane)
{
	if (tp_lane_publish(lane->lane) &&
	    post(lane->shared, lane->receiver, &lane->message) != 0) {
		tp_lane_unpublish(lane->lane);
	}
}

static void on_publish(struct tp_turn_hook *hook)
{
	struct tp_crossing *crossing = tp_container_of(hook, struct tp_crossing, publish);
	struct tp_list *link;

	while ((link = tp_list_shift(&crossing->filled)) != NULL) {
		publish(tp_container_of(link, struct tp_crossing_lane, filled));
	}
	while ((link = tp_list_shift(&crossing->notes)) != NULL) {
		struct tp_crossing_note *note =
			tp_container_of(link, struct tp_crossing_note, link);

		tp_crossing_post_now(crossing->server->shared, note->worker, note);
	}
}

int tp_crossing_send(struct tp_crossing *crossing, unsigned worker, enum tp_crossing_kind kind,
		     uint32_t tag, const struct tp_packet *packet)
{
	struct tp_crossing_lane **lane = &crossing->lanes[worker];
	int err;

	if (*lane == NULL) {
		*lane = lane_create(crossing->server->shared, crossing->server->worker->index,
				    worker);
		if (*lane == NULL) {
			return TP_ENOMEM;
		}
	}
	err = tp_lane_put((*lane)->lane, packet, (uint32_t)kind << TP_CROSSING_TAG_BITS | tag);
	if (err == 0 && tp_list_empty(&(*lane)->filled)) {
		tp_list_append(&crossing->filled, &(*lane)->filled);
		tp_loop_request_hook(crossing->server->worker->loop, &crossing->publish);
	}
	return err;
}

void tp_crossing_note_init(struct tp_crossing_note *note,
			   void (*deliver)(struct tp_message *message),
			   void (*refused)(struct tp_crossing_note *note))
{
	note->message.deliver = deliver;
	note->refused = refused;
	tp_list_init(&note->link);
}

void tp_crossing_post(struct tp_crossing *crossing, unsigned worker, struct tp_crossing_note *note)
{
	note->worker = worker;
	tp_list_append(&crossing->notes, &note->link);
	tp_loop_request_hook(crossing->server->worker->loop, &crossing->publish);
}

void tp_crossing_post_now(struct tp_shared *shared, unsigned worker, struct tp_crossing_note *note)
{
	if (post(shared, worker, &note->message) != 0) {
		note->refused(note);
	}
}

/* --- life --------------------------------------------------------------------- */

int tp_crossing_create(struct tp_server *server, const tp_crossing_fn receive[TP_CROSSING_KINDS],
		       struct tp_crossing **out)
{
	struct tp_crossing *crossing = calloc(1, sizeof(*crossing));

	if (crossing == NULL) {
		return TP_ENOMEM;
	}
	crossing->server = server;
	crossing->receive = receive;
	tp_list_init(&crossing->filled);
	tp_list_init(&crossing->notes);
	tp_list_init(&crossing->delivered);
	tp_turn_hook_init(&crossing->publish, on_publish);
	tp_turn_hook_init(&crossing->release, on_release);
	crossing->lanes = calloc(server->shared->worker_count, sizeof(*crossing->lanes));
	if (crossing->lanes == NULL) {
		free(crossing);
		return TP_ENOMEM;
	}
	*out = crossing;
	return 0;
}

void tp_crossing_free(struct tp_crossing **crossing)
{
	struct tp_crossing *gone = *crossing;

	if (gone == NULL) {
		return;
	}
	on_publish(&gone->publish);
	while (tp_list_shift(&gone->delivered) != NULL) {
	}
	tp_loop_cancel_hook(&gone->publish);
	tp_loop_cancel_hook(&gone->release);
	free(gone->lanes);
	free(gone);
	*crossing = NULL;
}
