/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <string.h>

#include <turnpike/error.h>

void tp_reader_init(struct tp_reader *reader, const void *bytes, size_t len)
{
	reader->at = bytes;
	reader->end = reader->at + len;
	reader->failed = false;
}

size_t tp_reader_left(const struct tp_reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

const uint8_t *tp_read_bytes(struct tp_reader *reader, size_t len)
{
	const uint8_t *bytes = reader->at;

	if (reader->failed || tp_reader_left(reader) < len) {
		reader->failed = true;
		return NULL;
	}
	reader->at += len;
	return bytes;
}

uint8_t tp_read_u8(struct tp_reader *reader)
{
	const uint8_t *bytes = tp_read_bytes(reader, 1);

	return bytes == NULL ? 0 : bytes[0];
}

uint16_t tp_read_u16(struct tp_reader *reader)
{
	const uint8_t *bytes = tp_read_bytes(reader, 2);

	return bytes == NULL ? 0 : tp_get_u16(bytes);
}

uint32_t tp_read_u32(struct tp_reader *reader)
{
	const uint8_t *bytes = tp_read_bytes(reader, 4);

	return bytes == NULL ? 0 : tp_get_u32(bytes);
}

uint64_t tp_read_u64(struct tp_reader *reader)
{
	const uint8_t *bytes = tp_read_bytes(reader, 8);

	return bytes == NULL ? 0 : (uint64_t)tp_get_u32(bytes) << 32 | tp_get_u32(bytes + 4);
}

void tp_writer_init(struct tp_writer *writer, void *bytes, size_t size)
{
	writer->start = bytes;
	writer->at = writer->start;
	writer->end = writer->start + size;
	writer->failed = false;
}

size_t tp_writer_len(const struct tp_writer *writer)
{
	return (size_t)(writer->at - writer->start);
}

/* Room for that many bytes, or NULL. */
static uint8_t *advance(struct tp_writer *writer, size_t len)
{
	uint8_t *at = writer->at;

	if (writer->failed || (size_t)(writer->end - at) < len) {
		writer->failed = true;
		return NULL;
	}
	writer->at += len;
	return at;
}

void tp_write_u8(struct tp_writer *writer, uint8_t value)
{
	uint8_t *at = advance(writer, 1);

	if (at != NULL) {
		*at = value;
	}
}

void tp_write_u16(struct tp_writer *writer, uint16_t value)
{
	uint8_t *at = advance(writer, 2);

	if (at != NULL) {
		tp_put_u16(at, value);
	}
}

void tp_write_u32(struct tp_writer *writer, uint32_t value)
{
	uint8_t *at = advance(writer, 4);

	if (at != NULL) {
		tp_put_u32(at, value);
	}
}

void tp_write_u64(struct tp_writer *writer, uint64_t value)
{
	uint8_t *at = advance(writer, 8);

	if (at != NULL) {
		tp_put_u32(at, (uint32_t)(value >> 32));
		tp_put_u32(at + 4, (uint32_t)value);
	}
}

void tp_write_bytes(struct tp_writer *writer, const void *bytes, size_t len)
{
	uint8_t *at = advance(writer, len);

	if (at != NULL && len > 0) {
		memcpy(at, bytes, len);
	}
}

void tp_write_zeros(struct tp_writer *writer, size_t len)
{
	uint8_t *at = advance(writer, len);

	if (at != NULL) {
		memset(at, 0, len);
	}
}

char *tp_hex_encode(const void *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = bytes;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * len] = '\0';
	return out;
}

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9') {
		return digit - '0';
	}
	if (digit >= 'a' && digit <= 'f') {
		return digit - 'a' + 10;
	}
	if (digit >= 'A' && digit <= 'F') {
		return digit - 'A' + 10;
	}
	return -1;
}

int tp_hex_decode(const char *text, size_t text_len, uint8_t *out, size_t len)
{
	if (text_len != 2 * len) {
		return TP_EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		int high = digit_value(text[2 * i]);
		int low = digit_value(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			return TP_EINVAL;
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
