/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct tp_endpoint;
struct tp_five_tuple;
struct tp_packet;

/**
 * What a client sent, told apart by its first byte before any parsing (RFC
 * 7983): ChannelData to the relay, indications to the relay, requests to a transaction, the
 * rest dropped with its reason.
 *
 * @owner: the server
 */
void tp_ingress_message(void *owner, struct tp_endpoint *endpoint,
			const struct tp_five_tuple *five_tuple, struct tp_packet *packet);
