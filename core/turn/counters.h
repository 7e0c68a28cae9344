/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/event.h>

#include "base/counter.h"

/*
 * What the protocol counts, by name, found once. Rows of TP_TURN_COUNTERS are
 * member and help; the name is "turn." and the member.
 */
#define TP_TURN_COUNTERS(X)                                                                        \
	X(allocations_created, "allocations made")                                                 \
	X(allocations_deleted, "allocations ended")                                                \
	X(allocations_moved, "tickets with which clients went on from another address")            \
	X(detours_begun, "clients taken to the worker that has their allocation")                  \
	X(requests, "requests taken up")                                                           \
	X(requests_parked, "requests that waited for a plugin or another worker")                  \
	X(retransmissions_answered, "retransmitted requests answered from memory")                 \
	X(retransmissions_absorbed, "retransmitted requests of a request in progress")             \
	X(responses_success, "success responses sent")                                             \
	X(responses_error, "error responses sent")                                                 \
	X(responses_vetoed, "responses a plugin suppressed")                                       \
	X(responses_failed, "responses that could not be built or sent")                           \
	X(client_to_peer_packets, "datagrams relayed to peers")                                    \
	X(client_to_peer_bytes, "payload bytes relayed to peers")                                  \
	X(peer_to_client_packets, "datagrams relayed to clients")                                  \
	X(peer_to_client_bytes, "payload bytes relayed to clients")                                \
	X(hairpin_packets, "datagrams to peers and on to clients of ours without the kernel")      \
	X(peer_connections, "TCP connections with peers")                                          \
	X(peer_connections_refused, "TCP connections of peers without permission, or too many")    \
	X(peer_connections_unbound, "TCP connections with peers that the client left unbound")     \
	X(data_connections, "TCP connections of clients bound to those with peers")                \
	X(icmp_indications, "errors of ICMP told to clients")                                      \
	X(relay_drops, "datagrams of peers that found no room in the kernel")                      \
	X(exceptions, "messages that could not be parsed, verified, handled or written")           \
	X(out_of_memory, "requests refused or dropped for lack of memory")                         \
	X(peer_claims_full, "peers not claimed on a shared port for lack of room")                 \
	X(relayed_ports_exhausted, "allocations refused because no relayed port was free")

#define TP_TURN_DISCARD_REASONS 22

struct tp_turn_counters {
#define TP_TURN_COUNTER_MEMBER_(member, help) struct tp_counter *member;
	TP_TURN_COUNTERS(TP_TURN_COUNTER_MEMBER_)
#undef TP_TURN_COUNTER_MEMBER_
	struct tp_counter *discarded[TP_TURN_DISCARD_REASONS]; /* by enum tp_discard_reason */
	struct tp_counter *errors[700]; /* by error code, made when first sent */
};

/** Find or make all of them. */
void tp_turn_counters_init(struct tp_turn_counters *counters);

/** Count an error response by its code. */
void tp_turn_counters_error(struct tp_turn_counters *counters, uint16_t code);
