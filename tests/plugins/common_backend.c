/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "common/backend_peers.h"
#include "common/backoff.h"
#include "common/breaker.h"
#include "support/suite.h"

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

static bool has(struct backend_peers *peers, const char *text)
{
	struct tp_addr addr = addr_of(text);

	return backend_peers_has(peers, &addr);
}

static void add(struct backend_peers *peers, const char *text)
{
	struct tp_addr addr = addr_of(text);

	backend_peers_add(peers, &addr);
}

/* --- backend_peers ------------------------------------------------------------------------- */

static void an_address_is_found_in_every_disguise(void)
{
	struct backend_peers *peers = backend_peers_create();

	add(peers, "192.0.2.1:389");
	CU_ASSERT_TRUE(has(peers, "192.0.2.1:5000"));
	CU_ASSERT_TRUE(has(peers, "::ffff:192.0.2.1"));
	CU_ASSERT_TRUE(has(peers, "::192.0.2.1"));
	CU_ASSERT_TRUE(has(peers, "64:ff9b::192.0.2.1"));
	CU_ASSERT_TRUE(has(peers, "2002:c000:201::1"));
	CU_ASSERT_FALSE(has(peers, "192.0.2.2"));
	CU_ASSERT_FALSE(has(peers, "2001:db8::192.0.2.1"));
	add(peers, "::ffff:192.0.2.2");
	CU_ASSERT_TRUE(has(peers, "192.0.2.2"));
	backend_peers_free(&peers);
	CU_ASSERT_PTR_NULL(peers);
}

static void beyond_the_ceiling_the_oldest_goes(void)
{
	struct backend_peers *peers = backend_peers_create();
	struct tp_addr addr = addr_of("198.51.100.0");

	for (unsigned i = 0; i < BACKEND_PEERS_MAX + 1; i++) {
		addr.bytes[3] = (uint8_t)(i + 1);
		backend_peers_add(peers, &addr);
		backend_peers_add(peers, &addr);
	}
	CU_ASSERT_FALSE(has(peers, "198.51.100.1"));
	CU_ASSERT_TRUE(has(peers, "198.51.100.2"));
	CU_ASSERT_TRUE(has(peers, "198.51.100.65"));
	backend_peers_free(&peers);
}

static void what_is_no_ip_socket_is_passed_over(void)
{
	struct backend_peers *peers = backend_peers_create();
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	backend_peers_add_socket(peers, pair[0]);
	backend_peers_add_socket(peers, -1);
	CU_ASSERT_FALSE(has(peers, "0.0.0.0"));
	close(pair[0]);
	close(pair[1]);
	backend_peers_free(&peers);
}

/* --- backoff ---------------------------------------------------------------------------------- */

static void waits_longer_each_time_up_to_a_ceiling(void)
{
	struct backoff backoff;
	uint64_t wanted_ms = 100;

	backoff_init(&backoff, 100, 1000);
	for (int i = 0; i < 100; i++) {
		uint64_t wait_ms = backoff_next_ms(&backoff);

		CU_ASSERT_TRUE(wait_ms >= wanted_ms / 2 && wait_ms <= wanted_ms);
		wanted_ms = wanted_ms * 2 > 1000 ? 1000 : wanted_ms * 2;
	}
	backoff_reset(&backoff);
	CU_ASSERT_TRUE(backoff_next_ms(&backoff) <= 100);
}

static void not_all_at_once(void)
{
	struct backoff backoff;
	uint64_t first_ms;
	bool differs = false;

	backoff_init(&backoff, 100000, 100000);
	first_ms = backoff_next_ms(&backoff);
	for (int i = 0; i < 20; i++) {
		differs |= backoff_next_ms(&backoff) != first_ms;
	}
	CU_ASSERT_TRUE(differs);
}

/* --- breaker ---------------------------------------------------------------------------------- */

static void a_success_in_between_begins_the_count_anew(void)
{
	struct breaker breaker;

	breaker_init(&breaker, 2, 1000);
	CU_ASSERT_FALSE(breaker_failure(&breaker, 0));
	CU_ASSERT_FALSE(breaker_success(&breaker));
	CU_ASSERT_FALSE(breaker_failure(&breaker, 0));
	CU_ASSERT_TRUE(breaker_failure(&breaker, 0));
	CU_ASSERT_EQUAL(breaker_ask(&breaker, 999), BREAKER_STOP);
	CU_ASSERT_EQUAL(breaker_ask(&breaker, 1000), BREAKER_PROBE);
	CU_ASSERT_TRUE(breaker_success(&breaker));
	CU_ASSERT_EQUAL(breaker_ask(&breaker, 1000), BREAKER_GO);
}

static void a_lost_probe_is_made_up_for(void)
{
	struct breaker breaker;

	breaker_init(&breaker, 1, 1000);
	CU_ASSERT_TRUE(breaker_failure(&breaker, 0));
	CU_ASSERT_EQUAL(breaker_ask(&breaker, 1000), BREAKER_PROBE);
	CU_ASSERT_EQUAL(breaker_ask(&breaker, 1001), BREAKER_STOP);
	breaker_probe_lost(&breaker, 1002);
	CU_ASSERT_EQUAL(breaker_ask(&breaker, 1002), BREAKER_PROBE);
	CU_ASSERT_EQUAL(breaker_ask(&breaker, 1002), BREAKER_STOP);
}

TEST_SUITE("common/backend", TEST(an_address_is_found_in_every_disguise),
	   TEST(beyond_the_ceiling_the_oldest_goes), TEST(what_is_no_ip_socket_is_passed_over),
	   TEST(waits_longer_each_time_up_to_a_ceiling), TEST(not_all_at_once),
	   TEST(a_success_in_between_begins_the_count_anew), TEST(a_lost_probe_is_made_up_for))
