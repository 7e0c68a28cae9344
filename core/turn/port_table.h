/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * From relay address and port to an object, two loads away. Pages of 256 ports
 * are made when the first of them is set and stay, so a table takes 2 KiB for
 * each page in use and at most 512 KiB for an address. Not for several threads.
 */
struct tp_port_table;

/** @addresses: number of relay addresses. Errors: NULL when out of memory. */
struct tp_port_table *tp_port_table_create(size_t addresses);
void tp_port_table_free(struct tp_port_table **table);

/** @object: NULL to forget, which cannot fail. Errors: TP_ENOMEM. */
int tp_port_table_set(struct tp_port_table *table, size_t address, uint16_t port, void *object);

/** NULL when there is none. */
void *tp_port_table_find(const struct tp_port_table *table, size_t address, uint16_t port);
