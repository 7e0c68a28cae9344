/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "stun/channel_data.h"
#include "stun/frame.h"
#include "stun/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* More bytes never change an answer, except from "more" to another. */
static void check_prefixes(const uint8_t *bytes, size_t len, long whole)
{
	for (size_t part_len = 0; part_len < len && part_len < 8; part_len++) {
		long part = tp_frame_length(bytes, part_len);

		tp_assert(part == 0 || part == whole || (part > 0 && whole == TP_EPROTO));
	}
}

/* Take the bytes for a stream and split it until it ends or breaks. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	size_t offset = 0;

	while (offset < len) {
		long frame_len = tp_frame_length(bytes + offset, len - offset);
		struct tp_channel_data channel_data;
		struct tp_stun_msg msg;
		const char *reason;

		check_prefixes(bytes + offset, len - offset, frame_len);
		tp_assert(frame_len <= TP_FRAME_MAX);
		if (frame_len <= 0 || (size_t)frame_len > len - offset) {
			tp_assert(frame_len >= 0 || frame_len == TP_EPROTO);
			break;
		}
		if (tp_frame_kind_of(bytes[offset]) == TP_FRAME_STUN) {
			tp_stun_msg_parse(&msg, bytes + offset, (size_t)frame_len, &reason);
		} else {
			tp_assert(tp_channel_data_parse(&channel_data, bytes + offset,
							(size_t)frame_len) == 0);
		}
		offset += (size_t)frame_len;
	}
	return 0;
}
