/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat_message.h"

#include <string.h>

#include "base/rand.h"
#include "stun/attr.h"
#include "stun/build.h"

void tp_nat_request_make(struct tp_nat_request *request, uint32_t change)
{
	struct tp_build build;

	tp_rand_bytes(request->transaction_id, sizeof(request->transaction_id));
	tp_build_init(&build, request->bytes, sizeof(request->bytes), TP_STUN_BINDING,
		      TP_STUN_REQUEST, request->transaction_id);
	if (change != 0) {
		tp_build_u32(&build, TP_ATTR_CHANGE_REQUEST, change);
	}
	request->len = tp_build_finish(&build);
}

bool tp_nat_request_is_of(const struct tp_nat_request *request, const struct tp_stun_msg *msg)
{
	return msg->method == TP_STUN_BINDING &&
	       memcmp(msg->transaction_id, request->transaction_id,
		      sizeof(request->transaction_id)) == 0;
}

static void read_addr(const struct tp_stun_msg *msg, uint16_t type, struct tp_addr *out)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(msg, type);
	struct tp_addr addr;

	if (attr != NULL && tp_attr_read_addr(attr, &addr) == 0) {
		*out = addr;
	}
}

bool tp_nat_answer_take(const struct tp_stun_msg *msg, const struct tp_addr *from,
			struct tp_nat_answer *out)
{
	const struct tp_stun_attr *attr;
	struct tp_addr mapped_addr;
	struct tp_view reason;

	if (msg->message_class != TP_STUN_SUCCESS && msg->message_class != TP_STUN_ERROR) {
		return false;
	}
	out->arrived = true;
	out->from = *from;
	if (msg->message_class == TP_STUN_ERROR) {
		attr = tp_stun_msg_find(msg, TP_ATTR_ERROR_CODE);
		if (attr == NULL || tp_attr_read_error_code(attr, &out->code, &reason) != 0) {
			out->code = 500; /* an error all the same */
		}
		return true;
	}
	attr = tp_stun_msg_find(msg, TP_ATTR_XOR_MAPPED_ADDRESS);
	if (attr != NULL && tp_attr_read_xor_addr(attr, msg, &mapped_addr) == 0) {
		out->mapped_addr = mapped_addr;
	}
	read_addr(msg, TP_ATTR_MAPPED_ADDRESS, &out->plain_addr);
	read_addr(msg, TP_ATTR_OTHER_ADDRESS, &out->other_addr);
	return true;
}
