/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/event.h>

#include "base/list.h"
#include "base/wheel.h"
#include "host/attachment.h"
#include "stun/integrity.h"
#include "turn/additional_relay.h"
#include "turn/channel.h"
#include "turn/limit.h"
#include "turn/permission.h"
#include "turn/quota.h"
#include "turn/relay_socket.h"
#include "turn/shared.h"

struct tp_endpoint;
struct tp_realm;
struct tp_move;
struct tp_server;
struct tp_tcp_relay;
struct tp_usage_meter;

/*
 * An allocation (RFC 8656 section 3.2): ties a client's five-tuple to a relayed
 * transport address, or to one of each family, with permissions and channels. Owns its relayed
 * sockets, its share of the user's quota, and the key its requests are verified with.
 */
struct tp_allocation {
	/* What packets need: two cache lines here, one of the five-tuple. */
	struct tp_server *server;
	struct tp_endpoint *endpoint; /* where the client is; gone with it */
	struct tp_few_channels few_channels;
	struct tp_traffic client_to_peer;
	struct tp_traffic peer_to_client;
	struct tp_limit *limit; /* NULL: none */
	struct tp_realm *realm;
	struct tp_relay_socket relay;

	struct tp_few_permissions few_permissions;
	struct tp_timer expiry; /* of the relayed address above */
	union {                 /* what plugins see, and have attached to it */
		struct tp_allocation_handle handle;
		struct tp_allocation_view view; /* id and five_tuple are keys of the server's */
	};

	struct tp_usage_meter *usage; /* NULL: none */
	uint32_t permission_count;
	uint32_t channel_count;

	struct tp_list permissions;
	struct tp_list channels;
	struct tp_list transactions; /* requests in progress that hold on to it */

	char *user; /* view.user */
	struct tp_quota_user *quota;
	struct tp_key key;
	uint64_t key_valid_until_ms;
	enum tp_password_algorithm algorithm; /* of the key */
	uint32_t max_lifetime_s;
	uint32_t peer_claim_count;
	struct tp_additional_relay *additional; /* NULL: not a dual allocation */
	struct tp_tcp_relay *tcp; /* of a TCP allocation, relay has no datagram then; NULL: UDP */
	struct tp_move *move;     /* NULL: not mobile */
};

_Static_assert(offsetof(struct tp_allocation, client_to_peer) == 64, "first line is full");
_Static_assert(offsetof(struct tp_allocation, view.five_tuple) % 64 == 0, "in one line");

/* What a new allocation is made of. Relays and quota are taken over on success only. */
struct tp_allocation_params {
	struct tp_realm *realm; /* NULL: the server's first */
	uint64_t id;            /* 0: the next */
	bool mobile;
	const struct tp_five_tuple *five_tuple;
	struct tp_endpoint *endpoint;
	const char *user;
	struct tp_relay_socket *relay;
	struct tp_relay_socket *additional; /* NULL or without datagram: not a dual allocation */
	struct tp_tcp_relay **tcp; /* NULL or NULL inside: UDP; else relay tells the address only */
	struct tp_quota_user **quota;
	const struct tp_key *key;
	enum tp_password_algorithm algorithm;
	uint32_t key_valid_s;
	uint32_t lifetime_s;
	uint32_t max_lifetime_s;     /* for Refresh */
	struct tp_limits max_limits; /* for whatever limits are set later */
	struct tp_limits limits;
};

/** Errors: TP_ENOMEM, TP_EEXIST when the five-tuple has one. */
int tp_allocation_create(struct tp_server *server, const struct tp_allocation_params *params,
			 struct tp_allocation **out);

/** The next id: those that get it may make no allocation. */
uint64_t tp_allocation_mint_id(const struct tp_server *server);

/** The worker that has it, by its id; one that is not there for an id that never was. */
static inline unsigned tp_allocation_id_worker(uint64_t id)
{
	return (unsigned)(id % TP_WORKERS_MAX);
}

/** The allocation of an id, NULL when there is none. */
struct tp_allocation *tp_allocation_find_id(struct tp_server *server, uint64_t id);

/** The allocation of a five-tuple, NULL when there is none. */
struct tp_allocation *tp_allocation_find(struct tp_server *server,
					 const struct tp_five_tuple *five_tuple);

/**
 * End it: observers are told, requests that hold on to it are given up,
 * permissions, channels, sockets and quota go.
 */
void tp_allocation_delete(struct tp_allocation *allocation, enum tp_delete_cause cause);

/** Its relayed socket for peers of a family; NULL: none. */
static inline struct tp_relay_socket *tp_allocation_relay(struct tp_allocation *allocation,
							  uint8_t family)
{
	if (allocation->relay.advertised_addr.family == family) {
		return &allocation->relay;
	}
	if (allocation->additional != NULL &&
	    allocation->additional->socket.advertised_addr.family == family) {
		return &allocation->additional->socket;
	}
	return NULL;
}

/**
 * It expires @lifetime_s from now.
 *
 * @family: TP_FAMILY_NONE, or of the one of its relayed addresses that is meant
 */
void tp_allocation_refresh(struct tp_allocation *allocation, enum tp_family family,
			   uint32_t lifetime_s);

/**
 * End one of the two families of a dual allocation, with the permissions and
 * channels of its peers (RFC 8656 section 8.1).
 */
void tp_allocation_end_family(struct tp_allocation *allocation, enum tp_family family);

/** A time-to-expiry has run out: end the family it is of, or all. */
void tp_allocation_expire(struct tp_allocation *allocation);

/** Limit it from now on, instead of what limited it before. Errors: TP_ENOMEM. */
int tp_allocation_set_limits(struct tp_allocation *allocation, const struct tp_limits *limits);

/** Lifetime to grant (RFC 8656 sections 7.2 and 8.2). @requested_s: NULL for none. */
uint32_t tp_allocation_lifetime_s(const struct tp_realm *realm, const uint32_t *requested_s,
				  uint32_t max_of_user_s);

/** Remember the key, so that the next requests need not ask a provider again. */
void tp_allocation_keep_key(struct tp_allocation *allocation, const struct tp_key *key,
			    enum tp_password_algorithm algorithm, uint32_t valid_s);
