/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/error.h>

#include "base/bytes.h"
#include "base/err.h"

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
static inline int tp_channel_data_parse(struct tp_channel_data *message, const uint8_t *bytes,
					size_t len)
{
	size_t payload_len;

	if (len < TP_CHANNEL_DATA_HEADER_SIZE) {
		return TP_EPROTO;
	}
	message->number = tp_get_u16(bytes);
	if (message->number < TP_CHANNEL_NUMBER_MIN || message->number > TP_CHANNEL_NUMBER_MAX) {
		return TP_ERANGE;
	}
	payload_len = tp_get_u16(bytes + 2);
	if (payload_len > len - TP_CHANNEL_DATA_HEADER_SIZE) {
		return TP_EPROTO;
	}
	message->payload = bytes + TP_CHANNEL_DATA_HEADER_SIZE;
	message->payload_len = payload_len;
	return 0;
}

/** Write the four bytes of header. */
static inline void tp_channel_data_write_header(uint8_t *header, uint16_t number,
						size_t payload_len)
{
	tp_assert(payload_len <= UINT16_MAX);
	tp_put_u16(header, number);
	tp_put_u16(header + 2, (uint16_t)payload_len);
}

/** Zero bytes to append over TCP and TLS so that the length is a multiple of four. */
static inline size_t tp_channel_data_padding(size_t payload_len)
{
	return (4 - payload_len % 4) % 4;
}
