/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ChannelData messages: RFC 8656 section 12.4. */
#define TP_CHANNEL_DATA_HEADER_SIZE 4
#define TP_CHANNEL_NUMBER_MIN 0x4000
#define TP_CHANNEL_NUMBER_MAX 0x4fff

struct tp_channel_data {
	uint16_t number;
	const uint8_t *payload; /* borrowed */
	size_t payload_len;
};

/**
 * Read a ChannelData message. Bytes behind the stated length are padding and
 * ignored (over UDP it may be there); a number outside 0x4000 to 0x4fff is
 * TP_ERANGE, too few bytes are TP_EPROTO.
 */
int tp_channel_data_parse(struct tp_channel_data *message, const uint8_t *bytes, size_t len);

/** Write the four bytes of header. */
void tp_channel_data_write_header(uint8_t *header, uint16_t number, size_t payload_len);

/** Zero bytes to append over TCP and TLS so that the length is a multiple of four. */
static inline size_t tp_channel_data_padding(size_t payload_len)
{
	return (4 - payload_len % 4) % 4;
}
