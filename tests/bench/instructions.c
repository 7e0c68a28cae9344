/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <valgrind/callgrind.h>

#include "base/err.h"
#include "bench/void_net.h"
#include "io/datagram.h"
#include "stun/channel_data.h"
#include "support/hooks.h"

/*
 * To be run under callgrind by instructions.sh: what the relay executes for a
 * packet that has been received, until it is handed to the network. Each
 * scenario is dumped under its name with the number of its packets.
 */

#define ALLOCATIONS 1000
#define PACKETS 4000

static struct bare_server bare;
static struct tp_five_tuple clients[ALLOCATIONS];
static struct tp_allocation *allocations[ALLOCATIONS];
static struct tp_addr other_peer; /* allowed, without a channel */
static struct void_net_message channel_data;
static struct void_net_message send_indication;
static int arrival_ttl = -1;
static int arrival_tos = -1;

/* --- packets --------------------------------------------------------------- */

/* A packet as a socket delivers it, in memory of its own. */
struct arrival {
	uint8_t room[TP_PACKET_HEADROOM + 256 + TP_PACKET_TAILROOM];
	struct tp_packet packet;
};

static void arrive(struct arrival *arrival, const struct tp_addr *from, const struct tp_addr *to,
		   const uint8_t *bytes, size_t len)
{
	tp_assert(len <= sizeof(arrival->room) - TP_PACKET_HEADROOM - TP_PACKET_TAILROOM);
	memcpy(arrival->room + TP_PACKET_HEADROOM, bytes, len);
	arrival->packet = (struct tp_packet){
		.data = arrival->room + TP_PACKET_HEADROOM,
		.len = len,
		.remote_addr = *from,
		.local_addr = *to,
		.ttl = arrival_ttl,
		.tos = arrival_tos,
	};
}

/*
 * Collection is on inside these, see instructions.sh: never inlined, and the
 * call is not their last instruction.
 */
static __attribute__((noinline)) void counted_from_client(const struct tp_five_tuple *five_tuple,
							  struct tp_packet *packet)
{
	const struct tp_endpoint_handler *handler = tp_server_handler(bare.server);

	handler->message(handler->owner, &bare.endpoint.endpoint, five_tuple, packet);
	__asm__ volatile("");
}

static __attribute__((noinline)) void counted_from_peer(struct tp_datagram *datagram,
							struct tp_packet *packet)
{
	datagram->receive(datagram->owner, datagram, packet);
	__asm__ volatile("");
}

static void client_sends(size_t client, const struct void_net_message *message)
{
	const struct tp_five_tuple *five_tuple = &clients[client];
	struct arrival arrival;

	arrive(&arrival, &five_tuple->client_addr, &five_tuple->server_addr, message->bytes,
	       message->len);
	counted_from_client(five_tuple, &arrival.packet);
}

static void peer_sends(size_t client, const struct tp_addr *peer_addr)
{
	static const uint8_t payload[VOID_NET_PAYLOAD];
	struct tp_datagram *datagram = allocations[client]->relay.datagram;
	struct arrival arrival;

	arrive(&arrival, peer_addr, &datagram->local_addr, payload, sizeof(payload));
	counted_from_peer(datagram, &arrival.packet);
}

static void client_sends_channel_data(size_t client)
{
	client_sends(client, &channel_data);
}

static void client_sends_indication(size_t client)
{
	client_sends(client, &send_indication);
}

static void peer_sends_for_channel(size_t client)
{
	peer_sends(client, &bare.peer_addr);
}

static void peer_sends_for_indication(size_t client)
{
	peer_sends(client, &other_peer);
}

/* --- scenarios --------------------------------------------------------------- */

static uint64_t relayed(void)
{
	return tp_counter_read(bare.server->counters.client_to_peer_packets) +
	       tp_counter_read(bare.server->counters.peer_to_client_packets);
}

static void measure(const char *name, const char *subscribed, void (*send)(size_t client))
{
	uint64_t before = relayed();
	char dump[96];

	CALLGRIND_ZERO_STATS;
	for (size_t i = 0; i < PACKETS; i++) {
		send(i % ALLOCATIONS);
	}
	tp_assert(relayed() - before == PACKETS);
	snprintf(dump, sizeof(dump), "%d %s%s", PACKETS, name, subscribed);
	CALLGRIND_DUMP_STATS_AT(dump);
}

/* On shared ports each allocation has one to itself: what is counted is that it is looked for. */
static void measure_all(const char *plugin_dir, bool shared, const char *subscribed)
{
	void_net_open(&bare, plugin_dir);
	if (shared) {
		bare_server_share_ports(&bare, ALLOCATIONS);
	}
	tp_counter_use_row(1); /* as a worker does */
	other_peer = bare.peer_addr;
	other_peer.port++;
	void_net_channel_data(&channel_data);
	void_net_send_indication(&send_indication, &other_peer);
	for (size_t i = 0; i < ALLOCATIONS; i++) {
		clients[i] = bare.five_tuple;
		allocations[i] = bare_server_allocate(&bare);
	}
	measure("ChannelData client to peer", subscribed, client_sends_channel_data);
	measure("ChannelData peer to client", subscribed, peer_sends_for_channel);
	measure("Send indication", subscribed, client_sends_indication);
	measure("Data indication", subscribed, peer_sends_for_indication);
}

/* As with carry_marks: what the network does with them is not counted here. */
static void measure_marked(void)
{
	arrival_ttl = 57;
	arrival_tos = 0xb9;
	measure("ChannelData client to peer", ", marked", client_sends_channel_data);
	measure("ChannelData peer to client", ", marked", peer_sends_for_channel);
	arrival_ttl = -1;
	arrival_tos = -1;
}

int main(void)
{
	measure_all(NULL, false, "");
	measure_marked();
	bare_server_close(&bare);
	test_hooks = (struct test_hooks){.ask = NULL}; /* accept everything */
	measure_all(TEST_PLUGIN_DIR, false, ", a handler accepts");
	bare_server_close(&bare);
	measure_all(NULL, true, ", shared port");
	bare_server_close(&bare);
	return 0;
}
