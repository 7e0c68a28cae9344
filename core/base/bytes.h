/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bounded reading and writing of borrowed bytes in network byte order. Both
 * remember failure: after the first access past the end, reads return 0,
 * writes do nothing, and "failed" stays true.
 */
struct tp_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool failed;
};

struct tp_writer {
	uint8_t *start;
	uint8_t *at;
	uint8_t *end;
	bool failed;
};

void tp_reader_init(struct tp_reader *reader, const void *bytes, size_t len);
size_t tp_reader_left(const struct tp_reader *reader);
uint8_t tp_read_u8(struct tp_reader *reader);
uint16_t tp_read_u16(struct tp_reader *reader);
uint32_t tp_read_u32(struct tp_reader *reader);
uint64_t tp_read_u64(struct tp_reader *reader);
/** @len bytes, borrowed; NULL past the end. */
const uint8_t *tp_read_bytes(struct tp_reader *reader, size_t len);

void tp_writer_init(struct tp_writer *writer, void *bytes, size_t size);
size_t tp_writer_len(const struct tp_writer *writer);
void tp_write_u8(struct tp_writer *writer, uint8_t value);
void tp_write_u16(struct tp_writer *writer, uint16_t value);
void tp_write_u32(struct tp_writer *writer, uint32_t value);
void tp_write_u64(struct tp_writer *writer, uint64_t value);
void tp_write_bytes(struct tp_writer *writer, const void *bytes, size_t len);
void tp_write_zeros(struct tp_writer *writer, size_t len);

/* Unchecked access for places that have checked the length already. */
static inline uint16_t tp_get_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t tp_get_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static inline void tp_put_u16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static inline void tp_put_u32(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 24);
	bytes[1] = (uint8_t)(value >> 16);
	bytes[2] = (uint8_t)(value >> 8);
	bytes[3] = (uint8_t)value;
}

/** Lower-case hexadecimal, NUL-terminated; @out holds 2 * @len + 1 bytes. Returns @out. */
char *tp_hex_encode(const void *bytes, size_t len, char *out);

/** Read exactly 2 * @len hexadecimal digits, either case. Errors: TP_EINVAL. */
int tp_hex_decode(const char *text, size_t text_len, uint8_t *out, size_t len);
