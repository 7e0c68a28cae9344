/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "host/ticket.h"
#include "support/suite.h"
#include "support/turn_fixture.h"

/* Where plugins have a client served: on_turn_redirect, on_turn_choose_relay. */

static struct turn_fixture f;

/* --- a handler ---------------------------------------------------------------------- */

enum answer { PASS, DENY, CHOOSE, ALLOW_ONLY, CHOOSE_AND_PASS, PARK };

static enum tp_event concerned;
static enum answer answer;
static struct tp_addr alternate;
static const char *domain;
static struct tp_addr relay;
static uint16_t port_min;
static uint16_t port_max;
static struct tp_ticket ticket;
static enum tp_family family;
static bool draining;
static bool even_port;

static enum tp_verdict choose(struct tp_request *request)
{
	if (concerned == TP_EVENT_on_turn_redirect) {
		return tp_request_redirect(request, &alternate, domain);
	}
	return tp_request_choose_relay(request, relay.family == TP_FAMILY_NONE ? NULL : &relay,
				       port_min, port_max);
}

static void look(enum tp_event event, const void *payload)
{
	const struct tp_redirect *redirect = payload;
	const struct tp_choose_relay *choose_relay = payload;

	if (event == TP_EVENT_on_turn_redirect) {
		CU_ASSERT_STRING_EQUAL(redirect->user, "alice");
		CU_ASSERT_STRING_EQUAL(redirect->realm, "example.org");
		family = redirect->family;
		draining = redirect->draining;
	} else {
		CU_ASSERT_STRING_EQUAL(choose_relay->user, "alice");
		CU_ASSERT_STRING_EQUAL(choose_relay->realm, "example.org");
		family = choose_relay->family;
		even_port = choose_relay->even_port;
	}
}

static enum tp_verdict ask(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request, payload);
	}
	if (event != concerned) {
		return TP_PASS;
	}
	look(event, payload);
	switch (answer) {
	case DENY:
		return TP_DENY;
	case CHOOSE:
		return choose(request);
	case ALLOW_ONLY:
		return TP_ALLOW;
	case CHOOSE_AND_PASS:
		(void)choose(request);
		return TP_PASS;
	case PARK:
		return tp_request_park(request, &ticket);
	default:
		return TP_PASS;
	}
}

static void with_alternate(struct tp_turn_options *options)
{
	options->alternate_servers[0] = turn_fixture_addr("198.51.100.77:3478");
	options->alternate_server_count = 1;
	options->alternate_domain = "configured.example.org";
}

static void with_few_ports(struct tp_turn_options *options)
{
	options->port_min = 50000;
	options->port_max = 50099;
	options->relay_count = 3;
	options->relay[2].bind_addr = turn_fixture_addr("203.0.113.99");
	options->relay[2].advertised_addr = turn_fixture_addr("198.51.100.9");
}

static void open_with(enum tp_event event, enum answer given,
		      void (*adjust)(struct tp_turn_options *options))
{
	turn_fixture_open_with(&f, adjust);
	concerned = event;
	answer = given;
	alternate = turn_fixture_addr("198.51.100.2:5000");
	domain = NULL;
	relay = (struct tp_addr){.family = TP_FAMILY_NONE};
	port_min = 0;
	port_max = 0;
	turn_fixture_challenge(&f);
	test_hooks.ask = ask;
}

static int allocate(void)
{
	turn_fixture_begin_allocate(&f);
	return turn_fixture_request(&f);
}

/* --- redirect ------------------------------------------------------------------------ */

static bool sent_to(const struct tp_addr *expected)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_ALTERNATE_SERVER);
	struct tp_addr addr;

	return attr != NULL && tp_attr_read_addr(attr, &addr) == 0 &&
	       tp_addr_equal(&addr, expected);
}

static bool domain_is(const char *expected)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_ALTERNATE_DOMAIN);

	if (attr == NULL || expected == NULL) {
		return attr == NULL && expected == NULL;
	}
	return attr->len == strlen(expected) && memcmp(attr->value, expected, attr->len) == 0;
}

/* RFC 8489 section 10 */
static void a_plugin_sends_a_client_elsewhere(void)
{
	open_with(TP_EVENT_on_turn_redirect, CHOOSE, with_alternate);
	domain = "turn2.example.org";
	CU_ASSERT_EQUAL(allocate(), 300);
	CU_ASSERT_EQUAL(family, TP_FAMILY_IPV4);
	CU_ASSERT_TRUE(sent_to(&alternate));
	CU_ASSERT_TRUE(domain_is(NULL)); /* without TLS there is no certificate to check */
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_choose_relay], 0);
	turn_fixture_close(&f);
}

static void over_tls_the_domain_is_said(void)
{
	turn_fixture_open(&f);
	f.five_tuple.transport = TP_TRANSPORT_TLS;
	turn_fixture_challenge(&f);
	concerned = TP_EVENT_on_turn_redirect;
	answer = CHOOSE;
	alternate = turn_fixture_addr("198.51.100.2:5000");
	domain = "turn2.example.org";
	test_hooks.ask = ask;
	CU_ASSERT_EQUAL(allocate(), 300);
	CU_ASSERT_TRUE(domain_is("turn2.example.org"));
	turn_fixture_close(&f);
}

static void all_pass_is_the_configured_server(void)
{
	struct tp_addr configured = turn_fixture_addr("198.51.100.77:3478");

	open_with(TP_EVENT_on_turn_redirect, PASS, with_alternate);
	answer = PASS;
	CU_ASSERT_EQUAL(allocate(), 300);
	CU_ASSERT_TRUE(sent_to(&configured));
	answer = CHOOSE_AND_PASS;
	CU_ASSERT_EQUAL(allocate(), 300);
	CU_ASSERT_TRUE(sent_to(&configured));
	turn_fixture_close(&f);
}

static void with_both_families(struct tp_turn_options *options)
{
	with_alternate(options);
	options->alternate_servers[1] = turn_fixture_addr("[2001:db8::77]:3478");
	options->alternate_servers[2] = turn_fixture_addr("198.51.100.78:3478");
	options->alternate_server_count = 3;
}

static bool sent_second_to(const char *expected)
{
	struct tp_addr want = turn_fixture_addr(expected);
	const struct tp_stun_attr *attr =
		tp_stun_msg_find_nth(&f.response, TP_ATTR_ALTERNATE_SERVER, 1);
	struct tp_addr addr;

	return attr != NULL && tp_attr_read_addr(attr, &addr) == 0 && tp_addr_equal(&addr, &want);
}

/* RFC 8489 section 10 */
static void a_server_of_the_other_family_is_named_second(void)
{
	static const char *const turns[] = {"198.51.100.77:3478", "198.51.100.78:3478",
					    "198.51.100.78:3478", "198.51.100.77:3478"};

	open_with(TP_EVENT_on_turn_redirect, PASS, with_both_families);
	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++) {
		struct tp_addr want = turn_fixture_addr(turns[i]);

		CU_ASSERT_EQUAL(allocate(), 300);
		CU_ASSERT_TRUE(sent_to(&want));
		CU_ASSERT_TRUE(sent_second_to("[2001:db8::77]:3478"));
	}
	turn_fixture_close(&f);
}

/* --- anycast: RFC 8155 ----------------------------------------------------------------- */

static void with_anycast(struct tp_turn_options *options)
{
	with_alternate(options);
	options->anycasts[0] = (struct tp_anycast){
		.addr = turn_fixture_addr("198.51.100.1:3478"),
		.transport = TP_TRANSPORT_UDP,
		.unicast_addr = turn_fixture_addr("198.51.100.10:3479"),
		.other_addr = turn_fixture_addr("[2001:db8::10]:3479"),
	};
	options->anycasts[1] = (struct tp_anycast){
		.addr = turn_fixture_addr("198.51.100.5"),
		.transport = TP_TRANSPORT_UDP,
		.unicast_addr = turn_fixture_addr("198.51.100.11:3478"),
	};
	options->anycast_count = 2;
}

static int allocate_at(const char *server_addr)
{
	f.five_tuple.server_addr = turn_fixture_addr(server_addr);
	return allocate();
}

static void from_an_anycast_address_to_the_unicast_one(void)
{
	struct tp_addr want = turn_fixture_addr("198.51.100.10:3479");

	open_with(TP_EVENT_on_turn_redirect, PASS, with_anycast);
	CU_ASSERT_EQUAL(allocate(), 300);
	CU_ASSERT_TRUE(sent_to(&want));
	CU_ASSERT_TRUE(sent_second_to("[2001:db8::10]:3479"));
	CU_ASSERT_TRUE(domain_is(NULL));
	want = turn_fixture_addr("198.51.100.11:3478");
	CU_ASSERT_EQUAL(allocate_at("198.51.100.5:1234"), 300); /* any port */
	CU_ASSERT_TRUE(sent_to(&want));
	want = turn_fixture_addr("198.51.100.77:3478"); /* alternate_servers, of all others */
	CU_ASSERT_EQUAL(allocate_at("198.51.100.1:3479"), 300);
	CU_ASSERT_TRUE(sent_to(&want));
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

/* A plugin may know better, but not at the unicast address: there the way ends. */
static void at_the_unicast_address_a_client_is_served(void)
{
	open_with(TP_EVENT_on_turn_redirect, CHOOSE, with_anycast);
	CU_ASSERT_EQUAL(allocate(), 300);
	CU_ASSERT_TRUE(sent_to(&alternate));
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_redirect], 1);
	CU_ASSERT_EQUAL(allocate_at("198.51.100.10:3479"), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_redirect], 1);
	turn_fixture_close(&f);
}

/* First the checks of an Allocate request: RFC 8656 section 7.2. */
static void a_bad_request_to_an_anycast_address_is_refused(void)
{
	open_with(TP_EVENT_on_turn_redirect, PASS, with_anycast);
	turn_client_begin(&f.client, TP_STUN_ALLOCATE);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	tp_build_requested_transport(turn_client_begin(&f.client, TP_STUN_ALLOCATE), 6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 442);
	turn_client_begin(&f.client, TP_STUN_BINDING);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	turn_fixture_close(&f);
}

static void nobody_is_sent_to_a_server_that_drains(void)
{
	open_with(TP_EVENT_on_turn_redirect, PASS, with_anycast);
	tp_server_drain(f.server);
	CU_ASSERT_EQUAL(allocate_at("198.51.100.10:3479"), 508);
	turn_fixture_close(&f);
}

static void a_draining_server_still_sends_clients_elsewhere(void)
{
	open_with(TP_EVENT_on_turn_redirect, CHOOSE, NULL);
	CU_ASSERT_EQUAL(allocate(), 300);
	CU_ASSERT_FALSE(draining);
	tp_server_drain(f.server);
	CU_ASSERT_EQUAL(allocate(), 300);
	CU_ASSERT_TRUE(draining);
	answer = PASS;
	CU_ASSERT_EQUAL(allocate(), 508);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void to_allow_without_a_server_is_no_answer(void)
{
	open_with(TP_EVENT_on_turn_redirect, ALLOW_ONLY, with_alternate);
	CU_ASSERT_EQUAL(allocate(), 508);
	turn_fixture_close(&f);
}

static void a_refusal_is_508(void)
{
	open_with(TP_EVENT_on_turn_redirect, DENY, NULL);
	CU_ASSERT_EQUAL(allocate(), 508);
	concerned = TP_EVENT_on_turn_choose_relay;
	CU_ASSERT_EQUAL(allocate(), 508);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void a_request_may_be_parked_at_both(void)
{
	static const enum tp_event events[] = {
		TP_EVENT_on_turn_redirect,
		TP_EVENT_on_turn_choose_relay,
	};

	for (size_t i = 0; i < 2; i++) {
		open_with(events[i], PARK, NULL);
		CU_ASSERT_EQUAL(allocate(), -1);
		CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
		CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_PASS, 0), 0);
		turn_fixture_turn(&f);
		CU_ASSERT_TRUE(turn_fixture_take_response(&f));
		CU_ASSERT_EQUAL(turn_client_code(&f.response), 0);
		turn_fixture_close(&f);
	}
}

/* --- choose relay --------------------------------------------------------------------- */

static struct tp_addr relayed(void)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(&f.response, TP_ATTR_XOR_RELAYED_ADDRESS);
	struct tp_addr addr = {.family = TP_FAMILY_NONE};

	CU_ASSERT_PTR_NOT_NULL(attr);
	if (attr != NULL) {
		CU_ASSERT_EQUAL(tp_attr_read_xor_addr(attr, &f.response, &addr), 0);
	}
	return addr;
}

static int allocate_again(void)
{
	f.five_tuple.client_addr.port++;
	test_hooks.ask = NULL;
	turn_fixture_challenge(&f);
	test_hooks.ask = ask;
	return allocate();
}

static void ports_come_from_the_chosen_part(void)
{
	open_with(TP_EVENT_on_turn_choose_relay, CHOOSE, with_few_ports);
	port_min = 50010;
	port_max = 50013;
	for (int i = 0; i < 8; i++) { /* four ports on each of two addresses */
		struct tp_addr addr;

		CU_ASSERT_EQUAL(allocate_again(), 0);
		addr = relayed();
		CU_ASSERT_TRUE(tp_addr_port(&addr) >= 50010 && tp_addr_port(&addr) <= 50013);
	}
	CU_ASSERT_EQUAL(allocate_again(), 508);
	turn_fixture_close(&f);
}

static void the_address_is_the_chosen_one_bound_or_advertised(void)
{
	static const char *const names[] = {"203.0.113.99", "198.51.100.9"};
	struct tp_addr advertised = turn_fixture_addr("198.51.100.9");

	open_with(TP_EVENT_on_turn_choose_relay, CHOOSE, with_few_ports);
	for (size_t i = 0; i < 6; i++) {
		struct tp_addr addr;

		relay = turn_fixture_addr(names[i % 2]);
		CU_ASSERT_EQUAL(allocate_again(), 0);
		addr = relayed();
		CU_ASSERT_TRUE(tp_addr_equal_ip(&addr, &advertised));
	}
	turn_fixture_close(&f);
}

static void what_is_not_configured_cannot_be_chosen(void)
{
	static const struct {
		const char *relay;
		uint16_t port_min;
		uint16_t port_max;
	} cases[] = {
		{"203.0.113.1", 0, 0}, {"2001:db8::7", 0, 0}, {NULL, 49999, 50010},
		{NULL, 50090, 50100},  {NULL, 50010, 50009},  {NULL, 0, 50010},
		{NULL, 50010, 0},      {NULL, 22, 22},
	};

	open_with(TP_EVENT_on_turn_choose_relay, CHOOSE, with_few_ports);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		relay = (struct tp_addr){.family = TP_FAMILY_NONE};
		if (cases[i].relay != NULL) {
			relay = turn_fixture_addr(cases[i].relay);
		}
		port_min = cases[i].port_min;
		port_max = cases[i].port_max;
		CU_ASSERT_EQUAL(allocate(), 508);
	}
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void even_port_is_told_and_kept(void)
{
	struct tp_addr addr;

	open_with(TP_EVENT_on_turn_choose_relay, CHOOSE, with_few_ports);
	port_min = 50011;
	port_max = 50013;
	tp_build_even_port(turn_fixture_begin_allocate(&f), false);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_TRUE(even_port);
	addr = relayed();
	CU_ASSERT_EQUAL(tp_addr_port(&addr), 50012);
	turn_fixture_close(&f);
}

static void a_choice_that_passes_is_none(void)
{
	open_with(TP_EVENT_on_turn_choose_relay, CHOOSE_AND_PASS, with_few_ports);
	port_min = 50010;
	port_max = 50010;
	for (int i = 0; i < 3; i++) { /* one port on each of two addresses would not do */
		CU_ASSERT_EQUAL(allocate_again(), 0);
	}
	turn_fixture_close(&f);
}

TEST_SUITE("placement", TEST(a_plugin_sends_a_client_elsewhere), TEST(over_tls_the_domain_is_said),
	   TEST(all_pass_is_the_configured_server),
	   TEST(a_server_of_the_other_family_is_named_second),
	   TEST(from_an_anycast_address_to_the_unicast_one),
	   TEST(at_the_unicast_address_a_client_is_served),
	   TEST(a_bad_request_to_an_anycast_address_is_refused),
	   TEST(nobody_is_sent_to_a_server_that_drains),
	   TEST(a_draining_server_still_sends_clients_elsewhere),
	   TEST(to_allow_without_a_server_is_no_answer), TEST(a_refusal_is_508),
	   TEST(a_request_may_be_parked_at_both), TEST(ports_come_from_the_chosen_part),
	   TEST(the_address_is_the_chosen_one_bound_or_advertised),
	   TEST(what_is_not_configured_cannot_be_chosen), TEST(even_port_is_told_and_kept),
	   TEST(a_choice_that_passes_is_none));
