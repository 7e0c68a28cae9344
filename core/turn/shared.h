/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "host/service.h"
#include "host/worker.h"
#include "stun/codes.h"
#include "turn/mobility.h"

struct tp_peer_policy;
struct tp_quota;
struct tp_live_ports;
struct tp_crossing_lane;
struct tp_server;
struct tp_turn_settings;

#define TP_RELAY_ADDRESSES_MAX 16
#define TP_ALTERNATE_SERVERS_MAX 16
#define TP_ANYCASTS_MAX 64
#define TP_STREAM_BEHAVIORS_MAX 16
#define TP_WORKERS_MAX 256
#define TP_REALMS_MAX 64
#define TP_SERVER_NAME_MAX 253 /* of a DNS name */

/* An address relayed sockets are bound to, and how clients are told it. Ports are 0. */
struct tp_relay_address {
	struct tp_addr bind_addr;
	struct tp_addr advertised_addr; /* the same unless behind a 1:1 NAT */
};

/*
 * An anycast address that the server listens on, and its unicast address: whoever
 * wants an allocation at the one is sent to the other. RFC 8155
 */
struct tp_anycast {
	struct tp_addr addr; /* port 0: any */
	uint32_t transport;
	struct tp_addr unicast_addr; /* of the same family */
	struct tp_addr other_addr;   /* unicast, too, of the other family; family NONE: none */
};

/*
 * Two IP addresses with the same two ports each that connections are taken on:
 * what a client learns of NATs with their help is RFC 5780 section 3.1.
 */
struct tp_stream_behavior {
	uint32_t transport;
	struct tp_addr addrs[4]; /* by place, see turn/behavior.h */
};

/*
 * What the protocol is run with in one realm. The configuration fills it; text and
 * arrays are copied. The first realm's are the daemon's; another's differ from
 * them in what the realm has values of its own for.
 */
struct tp_turn_options {
	const char *realm;
	const char *const *server_names; /* with this SNI clients belong to it; "*." in front */
	size_t server_name_count;
	const char *software; /* SOFTWARE attribute; NULL or empty: none */

	struct tp_relay_address relay[TP_RELAY_ADDRESSES_MAX];
	size_t relay_count; /* 0: Allocate is answered 508, Binding works */
	uint16_t port_min;
	uint16_t port_max;
	uint32_t shared_ports; /* of a worker, on each address; 0: a port for each allocation */
	int relay_receive_buffer_bytes; /* 0: the system's default */
	int relay_send_buffer_bytes;
	bool relay_tcp;   /* TCP allocations (RFC 6062) */
	bool relay_icmp;  /* clients are told what ICMP tells of their datagrams to peers */
	bool carry_marks; /* TTL, DSCP and ECN go through; never changes */
	bool mobility;    /* clients may go on from another address (RFC 8016) */

	uint32_t default_lifetime_s;
	uint32_t max_lifetime_s;
	uint32_t permission_lifetime_s;
	uint32_t channel_lifetime_s;
	uint32_t nonce_lifetime_s;
	uint32_t usage_interval_s; /* between reports of an allocation; 0: only the last */

	uint64_t max_allocations;          /* in the realm; 0: no limit */
	uint32_t max_allocations_per_user; /* 0: no limit */
	uint32_t max_permissions;          /* per allocation */
	uint32_t max_channels;             /* per allocation */
	uint32_t max_data_connections;     /* per TCP allocation */

	/* PASSWORD-ALGORITHMS in order of preference; none: RFC 5389 behaviour only */
	uint16_t password_algorithms[2];
	size_t password_algorithm_count;
	bool userhash; /* announce username anonymity */

	uint32_t unauthenticated_rate; /* answers a second to one source; 0: no limit */

	struct tp_addr
		alternate_servers[TP_ALTERNATE_SERVERS_MAX]; /* Allocate is sent there with 300 */
	size_t alternate_server_count;
	const char *alternate_domain; /* ALTERNATE-DOMAIN beside it; NULL: none */
	struct tp_anycast anycasts[TP_ANYCASTS_MAX];
	size_t anycast_count;
	struct tp_stream_behavior stream_behaviors[TP_STREAM_BEHAVIORS_MAX]; /* never change */
	size_t stream_behavior_count;

	struct tp_peer_policy *peer_policy; /* taken over; NULL: the first realm's */
};

/**
 * Defaults of every member: the RFCs' values (RFC 8656 sections 7.2, 9 and 12;
 * lifetimes 600 and 3600 s, permission 300 s, channel 600 s, nonce 3600 s), no limits in all and
 * per user, 64 permissions, 32 channels or 16 data connections per allocation, ports 49152 to
 * 65535.
 */
void tp_turn_options_init(struct tp_turn_options *options);

/*
 * What the servers of all workers share: the options they were started with,
 * of which realms, relayed addresses, ports and marks never change; the keys of nonces and tickets;
 * per-user counts and the map of live relayed ports, which are touched when an allocation comes or
 * goes, never per packet of media to a peer elsewhere; lanes for media between clients of different
 * workers.
 */
struct tp_shared {
	struct tp_turn_settings *settings; /* of the start; a reference */
	struct tp_turn_options options;    /* theirs, of the first realm, without the peer policy */
	uint8_t nonce_key[32];
	struct tp_quota *quotas[TP_REALMS_MAX];
	uint8_t mobility_key[TP_MOBILITY_KEY_SIZE];
	struct tp_live_ports *live_ports;
	struct tp_live_ports *live_tcp_ports; /* of TCP allocations */
	_Atomic uint64_t next_allocation_id;
	_Atomic uint64_t next_client_id;
	struct tp_allocation_service service; /* see turn/service.h */
	atomic_uint orders;                   /* on their way */
	unsigned worker_count;
	bool translates; /* a relay address is advertised as another than it is bound to */
	pthread_rwlock_t servers_lock;
	struct tp_server *servers[TP_WORKERS_MAX]; /* by worker: to post messages, under the lock */
	struct tp_crossing_lane *lanes;            /* all, to be freed; under the lock */
};

/**
 * Free after all servers, their mailboxes closed. The peer policies are taken over,
 * also on error.
 *
 * @options: by realm
 * @realms:  1 to TP_REALMS_MAX
 *
 * Errors: TP_ENOMEM, TP_EINVAL
 */
int tp_shared_create(const struct tp_turn_options *options, size_t realms, unsigned workers,
		     struct tp_shared **out);
void tp_shared_free(struct tp_shared **shared);
