/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/frame.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"
#include "stun/channel_data.h"
#include "stun/codes.h"

/* Type and length of a STUN message and ChannelData's header are as long. */
#define LENGTH_KNOWN 4

/* As many bytes of the magic cookie as are there. */
static bool cookie_begins(const uint8_t *bytes, size_t len)
{
	static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};

	for (size_t i = 0; i < sizeof(cookie) && LENGTH_KNOWN + i < len; i++) {
		if (bytes[LENGTH_KNOWN + i] != cookie[i]) {
			return false;
		}
	}
	return true;
}

static long stun_length(const uint8_t *bytes, size_t len)
{
	uint16_t attributes_len;

	if (len < LENGTH_KNOWN) {
		return 0;
	}
	attributes_len = tp_get_u16(bytes + 2);
	if (attributes_len % 4 != 0 || !cookie_begins(bytes, len)) {
		return TP_EPROTO;
	}
	return TP_STUN_HEADER_SIZE + (long)attributes_len;
}

static long channel_data_length(const uint8_t *bytes, size_t len)
{
	size_t payload_len;

	if (len < LENGTH_KNOWN) {
		return 0;
	}
	payload_len = tp_get_u16(bytes + 2);
	return (long)(TP_CHANNEL_DATA_HEADER_SIZE + payload_len +
		      tp_channel_data_padding(payload_len));
}

long tp_frame_length(const uint8_t *bytes, size_t len)
{
	if (len == 0) {
		return 0;
	}
	switch (tp_frame_kind_of(bytes[0])) {
	case TP_FRAME_STUN:
		return stun_length(bytes, len);
	case TP_FRAME_CHANNEL_DATA:
		return channel_data_length(bytes, len);
	case TP_FRAME_DTLS:
	case TP_FRAME_UNKNOWN:
		break;
	}
	return TP_EPROTO;
}
