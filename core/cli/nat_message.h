/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/nat.h"
#include "stun/msg.h"

/* The Binding request of RFC 5780 and its response. */
struct tp_nat_request {
	uint8_t bytes[64];
	size_t len;
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
};

/** @change: flags; 0: no CHANGE-REQUEST */
void tp_nat_request_make(struct tp_nat_request *request, uint32_t change);

/** Has the message this transaction id? */
bool tp_nat_request_is_of(const struct tp_nat_request *request, const struct tp_stun_msg *msg);

/** Fill in what a response says; false for a message that is none. */
bool tp_nat_answer_take(const struct tp_stun_msg *msg, const struct tp_addr *from,
			struct tp_nat_answer *out);
