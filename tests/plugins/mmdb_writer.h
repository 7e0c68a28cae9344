/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Writes a small database in the MaxMind DB format, version 2.0: a search tree over
 * the bits of addresses, then the data that its leaves point to, then metadata. IPv4
 * addresses are those in ::/96. What cannot be done ends the program.
 */
#define MMDB_NODES_MAX 4096
#define MMDB_DATA_MAX 8192
#define MMDB_SIZE_MAX (MMDB_NODES_MAX * 6 + 16 + MMDB_DATA_MAX + 512)

struct mmdb_writer {
	uint32_t nodes[MMDB_NODES_MAX][2]; /* 0: nothing; 1 + node; or LEAF + offset of data */
	size_t node_count;
	uint8_t data[MMDB_DATA_MAX];
	size_t data_len;
};

void mmdb_writer_init(struct mmdb_writer *writer);

/**
 * @network: "192.0.2.0/24" or "2001:db8::/32"; not within another that was added
 * @country: two letters, as "country"; NULL: none
 * @system:  "autonomous_system_number"; 0: none
 */
void mmdb_writer_add(struct mmdb_writer *writer, const char *network, const char *country,
		     uint32_t system);

/** Returns bytes written. */
size_t mmdb_writer_finish(const struct mmdb_writer *writer, uint8_t out[MMDB_SIZE_MAX]);
