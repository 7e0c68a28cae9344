/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/map.h"
#include "base/pool.h"
#include "base/wheel.h"
#include "host/generation.h"
#include "host/worker.h"
#include "io/endpoint.h"
#include "turn/counters.h"
#include "turn/replay.h"
#include "turn/shared.h"
#include "turn/source_limit.h"

struct tp_crossing;
struct tp_hairpin;
struct tp_icmp;
struct tp_realm;
struct tp_shared_relays;

/*
 * The protocol on one worker: owns its allocations, permissions, channels and
 * requests in progress. Bytes come in through the endpoint handler that it
 * gives to listeners. Everything is for the worker's thread.
 */
struct tp_server {
	struct tp_shared *shared;
	struct tp_worker *worker;
	struct tp_generation *generation;      /* a reference */
	struct tp_turn_settings *settings;     /* a reference */
	const struct tp_turn_options *options; /* theirs: the first realm's, so the daemon's */
	struct tp_realm *realms;               /* by index; see turn/realm.h */
	size_t realm_count;
	struct tp_endpoint_handler handler;
	struct tp_turn_counters counters;

	struct tp_map allocations; /* by five-tuple */
	struct tp_map allocations_by_id;
	struct tp_map moves;   /* by the five-tuple that a client is on its way to */
	struct tp_map detours; /* to other workers, by five-tuple */
	struct tp_map detours_by_number;
	struct tp_map visitors;           /* from other workers, by worker and number */
	struct tp_map permissions;        /* by allocation and peer IP address */
	struct tp_map channels_by_number; /* by allocation and channel number */
	struct tp_map channels_by_peer;   /* by allocation and peer address */
	struct tp_map transactions;       /* that wait, by five-tuple and transaction id */
	struct tp_map reservations;       /* by token */
	struct tp_map clients;            /* by five-tuple */
	struct tp_map data_connections;   /* by id */
	struct tp_replay replay;
	struct tp_source_limit sources;
	struct tp_crossing *crossing;
	struct tp_hairpin *hairpin;
	struct tp_icmp *icmp;                   /* NULL: not needed yet */
	struct tp_shared_relays *shared_relays; /* NULL: each allocation has a port of its own */

	struct tp_pool allocation_pool;
	struct tp_pool additional_relay_pool;
	struct tp_pool move_pool;
	struct tp_pool limit_pool;
	struct tp_pool meter_pool;
	struct tp_pool permission_pool;
	struct tp_pool channel_pool;
	struct tp_pool transaction_pool;
	struct tp_pool client_pool;
	struct tp_pool data_connection_pool;

	struct {
		uint64_t count;
		uint32_t server;
	} indication_id;        /* transaction id of the latest Data indication */
	uint32_t detour_number; /* of the latest detour */
	struct tp_timer tick;
	unsigned next_relay_address;
	unsigned next_alternate_server;
	bool draining;
	bool stopped;
};

/**
 * @worker:     filled, its loop running or about to; borrowed
 * @generation: a reference is taken; worker_start has been called
 *
 * Errors: TP_ENOMEM
 */
int tp_server_create(struct tp_shared *shared, struct tp_worker *worker,
		     struct tp_generation *generation, struct tp_server **out);

/** Callbacks for listeners; their owner is the server. Owner: the server. */
const struct tp_endpoint_handler *tp_server_handler(const struct tp_server *server);

/**
 * What plugins of earlier generations have attached to allocations and clients goes
 * to those who stand for them now, or is released. Thread: the worker's.
 */
void tp_server_adopt(struct tp_server *server);

/**
 * From now on: other plugins, other options. Both take a reference; those the
 * server had are dropped. Their realms are those of the start; what differs in their
 * names, in relayed addresses or ports is for the next start.
 *
 * Thread: the worker's, between two loop turns. Requests in progress end with
 *         the plugins they have begun with.
 */
void tp_server_reload(struct tp_server *server, struct tp_generation *generation,
		      struct tp_turn_settings *settings);

/** Requests in progress that the plugins of @generation are asked about. */
bool tp_server_uses(const struct tp_server *server, const struct tp_generation *generation);

/** Refuse new allocations (508) from now on; what is there lives on. */
void tp_server_drain(struct tp_server *server);

/** End all allocations (cause shutdown) and requests. The endpoints must still be open. */
void tp_server_stop(struct tp_server *server);

/** Stops first when that has not been done. Sets the pointer to NULL; NULL inside is fine. */
void tp_server_free(struct tp_server **server);

/**
 * Nobody matches the transaction id of an indication; it must only differ from
 * others. It goes on from where chance has put it.
 *
 * @out: TP_STUN_TRANSACTION_ID_SIZE bytes
 */
static inline void tp_server_indication_id(struct tp_server *server, uint8_t *out)
{
	server->indication_id.count++;
	memcpy(out, &server->indication_id, TP_STUN_TRANSACTION_ID_SIZE);
}

/** An endpoint is about to go, with whatever needs it. Its own callback for listeners is more. */
void tp_server_endpoint_closed(struct tp_server *server, struct tp_endpoint *endpoint,
			       const struct tp_five_tuple *five_tuple);

/** Allocations of this worker now. */
size_t tp_server_allocation_count(const struct tp_server *server);
