/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/channel_data.h"

#include "base/bytes.h"
#include "base/err.h"

int tp_channel_data_parse(struct tp_channel_data *message, const uint8_t *bytes, size_t len)
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

void tp_channel_data_write_header(uint8_t *header, uint16_t number, size_t payload_len)
{
	tp_assert(payload_len <= UINT16_MAX);
	tp_put_u16(header, number);
	tp_put_u16(header + 2, (uint16_t)payload_len);
}
