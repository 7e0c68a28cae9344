/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/err.h"
#include "io/loop.h"
#include "io/stream_remains.h"
#include "support/bare_server.h"
#include "support/turn_client.h"
#include "turn/data_connection.h"
#include "turn/move.h"
#include "turn/permission.h"
#include "turn/tcp_relay.h"

/*
 * A whole server with one allocation, fed a conversation: each step is a byte
 * that says what, a byte of length and that many bytes. With a step of TCP two
 * allocations more are there, whose clients connect to each other.
 */

enum step {
	CLIENT_BYTES,   /* as they are */
	CLIENT_REQUEST, /* attributes of a request that is given good credentials */
	CLIENT_STREAM,  /* as they are, over another transport */
	PEER_BYTES,
	TIME,        /* seconds */
	MOVE,        /* Refresh with the latest ticket, and attributes, from the next port */
	TCP_REQUEST, /* as CLIENT_REQUEST, of the first client of TCP */
	TCP_CONNECT, /* from one to the other */
	TCP_DATA,    /* the client's side of a data connection, and what it says */
	STEPS,
};

static struct bare_server bare;
static struct tp_five_tuple five_tuple;
static struct turn_client client;
static uint64_t mobile_id;

#define TCP_CLIENTS 2

static struct tp_five_tuple tcp_five_tuples[TCP_CLIENTS];
static bool tcp_opened;

static void client_sends(const uint8_t *bytes, size_t len)
{
	bare_server_client_sends(&bare, &five_tuple, bytes, len);
}

/* A challenge for who sends from this five-tuple. */
static void learn(const struct tp_five_tuple *from)
{
	client.nonce[0] = '\0';
	turn_client_begin(&client, TP_STUN_REFRESH);
	turn_client_finish(&client);
	bare_server_client_sends(&bare, from, client.bytes, client.len);
	if (fake_endpoint_last(&bare.endpoint) != NULL) {
		const struct fake_message *last = fake_endpoint_last(&bare.endpoint);
		struct tp_stun_msg msg;
		const char *reason;

		if (tp_stun_msg_parse(&msg, last->bytes, last->len, &reason) == 0) {
			turn_client_learn(&client, &msg);
		}
	}
}

static void add_attributes(struct tp_build *build, const uint8_t *bytes, size_t len)
{
	memcpy(build->bytes + build->len, bytes, len);
	build->len += len / 4 * 4;
}

static void sign_and_send(const struct tp_five_tuple *from)
{
	turn_client_sign(&client);
	bare_server_client_sends(&bare, from, client.bytes, client.len);
}

/* The first byte is the method, the rest attributes as they are. */
static void client_requests(const struct tp_five_tuple *from, const uint8_t *bytes, size_t len)
{
	if (len == 0) {
		return;
	}
	learn(from);
	add_attributes(turn_client_begin(&client, bytes[0] % 16), bytes + 1, len - 1);
	sign_and_send(from);
}

/* RFC 8016 section 3.2.1 */
static void client_moves(const uint8_t *bytes, size_t len)
{
	struct tp_mobility_ticket ticket = {.allocation_id = mobile_id};
	struct tp_allocation *allocation = tp_allocation_find_id(bare.server, mobile_id);
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE];
	struct tp_build *build;

	five_tuple.client_addr.port++;
	ticket.number = allocation != NULL ? allocation->move->ticket : 0;
	tp_assert(tp_mobility_seal(bare.shared->mobility_key, &ticket, sealed) == 0);
	learn(&five_tuple);
	build = turn_client_begin(&client, TP_STUN_REFRESH);
	tp_build_bytes(build, TP_ATTR_MOBILITY_TICKET, sealed, sizeof(sealed));
	add_attributes(build, bytes, len);
	sign_and_send(&five_tuple);
}

/* --- TCP ------------------------------------------------------------------------------ */

static struct tp_allocation *tcp_allocation(size_t at)
{
	return tp_allocation_find(bare.server, &tcp_five_tuples[at]);
}

/* Sockets take time: only inputs that need them have them. */
static void open_tcp(void)
{
	if (tcp_opened) {
		return;
	}
	tcp_opened = true;
	for (size_t i = 0; i < TCP_CLIENTS; i++) {
		struct tp_allocation *allocation = bare_server_allocate_tcp(&bare);

		if (allocation != NULL) {
			tcp_five_tuples[i] = allocation->view.five_tuple;
		}
	}
}

/* Each permits the other. */
static void tcp_connects(size_t at)
{
	const struct tp_five_tuple *from = &tcp_five_tuples[at];
	struct tp_allocation *caller = tcp_allocation(at);
	struct tp_allocation *called = tcp_allocation(!at);
	struct tp_permission *permission;
	struct tp_build *build;

	if (caller == NULL || called == NULL ||
	    tp_permission_install(called, &caller->view.relayed_addr, true, &permission) != 0) {
		return;
	}
	learn(from);
	build = turn_client_begin(&client, TP_STUN_CONNECT);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &called->view.relayed_addr);
	sign_and_send(from);
}

static struct tp_data_connection *find_pending(void)
{
	for (size_t i = 0; i < TCP_CLIENTS; i++) {
		struct tp_allocation *allocation = tcp_allocation(i);

		for (struct tp_list *at = allocation != NULL ? allocation->tcp->connections.next
							     : NULL;
		     at != NULL && at != &allocation->tcp->connections; at = at->next) {
			struct tp_data_connection *connection =
				tp_container_of(at, struct tp_data_connection, link);

			if (connection->state == TP_DATA_PENDING) {
				return connection;
			}
		}
	}
	return NULL;
}

/* As after a ConnectionBind, of a client that then closes. */
static void tcp_says(const uint8_t *bytes, size_t len)
{
	const struct tp_transaction_key key = {.five_tuple = tcp_five_tuples[0]};
	struct tp_data_connection *connection = find_pending();
	struct tp_stream_remains remains = {.fd = -1};
	int ends[2];

	if (connection == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
		return;
	}
	tp_assert(write(ends[1], bytes, len) == (ssize_t)len);
	close(ends[1]);
	remains.fd = ends[0];
	tp_assert(tp_data_connection_claim(connection, &key));
	tp_data_connection_bind(connection, &remains);
	tp_stream_remains_fini(&remains);
}

static void take_tcp_step(enum step step, const uint8_t *bytes, size_t len)
{
	bool stream = bare.endpoint.endpoint.stream;

	open_tcp();
	bare.endpoint.endpoint.stream = true;
	if (step == TCP_REQUEST) {
		client_requests(&tcp_five_tuples[0], bytes, len);
	} else if (step == TCP_CONNECT) {
		tcp_connects(len % TCP_CLIENTS);
	} else {
		tcp_says(bytes, len);
	}
	bare.endpoint.endpoint.stream = stream;
}

/* --- steps ---------------------------------------------------------------------------- */

static void take_step(enum step step, const uint8_t *bytes, size_t len,
		      const struct tp_addr *relayed_addr)
{
	switch (step) {
	case CLIENT_BYTES:
		client_sends(bytes, len);
		break;
	case CLIENT_REQUEST:
		client_requests(&five_tuple, bytes, len);
		break;
	case CLIENT_STREAM:
		bare.endpoint.endpoint.stream = !bare.endpoint.endpoint.stream;
		client_sends(bytes, len);
		break;
	case PEER_BYTES:
		fake_net_deliver(&bare.peer_addr, relayed_addr, bytes, len);
		break;
	case MOVE:
		client_moves(bytes, len);
		break;
	case TCP_REQUEST:
	case TCP_CONNECT:
	case TCP_DATA:
		take_tcp_step(step, bytes, len);
		break;
	default:
		fake_clock_advance_s(&bare.clock, len);
		break;
	}
	tp_loop_turn(bare.worker.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tp_allocation *allocation;
	struct tp_addr relayed_addr; /* as it is bound */

	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	bare_server_open(&bare, &fake_net_backend, NULL);
	bare_server_offer_all(&bare);
	turn_client_init(&client, "alice", "secret");
	tcp_opened = false;
	memset(tcp_five_tuples, 0, sizeof(tcp_five_tuples));
	strcpy(client.realm, "example.org");
	five_tuple = bare.five_tuple;
	allocation = bare_server_allocate(&bare);
	mobile_id = allocation->view.id;
	relayed_addr = tp_addr_with_port(&bare.server->options->relay[0].bind_addr,
					 tp_addr_port(&allocation->view.relayed_addr));
	while (size >= 2) {
		size_t len = data[1];
		enum step step = (enum step)(data[0] % STEPS);

		data += 2;
		size -= 2;
		if (len > size) {
			len = size;
		}
		take_step(step, data, len, &relayed_addr);
		data += len;
		size -= len;
	}
	bare_server_close(&bare);
	return 0;
}
