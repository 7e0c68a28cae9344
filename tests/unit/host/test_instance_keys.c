/* SPDX-License-Identifier: Apache-2.0 */
#include "host/instance_keys.h"

#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

#include "host/generation.h"
#include "support/hooks.h"
#include "support/suite.h"

static bool has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL) {
		fprintf(stderr, "no \"%s\" in: %s\n", part, text);
		return false;
	}
	return true;
}

static void events_narrow_what_an_instance_gets(void)
{
	struct tp_test_host *host =
		tp_test_host_create("hooks", "events = on_turn_before_channel, on_turn_usage\n");
	const struct tp_instance *self = tp_test_instance(host);
	const struct tp_generation *generation = self->generation;

	for (size_t i = 0; i < TP_EVENT_COUNT; i++) {
		bool wanted = i == TP_EVENT_on_turn_before_channel || i == TP_EVENT_on_turn_usage;

		CU_ASSERT_EQUAL(tp_instance_wants(self, (enum tp_event)i), wanted);
		CU_ASSERT_EQUAL(tp_generation_wants(generation, (enum tp_event)i), wanted);
	}
	tp_test_host_free(&host);
}

static void without_the_key_it_gets_all_it_handles(void)
{
	struct tp_test_host *host = tp_test_host_create("hooks", "");

	for (size_t i = 0; i < TP_EVENT_COUNT; i++) {
		CU_ASSERT_TRUE(tp_instance_wants(tp_test_instance(host), (enum tp_event)i));
	}
	tp_test_host_free(&host);
}

static void mistakes_say_where_and_what(void)
{
	static const struct {
		const char *plugin;
		const char *section;
		const char *said;
	} cases[] = {
		{"hooks", "\nevents = on_turn_before_alocate\n",
		 "section:3: [plugin.hooks] events: \"on_turn_before_alocate\" is no event; "
		 "did you mean \"on_turn_before_allocate\"?"},
		{"hooks", "events = everything\n",
		 "section:2: [plugin.hooks] events: \"everything\" is no event"},
		{"empty", "events = on_turn_usage\n", "empty.so does not handle on_turn_usage"},
		{"hooks", "on_error = ignore\n", "section:2: [plugin.hooks] on_error: "},
		{"hooks", "deadline_ms = 9\n", "section:2: [plugin.hooks] deadline_ms: "},
		{"hooks", "deadline_ms = 60001\n", "deadline_ms: "},
		{"hooks", "deadline_ms = 1s\n", "deadline_ms: "},
		{"hooks", "on_error = deny\non_error = pass\n",
		 "section:3: [plugin.hooks] on_error: the key is there already"},
		{"hooks", "file = other\n", "section:2: [plugin.hooks] file: unknown key"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_TEST_PROBLEM_SIZE] = "";

		CU_ASSERT_PTR_NULL(tp_test_host_try(cases[i].plugin, cases[i].section, problem));
		CU_ASSERT_TRUE(has(problem, cases[i].said));
	}
}

static void a_plugins_own_option_of_the_name_is_its_own(void)
{
	struct tp_test_host *host =
		tp_test_host_create("own_events", "events = a b\ndeadline_ms = 70\n");
	const struct tp_instance *self = tp_test_instance(host);
	size_t count = 0;

	CU_ASSERT_STRING_EQUAL(tp_option_list(self, "events", &count)[1], "b");
	CU_ASSERT_TRUE(tp_instance_wants(self, TP_EVENT_on_turn_usage));
	CU_ASSERT_EQUAL(self->deadline_ms, 70);
	tp_test_host_free(&host);
}

/* What the caller says instead of the section. */
static void a_configuration_may_say_the_same(void)
{
	static const char *const events[] = {"on_turn_usage"};
	static const struct tp_instance_config config = {
		.name = "a",
		.file = "hooks",
		.config_file = "test",
		.events = events,
		.event_count = 1,
		.on_error = TP_ON_ERROR_PASS,
		.deadline_ms = 100,
	};
	struct tp_generation *generation = NULL;
	char problem[TP_PROBLEM_SIZE];

	CU_ASSERT_EQUAL_FATAL(
		tp_generation_create(&config, 1, TEST_PLUGIN_DIR, 1, problem, &generation), 0);
	CU_ASSERT_TRUE(tp_instance_wants(generation->instances[0], TP_EVENT_on_turn_usage));
	CU_ASSERT_FALSE(tp_instance_wants(generation->instances[0], TP_EVENT_on_server_tick));
	CU_ASSERT_EQUAL(generation->instances[0]->on_error, TP_ON_ERROR_PASS);
	CU_ASSERT_EQUAL(generation->instances[0]->deadline_ms, 100);
	tp_generation_unref(&generation);
	tp_generation_reap();
}

static void one_object_serves_several_instances(void)
{
	static const struct tp_setting corp[] = {{"events", "on_turn_usage", 1}};
	static const struct tp_setting guests[] = {{"on_error", "pass", 1}};
	static const struct tp_instance_config configs[] = {
		{.name = "corp",
		 .file = "hooks",
		 .config_file = "test",
		 .settings = corp,
		 .setting_count = 1},
		{.name = "guests",
		 .file = "hooks",
		 .config_file = "test",
		 .settings = guests,
		 .setting_count = 1},
	};
	struct tp_generation *generation = NULL;
	char problem[TP_PROBLEM_SIZE];
	int state;

	CU_ASSERT_EQUAL_FATAL(
		tp_generation_create(configs, 2, TEST_PLUGIN_DIR, 1, problem, &generation), 0);
	CU_ASSERT_EQUAL(generation->all.by_event[TP_EVENT_on_turn_usage].count, 2);
	CU_ASSERT_EQUAL(generation->all.by_event[TP_EVENT_on_server_tick].count, 1);
	CU_ASSERT_STRING_EQUAL(
		tp_instance_name(generation->all.by_event[TP_EVENT_on_server_tick].instances[0]),
		"guests");
	CU_ASSERT_PTR_EQUAL(tp_instance_plugin(generation->instances[0])->name,
			    tp_instance_plugin(generation->instances[1])->name);
	tp_instance_set_state(generation->instances[0], &state);
	CU_ASSERT_PTR_NULL(tp_instance_state(generation->instances[1]));
	CU_ASSERT_EQUAL(generation->instances[0]->on_error, TP_ON_ERROR_DENY);
	CU_ASSERT_EQUAL(generation->instances[1]->on_error, TP_ON_ERROR_PASS);
	tp_generation_unref(&generation);
	tp_generation_reap();
}

/* --- on_error and deadline_ms at work --------------------------------------------------- */

static struct tp_ticket ticket;

static enum tp_verdict park(enum tp_event event, struct tp_request *request, const void *payload)
{
	(void)event;
	(void)payload;
	return tp_request_park(request, &ticket);
}

static enum tp_verdict nonsense(enum tp_event event, struct tp_request *request,
				const void *payload)
{
	(void)event;
	(void)request;
	(void)payload;
	return (enum tp_verdict)17;
}

static enum tp_verdict nonsense_packet(enum tp_event event, const void *payload)
{
	(void)event;
	(void)payload;
	return TP_PARK;
}

static const struct tp_before_allocate allocate = {.lifetime_s = 600};

static void on_error_says_what_a_broken_rule_counts_as(void)
{
	static const struct {
		const char *section;
		enum tp_verdict verdict;
		const char *said;
	} cases[] = {
		{"", TP_DENY, "counts as refusal"},
		{"on_error = deny\n", TP_DENY, "counts as refusal"},
		{"on_error = pass\n", TP_PASS, "counts as no opinion"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = tp_test_host_create("hooks", cases[i].section);
		const struct tp_before_relay_channel_data data = {.allocation =
									  tp_test_allocation(host)};

		test_hooks = (struct test_hooks){.ask = nonsense, .packet = nonsense_packet};
		CU_ASSERT_EQUAL(
			tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &allocate)->verdict,
			cases[i].verdict);
		CU_ASSERT_EQUAL(
			tp_test_fire(host, TP_EVENT_on_turn_before_relay_channel_data, &data)
				->verdict,
			cases[i].verdict);
		CU_ASSERT_TRUE(has(tp_test_log(host), cases[i].said));
		tp_test_host_free(&host);
	}
}

static void a_missed_deadline_counts_as_on_error_says(void)
{
	static const struct {
		const char *section;
		uint32_t deadline_ms;
		enum tp_verdict verdict;
		const char *said;
	} cases[] = {
		{"", TP_TEST_DEADLINE_MS, TP_DENY, "within 5000 ms: refused"},
		{"deadline_ms = 1000\n", 1000, TP_DENY, "within 1000 ms: refused"},
		{"deadline_ms = 1000\non_error = pass\n", 1000, TP_PASS,
		 "within 1000 ms: counts as no opinion"},
		{"deadline_ms = 20000\n", 20000, TP_DENY, "within 20000 ms: refused"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = tp_test_host_create("hooks", cases[i].section);
		const struct tp_test_asked *asked;

		test_hooks = (struct test_hooks){.ask = park};
		asked = tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &allocate);
		tp_test_advance_ms(host, cases[i].deadline_ms - 100);
		CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
		tp_test_advance_ms(host, 100);
		CU_ASSERT_EQUAL(asked->verdict, cases[i].verdict);
		CU_ASSERT_TRUE(has(tp_test_log(host), cases[i].said));
		tp_test_host_free(&host);
	}
}

TEST_SUITE("instance_keys", TEST(events_narrow_what_an_instance_gets),
	   TEST(without_the_key_it_gets_all_it_handles), TEST(mistakes_say_where_and_what),
	   TEST(a_plugins_own_option_of_the_name_is_its_own),
	   TEST(a_configuration_may_say_the_same), TEST(one_object_serves_several_instances),
	   TEST(on_error_says_what_a_broken_rule_counts_as),
	   TEST(a_missed_deadline_counts_as_on_error_says));
