/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "support/suite.h"

/*
 * Plugins of earlier interfaces in this host. Each case takes the one that was built
 * now against the headers of then, and the binary that was built then, where there
 * is one for this machine.
 */
static const char *const built[] = {"first_1_0", "first_1_0_binary"};

#define BUILT (sizeof(built) / sizeof(built[0]))

/* NULL: not for this machine. */
static struct tp_test_host *open_built(size_t which, const char *section)
{
	static bool said;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.so", TEST_PLUGIN_DIR, built[which]);
	if (which != 0 && access(path, F_OK) != 0) {
		if (!said) {
			printf("skipped: there is no binary of a 1.0 plugin for this machine\n");
			said = true;
		}
		return NULL;
	}
	return tp_test_host_create(path, section);
}

static void a_1_0_provider_parks_and_answers(void)
{
	for (size_t i = 0; i < BUILT; i++) {
		struct tp_test_host *host = open_built(i, "user = bob\n");
		const struct tp_test_asked *asked;

		if (host == NULL) {
			continue;
		}
		asked = tp_test_authorize(host, "bob", "example.org", 1);
		CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
		tp_test_wait(host, asked);
		CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
		CU_ASSERT_STRING_EQUAL(asked->password, "secret");
		CU_ASSERT_EQUAL(asked->valid_for_s, 60);
		CU_ASSERT_EQUAL(asked->max_allocations, 2);
		CU_ASSERT_EQUAL(asked->max_bits_per_s, 0); /* behind its table's end */
		CU_ASSERT_EQUAL(asked->max_packets_per_s, 0);

		asked = tp_test_authorize(host, "alice", "example.org", 1);
		tp_test_wait(host, asked);
		CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
		CU_ASSERT_EQUAL(asked->code, 403);
		CU_ASSERT_EQUAL(tp_test_authorize(host, "carol", "example.org", 1)->verdict,
				TP_PASS);
		asked = tp_test_authorize(host, "bob", "example.org", 1);
		tp_test_cancel(host, asked);
		CU_ASSERT_EQUAL(tp_test_counter(host, "gone"), 1);
		tp_test_host_free(&host);
	}
}

static void a_1_0_gate_is_heeded(void)
{
	for (size_t i = 0; i < BUILT; i++) {
		struct tp_test_host *host = open_built(
			i, "lifetime = 100s\nrefused_peers = 198.51.100.0/24 2001:db8::/32\n");
		struct tp_addr peer_addr;
		struct tp_addr client_addr;
		struct tp_before_allocate allocate = {.client_addr = &client_addr,
						      .lifetime_s = 600};
		struct tp_before_permission permission = {.peer_addr = &peer_addr};
		const struct tp_test_asked *asked;

		if (host == NULL) {
			continue;
		}
		CU_ASSERT_EQUAL(tp_addr_parse("192.0.2.10:4000", &client_addr), 0);
		asked = tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &allocate);
		CU_ASSERT_EQUAL(asked->verdict, TP_PASS);
		CU_ASSERT_EQUAL(asked->lifetime_s, 100);
		CU_ASSERT_EQUAL(asked->limits.bits_per_s, 0);
		client_addr.port = 1023;
		asked = tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &allocate);
		CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
		CU_ASSERT_STRING_EQUAL(asked->reason, "privileged client port");

		CU_ASSERT_EQUAL(tp_addr_parse("198.51.100.9:1", &peer_addr), 0);
		CU_ASSERT_EQUAL(tp_test_fire(host, TP_EVENT_on_turn_before_permission, &permission)
					->verdict,
				TP_DENY);
		CU_ASSERT_EQUAL(tp_addr_parse("203.0.113.9:1", &peer_addr), 0);
		CU_ASSERT_EQUAL(tp_test_fire(host, TP_EVENT_on_turn_before_permission, &permission)
					->verdict,
				TP_PASS);
		tp_test_host_free(&host);
	}
}

static void a_1_0_plugin_sees_packets_responses_and_ends(void)
{
	for (size_t i = 0; i < BUILT; i++) {
		struct tp_test_host *host = open_built(i, "");
		struct tp_before_relay_channel_data data = {.channel = 0x4000};
		struct tp_delete_allocation deleted = {.cause = TP_DELETE_EXPIRED};
		const struct tp_test_asked *asked;

		if (host == NULL) {
			continue;
		}
		data.allocation = tp_test_allocation(host);
		data.payload = (struct tp_view){(const uint8_t *)"media", 5};
		CU_ASSERT_EQUAL(
			tp_test_fire(host, TP_EVENT_on_turn_before_relay_channel_data, &data)
				->verdict,
			TP_PASS);
		data.payload = (struct tp_view){(const uint8_t *)"x", 1};
		CU_ASSERT_EQUAL(
			tp_test_fire(host, TP_EVENT_on_turn_before_relay_channel_data, &data)
				->verdict,
			TP_DENY);
		asked = tp_test_success(host, tp_test_allocation(host));
		CU_ASSERT_PTR_NOT_NULL(memmem(asked->response.data, asked->response.len,
					      "\xff\xfe\0\3"
					      "1.0",
					      7));
		deleted.allocation = tp_test_allocation(host);
		tp_test_fire(host, TP_EVENT_on_turn_delete_allocation, &deleted);
		CU_ASSERT_EQUAL(tp_test_counter(host, "ended"), 1);
		tp_test_host_free(&host);
	}
}

/* Events that it has never heard of pass it by; it has no commands. */
static void a_1_0_plugin_is_not_asked_what_came_later(void)
{
	for (size_t i = 0; i < BUILT; i++) {
		struct tp_test_host *host = open_built(i, "");
		const struct tp_redirect redirect = {.family = TP_FAMILY_IPV4};
		const struct tp_server_tick tick = {.now_ms = 1};
		const char *printed = "";

		if (host == NULL) {
			continue;
		}
		CU_ASSERT_EQUAL(tp_test_fire(host, TP_EVENT_on_turn_redirect, &redirect)->verdict,
				TP_PASS);
		tp_test_fire(host, TP_EVENT_on_server_tick, &tick);
		CU_ASSERT_EQUAL(tp_test_command(host, "status", &printed), TP_ENOENT);
		tp_test_host_free(&host);
	}
}

static void a_1_0_plugin_adopts_at_a_reload(void)
{
	for (size_t i = 0; i < BUILT; i++) {
		struct tp_test_host *host = open_built(i, "");
		char problem[TP_TEST_PROBLEM_SIZE];
		const struct tp_test_asked *asked;

		if (host == NULL) {
			continue;
		}
		CU_ASSERT_FALSE(tp_test_host_reload(host, "refused_peers = everywhere\n", problem));
		CU_ASSERT_TRUE(tp_test_host_reload(host, "user = bob\n", problem));
		asked = tp_test_authorize(host, "bob", "example.org", 1);
		tp_test_wait(host, asked);
		CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
		tp_test_host_free(&host);
	}
}

TEST_SUITE("abi", TEST(a_1_0_provider_parks_and_answers), TEST(a_1_0_gate_is_heeded),
	   TEST(a_1_0_plugin_sees_packets_responses_and_ends),
	   TEST(a_1_0_plugin_is_not_asked_what_came_later), TEST(a_1_0_plugin_adopts_at_a_reload));
