/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

struct response {
	struct tp_transaction_key key;
	struct tp_list link;
	uint64_t until_ms;
	struct tp_transmit_counter counter;
	size_t len;
	uint8_t bytes[];
};

void tp_replay_init(struct tp_replay *replay)
{
	tp_map_init(&replay->responses, sizeof(struct tp_transaction_key), 0);
	tp_list_init(&replay->oldest_first);
}

static void response_free(struct response *response)
{
	tp_secret_wipe(&response->counter.key, sizeof(response->counter.key));
	free(response);
}

static void forget(struct tp_replay *replay, struct response *response)
{
	tp_map_remove(&replay->responses, &response->key);
	tp_list_remove(&response->link);
	response_free(response);
}

static struct response *oldest(struct tp_replay *replay)
{
	if (tp_list_empty(&replay->oldest_first)) {
		return NULL;
	}
	return tp_container_of(replay->oldest_first.next, struct response, link);
}

void tp_replay_fini(struct tp_replay *replay)
{
	struct response *response;

	while ((response = oldest(replay)) != NULL) {
		forget(replay, response);
	}
	tp_map_fini(&replay->responses);
}

static void forget_expired(struct tp_replay *replay, uint64_t now_ms)
{
	struct response *response;

	while ((response = oldest(replay)) != NULL && response->until_ms <= now_ms) {
		forget(replay, response);
	}
}

void tp_replay_keep(struct tp_replay *replay, const struct tp_transaction_key *key,
		    const uint8_t *bytes, size_t len, const struct tp_transmit_counter *counter,
		    uint64_t now_ms)
{
	struct response *response;

	forget_expired(replay, now_ms);
	if (replay->responses.count >= TP_REPLAY_MAX) {
		forget(replay, oldest(replay));
	}
	response = malloc(sizeof(*response) + len);
	if (response == NULL) {
		return;
	}
	response->key = *key;
	response->until_ms = now_ms + TP_REPLAY_KEEP_MS;
	response->counter = counter != NULL ? *counter : (struct tp_transmit_counter){.at = 0};
	response->len = len;
	memcpy(response->bytes, bytes, len);
	if (tp_map_insert(&replay->responses, &response->key, response) != 0) {
		response_free(response);
		return;
	}
	tp_list_append(&replay->oldest_first, &response->link);
}

void tp_replay_count(struct tp_replay *replay, const struct tp_transaction_key *key,
		     uint8_t requests)
{
	struct response *response = tp_map_find(&replay->responses, key);

	if (response != NULL && response->counter.at != 0 &&
	    !tp_transmit_counter_renew(&response->counter, response->bytes, response->len,
				       requests)) {
		forget(replay, response);
	}
}

const uint8_t *tp_replay_find(struct tp_replay *replay, const struct tp_transaction_key *key,
			      uint64_t now_ms, size_t *len)
{
	const struct response *response;

	forget_expired(replay, now_ms);
	response = tp_map_find(&replay->responses, key);
	if (response == NULL) {
		return NULL;
	}
	*len = response->len;
	return response->bytes;
}
