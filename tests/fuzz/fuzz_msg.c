/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "stun/integrity.h"
#include "stun/msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static bool knows_binding_only(uint16_t type)
{
	return type == TP_ATTR_XOR_MAPPED_ADDRESS || type == TP_ATTR_USERNAME;
}

static bool may_repeat(uint16_t type)
{
	return type == TP_ATTR_XOR_PEER_ADDRESS || type == TP_ATTR_XOR_RELAYED_ADDRESS ||
	       type == TP_ATTR_ALTERNATE_SERVER;
}

/* Whatever is indexed lies inside the message, once each, in its order. */
static void check_index(const struct tp_stun_msg *msg)
{
	const uint8_t *last_end = msg->bytes + TP_STUN_HEADER_SIZE;

	tp_assert(msg->attr_count <= TP_STUN_ATTRIBUTES_MAX);
	for (size_t i = 0; i < msg->attr_count; i++) {
		const struct tp_stun_attr *attr = &msg->attrs[i];

		tp_assert(attr->value >= last_end + 4);
		tp_assert(attr->len <= msg->bytes + msg->len - attr->value);
		tp_assert(may_repeat(attr->type) ||
			  tp_stun_msg_find_nth(msg, attr->type, 1) == NULL);
		last_end = attr->value + attr->len;
	}
}

/* Parse any bytes; check the integrity of what parsed. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct tp_key key = {.bytes = "VOkJxbRl1RmTxUk/WvJxBt", .len = 22};
	uint16_t unknown[4];
	struct tp_stun_msg msg;
	const char *reason = NULL;

	if (tp_stun_msg_parse(&msg, bytes, len, &reason) != 0) {
		tp_assert(reason != NULL);
		return 0;
	}
	check_index(&msg);
	tp_assert(tp_stun_msg_unknown(&msg, knows_binding_only, unknown, 4) <= 4);
	tp_integrity_check(&msg, &key, false);
	tp_integrity_check(&msg, &key, true);
	return 0;
}
