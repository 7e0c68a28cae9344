/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_net.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/list.h"

#define SOCKETS_MAX 4096
#define FIRST_CHOSEN_PORT 40000

struct fake_socket {
	struct tp_datagram datagram; /* first: the backend's contract */
	struct tp_addr addr;
	bool reuse_port;
	bool wants_marks;
	int fd; /* a real one that goes nowhere, so that release and adopt work */
	void (*error)(void *owner, struct tp_datagram *datagram,
		      const struct tp_datagram_error *error);
};

/* An address whose descriptor was released; gone once that is closed. */
struct fake_released {
	int fd; /* 0: free row */
	struct tp_addr addr;
	bool reuse_port;
};

static struct {
	struct fake_socket *sockets[SOCKETS_MAX];
	struct fake_released released[SOCKETS_MAX];
	struct fake_net_datagram *sent;
	size_t sent_count;
	unsigned fail_opens;
	int fail_opens_error;
	int fail_ports[65536];
	int fail_sends_error;
	uint16_t chosen_port;
} net;

static void *must(void *memory)
{
	if (memory == NULL) {
		abort();
	}
	return memory;
}

/* --- bound addresses ------------------------------------------------------ */

static bool overlaps(const struct tp_addr *a, const struct tp_addr *b)
{
	return a->family == b->family && a->port == b->port &&
	       (tp_addr_equal_ip(a, b) || tp_addr_is_any(a) || tp_addr_is_any(b));
}

static void sweep_released(void)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (net.released[i].fd != 0 && fcntl(net.released[i].fd, F_GETFD) == -1) {
			net.released[i].fd = 0;
		}
	}
}

static struct fake_socket *find(const struct tp_addr *addr)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (net.sockets[i] != NULL && overlaps(&net.sockets[i]->addr, addr)) {
			return net.sockets[i];
		}
	}
	return NULL;
}

static bool in_use(const struct tp_addr *addr, bool reuse_port)
{
	const struct fake_socket *socket = find(addr);

	if (socket != NULL && !(reuse_port && socket->reuse_port)) {
		return true;
	}
	sweep_released();
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		const struct fake_released *released = &net.released[i];

		if (released->fd != 0 && overlaps(&released->addr, addr) &&
		    !(reuse_port && released->reuse_port)) {
			return true;
		}
	}
	return false;
}

static void choose_port(struct tp_addr *addr)
{
	do {
		if (net.chosen_port < FIRST_CHOSEN_PORT) {
			net.chosen_port = FIRST_CHOSEN_PORT;
		}
		addr->port = net.chosen_port++;
	} while (in_use(addr, false));
}

/* --- backend -------------------------------------------------------------- */

static int keep(struct fake_socket *socket)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (net.sockets[i] == NULL) {
			net.sockets[i] = socket;
			return 0;
		}
	}
	return TP_EFULL;
}

static int bind_new(struct fake_socket *socket, const struct tp_socket_options *options)
{
	if (net.fail_opens > 0) {
		net.fail_opens--;
		return net.fail_opens_error;
	}
	socket->addr = options->bind_addr;
	socket->reuse_port = options->reuse_port;
	socket->wants_marks = options->want_tos_ttl;
	if (socket->addr.port == 0) {
		choose_port(&socket->addr);
	} else if (net.fail_ports[socket->addr.port] != 0) {
		return net.fail_ports[socket->addr.port];
	}
	if (in_use(&socket->addr, socket->reuse_port)) {
		return TP_EADDRINUSE;
	}
	socket->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return socket->fd != -1 ? 0 : TP_EFULL;
}

static int take_over(struct fake_socket *socket, int fd)
{
	sweep_released();
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct fake_released *released = &net.released[i];

		if (fd != 0 && released->fd == fd) {
			socket->addr = released->addr;
			socket->reuse_port = released->reuse_port;
			socket->fd = fd;
			released->fd = 0;
			return 0;
		}
	}
	return TP_EINVAL;
}

static int backend_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
			struct tp_datagram **out)
{
	struct fake_socket *socket = must(calloc(1, sizeof(*socket)));
	int err = fd == -1 ? bind_new(socket, &options->socket) : take_over(socket, fd);

	if (err == 0) {
		err = keep(socket);
	}
	if (err != 0) {
		free(socket);
		return err;
	}
	socket->datagram = (struct tp_datagram){
		.backend = &fake_net_backend,
		.loop = loop,
		.local_addr = socket->addr,
		.owner = options->owner,
		.receive = options->receive,
	};
	socket->error = options->error;
	*out = &socket->datagram;
	return 0;
}

static void forget(struct fake_socket *socket)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (net.sockets[i] == socket) {
			net.sockets[i] = NULL;
		}
	}
	free(socket);
}

static void backend_close(struct tp_datagram *datagram)
{
	struct fake_socket *socket = tp_container_of(datagram, struct fake_socket, datagram);

	close(socket->fd);
	forget(socket);
}

static int backend_release(struct tp_datagram *datagram)
{
	struct fake_socket *socket = tp_container_of(datagram, struct fake_socket, datagram);
	int fd = socket->fd;

	sweep_released();
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (net.released[i].fd == 0) {
			net.released[i] =
				(struct fake_released){fd, socket->addr, socket->reuse_port};
			break;
		}
	}
	forget(socket);
	return fd;
}

static int backend_send(struct tp_datagram *datagram, const struct tp_packet *packet, bool stable)
{
	struct fake_net_datagram *sent;

	if (net.fail_sends_error != 0) {
		return net.fail_sends_error;
	}
	net.sent = must(realloc(net.sent, (net.sent_count + 1) * sizeof(*net.sent)));
	sent = &net.sent[net.sent_count++];
	*sent = (struct fake_net_datagram){
		.from = packet->local_addr.family != TP_FAMILY_NONE ? packet->local_addr
								    : datagram->local_addr,
		.to = packet->remote_addr,
		.bytes = must(malloc(packet->len != 0 ? packet->len : 1)),
		.len = packet->len,
		.ttl = packet->ttl,
		.tos = packet->tos,
		.dont_fragment = packet->dont_fragment,
		.forwarded = stable,
	};
	if (packet->len != 0) {
		memcpy(sent->bytes, packet->data, packet->len);
	}
	return 0;
}

const struct tp_datagram_backend fake_net_backend = {
	.name = "fake",
	.open = backend_open,
	.close = backend_close,
	.release = backend_release,
	.send = backend_send,
};

/* --- what a test sees ----------------------------------------------------- */

void fake_net_reset(void)
{
	for (size_t i = 0; i < net.sent_count; i++) {
		free(net.sent[i].bytes);
	}
	free(net.sent);
	net.sent = NULL;
	net.sent_count = 0;
	net.fail_opens = 0;
	net.fail_sends_error = 0;
	memset(net.fail_ports, 0, sizeof(net.fail_ports));
}

size_t fake_net_open_sockets(void)
{
	size_t count = 0;

	sweep_released();
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		count += net.sockets[i] != NULL;
		count += net.released[i].fd != 0;
	}
	return count;
}

bool fake_net_is_bound(const struct tp_addr *addr)
{
	return find(addr) != NULL;
}

size_t fake_net_sent_count(void)
{
	return net.sent_count;
}

const struct fake_net_datagram *fake_net_sent(size_t index)
{
	return index < net.sent_count ? &net.sent[index] : NULL;
}

const struct fake_net_datagram *fake_net_last_sent(void)
{
	return net.sent_count > 0 ? &net.sent[net.sent_count - 1] : NULL;
}

bool fake_net_deliver(const struct tp_addr *from, const struct tp_addr *to, const void *bytes,
		      size_t len)
{
	return fake_net_deliver_marked(from, to, bytes, len, -1, -1);
}

bool fake_net_deliver_marked(const struct tp_addr *from, const struct tp_addr *to,
			     const void *bytes, size_t len, int ttl, int tos)
{
	struct fake_socket *socket = find(to);
	struct tp_packet packet = {.len = len, .remote_addr = *from, .ttl = ttl, .tos = tos};
	uint8_t *memory;

	if (socket == NULL) {
		return false;
	}
	memory = must(calloc(1, TP_PACKET_HEADROOM + len + TP_PACKET_TAILROOM));
	packet.data = memory + TP_PACKET_HEADROOM;
	packet.local_addr = *to;
	if (len != 0) {
		memcpy(packet.data, bytes, len);
	}
	socket->datagram.receive(socket->datagram.owner, &socket->datagram, &packet);
	free(memory);
	return true;
}

bool fake_net_wants_marks(const struct tp_addr *addr)
{
	const struct fake_socket *socket = find(addr);

	return socket != NULL && socket->wants_marks;
}

bool fake_net_tell_error(const struct tp_addr *at, const struct tp_datagram_error *error)
{
	struct fake_socket *socket = find(at);

	if (socket == NULL || socket->error == NULL) {
		return false;
	}
	socket->error(socket->datagram.owner, &socket->datagram, error);
	return true;
}

void fake_net_fail_opens(unsigned count, int error)
{
	net.fail_opens = count;
	net.fail_opens_error = error;
}

void fake_net_fail_port(uint16_t port, int error)
{
	net.fail_ports[port] = error;
}

void fake_net_fail_sends(int error)
{
	net.fail_sends_error = error;
}

/* --- endpoint ------------------------------------------------------------- */

/* @forwarded: the packet, NULL for a response */
static int record(struct fake_endpoint *fake, const struct tp_five_tuple *five_tuple,
		  const uint8_t *bytes, size_t len, const struct tp_packet *forwarded)
{
	struct fake_message *message = &fake->messages[fake->message_count % FAKE_ENDPOINT_KEPT];

	if (fake->result != 0) {
		return fake->result;
	}
	fake->message_count++;
	fake->send_count += forwarded == NULL;
	fake->forward_count += forwarded != NULL;
	message->five_tuple = *five_tuple;
	message->len = len;
	message->forwarded = forwarded != NULL;
	message->ttl = forwarded != NULL ? forwarded->ttl : -1;
	message->tos = forwarded != NULL ? forwarded->tos : -1;
	memcpy(message->bytes, bytes, len < sizeof(message->bytes) ? len : sizeof(message->bytes));
	if (fake->sent != NULL) {
		fake->sent(fake, message);
	}
	return 0;
}

static int endpoint_send(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			 const uint8_t *bytes, size_t len)
{
	return record((struct fake_endpoint *)endpoint, five_tuple, bytes, len, NULL);
}

static int endpoint_forward(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			    struct tp_packet *packet)
{
	return record((struct fake_endpoint *)endpoint, five_tuple, packet->data, packet->len,
		      packet);
}

static void endpoint_close(struct tp_endpoint *endpoint)
{
	struct fake_endpoint *fake = (struct fake_endpoint *)endpoint;

	fake->close_count++;
	if (fake->closed != NULL) {
		fake->closed(fake);
	}
}

static int endpoint_hold(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple)
{
	struct fake_endpoint *fake = (struct fake_endpoint *)endpoint;

	(void)five_tuple;
	fake->held += fake->hold_result == 0;
	return fake->hold_result;
}

static void endpoint_release(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple)
{
	(void)five_tuple;
	((struct fake_endpoint *)endpoint)->held--;
}

static void endpoint_pause(struct tp_endpoint *endpoint, bool paused)
{
	struct fake_endpoint *fake = (struct fake_endpoint *)endpoint;

	fake->paused = paused || fake->taken != NULL;
}

static void endpoint_hand_over(struct tp_endpoint *endpoint, tp_handed_over_fn taken, void *taker)
{
	struct fake_endpoint *fake = (struct fake_endpoint *)endpoint;

	fake->taken = taken;
	fake->taker = taker;
	fake->paused = true;
}

void fake_endpoint_init(struct fake_endpoint *endpoint, enum tp_transport transport)
{
	static const struct tp_endpoint_ops ops = {
		.send = endpoint_send,
		.forward = endpoint_forward,
		.close = endpoint_close,
		.hold = endpoint_hold,
		.release = endpoint_release,
		.pause = endpoint_pause,
		.hand_over = endpoint_hand_over,
	};

	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->endpoint.ops = &ops;
	endpoint->endpoint.transport = transport;
	endpoint->endpoint.stream = transport == TP_TRANSPORT_TCP || transport == TP_TRANSPORT_TLS;
}

const struct fake_message *fake_endpoint_last(const struct fake_endpoint *endpoint)
{
	return endpoint->message_count == 0
		       ? NULL
		       : &endpoint->messages[(endpoint->message_count - 1) % FAKE_ENDPOINT_KEPT];
}
