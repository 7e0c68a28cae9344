/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/hairpin.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/list.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "turn/live_ports.h"
#include "turn/port_table.h"
#include "turn/relay.h"
#include "turn/relay_socket.h"
#include "turn/server.h"
#include "turn/shared_relay.h"

/*
 * From one worker to one other. Made when first used and kept as long as the
 * shared state, for the receiver may look at it later than its sender lives. A
 * member is for the sender or for the receiver alone.
 */
struct tp_hairpin_lane {
	struct tp_hairpin_lane *next; /* of all, under the lock */
	struct tp_shared *shared;
	struct tp_lane *lane;
	unsigned receiver;
	struct tp_list filled;     /* sender: in this turn */
	struct tp_message message; /* calls the receiver; on its way while the lane is "called" */
	struct tp_list delivered;  /* receiver: something is not yet released */
};

struct tp_hairpin {
	struct tp_server *server;
	struct tp_port_table *datagrams; /* relayed sockets of this worker */

	struct tp_hairpin_lane **lanes; /* to other workers, by number; NULL: not used yet */
	struct tp_list filled;
	struct tp_turn_hook publish;

	struct tp_list delivered; /* lanes from other workers */
	struct tp_turn_hook release;
};

/* --- to this worker ----------------------------------------------------------- */

int tp_hairpin_add(struct tp_hairpin *hairpin, const struct tp_relay_socket *socket)
{
	uint16_t port = tp_addr_port(&socket->advertised_addr);
	int err = tp_port_table_set(hairpin->datagrams, socket->address, port, socket->datagram);

	if (err == 0) {
		tp_live_ports_set(hairpin->server->shared->live_ports, socket->address, port,
				  hairpin->server->worker->index);
	}
	return err;
}

void tp_hairpin_remove(struct tp_hairpin *hairpin, const struct tp_relay_socket *socket)
{
	(void)tp_port_table_set(hairpin->datagrams, socket->address,
				tp_addr_port(&socket->advertised_addr), NULL);
}

bool tp_hairpin_is_here(const struct tp_hairpin *hairpin, const struct tp_relay_location *to)
{
	return to->worker == hairpin->server->worker->index;
}

void tp_hairpin_deliver(struct tp_hairpin *hairpin, const struct tp_relay_location *to,
			struct tp_packet *packet)
{
	struct tp_datagram *datagram =
		tp_port_table_find(hairpin->datagrams, to->address, to->port);

	if (datagram == NULL || datagram->owner == NULL) { /* closed meanwhile, or reserved */
		return;
	}
	if (hairpin->server->shared_relays != NULL) {
		tp_shared_relay_deliver(datagram->owner, packet);
	} else {
		tp_relay_deliver(datagram->owner, packet);
	}
}

/* --- from other workers ------------------------------------------------------- */

/*
 * Sockets and connections send what they are given at the end of the turn, from
 * where it lies: its place in the lane is the sender's again after that.
 */
static void await_flush(struct tp_hairpin *hairpin, struct tp_hairpin_lane *lane)
{
	if (tp_list_empty(&lane->delivered)) {
		tp_list_append(&hairpin->delivered, &lane->delivered);
	}
	tp_loop_request_flushed_hook(hairpin->server->worker->loop, &hairpin->release);
}

static void on_release(struct tp_turn_hook *hook)
{
	struct tp_hairpin *hairpin = tp_container_of(hook, struct tp_hairpin, release);
	struct tp_list *link;

	while ((link = tp_list_shift(&hairpin->delivered)) != NULL) {
		struct tp_hairpin_lane *lane =
			tp_container_of(link, struct tp_hairpin_lane, delivered);

		tp_lane_release(lane->lane);
	}
}

/* Called, on the receiver's thread. */
static void on_called(struct tp_message *message)
{
	struct tp_hairpin_lane *lane = tp_container_of(message, struct tp_hairpin_lane, message);
	/* no lock: nobody but this thread changes it */
	const struct tp_server *server = lane->shared->servers[lane->receiver];
	struct tp_packet packet;
	unsigned count = 0;
	uint32_t tag;

	tp_lane_open(lane->lane);
	if (server == NULL) { /* stopped, its allocations with it */
		return;
	}
	while (tp_lane_take(lane->lane, &packet, &tag)) {
		const struct tp_relay_location to = {
			.worker = lane->receiver,
			.address = tag >> 16,
			.port = (uint16_t)tag,
		};

		tp_hairpin_deliver(server->hairpin, &to, &packet);
		count++;
	}
	tp_loop_count_messages(server->worker->loop, count);
	await_flush(server->hairpin, lane);
}

/* --- to another worker -------------------------------------------------------- */

static struct tp_hairpin_lane *lane_create(struct tp_shared *shared, unsigned receiver)
{
	struct tp_hairpin_lane *lane = calloc(1, sizeof(*lane));

	if (lane == NULL) {
		return NULL;
	}
	lane->lane = tp_lane_create();
	if (lane->lane == NULL) {
		free(lane);
		return NULL;
	}
	lane->shared = shared;
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

void tp_hairpin_free_lanes(struct tp_shared *shared)
{
	struct tp_hairpin_lane *lane;

	while ((lane = shared->lanes) != NULL) {
		shared->lanes = lane->next;
		tp_lane_free(&lane->lane);
		free(lane);
	}
}

static void publish(struct tp_hairpin_lane *lane)
{
	struct tp_shared *shared = lane->shared;
	const struct tp_server *server;
	int err = TP_ESHUTDOWN;

	if (!tp_lane_publish(lane->lane)) {
		return;
	}
	pthread_rwlock_rdlock(&shared->servers_lock);
	server = shared->servers[lane->receiver];
	if (server != NULL) {
		err = tp_mailbox_post(server->worker->mailbox, &lane->message);
	}
	pthread_rwlock_unlock(&shared->servers_lock);
	if (err != 0) {
		tp_lane_unpublish(lane->lane);
	}
}

static void on_publish(struct tp_turn_hook *hook)
{
	struct tp_hairpin *hairpin = tp_container_of(hook, struct tp_hairpin, publish);
	struct tp_list *link;

	while ((link = tp_list_shift(&hairpin->filled)) != NULL) {
		publish(tp_container_of(link, struct tp_hairpin_lane, filled));
	}
}

int tp_hairpin_send(struct tp_hairpin *hairpin, const struct tp_relay_location *to,
		    const struct tp_packet *packet)
{
	struct tp_hairpin_lane **lane = &hairpin->lanes[to->worker];
	int err;

	if (*lane == NULL) {
		*lane = lane_create(hairpin->server->shared, to->worker);
		if (*lane == NULL) {
			return TP_ENOMEM;
		}
	}
	err = tp_lane_put((*lane)->lane, packet, (uint32_t)to->address << 16 | to->port);
	if (err == 0 && tp_list_empty(&(*lane)->filled)) {
		tp_list_append(&hairpin->filled, &(*lane)->filled);
		tp_loop_request_hook(hairpin->server->worker->loop, &hairpin->publish);
	}
	return err;
}

/* --- life --------------------------------------------------------------------- */

int tp_hairpin_create(struct tp_server *server, struct tp_hairpin **out)
{
	struct tp_hairpin *hairpin = calloc(1, sizeof(*hairpin));

	if (hairpin == NULL) {
		return TP_ENOMEM;
	}
	hairpin->server = server;
	tp_list_init(&hairpin->filled);
	tp_list_init(&hairpin->delivered);
	tp_turn_hook_init(&hairpin->publish, on_publish);
	tp_turn_hook_init(&hairpin->release, on_release);
	hairpin->datagrams = tp_port_table_create(server->shared->options.relay_count);
	hairpin->lanes = calloc(server->shared->worker_count, sizeof(*hairpin->lanes));
	if (hairpin->datagrams == NULL || hairpin->lanes == NULL) {
		tp_hairpin_free(&hairpin);
		return TP_ENOMEM;
	}
	*out = hairpin;
	return 0;
}

void tp_hairpin_free(struct tp_hairpin **hairpin)
{
	struct tp_hairpin *gone = *hairpin;

	if (gone == NULL) {
		return;
	}
	on_publish(&gone->publish);
	while (tp_list_shift(&gone->delivered) != NULL) {
	}
	tp_loop_cancel_hook(&gone->publish);
	tp_loop_cancel_hook(&gone->release);
	tp_port_table_free(&gone->datagrams);
	free(gone->lanes);
	free(gone);
	*hairpin = NULL;
}
