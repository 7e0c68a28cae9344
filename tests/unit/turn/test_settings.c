/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/settings.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/peer_policy.h"
#include "turn/permission.h"

static struct turn_fixture f;

/* The options of the fixture with changes. */
static struct tp_turn_settings *settings_with(void (*adjust)(struct tp_turn_options *options))
{
	struct tp_turn_options options = *f.server->options;
	struct tp_turn_settings *settings = NULL;

	CU_ASSERT_EQUAL_FATAL(tp_peer_policy_create(&options.peer_policy), 0);
	adjust(&options);
	CU_ASSERT_EQUAL_FATAL(tp_turn_settings_create(&options, 1, &settings), 0);
	return settings;
}

static void reload(void (*adjust)(struct tp_turn_options *options))
{
	struct tp_turn_settings *settings = settings_with(adjust);

	tp_server_reload(f.server, f.generation, settings);
	tp_turn_settings_unref(&settings);
}

static void long_lives(struct tp_turn_options *options)
{
	options->default_lifetime_s = 1200;
	options->software = "changed";
}

static void a_reload_changes_what_the_next_request_gets(void)
{
	const struct tp_stun_attr *lifetime;
	uint32_t value = 0;

	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	reload(long_lives);
	turn_client_begin(&f.client, TP_STUN_REFRESH);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	lifetime = tp_stun_msg_find(&f.response, TP_ATTR_LIFETIME);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lifetime);
	CU_ASSERT_EQUAL(tp_attr_read_u32(lifetime, &value), 0);
	CU_ASSERT_EQUAL(value, 1200);
	CU_ASSERT_STRING_EQUAL(f.server->options->software, "changed");
	turn_fixture_close(&f);
}

/* The fixture allows the peers that a policy without exceptions refuses. */
static void a_reload_changes_the_peer_policy(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	reload(long_lives);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 403);
	turn_fixture_close(&f);
}

static void other_algorithms(struct tp_turn_options *options)
{
	options->password_algorithms[0] = TP_PASSWORD_SHA256;
	options->password_algorithm_count = 1;
}

/* RFC 8489 section 9.2.4: 400 is for a list that was never sent with that nonce. */
static void a_list_of_algorithms_that_was_true_once_is_438(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	reload(other_algorithms);
	(void)turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 438);
	CU_ASSERT_PTR_NOT_NULL(turn_fixture_allocate(&f));
	turn_fixture_close(&f);
}

static unsigned told_generation;

static void hear(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_server_reload) {
		told_generation = ((const struct tp_server_reload *)payload)->generation;
	}
}

static void plugins_are_told_that_they_have_taken_over(void)
{
	turn_fixture_open(&f);
	told_generation = 0;
	test_hooks.tell = hear;
	reload(long_lives);
	CU_ASSERT_EQUAL(told_generation, f.generation->number);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_server_reload], 1);
	turn_fixture_close(&f);
}

static enum tp_verdict park(enum tp_event event, struct tp_request *request, const void *payload)
{
	struct tp_ticket ticket;

	(void)payload;
	return event == TP_EVENT_on_stun_request_authorization ? tp_request_park(request, &ticket)
							       : TP_PASS;
}

static void a_request_in_progress_uses_its_generation(void)
{
	turn_fixture_open(&f);
	CU_ASSERT_FALSE(tp_server_uses(f.server, f.generation));
	turn_fixture_challenge(&f);
	test_hooks.ask = park;
	(void)turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), -1);
	CU_ASSERT_TRUE(tp_server_uses(f.server, f.generation));
	turn_fixture_advance_s(&f, 6); /* its deadline */
	CU_ASSERT_FALSE(tp_server_uses(f.server, f.generation));
	turn_fixture_close(&f);
}

static void options_that_cannot_be_are_refused(void)
{
	struct tp_turn_settings *settings = NULL;
	struct tp_turn_options options;

	tp_turn_options_init(&options);
	CU_ASSERT_EQUAL(tp_turn_settings_create(&options, 1, &settings), TP_EINVAL);
	options.realm = "example.org";
	CU_ASSERT_EQUAL_FATAL(tp_peer_policy_create(&options.peer_policy), 0);
	options.relay_count = TP_RELAY_ADDRESSES_MAX + 1;
	CU_ASSERT_EQUAL(tp_turn_settings_create(&options, 1, &settings), TP_EINVAL);
	CU_ASSERT_PTR_NULL(settings);
}

TEST_SUITE("settings", TEST(a_reload_changes_what_the_next_request_gets),
	   TEST(a_reload_changes_the_peer_policy),
	   TEST(a_list_of_algorithms_that_was_true_once_is_438),
	   TEST(plugins_are_told_that_they_have_taken_over),
	   TEST(a_request_in_progress_uses_its_generation),
	   TEST(options_that_cannot_be_are_refused));
