/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "stun/build.h"
#include "stun/channel_data.h"
#include "support/bare_server.h"
#include "support/hooks.h"

/*
 * What the protocol itself costs, the network being fake: CPU time per relayed
 * packet with nobody subscribed and with a handler that accepts, and the memory of an idle
 * allocation. Figures are medians; nothing is asserted.
 */

#define ALLOCATIONS 1000
#define IDLE_ALLOCATIONS 4000
#define PACKETS 200000
#define RUNS 7
#define PAYLOAD 172

static struct bare_server bare;
static struct tp_five_tuple clients[ALLOCATIONS];

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Send and forward of this bench's own: to keep nothing. */
static int swallow(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
		   const uint8_t *bytes, size_t len)
{
	(void)endpoint;
	(void)five_tuple;
	(void)bytes;
	(void)len;
	return 0;
}

static int swallow_packet(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			  struct tp_packet *packet)
{
	(void)endpoint;
	(void)five_tuple;
	(void)packet;
	return 0;
}

static const struct tp_endpoint_ops swallowing = {
	.send = swallow,
	.forward = swallow_packet,
};

/* A network that takes everything. */
static int void_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		     struct tp_datagram **out)
{
	struct tp_datagram *datagram = calloc(1, sizeof(*datagram));

	(void)fd;
	if (datagram == NULL) {
		return TP_ENOMEM;
	}
	*datagram = (struct tp_datagram){
		.backend = tp_loop_backend(loop),
		.loop = loop,
		.local_addr = options->socket.bind_addr,
		.owner = options->owner,
		.receive = options->receive,
	};
	*out = datagram;
	return 0;
}

static void void_close(struct tp_datagram *datagram)
{
	free(datagram);
}

static int void_send(struct tp_datagram *datagram, const struct tp_packet *packet, bool stable)
{
	(void)datagram;
	(void)packet;
	(void)stable;
	return 0;
}

static const struct tp_datagram_backend void_backend = {
	.name = "void",
	.open = void_open,
	.close = void_close,
	.send = void_send,
};

static void open_with(const char *plugin_dir)
{
	bare_server_open(&bare, &void_backend, plugin_dir);
	bare.endpoint.endpoint.ops = &swallowing;
	for (size_t i = 0; i < ALLOCATIONS; i++) {
		clients[i] = bare.five_tuple;
		bare_server_allocate(&bare);
	}
}

/* --- packets -------------------------------------------------------------------- */

static uint8_t channel_data[TP_CHANNEL_DATA_HEADER_SIZE + PAYLOAD];
static uint8_t indication[256];
static size_t indication_len;

static void make_messages(void)
{
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	static const uint8_t payload[PAYLOAD];
	struct tp_build build;

	tp_channel_data_write_header(channel_data, 0x4000, PAYLOAD);
	tp_build_init(&build, indication, sizeof(indication), TP_STUN_SEND, TP_STUN_INDICATION,
		      transaction_id);
	tp_build_xor_addr(&build, TP_ATTR_XOR_PEER_ADDRESS, &bare.peer_addr);
	tp_build_bytes(&build, TP_ATTR_DATA, payload, PAYLOAD);
	indication_len = tp_build_finish(&build);
	tp_assert(indication_len != 0);
}

static void send_channel_data(size_t client)
{
	bare_server_client_sends(&bare, &clients[client], channel_data, sizeof(channel_data));
}

static void send_indication(size_t client)
{
	bare_server_client_sends(&bare, &clients[client], indication, indication_len);
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a;
	double right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median_ns(void (*send)(size_t client))
{
	double runs[RUNS];

	for (int run = 0; run < RUNS; run++) {
		double began = cpu_ns();

		for (size_t i = 0; i < PACKETS; i++) {
			send(i % ALLOCATIONS);
		}
		runs[run] = (cpu_ns() - began) / PACKETS;
	}
	qsort(runs, RUNS, sizeof(runs[0]), by_value);
	return runs[RUNS / 2];
}

/* --- an event nobody wants -------------------------------------------------------- */

#define QUESTIONS 50000000

static double median_unwanted_ns(void)
{
	double runs[RUNS];

	for (int run = 0; run < RUNS; run++) {
		double began = cpu_ns();

		for (size_t i = 0; i < QUESTIONS; i++) {
			const struct tp_generation *generation = bare.generation;

			__asm__ volatile("" : "+r"(generation)); /* look each time */
			tp_assert(!tp_generation_wants(generation,
						       TP_EVENT_on_turn_before_relay_channel_data));
		}
		runs[run] = (cpu_ns() - began) / QUESTIONS;
	}
	qsort(runs, RUNS, sizeof(runs[0]), by_value);
	return runs[RUNS / 2];
}

/* --- memory ---------------------------------------------------------------------- */

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static void print_memory(void)
{
	size_t before;

	bare_server_open(&bare, &void_backend, NULL);
	before = heap_bytes();
	for (size_t i = 0; i < IDLE_ALLOCATIONS; i++) {
		bare_server_allocate(&bare);
	}
	printf("idle allocation with one permission and one channel: %zu bytes of heap, "
	       "the socket's own object and event apart\n",
	       (heap_bytes() - before) / IDLE_ALLOCATIONS - sizeof(struct tp_datagram));
	bare_server_close(&bare);
}

int main(void)
{
	double unsubscribed[2];
	double accepting[2];
	double unwanted;

	open_with(NULL);
	make_messages();
	unsubscribed[0] = median_ns(send_channel_data);
	unsubscribed[1] = median_ns(send_indication);
	unwanted = median_unwanted_ns();
	bare_server_close(&bare);
	test_hooks = (struct test_hooks){.ask = NULL}; /* accept everything */
	open_with(TEST_PLUGIN_DIR);
	accepting[0] = median_ns(send_channel_data);
	accepting[1] = median_ns(send_indication);
	bare_server_close(&bare);
	printf("client to peer, %d allocations, %d bytes, CPU ns per packet, median of %d:\n",
	       ALLOCATIONS, PAYLOAD, RUNS);
	printf("  ChannelData      no subscriber %6.1f  handler that accepts %6.1f  ratio %.3f\n",
	       unsubscribed[0], accepting[0], accepting[0] / unsubscribed[0]);
	printf("  Send indication  no subscriber %6.1f  handler that accepts %6.1f  ratio %.3f\n",
	       unsubscribed[1], accepting[1], accepting[1] / unsubscribed[1]);
	printf("an event nobody subscribes to: %.2f ns (a load and a branch)\n", unwanted);
	print_memory();
	return 0;
}
