/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/build.h"
#include "turn/behavior.h"
#include "turn/methods.h"
#include "turn/transaction.h"

/* Binding: RFC 8489 section 12, RFC 5780 section 6. */

static void handle(struct tp_transaction *transaction)
{
	uint16_t code = tp_behavior_route(transaction);

	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	tp_transaction_succeed(transaction);
}

static void write(struct tp_transaction *transaction, struct tp_build *build)
{
	tp_build_xor_addr(build, TP_ATTR_XOR_MAPPED_ADDRESS,
			  &transaction->request.five_tuple.client_addr);
	tp_behavior_write(transaction, build);
}

const struct tp_method tp_method_binding = {
	.number = TP_STUN_BINDING,
	.handle = handle,
	.write = write,
};
