/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins/mmdb_writer.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAF UINT32_C(0x80000000)
#define SEPARATOR_SIZE 16

#define TYPE_STRING 2
#define TYPE_UINT16 5
#define TYPE_UINT32 6
#define TYPE_MAP 7
#define TYPE_UINT64 9
#define TYPE_ARRAY 11

static void must(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "mmdb writer: %s\n", what);
		abort();
	}
}

/* --- data --------------------------------------------------------------------------------- */

struct data {
	uint8_t *out;
	size_t len;
};

/* Types beyond seven stand in a byte of their own. */
static void put_control(struct data *data, unsigned type, size_t size)
{
	must(size < 29, "a value is too long");
	data->out[data->len++] = (uint8_t)((type > 7 ? 0 : type << 5) | size);
	if (type > 7) {
		data->out[data->len++] = (uint8_t)(type - 7);
	}
}

static void put_string(struct data *data, const char *text)
{
	size_t len = strlen(text);

	put_control(data, TYPE_STRING, len);
	memcpy(data->out + data->len, text, len);
	data->len += len;
}

static void put_number(struct data *data, unsigned type, uint64_t value, size_t size)
{
	put_control(data, type, size);
	for (size_t i = size; i-- > 0;) {
		data->out[data->len++] = (uint8_t)(value >> (8 * i));
	}
}

/* --- the tree ------------------------------------------------------------------------------- */

void mmdb_writer_init(struct mmdb_writer *writer)
{
	memset(writer, 0, sizeof(*writer));
	writer->node_count = 1;
}

static unsigned parse(const char *network, uint8_t bits[16])
{
	const char *slash = strchr(network, '/');
	char text[INET6_ADDRSTRLEN];

	must(slash != NULL && (size_t)(slash - network) < sizeof(text), network);
	memcpy(text, network, (size_t)(slash - network));
	text[slash - network] = '\0';
	memset(bits, 0, 16);
	if (inet_pton(AF_INET, text, bits + 12) == 1) {
		return 96 + (unsigned)atoi(slash + 1);
	}
	must(inet_pton(AF_INET6, text, bits) == 1, network);
	return (unsigned)atoi(slash + 1);
}

static void add_leaf(struct mmdb_writer *writer, const uint8_t bits[16], unsigned len,
		     size_t offset)
{
	size_t node = 0;

	for (unsigned i = 0; i < len; i++) {
		unsigned bit = bits[i / 8] >> (7 - i % 8) & 1;
		uint32_t *record = &writer->nodes[node][bit];

		if (i + 1 == len) {
			must(*record == 0, "networks overlap");
			*record = LEAF + (uint32_t)offset;
			return;
		}
		if (*record == 0) {
			must(writer->node_count < MMDB_NODES_MAX, "too many nodes");
			*record = 1 + (uint32_t)writer->node_count++;
		}
		must((*record & LEAF) == 0, "networks overlap");
		node = *record - 1;
	}
}

void mmdb_writer_add(struct mmdb_writer *writer, const char *network, const char *country,
		     uint32_t system)
{
	struct data data = {.out = writer->data, .len = writer->data_len};
	uint8_t bits[16];
	unsigned len = parse(network, bits);

	must(writer->data_len + 128 < MMDB_DATA_MAX, "too much data");
	add_leaf(writer, bits, len, writer->data_len);
	put_control(&data, TYPE_MAP, (country != NULL) + (system != 0));
	if (country != NULL) {
		put_string(&data, "country");
		put_control(&data, TYPE_MAP, 1);
		put_string(&data, "iso_code");
		put_string(&data, country);
	}
	if (system != 0) {
		put_string(&data, "autonomous_system_number");
		put_number(&data, TYPE_UINT32, system, 4);
	}
	writer->data_len = data.len;
}

/* --- the file --------------------------------------------------------------------------------- */

/* 24 bits: another node, the number of nodes for nothing, or beyond that the data. */
static void put_record(struct data *data, const struct mmdb_writer *writer, uint32_t record)
{
	size_t value = record == 0 ? writer->node_count : record - 1;

	if ((record & LEAF) != 0) {
		value = writer->node_count + SEPARATOR_SIZE + (record & ~LEAF);
	}
	data->out[data->len++] = (uint8_t)(value >> 16);
	data->out[data->len++] = (uint8_t)(value >> 8);
	data->out[data->len++] = (uint8_t)value;
}

static void put_metadata(struct data *data, const struct mmdb_writer *writer)
{
	static const char marker[] = "\xab\xcd\xefMaxMind.com";

	memcpy(data->out + data->len, marker, sizeof(marker) - 1);
	data->len += sizeof(marker) - 1;
	put_control(data, TYPE_MAP, 9);
	put_string(data, "node_count");
	put_number(data, TYPE_UINT32, writer->node_count, 4);
	put_string(data, "record_size");
	put_number(data, TYPE_UINT16, 24, 2);
	put_string(data, "ip_version");
	put_number(data, TYPE_UINT16, 6, 2);
	put_string(data, "database_type");
	put_string(data, "Test");
	put_string(data, "languages");
	put_control(data, TYPE_ARRAY, 0);
	put_string(data, "binary_format_major_version");
	put_number(data, TYPE_UINT16, 2, 2);
	put_string(data, "binary_format_minor_version");
	put_number(data, TYPE_UINT16, 0, 2);
	put_string(data, "build_epoch");
	put_number(data, TYPE_UINT64, 1700000000, 8);
	put_string(data, "description");
	put_control(data, TYPE_MAP, 0);
}

size_t mmdb_writer_finish(const struct mmdb_writer *writer, uint8_t out[MMDB_SIZE_MAX])
{
	struct data data = {.out = out};

	for (size_t node = 0; node < writer->node_count; node++) {
		put_record(&data, writer, writer->nodes[node][0]);
		put_record(&data, writer, writer->nodes[node][1]);
	}
	memset(out + data.len, 0, SEPARATOR_SIZE);
	data.len += SEPARATOR_SIZE;
	memcpy(out + data.len, writer->data, writer->data_len);
	data.len += writer->data_len;
	put_metadata(&data, writer);
	return data.len;
}
