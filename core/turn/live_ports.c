/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/live_ports.h"

#include <stdatomic.h>
#include <stdlib.h>

#define WORDS (65536 / 64)

struct tp_live_ports {
	size_t addresses;
	_Atomic uint64_t bits[];
};

struct tp_live_ports *tp_live_ports_create(size_t addresses)
{
	struct tp_live_ports *ports;

	ports = calloc(1, sizeof(*ports) + addresses * WORDS * sizeof(ports->bits[0]));
	if (ports != NULL) {
		ports->addresses = addresses;
	}
	return ports;
}

void tp_live_ports_free(struct tp_live_ports **ports)
{
	free(*ports);
	*ports = NULL;
}

void tp_live_ports_set(struct tp_live_ports *ports, size_t address, uint16_t port, bool live)
{
	_Atomic uint64_t *word = &ports->bits[address * WORDS + port / 64];
	uint64_t bit = UINT64_C(1) << port % 64;

	if (live) {
		atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
	} else {
		atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed);
	}
}

bool tp_live_ports_test(const struct tp_live_ports *ports, size_t address, uint16_t port)
{
	const _Atomic uint64_t *word = &ports->bits[address * WORDS + port / 64];

	return (atomic_load_explicit(word, memory_order_relaxed) >> port % 64 & 1) != 0;
}
