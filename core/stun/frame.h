/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What a first byte announces on a TURN port (RFC 7983, RFC 9443, RFC 8656 section 12). */
enum tp_frame_kind {
	TP_FRAME_STUN,         /* 0 to 3 */
	TP_FRAME_CHANNEL_DATA, /* 64 to 79 */
	TP_FRAME_DTLS,         /* 20 to 63 */
	TP_FRAME_UNKNOWN,
};

static inline enum tp_frame_kind tp_frame_kind_of(uint8_t first_byte)
{
	if (first_byte >= 64 && first_byte <= 79) {
		return TP_FRAME_CHANNEL_DATA;
	}
	if (first_byte <= 3) {
		return TP_FRAME_STUN;
	}
	if (first_byte >= 20 && first_byte <= 63) {
		return TP_FRAME_DTLS;
	}
	return TP_FRAME_UNKNOWN;
}

/* Longest message on a stream: a full 16-bit length with header and padding. */
#define TP_FRAME_MAX (65535 + 20 + 3)

/**
 * Length of the message at the head of a byte stream (RFC 8489 section 6.2.2, RFC
 * 8656 section 12.5), padding of ChannelData included.
 *
 * Returns the length, which may be more than @len; 0 when more bytes are needed to tell;
 * TP_EPROTO when the bytes begin no message (wrong first byte, wrong magic
 * cookie as far as it is there, STUN length no multiple of four).
 */
long tp_frame_length(const uint8_t *bytes, size_t len);
