/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/realm.h"

#include <string.h>

#include "base/err.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/peer_policy.h"
#include "turn/reservation.h"

static struct turn_fixture f;

/* From now on the client speaks to the other realm's listener. */
static void enter(unsigned realm)
{
	f.endpoint.endpoint.realm = realm;
}

/* A client of its own, which has not logged in yet. */
static void come_as(const char *addr, const char *user, unsigned realm)
{
	f.five_tuple.client_addr = turn_fixture_addr(addr);
	turn_client_init(&f.client, user, "secret");
	enter(realm);
}

static int allocate(void)
{
	turn_fixture_challenge(&f);
	(void)turn_fixture_begin_allocate(&f);
	return turn_fixture_request(&f);
}

/* --- logging in ---------------------------------------------------------------------- */

static void a_listener_challenges_with_its_realm(void)
{
	turn_fixture_open_realms(&f, NULL, true);
	turn_fixture_challenge(&f);
	CU_ASSERT_STRING_EQUAL(f.client.realm, "example.org");
	enter(1);
	turn_fixture_challenge(&f);
	CU_ASSERT_STRING_EQUAL(f.client.realm, "example.net");
	turn_fixture_close(&f);
}

static char asked_realm[64];

static enum tp_verdict note_realm(enum tp_event event, struct tp_request *request,
				  const void *payload)
{
	if (event != TP_EVENT_on_stun_request_authorization) {
		return TP_PASS;
	}
	snprintf(asked_realm, sizeof(asked_realm), "%s %s",
		 ((const struct tp_request_authorization *)payload)->realm,
		 tp_request_realm(request));
	return turn_fixture_authorize(request, payload);
}

static void plugins_are_told_the_realm(void)
{
	turn_fixture_open_realms(&f, NULL, true);
	test_hooks.ask = note_realm;
	enter(1);
	CU_ASSERT_EQUAL(allocate(), 0);
	CU_ASSERT_STRING_EQUAL(asked_realm, "example.net example.net");
	CU_ASSERT_STRING_EQUAL(tp_allocation_find(f.server, &f.five_tuple)->view.realm,
			       "example.net");
	CU_ASSERT_EQUAL(f.server->realms[0].allocations, 0);
	CU_ASSERT_EQUAL(f.server->realms[1].allocations, 1);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(f.server->realms[1].allocations, 0);
	turn_fixture_close(&f);
}

static void a_realm_without_plugins_knows_nobody(void)
{
	turn_fixture_open_realms(&f, NULL, false);
	enter(1);
	memset(test_hooks.counts, 0, sizeof(test_hooks.counts));
	CU_ASSERT_EQUAL(allocate(), 401);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_error], 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_exception], 0);
	enter(0);
	CU_ASSERT_EQUAL(allocate(), 0);
	turn_fixture_close(&f);
}

static void a_nonce_is_of_one_realm(void)
{
	turn_fixture_open_realms(&f, NULL, true);
	turn_fixture_challenge(&f);
	enter(1);
	strcpy(f.client.realm, "example.net");
	(void)turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 438);
	turn_fixture_close(&f);
}

/* RFC 8489 section 9.2.4: the credentials are those of the realm that asked for them. */
static void credentials_of_another_realm_are_refused(void)
{
	turn_fixture_open_realms(&f, NULL, true);
	enter(1);
	turn_fixture_challenge(&f);
	strcpy(f.client.realm, "example.org");
	memset(test_hooks.counts, 0, sizeof(test_hooks.counts));
	(void)turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 0);
	turn_client_learn(&f.client, &f.response);
	CU_ASSERT_STRING_EQUAL(f.client.realm, "example.net");
	turn_fixture_close(&f);
}

/* --- what is a realm's stays there -------------------------------------------------- */

static void an_allocation_is_not_another_realms_to_use(void)
{
	turn_fixture_open_realms(&f, NULL, true);
	(void)turn_fixture_allocate(&f);
	enter(1);
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 441);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 441);
	turn_fixture_close(&f);
}

static void a_reservation_is_claimed_in_its_realm(void)
{
	uint8_t token[TP_RESERVATION_TOKEN_SIZE];
	const struct tp_stun_attr *attr;

	turn_fixture_open_realms(&f, NULL, true);
	turn_fixture_challenge(&f);
	tp_build_even_port(turn_fixture_begin_allocate(&f), true);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_RESERVATION_TOKEN);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	memcpy(token, attr->value, sizeof(token));

	for (unsigned realm = 2; realm-- > 0;) {
		come_as(realm == 1 ? "192.0.2.10:4001" : "192.0.2.10:4002", "alice", realm);
		turn_fixture_challenge(&f);
		tp_build_bytes(turn_fixture_begin_allocate(&f), TP_ATTR_RESERVATION_TOKEN, token,
			       sizeof(token));
		CU_ASSERT_EQUAL(turn_fixture_request(&f), realm == 1 ? 508 : 0);
	}
	turn_fixture_close(&f);
}

/* --- values of its own ------------------------------------------------------------- */

static void quotas_of_two(struct tp_turn_options *options)
{
	options->max_allocations = 2;
	options->max_allocations_per_user = 1;
}

static void a_realm_counts_users_and_allocations_for_itself(void)
{
	turn_fixture_open_realms(&f, quotas_of_two, true);
	CU_ASSERT_EQUAL(allocate(), 0);
	come_as("192.0.2.10:4001", "alice", 0);
	CU_ASSERT_EQUAL(allocate(), 0); /* no limit in this realm */
	come_as("192.0.2.10:4002", "alice", 1);
	CU_ASSERT_EQUAL(allocate(), 0); /* another user of that name */
	come_as("192.0.2.10:4003", "alice", 1);
	CU_ASSERT_EQUAL(allocate(), 486);
	come_as("192.0.2.10:4004", "bob", 1);
	CU_ASSERT_EQUAL(allocate(), 0);
	come_as("192.0.2.10:4005", "bob", 1);
	CU_ASSERT_EQUAL(allocate(), 508);
	come_as("192.0.2.10:4006", "bob", 0);
	CU_ASSERT_EQUAL(allocate(), 0);
	turn_fixture_close(&f);
}

static void other_peers(struct tp_turn_options *options)
{
	tp_assert(tp_peer_policy_create(&options->peer_policy) == 0);
	tp_assert(tp_peer_policy_allow(options->peer_policy, "198.51.100.0/24") == 0);
}

static void a_realm_has_peers_of_its_own(void)
{
	const struct tp_addr theirs = turn_fixture_addr("198.51.100.20:9000");

	turn_fixture_open_realms(&f, other_peers, true);
	(void)turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &theirs), 403);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &theirs), 403);
	come_as("192.0.2.10:4001", "alice", 1);
	CU_ASSERT_EQUAL(allocate(), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 403);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 403);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &theirs), 0);
	turn_fixture_close(&f);
}

static void a_realm_without_peers_of_its_own_has_the_first_ones(void)
{
	turn_fixture_open_realms(&f, NULL, true);
	enter(1);
	(void)turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_close(&f);
}

static void others_for_the_second(struct tp_turn_options *options)
{
	options->default_lifetime_s = 50;
	options->max_lifetime_s = 100;
	options->password_algorithm_count = 0;
	options->alternate_server_count = 1;
	options->alternate_servers[0] = turn_fixture_addr("203.0.113.200:3478");
}

static void alternates_and_algorithms_are_the_realms(void)
{
	turn_fixture_open_realms(&f, others_for_the_second, true);
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(f.client.offered_count, 2);
	(void)turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	come_as("192.0.2.10:4001", "alice", 1);
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(f.client.offered_count, 0);
	(void)turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 300);
	turn_fixture_close(&f);
}

static void short_lives(struct tp_turn_options *options)
{
	options->default_lifetime_s = 50;
	options->max_lifetime_s = 100;
}

static uint32_t granted_s(uint32_t requested_s)
{
	const struct tp_stun_attr *lifetime;
	uint32_t value = 0;

	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, requested_s), 0);
	lifetime = tp_stun_msg_find(&f.response, TP_ATTR_LIFETIME);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lifetime);
	CU_ASSERT_EQUAL(tp_attr_read_u32(lifetime, &value), 0);
	return value;
}

static void lifetimes_are_the_realms(void)
{
	turn_fixture_open_realms(&f, short_lives, true);
	(void)turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(granted_s(10), 600);
	CU_ASSERT_EQUAL(granted_s(5000), 3600);
	come_as("192.0.2.10:4001", "alice", 1);
	CU_ASSERT_EQUAL(allocate(), 0);
	CU_ASSERT_EQUAL(granted_s(10), 50);
	CU_ASSERT_EQUAL(granted_s(5000), 100);
	turn_fixture_close(&f);
}

/* --- plugins of media --------------------------------------------------------------- */

static enum tp_verdict drop_all(enum tp_event event, const void *payload)
{
	(void)payload;
	return event == TP_EVENT_on_turn_before_relay_channel_data ||
			       event == TP_EVENT_on_turn_before_relay_indication
		       ? TP_DENY
		       : TP_PASS;
}

/* The generation's realms are swapped: as a reload that takes a realm's plugins away. */
static void media_is_for_the_plugins_of_its_realm(void)
{
	turn_fixture_open_realms(&f, NULL, false);
	(void)turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	test_hooks.packet = drop_all;
	turn_fixture_send_channel_data(&f, 0x4000, "dropped");
	turn_fixture_send_indication(&f, &f.peer_addr, "dropped");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	f.server->realms[0].chains = &f.generation->realms[1];
	turn_fixture_send_channel_data(&f, 0x4000, "relayed");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &f.peer_addr, "relayed"));
	turn_fixture_send_indication(&f, &f.peer_addr, "indicated");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &f.peer_addr, "indicated"));
	turn_fixture_close(&f);
}

static unsigned told(enum tp_event event)
{
	unsigned count = test_hooks.counts[event];

	test_hooks.counts[event] = 0;
	return count;
}

/* Nobody knows whose a stray datagram is: all plugins hear of it. */
static void what_is_dropped_is_told_in_its_realm(void)
{
	turn_fixture_open_realms(&f, NULL, false);
	(void)turn_fixture_allocate(&f);
	turn_fixture_send_channel_data(&f, 0x4000, "unbound");
	CU_ASSERT_EQUAL(told(TP_EVENT_on_turn_channel_data_discarded), 1);
	tp_allocation_find(f.server, &f.five_tuple)->realm = &f.server->realms[1];
	turn_fixture_send_channel_data(&f, 0x4000, "unbound");
	CU_ASSERT_EQUAL(told(TP_EVENT_on_turn_channel_data_discarded), 0);
	tp_allocation_find(f.server, &f.five_tuple)->realm = &f.server->realms[0];
	come_as("192.0.2.10:4001", "alice", 1);
	turn_fixture_send_channel_data(&f, 0x4000, "stray");
	CU_ASSERT_EQUAL(told(TP_EVENT_on_turn_channel_data_discarded), 1);
	(void)turn_fixture_send_bytes(&f, (const uint8_t *)"\xff", 1);
	CU_ASSERT_EQUAL(told(TP_EVENT_on_stun_exception), 0);
	enter(0);
	(void)turn_fixture_send_bytes(&f, (const uint8_t *)"\xff", 1);
	CU_ASSERT_EQUAL(told(TP_EVENT_on_stun_exception), 1);
	turn_fixture_close(&f);
}

/* --- names in TLS -------------------------------------------------------------------- */

static const char *const names[] = {"turn.example.net", "*.media.example.net", "*.example.net"};

static void with_names(struct tp_turn_options *options)
{
	options->server_names = names;
	options->server_name_count = 3;
}

static void a_name_in_tls_belongs_to_a_realm(void)
{
	static const struct {
		const char *name;
		bool found;
	} cases[] = {
		{"turn.example.net", true},
		{"TURN.Example.NET", true},
		{"a.media.example.net", true},
		{"a.b.media.example.net", false},
		{"media.example.net", true},
		{"example.net", false},
		{"turn.example.org", false},
		{"turn.example.net.", false},
		{"*.example.net", false},
		{".example.net", false},
		{"", false},
		{NULL, false},
		{"xturn.example.netx", false},
	};

	turn_fixture_open_realms(&f, with_names, true);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tp_realm *realm = tp_realm_of_name(f.server, cases[i].name);

		CU_ASSERT_PTR_EQUAL(realm, cases[i].found ? &f.server->realms[1] : NULL);
	}
	turn_fixture_close(&f);
}

static void a_name_that_is_too_long_belongs_to_none(void)
{
	char name[TP_SERVER_NAME_MAX + 2];

	turn_fixture_open_realms(&f, with_names, true);
	memset(name, 'a', sizeof(name));
	memcpy(name + sizeof(name) - sizeof(".example.net"), ".example.net",
	       sizeof(".example.net"));
	CU_ASSERT_PTR_NULL(tp_realm_of_name(f.server, name));
	CU_ASSERT_PTR_EQUAL(tp_realm_of_name(f.server, name + 1), &f.server->realms[1]);
	turn_fixture_close(&f);
}

static void on_endpoint_closed(struct fake_endpoint *endpoint)
{
	const struct tp_endpoint_handler *handler = tp_server_handler(f.server);

	handler->closed(handler->owner, &endpoint->endpoint, &f.five_tuple);
}

static void connect_to(const char *server_name)
{
	const struct tp_endpoint_handler *handler = tp_server_handler(f.server);
	const struct tp_endpoint_security security = {.description = "TLS1.3",
						      .server_name = server_name};

	fake_endpoint_init(&f.endpoint, TP_TRANSPORT_TLS);
	f.endpoint.closed = on_endpoint_closed;
	f.five_tuple.transport = TP_TRANSPORT_TLS;
	handler->opened(handler->owner, &f.endpoint.endpoint, &f.five_tuple, &security);
}

static char connected_realm[64];

static enum tp_verdict hear_connected(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_client_connected) {
		snprintf(connected_realm, sizeof(connected_realm), "%s",
			 ((const struct tp_client_connected *)payload)->client->realm);
	}
	return TP_PASS;
}

static void the_name_puts_a_connection_into_its_realm(void)
{
	turn_fixture_open_realms(&f, with_names, true);
	test_hooks.packet = hear_connected;
	connect_to("turn.example.net");
	CU_ASSERT_STRING_EQUAL(connected_realm, "example.net");
	f.response_count = 0;
	CU_ASSERT_EQUAL(allocate(), 0);
	CU_ASSERT_STRING_EQUAL(f.client.realm, "example.net");
	tp_endpoint_close(&f.endpoint.endpoint);
	connect_to("turn.example.org"); /* nobody's: the listener's realm */
	CU_ASSERT_STRING_EQUAL(connected_realm, "example.org");
	tp_endpoint_close(&f.endpoint.endpoint);
	turn_fixture_close(&f);
}

static void plugins_of_other_realms_do_not_hear_of_a_connection(void)
{
	turn_fixture_open_realms(&f, with_names, false);
	connect_to("turn.example.net");
	tp_endpoint_close(&f.endpoint.endpoint);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_client_connected], 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_client_closed], 0);
	connect_to("turn.example.org");
	tp_endpoint_close(&f.endpoint.endpoint);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_client_connected], 1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_client_closed], 1);
	turn_fixture_close(&f);
}

TEST_SUITE("realm", TEST(a_listener_challenges_with_its_realm), TEST(plugins_are_told_the_realm),
	   TEST(a_realm_without_plugins_knows_nobody), TEST(a_nonce_is_of_one_realm),
	   TEST(credentials_of_another_realm_are_refused),
	   TEST(an_allocation_is_not_another_realms_to_use),
	   TEST(a_reservation_is_claimed_in_its_realm),
	   TEST(a_realm_counts_users_and_allocations_for_itself),
	   TEST(a_realm_has_peers_of_its_own),
	   TEST(a_realm_without_peers_of_its_own_has_the_first_ones),
	   TEST(alternates_and_algorithms_are_the_realms), TEST(lifetimes_are_the_realms),
	   TEST(media_is_for_the_plugins_of_its_realm), TEST(what_is_dropped_is_told_in_its_realm),
	   TEST(a_name_in_tls_belongs_to_a_realm), TEST(a_name_that_is_too_long_belongs_to_none),
	   TEST(the_name_puts_a_connection_into_its_realm),
	   TEST(plugins_of_other_realms_do_not_hear_of_a_connection));
