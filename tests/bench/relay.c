/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "bench/void_net.h"
#include "io/datagram.h"
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

static struct bare_server bare;
static struct tp_five_tuple clients[ALLOCATIONS];

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void open_with(const char *plugin_dir)
{
	void_net_open(&bare, plugin_dir);
	for (size_t i = 0; i < ALLOCATIONS; i++) {
		clients[i] = bare.five_tuple;
		bare_server_allocate(&bare);
	}
}

/* --- packets -------------------------------------------------------------------- */

static struct void_net_message channel_data;
static struct void_net_message indication;

static void send_channel_data(size_t client)
{
	bare_server_client_sends(&bare, &clients[client], channel_data.bytes, channel_data.len);
}

static void send_indication(size_t client)
{
	bare_server_client_sends(&bare, &clients[client], indication.bytes, indication.len);
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

	void_net_open(&bare, NULL);
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
	void_net_channel_data(&channel_data);
	void_net_send_indication(&indication, &bare.peer_addr);
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
	       ALLOCATIONS, VOID_NET_PAYLOAD, RUNS);
	printf("  ChannelData      no subscriber %6.1f  handler that accepts %6.1f  ratio %.3f\n",
	       unsubscribed[0], accepting[0], accepting[0] / unsubscribed[0]);
	printf("  Send indication  no subscriber %6.1f  handler that accepts %6.1f  ratio %.3f\n",
	       unsubscribed[1], accepting[1], accepting[1] / unsubscribed[1]);
	printf("an event nobody subscribes to: %.2f ns (a load and a branch)\n", unwanted);
	print_memory();
	return 0;
}
