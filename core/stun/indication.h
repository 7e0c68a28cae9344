/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>
#include <turnpike/types.h>

/* Indications that carry media: RFC 8656 sections 10 and 11. */

/* What a Send indication asks for. */
struct tp_send_indication {
	struct tp_addr peer_addr;
	struct tp_view payload; /* borrowed */
};

/**
 * Read a message that is nothing but a Send indication with one XOR-PEER-ADDRESS
 * and one DATA, as most are, in one pass. False says nothing about the bytes:
 * they are for tp_stun_msg_parse() then.
 */
bool tp_send_indication_read(struct tp_send_indication *send, const uint8_t *bytes, size_t len);

/** Bytes in front of a Data indication's payload, 36 or 48. */
size_t tp_data_indication_head_size(const struct tp_addr *peer_addr);

/**
 * Write them: header, XOR-PEER-ADDRESS and the DATA attribute's header. The
 * payload and its padding to a multiple of four follow.
 *
 * @transaction_id: TP_STUN_TRANSACTION_ID_SIZE bytes
 */
void tp_data_indication_write_head(uint8_t *head, const struct tp_addr *peer_addr,
				   size_t payload_len, const uint8_t *transaction_id);
