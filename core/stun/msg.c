/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/msg.h"

#include "base/bytes.h"
#include "base/err.h"
#include "stun/integrity.h"

#define ATTRIBUTE_HEADER_SIZE 4

/* How far the walk has come through the attributes that close a message. */
enum closing {
	CLOSING_NONE,
	CLOSING_INTEGRITY,        /* MESSAGE-INTEGRITY seen */
	CLOSING_INTEGRITY_SHA256, /* MESSAGE-INTEGRITY-SHA256 seen */
};

/* Bits of method and class are interleaved: RFC 8489 section 5, figure 3. */
static void read_type(struct tp_stun_msg *msg, uint16_t type)
{
	msg->method = (uint16_t)((type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2);
	msg->message_class = (enum tp_stun_class)((type & 0x0010) >> 4 | (type & 0x0100) >> 7);
}

static const char *read_header(struct tp_stun_msg *msg, const uint8_t *bytes, size_t len)
{
	if (len < TP_STUN_HEADER_SIZE) {
		return "shorter than a header";
	}
	if (bytes[0] > 3) {
		return "not a STUN message type";
	}
	if (tp_get_u32(bytes + 4) != TP_STUN_MAGIC_COOKIE) {
		return "wrong magic cookie";
	}
	if (len % 4 != 0 || tp_get_u16(bytes + 2) != len - TP_STUN_HEADER_SIZE) {
		return "wrong message length";
	}
	msg->bytes = bytes;
	msg->len = len;
	msg->transaction_id = bytes + 8;
	msg->attr_count = 0;
	read_type(msg, tp_get_u16(bytes));
	return NULL;
}

/* Of duplicates the first counts, but each peer, relayed address and alternate server does. */
static bool is_duplicate(const struct tp_stun_msg *msg, uint16_t type)
{
	return type != TP_ATTR_XOR_PEER_ADDRESS && type != TP_ATTR_XOR_RELAYED_ADDRESS &&
	       type != TP_ATTR_ALTERNATE_SERVER && tp_stun_msg_find(msg, type) != NULL;
}

/* What may stand there: RFC 8489 sections 14.5 and 14.6. */
static bool is_covered(enum closing closing, uint16_t type)
{
	switch (closing) {
	case CLOSING_NONE:
		return true;
	case CLOSING_INTEGRITY:
		return type == TP_ATTR_MESSAGE_INTEGRITY_SHA256 || type == TP_ATTR_FINGERPRINT;
	case CLOSING_INTEGRITY_SHA256:
		return type == TP_ATTR_FINGERPRINT;
	}
	return false;
}

/* What counts from here on, behind an attribute that counted itself. */
static enum closing closing_after(enum closing closing, uint16_t type)
{
	switch (type) {
	case TP_ATTR_MESSAGE_INTEGRITY:
		return CLOSING_INTEGRITY;
	case TP_ATTR_MESSAGE_INTEGRITY_SHA256:
		return CLOSING_INTEGRITY_SHA256;
	default:
		return closing;
	}
}

/* RFC 8489 section 14.7: the last attribute, four bytes, the right value. */
static const char *check_fingerprint(const struct tp_stun_msg *msg, const struct tp_stun_attr *attr)
{
	size_t covered_len = (size_t)(attr->value - msg->bytes) - ATTRIBUTE_HEADER_SIZE;

	if (attr->len != 4) {
		return "FINGERPRINT of a wrong length";
	}
	if (attr->value + attr->len != msg->bytes + msg->len) {
		return "FINGERPRINT is not last";
	}
	if (tp_get_u32(attr->value) != tp_fingerprint(msg->bytes, covered_len)) {
		return "FINGERPRINT does not match";
	}
	return NULL;
}

/* Take the attribute at @offset and move behind it, by multiples of four. */
static const char *take_attribute(const struct tp_stun_msg *msg, size_t *offset,
				  struct tp_stun_attr *attr)
{
	size_t left = msg->len - *offset - ATTRIBUTE_HEADER_SIZE;
	const uint8_t *header = msg->bytes + *offset;

	attr->type = tp_get_u16(header);
	attr->len = tp_get_u16(header + 2);
	attr->value = header + ATTRIBUTE_HEADER_SIZE;
	if (attr->len > left) {
		return "attribute longer than the message";
	}
	*offset += ATTRIBUTE_HEADER_SIZE + ((attr->len + (size_t)3) & ~(size_t)3);
	return attr->type == TP_ATTR_FINGERPRINT ? check_fingerprint(msg, attr) : NULL;
}

static const char *index_attributes(struct tp_stun_msg *msg)
{
	enum closing closing = CLOSING_NONE;
	size_t offset = TP_STUN_HEADER_SIZE;
	size_t walked = 0;

	while (offset < msg->len) {
		struct tp_stun_attr attr;
		const char *refused = take_attribute(msg, &offset, &attr);

		if (refused != NULL) {
			return refused;
		}
		/* Those that do not count cost time, too. */
		if (++walked > TP_STUN_ATTRIBUTES_MAX) {
			return "too many attributes";
		}
		if (is_covered(closing, attr.type) && !is_duplicate(msg, attr.type)) {
			msg->attrs[msg->attr_count++] = attr;
			closing = closing_after(closing, attr.type);
		}
	}
	return NULL;
}

int tp_stun_msg_parse(struct tp_stun_msg *msg, const uint8_t *bytes, size_t len,
		      const char **reason)
{
	const char *refused = read_header(msg, bytes, len);

	if (refused == NULL) {
		refused = index_attributes(msg);
	}
	if (refused != NULL) {
		*reason = refused;
		return TP_EPROTO;
	}
	return 0;
}

const struct tp_stun_attr *tp_stun_msg_find(const struct tp_stun_msg *msg, uint16_t type)
{
	return tp_stun_msg_find_nth(msg, type, 0);
}

const struct tp_stun_attr *tp_stun_msg_find_nth(const struct tp_stun_msg *msg, uint16_t type,
						size_t nth)
{
	for (size_t i = 0; i < msg->attr_count; i++) {
		if (msg->attrs[i].type == type && nth-- == 0) {
			return &msg->attrs[i];
		}
	}
	return NULL;
}

static bool is_listed(const uint16_t *types, size_t count, uint16_t type)
{
	for (size_t i = 0; i < count; i++) {
		if (types[i] == type) {
			return true;
		}
	}
	return false;
}

size_t tp_stun_msg_unknown(const struct tp_stun_msg *msg, bool (*known)(uint16_t type),
			   uint16_t *out, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < msg->attr_count && count < max; i++) {
		uint16_t type = msg->attrs[i].type;

		if (tp_stun_attribute_required(type) && !known(type) &&
		    !is_listed(out, count, type)) {
			out[count++] = type;
		}
	}
	return count;
}
