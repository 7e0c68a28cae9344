/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/indication.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "stun/codes.h"

#define ATTRIBUTE_HEADER_SIZE 4
#define IPV4_VALUE_SIZE 8
#define IPV6_VALUE_SIZE 20

/* Methods and class indication as they stand in a header: RFC 8489 section 5. */
#define SEND_INDICATION 0x0016
#define DATA_INDICATION 0x0017

/* --- Send --------------------------------------------------------------------- */

static bool header_fits(const uint8_t *bytes, size_t len)
{
	return len >= TP_STUN_HEADER_SIZE && len % 4 == 0 && tp_get_u16(bytes) == SEND_INDICATION &&
	       tp_get_u16(bytes + 2) == len - TP_STUN_HEADER_SIZE &&
	       tp_get_u32(bytes + 4) == TP_STUN_MAGIC_COOKIE;
}

/* RFC 8489 section 14.2. @mask: the message's magic cookie and transaction id */
static bool read_xor_addr(const uint8_t *value, size_t len, const uint8_t *mask,
			  struct tp_addr *out)
{
	size_t ip_size;

	if (len == IPV4_VALUE_SIZE && value[1] == TP_FAMILY_IPV4) {
		ip_size = 4;
	} else if (len == IPV6_VALUE_SIZE && value[1] == TP_FAMILY_IPV6) {
		ip_size = 16;
	} else {
		return false;
	}
	out->family = value[1];
	out->port = tp_get_u16(value + 2) ^ tp_get_u16(mask);
	for (size_t i = 0; i < ip_size; i += 4) {
		uint32_t word;
		uint32_t mask_word;

		memcpy(&word, value + 4 + i, sizeof(word));
		memcpy(&mask_word, mask + i, sizeof(mask_word));
		word ^= mask_word;
		memcpy(out->bytes + i, &word, sizeof(word));
	}
	return true;
}

bool tp_send_indication_read(struct tp_send_indication *send, const uint8_t *bytes, size_t len)
{
	const uint8_t *end = bytes + len;
	const uint8_t *at;

	if (!header_fits(bytes, len)) {
		return false;
	}
	at = bytes + TP_STUN_HEADER_SIZE;
	*send = (struct tp_send_indication){.payload = {NULL, 0}};
	while (at < end) { /* by multiples of four, so a header is there */
		uint16_t type = tp_get_u16(at);
		size_t value_len = tp_get_u16(at + 2);
		const uint8_t *value = at + ATTRIBUTE_HEADER_SIZE;

		if (value_len > (size_t)(end - value)) {
			return false;
		}
		if (type == TP_ATTR_DATA && send->payload.data == NULL) {
			send->payload = (struct tp_view){value, value_len};
		} else if (type != TP_ATTR_XOR_PEER_ADDRESS ||
			   send->peer_addr.family != TP_FAMILY_NONE ||
			   !read_xor_addr(value, value_len, bytes + 4, &send->peer_addr)) {
			return false;
		}
		at = value + ((value_len + 3) & ~(size_t)3);
	}
	return send->payload.data != NULL && send->peer_addr.family != TP_FAMILY_NONE;
}

/* --- Data --------------------------------------------------------------------- */

static size_t value_size(const struct tp_addr *addr)
{
	return addr->family == TP_FAMILY_IPV4 ? IPV4_VALUE_SIZE : IPV6_VALUE_SIZE;
}

size_t tp_data_indication_head_size(const struct tp_addr *peer_addr)
{
	return TP_STUN_HEADER_SIZE + 2 * ATTRIBUTE_HEADER_SIZE + value_size(peer_addr);
}

static void write_header(uint8_t *header, uint16_t type, size_t len)
{
	tp_put_u16(header, type);
	tp_put_u16(header + 2, (uint16_t)len);
}

void tp_data_indication_write_head(uint8_t *head, const struct tp_addr *peer_addr,
				   size_t payload_len, const uint8_t *transaction_id)
{
	size_t addr_size = value_size(peer_addr);
	size_t padded_len = (payload_len + 3) & ~(size_t)3;
	uint8_t *at = head + TP_STUN_HEADER_SIZE;

	tp_assert(payload_len <= UINT16_MAX - 2 * ATTRIBUTE_HEADER_SIZE - IPV6_VALUE_SIZE - 3);
	write_header(head, DATA_INDICATION, 2 * ATTRIBUTE_HEADER_SIZE + addr_size + padded_len);
	tp_put_u32(head + 4, TP_STUN_MAGIC_COOKIE);
	memcpy(head + 8, transaction_id, TP_STUN_TRANSACTION_ID_SIZE);
	write_header(at, TP_ATTR_XOR_PEER_ADDRESS, addr_size);
	at += ATTRIBUTE_HEADER_SIZE;
	tp_put_u16(at, peer_addr->family);
	tp_put_u16(at + 2, peer_addr->port ^ (TP_STUN_MAGIC_COOKIE >> 16));
	for (size_t i = 0; i < addr_size - 4; i += 4) {
		tp_put_u32(at + 4 + i, tp_get_u32(peer_addr->bytes + i) ^ tp_get_u32(head + 4 + i));
	}
	write_header(at + addr_size, TP_ATTR_DATA, payload_len);
}
