/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "stun/channel_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A payload lies inside the datagram; its header is written as it was read. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	uint8_t header[TP_CHANNEL_DATA_HEADER_SIZE];
	struct tp_channel_data message;

	if (tp_channel_data_parse(&message, bytes, len) != 0) {
		return 0;
	}
	tp_assert(message.number >= TP_CHANNEL_NUMBER_MIN);
	tp_assert(message.number <= TP_CHANNEL_NUMBER_MAX);
	tp_assert(message.payload == bytes + TP_CHANNEL_DATA_HEADER_SIZE);
	tp_assert(message.payload_len <= len - TP_CHANNEL_DATA_HEADER_SIZE);
	tp_channel_data_write_header(header, message.number, message.payload_len);
	tp_assert(memcmp(header, bytes, sizeof(header)) == 0);
	return 0;
}
