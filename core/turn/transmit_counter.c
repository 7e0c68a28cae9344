/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/transmit_counter.h"

#include "stun/attr.h"
#include "stun/codes.h"

#define ATTRIBUTE_HEADER_SIZE 4
#define REQ_OFFSET (ATTRIBUTE_HEADER_SIZE + 2)
#define RESP_OFFSET (ATTRIBUTE_HEADER_SIZE + 3)

bool tp_transmit_counter_read(const struct tp_stun_msg *msg, uint8_t *requests)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(msg, TP_ATTR_TRANSACTION_TRANSMIT_COUNTER);
	uint32_t value;

	if (attr == NULL || tp_attr_read_u32(attr, &value) != 0) {
		return false;
	}
	*requests = (uint8_t)(value >> 8);
	return true;
}

void tp_transmit_counter_write(struct tp_build *build, uint8_t requests, uint8_t responses)
{
	tp_build_u32(build, TP_ATTR_TRANSACTION_TRANSMIT_COUNTER,
		     (uint32_t)requests << 8 | responses);
}

bool tp_transmit_counter_renew(struct tp_transmit_counter *counter, uint8_t *response, size_t len,
			       uint8_t requests)
{
	struct tp_build build = {
		.bytes = response,
		.size = len,
		.len = counter->at + TP_TRANSMIT_COUNTER_SIZE,
	};

	if (counter->responses < UINT8_MAX) {
		counter->responses++;
	}
	response[counter->at + REQ_OFFSET] = requests;
	response[counter->at + RESP_OFFSET] = counter->responses;
	tp_build_integrity(&build, &counter->key, counter->sha256);
	if (counter->fingerprint) {
		tp_build_fingerprint(&build);
	}
	return tp_build_finish(&build) == len;
}
