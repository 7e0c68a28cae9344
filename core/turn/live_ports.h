/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Which relayed ports are in use now, and which worker has the socket: a number
 * per port of each relay address, written by that worker and read by all
 * without a lock. It answers whether a peer address on this host is another client of
 * ours, and to whom to hand what is sent there.
 */
struct tp_live_ports;

/** @addresses: number of relay addresses. Errors: NULL when out of memory. */
struct tp_live_ports *tp_live_ports_create(size_t addresses);
void tp_live_ports_free(struct tp_live_ports **ports);

/** @address: index of the relay address; @worker: whose the socket is. Thread: any. */
void tp_live_ports_set(struct tp_live_ports *ports, size_t address, uint16_t port, unsigned worker);
void tp_live_ports_clear(struct tp_live_ports *ports, size_t address, uint16_t port);

/** The worker of a port, false when it is free. It may have changed hands when this returns. */
bool tp_live_ports_worker(const struct tp_live_ports *ports, size_t address, uint16_t port,
			  unsigned *worker);
bool tp_live_ports_test(const struct tp_live_ports *ports, size_t address, uint16_t port);
