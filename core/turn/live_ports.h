/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which relayed ports are in use now, over all workers: one bit per port of
 * each relay address, set and cleared without a lock. It answers whether a peer
 * address on this host is another client of ours.
 */
struct tp_live_ports;

/** @addresses: number of relay addresses. Errors: NULL when out of memory. */
struct tp_live_ports *tp_live_ports_create(size_t addresses);
void tp_live_ports_free(struct tp_live_ports **ports);

/** @address: index of the relay address. Thread: any. */
void tp_live_ports_set(struct tp_live_ports *ports, size_t address, uint16_t port, bool live);
bool tp_live_ports_test(const struct tp_live_ports *ports, size_t address, uint16_t port);
