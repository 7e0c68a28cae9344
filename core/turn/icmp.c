/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/icmp.h"

#include <stdlib.h>

#include "io/datagram.h"
#include "io/endpoint.h"
#include "io/loop.h"
#include "stun/build.h"
#include "turn/allocation.h"
#include "turn/permission.h"
#include "turn/server.h"

#define HEADER_SIZE 4
#define INDICATION_MAX (TP_STUN_HEADER_SIZE + HEADER_SIZE + 20 + HEADER_SIZE + 8)

/* Indications of this turn, where endpoints read them when they flush. */
struct tp_icmp {
	struct tp_turn_hook flushed;
	unsigned count;
	uint8_t packets[TP_ICMP_PER_TURN_MAX]
		       [TP_PACKET_HEADROOM + INDICATION_MAX + TP_PACKET_TAILROOM];
};

static void on_flushed(struct tp_turn_hook *hook)
{
	tp_container_of(hook, struct tp_icmp, flushed)->count = 0;
}

/* Made when first needed; NULL: no room in this turn, or no memory. */
static uint8_t *take_room(struct tp_server *server)
{
	struct tp_icmp *icmp = server->icmp;

	if (icmp == NULL) {
		icmp = calloc(1, sizeof(*icmp));
		if (icmp == NULL) {
			tp_counter_add(server->counters.out_of_memory, 1);
			return NULL;
		}
		tp_turn_hook_init(&icmp->flushed, on_flushed);
		server->icmp = icmp;
	}
	if (icmp->count == TP_ICMP_PER_TURN_MAX) {
		return NULL;
	}
	tp_loop_request_flushed_hook(server->worker->loop, &icmp->flushed);
	return icmp->packets[icmp->count++] + TP_PACKET_HEADROOM;
}

void tp_icmp_free(struct tp_icmp **icmp)
{
	if (*icmp != NULL) {
		tp_loop_cancel_hook(&(*icmp)->flushed);
		free(*icmp);
		*icmp = NULL;
	}
}

static bool is_relayed(const struct tp_addr *peer_addr, uint8_t type)
{
	return tp_addr_family(peer_addr) == TP_FAMILY_IPV4 ? type == 3 || type == 11
							   : type >= 1 && type <= 3;
}

/* Only addresses are compared: unlike media, what ICMP tells is for any port. */
static bool is_permitted(const struct tp_allocation *allocation, const struct tp_addr *peer_addr)
{
	const struct tp_permission *permission = tp_permission_find(allocation, peer_addr);

	return permission != NULL && permission->passage.live;
}

void tp_icmp_tell_client(struct tp_allocation *allocation, const struct tp_addr *peer_addr,
			 const struct tp_datagram_error *error)
{
	struct tp_server *server = allocation->server;
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	struct tp_packet packet = {.ttl = -1, .tos = -1};
	struct tp_build build;

	if (!is_relayed(peer_addr, error->type) || !is_permitted(allocation, peer_addr)) {
		return;
	}
	packet.data = take_room(server);
	if (packet.data == NULL) {
		return;
	}
	tp_server_indication_id(server, transaction_id);
	tp_build_init(&build, packet.data, INDICATION_MAX, TP_STUN_DATA, TP_STUN_INDICATION,
		      transaction_id);
	tp_build_xor_addr(&build, TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	tp_build_icmp(&build, error->type, error->code, error->mtu);
	packet.len = tp_build_finish(&build);
	if (tp_endpoint_forward(allocation->endpoint, &allocation->view.five_tuple, &packet) == 0) {
		tp_counter_add(server->counters.icmp_indications, 1);
	}
}
