/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/replay.h"

#include <string.h>

#include "support/suite.h"

static struct tp_transaction_key key_of(uint32_t number)
{
	struct tp_transaction_key key = {.five_tuple = {.transport = TP_TRANSPORT_UDP}};

	memcpy(key.transaction_id, &number, sizeof(number));
	return key;
}

static void the_same_request_gets_the_same_bytes_for_40_s(void)
{
	struct tp_transaction_key key = key_of(1);
	struct tp_transaction_key other = key_of(2);
	struct tp_replay replay;
	const uint8_t *bytes;
	size_t len;

	tp_replay_init(&replay);
	tp_replay_keep(&replay, &key, (const uint8_t *)"response", 8, NULL, 1000);
	bytes = tp_replay_find(&replay, &key, 40999, &len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
	CU_ASSERT_EQUAL(len, 8);
	CU_ASSERT_EQUAL(memcmp(bytes, "response", 8), 0);
	CU_ASSERT_PTR_NULL(tp_replay_find(&replay, &other, 1000, &len));
	CU_ASSERT_PTR_NULL(tp_replay_find(&replay, &key, 41000, &len));
	tp_replay_fini(&replay);
}

static void another_client_with_the_same_transaction_id_is_another_request(void)
{
	struct tp_transaction_key key = key_of(1);
	struct tp_transaction_key other = key_of(1);
	struct tp_replay replay;
	size_t len;

	other.five_tuple.client_addr.port = 9;
	tp_replay_init(&replay);
	tp_replay_keep(&replay, &key, (const uint8_t *)"response", 8, NULL, 0);
	CU_ASSERT_PTR_NULL(tp_replay_find(&replay, &other, 0, &len));
	tp_replay_fini(&replay);
}

static void the_oldest_goes_at_the_ceiling(void)
{
	struct tp_replay replay;
	size_t len;

	tp_replay_init(&replay);
	for (uint32_t i = 0; i <= TP_REPLAY_MAX; i++) {
		struct tp_transaction_key key = key_of(i);

		tp_replay_keep(&replay, &key, (const uint8_t *)"r", 1, NULL, 0);
	}
	CU_ASSERT_EQUAL(replay.responses.count, TP_REPLAY_MAX);
	for (uint32_t i = 0; i <= TP_REPLAY_MAX; i += TP_REPLAY_MAX / 2) {
		struct tp_transaction_key key = key_of(i);

		CU_ASSERT_EQUAL(tp_replay_find(&replay, &key, 0, &len) == NULL, i == 0);
	}
	tp_replay_fini(&replay);
}

TEST_SUITE("replay", TEST(the_same_request_gets_the_same_bytes_for_40_s),
	   TEST(another_client_with_the_same_transaction_id_is_another_request),
	   TEST(the_oldest_goes_at_the_ceiling));
