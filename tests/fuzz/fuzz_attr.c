/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "stun/attr.h"
#include "stun/build.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What was read and built anew reads the same. */
static void rebuild_xor_addr(const struct tp_stun_msg *msg, const struct tp_addr *addr)
{
	uint8_t bytes[64];
	struct tp_build build;
	struct tp_stun_msg built;
	struct tp_addr again;
	const char *reason;

	tp_build_init(&build, bytes, sizeof(bytes), msg->method, msg->message_class,
		      msg->transaction_id);
	tp_build_xor_addr(&build, TP_ATTR_XOR_PEER_ADDRESS, addr);
	tp_assert(tp_stun_msg_parse(&built, bytes, tp_build_finish(&build), &reason) == 0);
	tp_assert(tp_attr_read_xor_addr(&built.attrs[0], &built, &again) == 0);
	tp_assert(memcmp(&again, addr, sizeof(again)) == 0);
}

static void read_addrs(const struct tp_stun_attr *attr, const struct tp_stun_msg *msg)
{
	struct tp_addr addr;

	if (tp_attr_read_xor_addr(attr, msg, &addr) == 0) {
		rebuild_xor_addr(msg, &addr);
		tp_assert(tp_attr_read_addr(attr, &addr) == 0);
	}
}

static void read_fixed(const struct tp_stun_attr *attr)
{
	uint8_t token[8];
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;
	bool flag;

	tp_assert((tp_attr_read_u32(attr, &u32) == 0) == (attr->len == 4));
	tp_assert((tp_attr_read_channel_number(attr, &u16) == 0) == (attr->len == 4));
	tp_assert((tp_attr_read_requested_transport(attr, &u8) == 0) == (attr->len == 4));
	tp_assert((tp_attr_read_address_family(attr, &u8) == 0) == (attr->len == 4));
	tp_assert((tp_attr_read_even_port(attr, &flag) == 0) == (attr->len == 1));
	tp_assert((tp_attr_read_reservation_token(attr, token) == 0) == (attr->len == 8));
}

static void check_view(const struct tp_stun_attr *attr, const struct tp_view *view)
{
	tp_assert(view->data >= attr->value);
	tp_assert(view->len <= (size_t)(attr->value + attr->len - view->data));
}

static void read_lists(const struct tp_stun_attr *attr)
{
	struct tp_view view;
	uint16_t types[4];
	uint16_t number;
	size_t offset = 0;
	size_t steps = 0;
	int next;

	while ((next = tp_attr_next_password_algorithm(attr, &offset, &number, &view)) == 1) {
		check_view(attr, &view);
		tp_assert(offset <= attr->len);
		steps++;
		tp_assert(steps <= attr->len / 4);
	}
	tp_assert(next == 0 || next == TP_EPROTO);
	if (tp_attr_read_password_algorithm(attr, &number, &view) == 0) {
		check_view(attr, &view);
	}
	if (tp_attr_read_error_code(attr, &number, &view) == 0) {
		check_view(attr, &view);
		tp_assert(number >= 300 && number <= 699);
	}
	tp_assert(tp_attr_read_unknown_attributes(attr, types, 4) <= attr->len / 2);
}

static void read_all(const struct tp_stun_msg *msg)
{
	for (size_t i = 0; i < msg->attr_count; i++) {
		read_addrs(&msg->attrs[i], msg);
		read_fixed(&msg->attrs[i]);
		read_lists(&msg->attrs[i]);
	}
}

/*
 * Take the bytes for the attributes of a message and read each with every
 * reader there is. The header is made, so that no input is lost to its length.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "transaction";
	size_t attributes_len = len < UINT16_MAX ? len / 4 * 4 : UINT16_MAX / 4 * 4;
	size_t message_len = TP_STUN_HEADER_SIZE + attributes_len;
	uint8_t *message = malloc(message_len); /* exactly: a read behind it is caught */
	struct tp_build build;
	struct tp_stun_msg msg;
	const char *reason;

	if (message == NULL) {
		return 0;
	}
	tp_build_init(&build, message, message_len, TP_STUN_ALLOCATE, TP_STUN_REQUEST,
		      transaction_id);
	tp_put_u16(message + 2, (uint16_t)attributes_len);
	if (attributes_len != 0) {
		memcpy(message + TP_STUN_HEADER_SIZE, bytes, attributes_len);
	}
	if (tp_stun_msg_parse(&msg, message, message_len, &reason) == 0) {
		read_all(&msg);
	}
	free(message);
	return 0;
}
