/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/discard.h"

#include "host/dispatch.h"
#include "turn/allocation.h"
#include "turn/client.h"
#include "turn/realm.h"
#include "turn/server.h"

static const struct tp_allocation_view *view_of(const struct tp_allocation *allocation)
{
	return allocation == NULL ? NULL : &allocation->view;
}

/* Who is told of what comes on a five-tuple. */
static const struct tp_chains *chains_of(const struct tp_server *server,
					 const struct tp_five_tuple *five_tuple,
					 const struct tp_allocation *allocation)
{
	const struct tp_client *client;

	if (allocation != NULL) {
		return allocation->realm->chains;
	}
	client = tp_client_find(server, five_tuple);
	return client != NULL ? client->realm->chains : &server->generation->all;
}

void tp_discard_message(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			const struct tp_allocation *allocation, enum tp_direction direction,
			uint16_t method, enum tp_discard_reason reason, size_t len)
{
	tp_counter_add(server->counters.discarded[reason], 1);
	if (tp_generation_wants(server->generation, TP_EVENT_on_turn_message_discarded)) {
		struct tp_message_discarded event = {
			.five_tuple = five_tuple,
			.allocation = view_of(allocation),
			.direction = direction,
			.method = method,
			.reason = reason,
			.len = len,
		};

		tp_dispatch_tell(chains_of(server, five_tuple, allocation),
				 TP_EVENT_on_turn_message_discarded, &event);
	}
}

void tp_discard_channel_data(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			     const struct tp_allocation *allocation, enum tp_direction direction,
			     uint16_t channel, enum tp_discard_reason reason, size_t len)
{
	tp_counter_add(server->counters.discarded[reason], 1);
	if (tp_generation_wants(server->generation, TP_EVENT_on_turn_channel_data_discarded)) {
		struct tp_channel_data_discarded event = {
			.five_tuple = five_tuple,
			.allocation = view_of(allocation),
			.direction = direction,
			.channel = channel,
			.reason = reason,
			.len = len,
		};

		tp_dispatch_tell(chains_of(server, five_tuple, allocation),
				 TP_EVENT_on_turn_channel_data_discarded, &event);
	}
}

void tp_exception_tell(struct tp_server *server, const struct tp_realm *realm,
		       const struct tp_five_tuple *five_tuple, enum tp_exception_stage stage,
		       const char *reason, const uint8_t *bytes, size_t len)
{
	tp_counter_add(server->counters.exceptions, 1);
	if (tp_generation_wants(server->generation, TP_EVENT_on_stun_exception)) {
		struct tp_exception event = {
			.five_tuple = five_tuple,
			.stage = stage,
			.reason = reason,
			.bytes = {bytes, len},
		};

		tp_dispatch_tell(realm != NULL ? realm->chains
					       : chains_of(server, five_tuple,
							   tp_allocation_find(server, five_tuple)),
				 TP_EVENT_on_stun_exception, &event);
	}
}
