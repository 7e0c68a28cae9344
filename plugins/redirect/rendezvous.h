/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Rendezvous hashing: of several servers a client goes to the one at the least
 * cost. Who comes or goes among them takes or leaves his own share of the clients,
 * and no client else changes its server. Costs are the same in every process.
 */

/** The same two strings give the same number, anywhere. */
uint64_t rendezvous_hash(const void *client, size_t client_len, const void *server,
			 size_t server_len);

/**
 * What it costs the client of @hash to go there: of several servers each is the
 * cheapest for a part of the clients that is as its weight.
 *
 * @weight: 1 to 65535
 */
uint64_t rendezvous_cost(uint64_t hash, unsigned weight);
