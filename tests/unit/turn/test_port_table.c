/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/port_table.h"

#include "base/err.h"
#include "support/suite.h"

static struct tp_port_table *table;
static int objects[65536];

static void every_port_of_every_address_has_its_object(void)
{
	table = tp_port_table_create(2);
	tp_assert(table != NULL);
	for (size_t port = 0; port < 65536; port++) {
		CU_ASSERT_EQUAL(tp_port_table_set(table, port % 2, (uint16_t)port, &objects[port]),
				0);
	}
	for (size_t port = 0; port < 65536; port++) {
		CU_ASSERT_PTR_EQUAL(tp_port_table_find(table, port % 2, (uint16_t)port),
				    &objects[port]);
		CU_ASSERT_PTR_NULL(tp_port_table_find(table, (port + 1) % 2, (uint16_t)port));
	}
	tp_port_table_free(&table);
}

static void what_is_forgotten_is_not_found(void)
{
	table = tp_port_table_create(1);
	tp_assert(table != NULL);
	CU_ASSERT_EQUAL(tp_port_table_set(table, 0, 50000, NULL), 0); /* takes no page */
	CU_ASSERT_PTR_NULL(tp_port_table_find(table, 0, 50000));
	CU_ASSERT_EQUAL(tp_port_table_set(table, 0, 50000, &objects[0]), 0);
	CU_ASSERT_PTR_EQUAL(tp_port_table_find(table, 0, 50000), &objects[0]);
	CU_ASSERT_PTR_NULL(tp_port_table_find(table, 0, 50001));
	CU_ASSERT_EQUAL(tp_port_table_set(table, 0, 50000, NULL), 0);
	CU_ASSERT_PTR_NULL(tp_port_table_find(table, 0, 50000));
	tp_port_table_free(&table);
	CU_ASSERT_PTR_NULL(table);
}

TEST_SUITE("port_table", TEST(every_port_of_every_address_has_its_object),
	   TEST(what_is_forgotten_is_not_found));
