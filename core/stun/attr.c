/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/attr.h"

#include <string.h>

#include "base/bytes.h"
#include "base/err.h"

#define ADDR_HEADER_SIZE 4
#define IPV4_SIZE 4
#define IPV6_SIZE 16
#define REASON_MAX 763 /* RFC 8489 section 14.8: what a receiver must be ready for */

int tp_attr_read_addr(const struct tp_stun_attr *attr, struct tp_addr *out)
{
	size_t ip_size;

	if (attr->len < ADDR_HEADER_SIZE) {
		return TP_EPROTO;
	}
	switch (attr->value[1]) {
	case TP_FAMILY_IPV4:
		ip_size = IPV4_SIZE;
		break;
	case TP_FAMILY_IPV6:
		ip_size = IPV6_SIZE;
		break;
	default:
		return TP_EPROTO;
	}
	if (attr->len != ADDR_HEADER_SIZE + ip_size) {
		return TP_EPROTO;
	}
	*out = (struct tp_addr){
		.family = attr->value[1],
		.port = tp_get_u16(attr->value + 2),
	};
	memcpy(out->bytes, attr->value + ADDR_HEADER_SIZE, ip_size);
	return 0;
}

int tp_attr_read_xor_addr(const struct tp_stun_attr *attr, const struct tp_stun_msg *msg,
			  struct tp_addr *out)
{
	const uint8_t *mask = msg->bytes + 4; /* magic cookie, then transaction id */
	size_t ip_size;
	int err = tp_attr_read_addr(attr, out);

	if (err != 0) {
		return err;
	}
	ip_size = out->family == TP_FAMILY_IPV4 ? IPV4_SIZE : IPV6_SIZE;
	out->port ^= tp_get_u16(mask);
	for (size_t i = 0; i < ip_size; i++) {
		out->bytes[i] ^= mask[i];
	}
	return 0;
}

int tp_attr_read_u32(const struct tp_stun_attr *attr, uint32_t *out)
{
	if (attr->len != 4) {
		return TP_EPROTO;
	}
	*out = tp_get_u32(attr->value);
	return 0;
}

int tp_attr_read_channel_number(const struct tp_stun_attr *attr, uint16_t *out)
{
	if (attr->len != 4) {
		return TP_EPROTO;
	}
	*out = tp_get_u16(attr->value);
	return 0;
}

static int read_first_of_four(const struct tp_stun_attr *attr, uint8_t *out)
{
	if (attr->len != 4) {
		return TP_EPROTO;
	}
	*out = attr->value[0];
	return 0;
}

int tp_attr_read_requested_transport(const struct tp_stun_attr *attr, uint8_t *out)
{
	return read_first_of_four(attr, out);
}

int tp_attr_read_address_family(const struct tp_stun_attr *attr, uint8_t *out)
{
	return read_first_of_four(attr, out);
}

int tp_attr_read_even_port(const struct tp_stun_attr *attr, bool *reserve_next)
{
	if (attr->len != 1) {
		return TP_EPROTO;
	}
	*reserve_next = (attr->value[0] & 0x80) != 0;
	return 0;
}

int tp_attr_read_reservation_token(const struct tp_stun_attr *attr, uint8_t out[8])
{
	if (attr->len != 8) {
		return TP_EPROTO;
	}
	memcpy(out, attr->value, 8);
	return 0;
}

int tp_attr_read_error_code(const struct tp_stun_attr *attr, uint16_t *code, struct tp_view *reason)
{
	uint8_t hundreds;
	uint8_t number;

	if (attr->len < 4 || attr->len > 4 + REASON_MAX) {
		return TP_EPROTO;
	}
	hundreds = attr->value[2] & 0x07;
	number = attr->value[3];
	if (hundreds < 3 || hundreds > 6 || number > 99) {
		return TP_EPROTO;
	}
	*code = (uint16_t)(hundreds * 100 + number);
	*reason = (struct tp_view){attr->value + 4, attr->len - (size_t)4};
	return 0;
}

int tp_attr_next_password_algorithm(const struct tp_stun_attr *attr, size_t *offset,
				    uint16_t *algorithm, struct tp_view *parameters)
{
	size_t left;
	size_t parameters_len;
	size_t padded_len;

	if (*offset >= attr->len) {
		return 0;
	}
	left = attr->len - *offset;
	if (left < 4) {
		return TP_EPROTO;
	}
	left -= 4;
	parameters_len = tp_get_u16(attr->value + *offset + 2);
	if (parameters_len > left) {
		return TP_EPROTO;
	}
	*algorithm = tp_get_u16(attr->value + *offset);
	*parameters = (struct tp_view){attr->value + *offset + 4, parameters_len};
	/* The last entry's padding may be taken for that of the attribute. */
	padded_len = (parameters_len + 3) & ~(size_t)3;
	*offset += 4 + (padded_len < left ? padded_len : left);
	return 1;
}

int tp_attr_read_password_algorithm(const struct tp_stun_attr *attr, uint16_t *algorithm,
				    struct tp_view *parameters)
{
	size_t offset = 0;
	uint16_t number;
	struct tp_view view;

	if (tp_attr_next_password_algorithm(attr, &offset, &number, &view) != 1 ||
	    offset != attr->len) {
		return TP_EPROTO;
	}
	*algorithm = number;
	*parameters = view;
	return 0;
}

size_t tp_attr_read_unknown_attributes(const struct tp_stun_attr *attr, uint16_t *out, size_t max)
{
	size_t count = attr->len / 2;

	if (attr->len % 2 != 0) {
		return 0;
	}
	for (size_t i = 0; i < count && i < max; i++) {
		out[i] = tp_get_u16(attr->value + 2 * i);
	}
	return count;
}
