/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

/* Each case begins with a plugin of its own; there is no daemon. See tp_test(3). */

static int passed;
static int failed;

static void check(int ok, const char *what, int line)
{
	if (ok) {
		passed++;
		return;
	}
	failed++;
	printf("test_@name@.c:%d: %s\n", line, what);
}
#define CHECK(condition) check(condition, #condition, __LINE__)

static const struct tp_test_asked *allocate_from(struct tp_test_host *host, const char *client)
{
	static struct tp_addr client_addr;
	static struct tp_before_allocate event;

	tp_addr_parse(client, &client_addr);
	event = (struct tp_before_allocate){
		.five_tuple = &tp_test_allocation(host)->five_tuple,
		.client_addr = &client_addr,
		.user = "alice",
		.realm = "example.org",
		.relayed_addr = &tp_test_allocation(host)->relayed_addr,
		.lifetime_s = 600,
		.requested_transport = 17,
	};
	return tp_test_on_turn_before_allocate(host, &event);
}

static void refuses_low_ports(void)
{
	struct tp_test_host *host = tp_test_host_create("@name@", "");
	const struct tp_test_asked *asked = allocate_from(host, "192.0.2.1:1023");

	CHECK(asked->verdict == TP_DENY);
	CHECK(asked->code == 403);
	CHECK(strcmp(asked->reason, "not from this port") == 0);
	CHECK(tp_test_counter(host, "refused") == 1);
	CHECK(allocate_from(host, "192.0.2.1:1024")->verdict == TP_PASS);
	tp_test_host_free(&host);
}

static void a_reload_moves_the_limit(void)
{
	struct tp_test_host *host = tp_test_host_create("@name@", "lowest_port = 2000");
	char problem[TP_TEST_PROBLEM_SIZE];

	CHECK(allocate_from(host, "192.0.2.1:1999")->verdict == TP_DENY);
	CHECK(tp_test_host_reload(host, "lowest_port = 1999", problem));
	CHECK(allocate_from(host, "192.0.2.1:1999")->verdict == TP_PASS);
	tp_test_host_free(&host);
}

static void says_what_is_wrong_with_an_option(void)
{
	char problem[TP_TEST_PROBLEM_SIZE] = "";

	CHECK(tp_test_host_try("@name@", "lowest_port = 65536", problem) == NULL);
	CHECK(strstr(problem, "lowest_port") != NULL);
}

int main(void)
{
	refuses_low_ports();
	a_reload_moves_the_limit();
	says_what_is_wrong_with_an_option();
	printf("%d passed, %d failed\n", passed, failed);
	return failed == 0 ? 0 : 1;
}
