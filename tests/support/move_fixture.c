/* SPDX-License-Identifier: Apache-2.0 */
#include "support/move_fixture.h"

#include <string.h>

#include <CUnit/CUnit.h>

#include "base/err.h"
#include "host/ticket.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "stun/channel_data.h"

/* --- open and close ------------------------------------------------------------- */

static void path_open(struct move_fixture *m, unsigned index, struct tp_server *server,
		      const char *addr, enum tp_transport transport)
{
	struct move_path *path = &m->paths[index];

	*path = (struct move_path){
		.server = server,
		.five_tuple =
			{
				.client_addr = turn_fixture_addr(addr),
				.server_addr = turn_fixture_addr("198.51.100.1:3478"),
				.transport = (uint8_t)transport,
			},
	};
	fake_endpoint_init(&path->endpoint, transport);
	path->endpoint.endpoint.stream = transport == TP_TRANSPORT_TCP;
}

static void allow(struct tp_turn_options *options)
{
	options->mobility = true;
}

static struct move_fixture *current;

static void note_deletion(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_delete_allocation) {
		current->cause = ((const struct tp_delete_allocation *)payload)->cause;
	}
}

void move_fixture_open(struct move_fixture *m, bool apart, enum tp_transport from,
		       enum tp_transport to)
{
	struct tp_server *far;

	turn_fixture_open_with(&m->turn, allow);
	m->other = (struct tp_worker){.index = 1, .count = 2, .park_deadline_ms = 5000};
	tp_assert(tp_loop_create(&m->turn.clock.clock, &fake_net_backend, &m->other.loop) == 0);
	tp_assert(tp_mailbox_create(m->other.loop, &m->other.mailbox) == 0);
	tp_assert(tp_ticket_table_create(&m->other, 4, &m->other.tickets) == 0);
	tp_assert(tp_server_create(m->turn.shared, &m->other, m->turn.generation,
				   &m->other_server) == 0);
	current = m;
	test_hooks.tell = note_deletion;
	memset(m->ticket, 0, sizeof(m->ticket));
	far = apart ? m->other_server : m->turn.server;
	path_open(m, 0, m->turn.server, "192.0.2.10:4000", from);
	path_open(m, 1, far, "192.0.2.77:5000", to);
	path_open(m, 2, far, "192.0.2.78:6000", to);
}

void move_fixture_close(struct move_fixture *m)
{
	tp_worker_enter(&m->other);
	tp_mailbox_close(m->other.mailbox);
	tp_server_free(&m->other_server);
	tp_ticket_table_free(&m->other.tickets);
	tp_mailbox_free(&m->other.mailbox);
	tp_loop_free(&m->other.loop);
	tp_worker_enter(&m->turn.worker);
	tp_mailbox_close(m->turn.mailbox);
	turn_fixture_close(&m->turn);
}

/* What one worker has sent in a turn is there after the other's next. */
void move_fixture_turns(struct move_fixture *m)
{
	for (unsigned i = 0; i < 3; i++) {
		tp_worker_enter(&m->turn.worker);
		tp_mailbox_deliver(m->turn.mailbox);
		tp_loop_turn(m->turn.loop);
		tp_worker_enter(&m->other);
		tp_mailbox_deliver(m->other.mailbox);
		tp_loop_turn(m->other.loop);
	}
	tp_worker_enter(&m->turn.worker);
}

void move_fixture_advance_s(struct move_fixture *m, uint32_t seconds)
{
	while (seconds-- > 0) {
		fake_clock_advance_s(&m->turn.clock, 1);
		move_fixture_turns(m);
	}
}

/* --- messages ------------------------------------------------------------------- */

void move_fixture_send_bytes(struct move_fixture *m, unsigned path, const uint8_t *bytes,
			     size_t len)
{
	struct move_path *at = &m->paths[path];
	uint8_t room[TP_PACKET_HEADROOM + sizeof(m->turn.client.bytes) + TP_PACKET_TAILROOM];
	struct tp_packet packet = {
		.data = room + TP_PACKET_HEADROOM,
		.len = len,
		.remote_addr = at->five_tuple.client_addr,
		.local_addr = at->five_tuple.server_addr,
		.ttl = -1,
		.tos = -1,
	};
	const struct tp_endpoint_handler *handler = tp_server_handler(at->server);

	memcpy(packet.data, bytes, len);
	tp_worker_enter(at->server->worker);
	handler->message(handler->owner, &at->endpoint.endpoint, &at->five_tuple, &packet);
	move_fixture_turns(m);
}

void move_fixture_close_path(struct move_fixture *m, unsigned path)
{
	struct move_path *at = &m->paths[path];
	const struct tp_endpoint_handler *handler = tp_server_handler(at->server);

	tp_worker_enter(at->server->worker);
	handler->closed(handler->owner, &at->endpoint.endpoint, &at->five_tuple);
	move_fixture_turns(m);
}

/* The next that came, if it is for the path's five-tuple; NULL: nothing. */
const struct fake_message *move_fixture_next(struct move_fixture *m, unsigned path)
{
	struct move_path *at = &m->paths[path];
	const struct fake_message *last = fake_endpoint_last(&at->endpoint);

	if (at->endpoint.message_count == at->seen) {
		return NULL;
	}
	CU_ASSERT_EQUAL(at->endpoint.message_count, at->seen + 1);
	at->seen = at->endpoint.message_count;
	CU_ASSERT_EQUAL(memcmp(&last->five_tuple, &at->five_tuple, sizeof(at->five_tuple)), 0);
	return last;
}

/* Returns the error code, 0 for success, -1 for silence. */
int move_fixture_exchange(struct move_fixture *m, unsigned path)
{
	const struct fake_message *message;
	const char *problem;

	move_fixture_send_bytes(m, path, m->turn.client.bytes, m->turn.client.len);
	message = move_fixture_next(m, path);
	if (message == NULL) {
		return -1;
	}
	memcpy(m->turn.response_bytes, message->bytes, message->len);
	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&m->turn.response, m->turn.response_bytes,
						message->len, &problem),
			      0);
	return turn_client_code(&m->turn.response);
}

int move_fixture_request(struct move_fixture *m, unsigned path)
{
	turn_client_sign(&m->turn.client);
	return move_fixture_exchange(m, path);
}

/* A nonce for the path's address. */
void move_fixture_challenge(struct move_fixture *m, unsigned path)
{
	turn_client_begin(&m->turn.client, TP_STUN_REFRESH);
	turn_client_finish(&m->turn.client);
	CU_ASSERT_EQUAL_FATAL(move_fixture_exchange(m, path), 401);
	turn_client_learn(&m->turn.client, &m->turn.response);
}

bool move_fixture_take_ticket(struct move_fixture *m)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(&m->turn.response, TP_ATTR_MOBILITY_TICKET);

	if (attr == NULL || attr->len != sizeof(m->ticket)) {
		return false;
	}
	CU_ASSERT_NOT_EQUAL(memcmp(m->ticket, attr->value, sizeof(m->ticket)), 0);
	memcpy(m->ticket, attr->value, sizeof(m->ticket));
	return true;
}

int move_fixture_allocate_as(struct move_fixture *m, unsigned path, const void *value, size_t len)
{
	move_fixture_challenge(m, path);
	tp_build_bytes(turn_fixture_begin_allocate(&m->turn), TP_ATTR_MOBILITY_TICKET, value, len);
	return move_fixture_request(m, path);
}

/* A mobile allocation on the first path, with a permission and a channel. */
struct tp_allocation *move_fixture_allocate(struct move_fixture *m)
{
	const struct tp_stun_attr *attr;
	struct tp_build *build;

	CU_ASSERT_EQUAL_FATAL(move_fixture_allocate_as(m, 0, "", 0), 0);
	CU_ASSERT_TRUE_FATAL(move_fixture_take_ticket(m));
	attr = tp_stun_msg_find(&m->turn.response, TP_ATTR_XOR_RELAYED_ADDRESS);
	CU_ASSERT_EQUAL(tp_attr_read_xor_addr(attr, &m->turn.response, &m->turn.relayed_addr), 0);
	build = turn_client_begin(&m->turn.client, TP_STUN_CHANNEL_BIND);
	tp_build_channel_number(build, MOVE_CHANNEL);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &m->turn.peer_addr);
	CU_ASSERT_EQUAL_FATAL(move_fixture_request(m, 0), 0);
	return tp_allocation_find(m->turn.server, &m->paths[0].five_tuple);
}

void move_fixture_begin_refresh(struct move_fixture *m, uint32_t lifetime_s, const void *with,
				size_t len)
{
	struct tp_build *build = turn_client_begin(&m->turn.client, TP_STUN_REFRESH);

	tp_build_u32(build, TP_ATTR_LIFETIME, lifetime_s);
	tp_build_bytes(build, TP_ATTR_MOBILITY_TICKET, with, len);
}

int move_fixture_show(struct move_fixture *m, unsigned path, const void *with, size_t len)
{
	move_fixture_begin_refresh(m, 600, with, len);
	return move_fixture_request(m, path);
}

/* Go on from there. */
int move_fixture_try(struct move_fixture *m, unsigned path)
{
	move_fixture_challenge(m, path);
	return move_fixture_show(m, path, m->ticket, sizeof(m->ticket));
}

void move_fixture_go(struct move_fixture *m, unsigned path)
{
	CU_ASSERT_EQUAL_FATAL(move_fixture_try(m, path), 0);
	CU_ASSERT_TRUE_FATAL(move_fixture_take_ticket(m));
}

int move_fixture_refresh(struct move_fixture *m, unsigned path)
{
	turn_client_begin(&m->turn.client, TP_STUN_REFRESH);
	return move_fixture_request(m, path);
}

/* --- media ---------------------------------------------------------------------- */

void move_fixture_send_channel_data(struct move_fixture *m, unsigned path, const char *payload)
{
	uint8_t bytes[64] = {0};
	size_t len = strlen(payload);

	tp_channel_data_write_header(bytes, MOVE_CHANNEL, len);
	memcpy(bytes + TP_CHANNEL_DATA_HEADER_SIZE, payload, len);
	move_fixture_send_bytes(m, path, bytes, TP_CHANNEL_DATA_HEADER_SIZE + len);
}

void move_fixture_send_indication(struct move_fixture *m, unsigned path, const char *payload,
				  bool plain)
{
	struct tp_build *build = turn_client_begin_indication(&m->turn.client, TP_STUN_SEND);

	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &m->turn.peer_addr);
	if (!plain) { /* read with all there may be in a message */
		tp_build_bytes(build, TP_ATTR_DONT_FRAGMENT, NULL, 0);
	}
	tp_build_bytes(build, TP_ATTR_DATA, payload, strlen(payload));
	turn_client_finish(&m->turn.client);
	move_fixture_send_bytes(m, path, m->turn.client.bytes, m->turn.client.len);
}

/* Media that the client sends on a path gets to the peer, or not. */
bool move_fixture_reaches_peer(struct move_fixture *m, unsigned path)
{
	size_t before = fake_net_sent_count();

	move_fixture_send_channel_data(m, path, "there");
	return fake_net_sent_count() == before + 1 &&
	       turn_fixture_peer_got(&m->turn, &m->turn.peer_addr, "there");
}

/* What the peer sends reaches the client on this path and on no m->other. */
bool move_fixture_hears_peer(struct move_fixture *m, unsigned path)
{
	const struct fake_message *message;
	struct tp_channel_data media;
	bool heard;

	CU_ASSERT_TRUE(fake_net_deliver(&m->turn.peer_addr, &m->turn.relayed_addr, "back", 4));
	move_fixture_turns(m);
	message = move_fixture_next(m, path);
	heard = message != NULL && message->forwarded &&
		tp_channel_data_parse(&media, message->bytes, message->len) == 0 &&
		media.number == MOVE_CHANNEL && media.payload_len == 4 &&
		memcmp(media.payload, "back", 4) == 0;
	for (unsigned i = 0; i < MOVE_PATHS; i++) {
		CU_ASSERT_EQUAL(m->paths[i].endpoint.message_count, m->paths[i].seen);
	}
	return heard;
}
