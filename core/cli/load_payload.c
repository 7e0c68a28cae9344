/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_payload.h"

#include <string.h>

#include "base/bytes.h"

#define WORD sizeof(uint64_t)
#define HEADER_WORDS 3 /* before the checksum */
#define STEP UINT64_C(0x9e3779b97f4a7c15)

/* Every bit of the word changes about half of the result's. */
static uint64_t mix(uint64_t word)
{
	word ^= word >> 32;
	word *= UINT64_C(0xd6e8feb86659fd93);
	word ^= word >> 32;
	word *= UINT64_C(0xd6e8feb86659fd93);
	return word ^ word >> 32;
}

static uint64_t checksum(const uint8_t *bytes, size_t len)
{
	uint64_t words[HEADER_WORDS];
	uint64_t sum = len;

	memcpy(words, bytes, sizeof(words));
	for (int i = 0; i < HEADER_WORDS; i++) {
		sum = mix(sum + words[i]);
	}
	return sum;
}

void tp_load_payload_write(uint8_t *bytes, size_t len, const struct tp_load_packet *packet)
{
	uint8_t *at = bytes + TP_LOAD_PAYLOAD_MIN;
	uint64_t word;

	tp_put_u32(bytes, packet->index);
	tp_put_u32(bytes + 4, (uint32_t)packet->kind << 24);
	memcpy(bytes + 8, &packet->sequence, WORD);
	memcpy(bytes + 16, &packet->sent_ns, WORD);
	word = checksum(bytes, len);
	memcpy(bytes + 24, &word, WORD);
	for (len -= TP_LOAD_PAYLOAD_MIN; len >= WORD; len -= WORD, at += WORD) {
		word += STEP;
		memcpy(at, &word, WORD);
	}
	word += STEP;
	memcpy(at, &word, len);
}

static bool body_is_right(const uint8_t *at, size_t len, uint64_t word)
{
	uint64_t wrong = 0;
	uint64_t found;

	for (; len >= WORD; len -= WORD, at += WORD) {
		word += STEP;
		memcpy(&found, at, WORD);
		wrong |= found ^ word;
	}
	word += STEP;
	return wrong == 0 && memcmp(at, &word, len) == 0;
}

bool tp_load_payload_read(const uint8_t *bytes, size_t len, struct tp_load_packet *packet)
{
	uint64_t sum;

	if (len < TP_LOAD_PAYLOAD_MIN) {
		return false;
	}
	memcpy(&sum, bytes + 24, WORD);
	if (sum != checksum(bytes, len) ||
	    !body_is_right(bytes + TP_LOAD_PAYLOAD_MIN, len - TP_LOAD_PAYLOAD_MIN, sum)) {
		return false;
	}
	packet->index = tp_get_u32(bytes);
	packet->kind = bytes[4];
	memcpy(&packet->sequence, bytes + 8, WORD);
	memcpy(&packet->sent_ns, bytes + 16, WORD);
	return true;
}
