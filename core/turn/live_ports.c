/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/live_ports.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PORTS 65536

struct tp_live_ports {
	size_t addresses;
	_Atomic uint16_t workers[]; /* number of the worker plus one; 0: free */
};

struct tp_live_ports *tp_live_ports_create(size_t addresses)
{
	struct tp_live_ports *ports;

	ports = calloc(1, sizeof(*ports) + addresses * PORTS * sizeof(ports->workers[0]));
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

void tp_live_ports_set(struct tp_live_ports *ports, size_t address, uint16_t port, unsigned worker)
{
	atomic_store_explicit(&ports->workers[address * PORTS + port], (uint16_t)(worker + 1),
			      memory_order_relaxed);
}

void tp_live_ports_clear(struct tp_live_ports *ports, size_t address, uint16_t port)
{
	atomic_store_explicit(&ports->workers[address * PORTS + port], 0, memory_order_relaxed);
}

bool tp_live_ports_worker(const struct tp_live_ports *ports, size_t address, uint16_t port,
			  unsigned *worker)
{
	uint16_t found =
		atomic_load_explicit(&ports->workers[address * PORTS + port], memory_order_relaxed);

	*worker = found - 1U;
	return found != 0;
}

bool tp_live_ports_test(const struct tp_live_ports *ports, size_t address, uint16_t port)
{
	unsigned worker;

	return tp_live_ports_worker(ports, address, port, &worker);
}
