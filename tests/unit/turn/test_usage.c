/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/usage.h"

#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/realm.h"

static struct turn_fixture f;

/* --- what is told ------------------------------------------------------------------- */

static struct tp_usage last;
static struct tp_usage sum;
static unsigned reports;
static unsigned finals;
static unsigned deleted;
static struct tp_delete_allocation end;

static void add(struct tp_traffic *to, const struct tp_traffic *of)
{
	to->packets += of->packets;
	to->bytes += of->bytes;
}

static void tell(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_usage) {
		last = *(const struct tp_usage *)payload;
		CU_ASSERT_EQUAL(deleted, 0); /* the last comes before that */
		CU_ASSERT_EQUAL(finals, 0);
		add(&sum.client_to_peer, &last.client_to_peer);
		add(&sum.peer_to_client, &last.peer_to_client);
		add(&sum.over_limit, &last.over_limit);
		sum.interval_ms += last.interval_ms;
		reports++;
		finals += last.final;
	} else if (event == TP_EVENT_on_turn_delete_allocation) {
		end = *(const struct tp_delete_allocation *)payload;
		deleted++;
	}
}

static void only_the_last(struct tp_turn_options *options)
{
	options->usage_interval_s = 0;
}

static void open_metered(void (*adjust)(struct tp_turn_options *options))
{
	last = (struct tp_usage){.final = false};
	sum = last;
	reports = 0;
	finals = 0;
	deleted = 0;
	turn_fixture_open_with(&f, adjust);
	test_hooks.tell = tell;
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
}

static void relay(unsigned out, unsigned in)
{
	while (out-- > 0) {
		turn_fixture_send_indication(&f, &f.peer_addr, "12345");
	}
	while (in-- > 0) {
		turn_fixture_peer_sends(&f, &f.peer_addr, "123");
	}
}

static void sums_agree(void)
{
	CU_ASSERT_EQUAL(deleted, 1);
	CU_ASSERT_EQUAL(finals, 1);
	CU_ASSERT_EQUAL(sum.client_to_peer.packets, end.client_to_peer.packets);
	CU_ASSERT_EQUAL(sum.client_to_peer.bytes, end.client_to_peer.bytes);
	CU_ASSERT_EQUAL(sum.peer_to_client.packets, end.peer_to_client.packets);
	CU_ASSERT_EQUAL(sum.peer_to_client.bytes, end.peer_to_client.bytes);
	CU_ASSERT_EQUAL(sum.interval_ms, end.duration_ms);
}

/* --- cases ---------------------------------------------------------------------------- */

static void usage_is_told_in_pieces_whose_sum_is_the_total(void)
{
	open_metered(NULL);
	relay(3, 2);
	turn_fixture_advance_s(&f, 59);
	CU_ASSERT_EQUAL(reports, 0);
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(reports, 1);
	CU_ASSERT_EQUAL(last.interval_ms, 60000);
	CU_ASSERT_EQUAL(last.client_to_peer.packets, 3);
	CU_ASSERT_EQUAL(last.client_to_peer.bytes, 15);
	CU_ASSERT_EQUAL(last.peer_to_client.packets, 2);
	CU_ASSERT_EQUAL(last.peer_to_client.bytes, 6);
	CU_ASSERT_FALSE(last.final);
	relay(1, 0);
	turn_fixture_advance_s(&f, 120);
	CU_ASSERT_EQUAL(reports, 3);
	CU_ASSERT_EQUAL(last.client_to_peer.packets, 0);
	relay(1, 4);
	turn_fixture_advance_s(&f, 7);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(last.interval_ms, 7000);
	CU_ASSERT_EQUAL(last.peer_to_client.packets, 4);
	sums_agree();
	CU_ASSERT_EQUAL(end.client_to_peer.packets, 5);
	CU_ASSERT_EQUAL(f.server->meter_pool.in_use, 0);
	turn_fixture_close(&f);
}

static void a_refresh_does_not_move_the_reports(void)
{
	open_metered(NULL);
	turn_fixture_advance_s(&f, 50);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 0);
	turn_fixture_advance_s(&f, 10);
	CU_ASSERT_EQUAL(reports, 1);
	turn_fixture_close(&f);
	sums_agree();
}

static void without_an_interval_there_is_the_last_alone(void)
{
	open_metered(only_the_last);
	relay(3, 2);
	turn_fixture_advance_s(&f, 500);
	CU_ASSERT_EQUAL(reports, 0);
	CU_ASSERT_EQUAL(f.server->meter_pool.in_use, 0);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(reports, 1);
	CU_ASSERT_EQUAL(last.client_to_peer.packets, 3);
	sums_agree();
}

static void what_limits_drop_is_told(void)
{
	const struct tp_limits limits = {.size = sizeof(limits), .packets_per_s = 1};

	open_metered(NULL);
	CU_ASSERT_EQUAL(
		tp_allocation_set_limits(tp_allocation_find(f.server, &f.five_tuple), &limits), 0);
	relay(3, 3);
	turn_fixture_advance_s(&f, 60);
	CU_ASSERT_EQUAL(last.over_limit.packets, 4);
	CU_ASSERT_EQUAL(last.over_limit.bytes, 2 * 5 + 2 * 3);
	turn_fixture_advance_s(&f, 60);
	CU_ASSERT_EQUAL(last.over_limit.packets, 0);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(sum.over_limit.packets, 4);
	sums_agree();
}

/* Plugins that come later hear of the whole life, those that go leave no timer. */
static void plugins_come_and_go(void)
{
	struct tp_generation *with = NULL;
	struct tp_generation *without = NULL;
	char problem[TP_PROBLEM_SIZE];

	CU_ASSERT_EQUAL_FATAL(tp_generation_create(NULL, 0, "", 2, problem, &without), 0);
	open_metered(NULL);
	relay(1, 0);
	turn_fixture_advance_s(&f, 60);
	CU_ASSERT_EQUAL(reports, 1);
	with = f.server->generation;
	f.server->generation = without;
	tp_realms_reload(f.server);
	turn_fixture_advance_s(&f, 60);
	CU_ASSERT_EQUAL(f.server->meter_pool.in_use, 0);
	f.server->generation = with;
	tp_realms_reload(f.server);
	sum = (struct tp_usage){.final = false};
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 0);
	CU_ASSERT_EQUAL(f.server->meter_pool.in_use, 1);
	turn_fixture_close(&f);
	sums_agree();
	tp_generation_unref(&without);
	tp_generation_reap();
}

TEST_SUITE("usage", TEST(usage_is_told_in_pieces_whose_sum_is_the_total),
	   TEST(a_refresh_does_not_move_the_reports),
	   TEST(without_an_interval_there_is_the_last_alone), TEST(what_limits_drop_is_told),
	   TEST(plugins_come_and_go));
