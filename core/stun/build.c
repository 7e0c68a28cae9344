/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/build.h"

#include <string.h>

#include "base/bytes.h"

#define ATTRIBUTE_HEADER_SIZE 4
#define REASON_BYTES_MAX 509
#define REASON_CHARACTERS_MAX 127

/* Bits of method and class are interleaved: RFC 8489 section 5, figure 3. */
static uint16_t message_type(uint16_t method, enum tp_stun_class message_class)
{
	return (uint16_t)((method & 0x000f) | (method & 0x0070) << 1 | (method & 0x0f80) << 2 |
			  (message_class & 1) << 4 | (message_class & 2) << 7);
}

void tp_build_init(struct tp_build *build, uint8_t *bytes, size_t size, uint16_t method,
		   enum tp_stun_class message_class, const uint8_t *transaction_id)
{
	*build = (struct tp_build){.bytes = bytes, .size = size};
	if (size < TP_STUN_HEADER_SIZE) {
		build->failed = true;
		return;
	}
	tp_put_u16(bytes, message_type(method, message_class));
	tp_put_u16(bytes + 2, 0);
	tp_put_u32(bytes + 4, TP_STUN_MAGIC_COOKIE);
	memcpy(bytes + 8, transaction_id, TP_STUN_TRANSACTION_ID_SIZE);
	build->len = TP_STUN_HEADER_SIZE;
}

/* Header and padding of an attribute; returns its value's place or NULL. */
static uint8_t *append(struct tp_build *build, uint16_t type, size_t len)
{
	size_t padded_len;
	uint8_t *header;

	if (build->failed) {
		return NULL;
	}
	padded_len = len <= UINT16_MAX ? (len + 3) & ~(size_t)3 : SIZE_MAX - ATTRIBUTE_HEADER_SIZE;
	if (ATTRIBUTE_HEADER_SIZE + padded_len > build->size - build->len ||
	    build->len - TP_STUN_HEADER_SIZE + ATTRIBUTE_HEADER_SIZE + padded_len > UINT16_MAX) {
		build->failed = true;
		return NULL;
	}
	header = build->bytes + build->len;
	tp_put_u16(header, type);
	tp_put_u16(header + 2, (uint16_t)len);
	memset(header + ATTRIBUTE_HEADER_SIZE + len, 0, padded_len - len);
	build->len += ATTRIBUTE_HEADER_SIZE + padded_len;
	tp_put_u16(build->bytes + 2, (uint16_t)(build->len - TP_STUN_HEADER_SIZE));
	return header + ATTRIBUTE_HEADER_SIZE;
}

static bool begins_character(uint8_t byte)
{
	return (byte & 0xc0) != 0x80; /* UTF-8: not a continuation */
}

static size_t count_characters(const uint8_t *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++) {
		count += begins_character(text[i]);
	}
	return count;
}

/* RFC 8489 sections 14.3, 14.9, 14.10, 14.14 and 14.16. */
static bool fits_limit(uint16_t type, const void *value, size_t len)
{
	switch (type) {
	case TP_ATTR_USERNAME:
		return len < 509;
	case TP_ATTR_REALM:
	case TP_ATTR_NONCE:
	case TP_ATTR_SOFTWARE:
		return len <= 509 && count_characters(value, len) < 128;
	case TP_ATTR_ALTERNATE_DOMAIN:
		return len <= 255;
	default:
		return true;
	}
}

void tp_build_bytes(struct tp_build *build, uint16_t type, const void *value, size_t len)
{
	uint8_t *at;

	if (!fits_limit(type, value, len)) {
		build->failed = true;
		return;
	}
	at = append(build, type, len);
	if (at != NULL && len != 0) {
		memcpy(at, value, len);
	}
}

void tp_build_u32(struct tp_build *build, uint16_t type, uint32_t value)
{
	uint8_t *at = append(build, type, 4);

	if (at != NULL) {
		tp_put_u32(at, value);
	}
}

void tp_build_u64(struct tp_build *build, uint16_t type, uint64_t value)
{
	uint8_t *at = append(build, type, 8);

	if (at != NULL) {
		tp_put_u32(at, (uint32_t)(value >> 32));
		tp_put_u32(at + 4, (uint32_t)value);
	}
}

void tp_build_string(struct tp_build *build, uint16_t type, const char *text)
{
	tp_build_bytes(build, type, text, strlen(text));
}

static size_t ip_size(const struct tp_addr *addr)
{
	switch (addr == NULL ? TP_FAMILY_NONE : tp_addr_family(addr)) {
	case TP_FAMILY_IPV4:
		return 4;
	case TP_FAMILY_IPV6:
		return 16;
	case TP_FAMILY_NONE:
		break;
	}
	return 0;
}

/* @mask: 16 bytes to XOR port and address with */
static void append_addr(struct tp_build *build, uint16_t type, const struct tp_addr *addr,
			const uint8_t *mask)
{
	size_t size = ip_size(addr);
	uint8_t *at;

	if (size == 0) {
		build->failed = true;
		return;
	}
	at = append(build, type, 4 + size);
	if (at == NULL) {
		return;
	}
	at[0] = 0;
	at[1] = addr->family;
	tp_put_u16(at + 2, addr->port ^ tp_get_u16(mask));
	for (size_t i = 0; i < size; i++) {
		at[4 + i] = addr->bytes[i] ^ mask[i];
	}
}

void tp_build_xor_addr(struct tp_build *build, uint16_t type, const struct tp_addr *addr)
{
	/* Magic cookie, then transaction id; unread without a header. */
	append_addr(build, type, addr, build->bytes + 4);
}

void tp_build_addr(struct tp_build *build, uint16_t type, const struct tp_addr *addr)
{
	static const uint8_t no_mask[16];

	append_addr(build, type, addr, no_mask);
}

/* How much of the text may be sent: whole characters, RFC 8489 section 14.8. */
static size_t reason_len(const char *text)
{
	size_t characters = 0;
	size_t whole = 0;

	for (size_t len = 0;; len++) {
		if (begins_character((uint8_t)text[len])) {
			whole = len;
			if (text[len] == '\0' || characters++ == REASON_CHARACTERS_MAX) {
				return whole;
			}
		}
		if (len == REASON_BYTES_MAX) {
			return whole;
		}
	}
}

void tp_build_error_code(struct tp_build *build, uint16_t code, const char *reason)
{
	const char *text = reason != NULL ? reason : tp_stun_reason(code);
	size_t len = reason_len(text);
	uint8_t *at;

	if (code < 300 || code > 699) {
		build->failed = true;
		return;
	}
	at = append(build, TP_ATTR_ERROR_CODE, 4 + len);
	if (at != NULL) {
		tp_put_u16(at, 0);
		at[2] = (uint8_t)(code / 100);
		at[3] = (uint8_t)(code % 100);
		memcpy(at + 4, text, len);
	}
}

void tp_build_unknown_attributes(struct tp_build *build, const uint16_t *types, size_t count)
{
	uint8_t *at;

	if (count > UINT16_MAX / 2) {
		build->failed = true;
		return;
	}
	at = append(build, TP_ATTR_UNKNOWN_ATTRIBUTES, 2 * count);
	for (size_t i = 0; at != NULL && i < count; i++) {
		tp_put_u16(at + 2 * i, types[i]);
	}
}

void tp_build_channel_number(struct tp_build *build, uint16_t number)
{
	tp_build_u32(build, TP_ATTR_CHANNEL_NUMBER, (uint32_t)number << 16);
}

void tp_build_requested_transport(struct tp_build *build, uint8_t protocol)
{
	tp_build_u32(build, TP_ATTR_REQUESTED_TRANSPORT, (uint32_t)protocol << 24);
}

void tp_build_address_family(struct tp_build *build, uint16_t type, uint8_t family)
{
	tp_build_u32(build, type, (uint32_t)family << 24);
}

void tp_build_even_port(struct tp_build *build, bool reserve_next)
{
	uint8_t value = reserve_next ? 0x80 : 0;

	tp_build_bytes(build, TP_ATTR_EVEN_PORT, &value, sizeof(value));
}

void tp_build_password_algorithms(struct tp_build *build, const uint16_t *algorithms, size_t count)
{
	uint8_t *at;

	if (count > UINT16_MAX / 4) {
		build->failed = true;
		return;
	}
	at = append(build, TP_ATTR_PASSWORD_ALGORITHMS, 4 * count);
	for (size_t i = 0; at != NULL && i < count; i++) {
		tp_put_u32(at + 4 * i, (uint32_t)algorithms[i] << 16);
	}
}

void tp_build_password_algorithm(struct tp_build *build, uint16_t algorithm)
{
	tp_build_u32(build, TP_ATTR_PASSWORD_ALGORITHM, (uint32_t)algorithm << 16);
}

void tp_build_address_error_code(struct tp_build *build, uint8_t family, uint16_t code)
{
	const char *text = tp_stun_reason(code);
	size_t len = strlen(text);
	uint8_t *at;

	if (code < 300 || code > 699) {
		build->failed = true;
		return;
	}
	at = append(build, TP_ATTR_ADDRESS_ERROR_CODE, 4 + len);
	if (at != NULL) {
		at[0] = family;
		at[1] = 0;
		at[2] = (uint8_t)(code / 100);
		at[3] = (uint8_t)(code % 100);
		memcpy(at + 4, text, len);
	}
}

void tp_build_icmp(struct tp_build *build, uint8_t type, uint8_t code, uint32_t error_data)
{
	uint8_t *at = append(build, TP_ATTR_ICMP, 8);

	if (at != NULL) {
		/* Octets as in ICMP itself, though figure 11 draws 7 and 9 bits. */
		tp_put_u16(at, 0);
		at[2] = type;
		at[3] = code;
		tp_put_u32(at + 4, error_data);
	}
}

size_t tp_build_finish(const struct tp_build *build)
{
	return build->failed ? 0 : build->len;
}
