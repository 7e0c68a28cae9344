/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tcp_fixture.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "base/addr.h"
#include "base/err.h"
#include "host/ticket.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "io/socket.h"
#include "turn/peer_policy.h"

#define TURNS_TO_SETTLE 20
#define TURNS_MAX 2000

static void (*adjust_further)(struct tp_turn_options *options);

static void adjust(struct tp_turn_options *options)
{
	options->relay_tcp = true;
	options->relay[0].bind_addr = turn_fixture_addr("127.0.0.1");
	options->relay[0].advertised_addr = options->relay[0].bind_addr;
	options->relay[1].bind_addr = turn_fixture_addr("::1");
	options->relay[1].advertised_addr = options->relay[1].bind_addr;
	tp_peer_policy_lift(options->peer_policy, TP_PEER_LOOPBACK);
	if (adjust_further != NULL) {
		adjust_further(options);
	}
}

static void open_other(struct tcp_fixture *f)
{
	f->other = (struct tp_worker){.index = 1, .count = 2, .park_deadline_ms = 5000};
	tp_assert(tp_loop_create(&f->turn.clock.clock, &fake_net_backend, &f->other.loop) == 0);
	tp_assert(tp_mailbox_create(f->other.loop, &f->other.mailbox) == 0);
	tp_assert(tp_ticket_table_create(&f->other, 4, &f->other.tickets) == 0);
	tp_assert(tp_server_create(f->turn.shared, &f->other, f->turn.generation,
				   &f->other_server) == 0);
}

void tcp_fixture_open(struct tcp_fixture *f, void (*further)(struct tp_turn_options *options))
{
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	memset(f, 0, sizeof(*f));
	adjust_further = further;
	turn_fixture_open_with(&f->turn, adjust);
	open_other(f);
	fake_endpoint_init(&f->turn.endpoint, TP_TRANSPORT_TCP);
	f->turn.five_tuple.transport = TP_TRANSPORT_TCP;
	fake_endpoint_init(&f->data_endpoint, TP_TRANSPORT_TCP);
	f->data_five_tuple = f->turn.five_tuple;
	f->data_five_tuple.client_addr = turn_fixture_addr("192.0.2.10:4001");
	turn_client_init(&f->data_client, "alice", "secret");
	f->data_server = f->turn.server;
	f->data_fd = -1;
}

/* What is about to be handed over is closed, as a real connection would be. */
static void drop_data_connection(struct tcp_fixture *f)
{
	struct tp_stream_remains nothing = {.fd = -1};

	if (f->data_endpoint.taken != NULL) {
		tp_handed_over_fn taken = f->data_endpoint.taken;

		f->data_endpoint.taken = NULL;
		taken(f->data_endpoint.taker, &nothing);
	}
}

void tcp_fixture_close(struct tcp_fixture *f)
{
	drop_data_connection(f);
	tcp_fixture_settle(f);
	tp_socket_close(&f->data_fd);
	tp_server_free(&f->other_server);
	tp_ticket_table_free(&f->other.tickets);
	tp_mailbox_free(&f->other.mailbox);
	tp_loop_free(&f->other.loop);
	turn_fixture_close(&f->turn);
}

static void turn_both(struct tcp_fixture *f)
{
	turn_fixture_turn(&f->turn);
	tp_mailbox_deliver(f->other.mailbox);
	tp_loop_turn(f->other.loop);
}

void tcp_fixture_settle(struct tcp_fixture *f)
{
	for (int i = 0; i < TURNS_TO_SETTLE; i++) {
		turn_both(f);
	}
}

void tcp_fixture_advance_s(struct tcp_fixture *f, uint32_t seconds)
{
	while (seconds-- > 0) {
		fake_clock_advance_s(&f->turn.clock, 1);
		turn_both(f);
	}
	tcp_fixture_settle(f);
}

/* --- requests ------------------------------------------------------------------------ */

void tcp_fixture_allocate(struct tcp_fixture *f, enum tp_family family)
{
	const struct tp_stun_attr *attr;
	struct tp_build *build;

	turn_fixture_challenge(&f->turn);
	build = turn_client_begin(&f->turn.client, TP_STUN_ALLOCATE);
	tp_build_requested_transport(build, TP_PROTOCOL_TCP);
	tp_build_address_family(build, TP_ATTR_REQUESTED_ADDRESS_FAMILY, (uint8_t)family);
	CU_ASSERT_EQUAL_FATAL(turn_fixture_request(&f->turn), 0);
	attr = tp_stun_msg_find(&f->turn.response, TP_ATTR_XOR_RELAYED_ADDRESS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL_FATAL(tp_attr_read_xor_addr(attr, &f->turn.response, &f->turn.relayed_addr),
			      0);
	f->allocation = tp_allocation_find(f->turn.server, &f->turn.five_tuple);
	CU_ASSERT_PTR_NOT_NULL_FATAL(f->allocation);
}

static void note_id(struct tcp_fixture *f, const struct tp_stun_msg *msg)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(msg, TP_ATTR_CONNECTION_ID);

	if (attr != NULL) {
		CU_ASSERT_EQUAL(tp_attr_read_u32(attr, &f->connection_id), 0);
	}
}

static int code_of_answer(struct tcp_fixture *f)
{
	note_id(f, &f->turn.response);
	return turn_client_code(&f->turn.response);
}

int tcp_fixture_connect(struct tcp_fixture *f, const struct tp_addr *peer_addr)
{
	tp_build_xor_addr(turn_client_begin(&f->turn.client, TP_STUN_CONNECT),
			  TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	if (turn_fixture_request(&f->turn) == -1) {
		return -1;
	}
	return code_of_answer(f);
}

int tcp_fixture_answer(struct tcp_fixture *f)
{
	bool there = turn_fixture_take_response(&f->turn);

	for (int i = 0; i < TURNS_MAX && !there; i++) {
		turn_both(f);
		there = turn_fixture_take_response(&f->turn);
	}
	return there ? code_of_answer(f) : -1;
}

bool tcp_fixture_was_told(struct tcp_fixture *f, const struct tp_addr *peer_addr)
{
	const struct tp_stun_attr *attr;
	struct tp_addr addr;

	tcp_fixture_settle(f);
	if (!turn_fixture_take_response(&f->turn) ||
	    f->turn.response.message_class != TP_STUN_INDICATION ||
	    f->turn.response.method != TP_STUN_CONNECTION_ATTEMPT) {
		return false;
	}
	note_id(f, &f->turn.response);
	attr = tp_stun_msg_find(&f->turn.response, TP_ATTR_XOR_PEER_ADDRESS);
	return attr != NULL && tp_attr_read_xor_addr(attr, &f->turn.response, &addr) == 0 &&
	       tp_addr_equal(&addr, peer_addr);
}

static void send_data_client(struct tcp_fixture *f)
{
	uint8_t room[TP_PACKET_HEADROOM + sizeof(f->data_client.bytes) + TP_PACKET_TAILROOM];
	struct tp_packet packet = {
		.data = room + TP_PACKET_HEADROOM,
		.len = f->data_client.len,
		.remote_addr = f->data_five_tuple.client_addr,
		.local_addr = f->data_five_tuple.server_addr,
	};
	const struct tp_endpoint_handler *handler = tp_server_handler(f->data_server);

	memcpy(packet.data, f->data_client.bytes, f->data_client.len);
	handler->message(handler->owner, &f->data_endpoint.endpoint, &f->data_five_tuple, &packet);
}

int tcp_fixture_bind_answer(struct tcp_fixture *f)
{
	const struct fake_message *last = fake_endpoint_last(&f->data_endpoint);
	struct tp_stun_msg response;
	const char *reason;

	if (last == NULL) {
		return -1;
	}
	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&response, last->bytes, last->len, &reason), 0);
	if (turn_client_code(&response) == 401) {
		turn_client_learn(&f->data_client, &response);
	}
	f->data_endpoint.message_count = 0;
	return turn_client_code(&response);
}

int tcp_fixture_bind(struct tcp_fixture *f, uint32_t connection_id)
{
	tp_build_u32(turn_client_begin(&f->data_client, TP_STUN_CONNECTION_BIND),
		     TP_ATTR_CONNECTION_ID, connection_id);
	turn_client_finish(&f->data_client);
	send_data_client(f);
	CU_ASSERT_EQUAL_FATAL(tcp_fixture_bind_answer(f), 401);
	CU_ASSERT_FALSE(f->data_endpoint.paused);
	tp_build_u32(turn_client_begin(&f->data_client, TP_STUN_CONNECTION_BIND),
		     TP_ATTR_CONNECTION_ID, connection_id);
	turn_client_sign(&f->data_client);
	send_data_client(f);
	return tcp_fixture_bind_answer(f);
}

void tcp_fixture_hand_over(struct tcp_fixture *f, const char *early)
{
	tp_handed_over_fn taken = f->data_endpoint.taken;
	struct tp_stream_remains remains = {.fd = -1};
	int fds[2];

	CU_ASSERT_PTR_NOT_NULL_FATAL(taken);
	CU_ASSERT_EQUAL_FATAL(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	remains.fd = fds[0];
	f->data_fd = fds[1];
	if (early != NULL) {
		remains.rest.bytes = (uint8_t *)strdup(early);
		remains.rest.len = strlen(early);
	}
	f->data_endpoint.taken = NULL;
	taken(f->data_endpoint.taker, &remains);
	tp_stream_remains_fini(&remains);
	tcp_fixture_settle(f);
}

/* --- streams --------------------------------------------------------------------------- */

bool tcp_fixture_got(struct tcp_fixture *f, int fd, const char *text)
{
	char bytes[256];
	size_t len = 0;
	ssize_t more = 0;

	for (int i = 0; i < TURNS_TO_SETTLE; i++) {
		turn_both(f);
		more = recv(fd, bytes + len, sizeof(bytes) - len, MSG_DONTWAIT);
		len += more > 0 ? (size_t)more : 0;
	}
	return len == strlen(text) && memcmp(bytes, text, len) == 0 && more < 0 && errno == EAGAIN;
}

bool tcp_fixture_ended(struct tcp_fixture *f, int fd)
{
	char byte;
	ssize_t len;

	tcp_fixture_settle(f);
	len = recv(fd, &byte, 1, MSG_DONTWAIT);
	return len == 0 || (len < 0 && errno == ECONNRESET);
}

void tcp_fixture_say(struct tcp_fixture *f, int fd, const char *text)
{
	CU_ASSERT_EQUAL(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	turn_both(f);
}

/* --- peers ----------------------------------------------------------------------------- */

void tcp_peer_open(struct tcp_peer *peer, const char *address)
{
	const struct tp_socket_options options = {
		.bind_addr = turn_fixture_addr(address),
		.lends_port = true,
	};

	peer->fd = -1;
	CU_ASSERT_EQUAL_FATAL(tp_socket_open_listener(&options, &peer->listener), 0);
	CU_ASSERT_EQUAL_FATAL(tp_socket_local_addr(peer->listener, &peer->addr), 0);
}

void tcp_peer_close(struct tcp_peer *peer)
{
	tp_socket_close(&peer->listener);
	tp_socket_close(&peer->fd);
}

bool tcp_peer_accept(struct tcp_peer *peer)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	tp_socket_close(&peer->fd);
	peer->fd =
		accept4(peer->listener, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (peer->fd == -1) {
		return false;
	}
	tp_addr_from_sockaddr(&peer->from, (const struct sockaddr *)&sa);
	return true;
}

void tcp_peer_connect(struct tcp_peer *peer, const struct tp_addr *relayed_addr)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&peer->addr, &sa);
	int on = 1;

	tp_socket_close(&peer->fd);
	peer->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(peer->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(peer->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	CU_ASSERT_EQUAL_FATAL(bind(peer->fd, (struct sockaddr *)&sa, len), 0);
	len = tp_addr_to_sockaddr(relayed_addr, &sa);
	CU_ASSERT_EQUAL_FATAL(connect(peer->fd, (struct sockaddr *)&sa, len), 0);
}
