/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/port_table.h"

#include <stdlib.h>

#include <turnpike/error.h>

#define PAGE_PORTS 256
#define PAGES 256 /* of an address */

struct tp_port_table {
	size_t page_count;
	void **pages[]; /* of all addresses; NULL: nothing set */
};

struct tp_port_table *tp_port_table_create(size_t addresses)
{
	size_t page_count = addresses * PAGES;
	struct tp_port_table *table =
		calloc(1, sizeof(*table) + page_count * sizeof(table->pages[0]));

	if (table != NULL) {
		table->page_count = page_count;
	}
	return table;
}

void tp_port_table_free(struct tp_port_table **table)
{
	struct tp_port_table *gone = *table;

	if (gone == NULL) {
		return;
	}
	for (size_t i = 0; i < gone->page_count; i++) {
		free(gone->pages[i]);
	}
	free(gone);
	*table = NULL;
}

int tp_port_table_set(struct tp_port_table *table, size_t address, uint16_t port, void *object)
{
	void ***page = &table->pages[address * PAGES + port / PAGE_PORTS];

	if (*page == NULL) {
		if (object == NULL) {
			return 0;
		}
		*page = calloc(PAGE_PORTS, sizeof(**page));
		if (*page == NULL) {
			return TP_ENOMEM;
		}
	}
	(*page)[port % PAGE_PORTS] = object;
	return 0;
}

void *tp_port_table_find(const struct tp_port_table *table, size_t address, uint16_t port)
{
	void *const *page = table->pages[address * PAGES + port / PAGE_PORTS];

	return page == NULL ? NULL : page[port % PAGE_PORTS];
}
