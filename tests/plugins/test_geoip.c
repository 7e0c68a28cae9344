/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

#include "plugins/mmdb_writer.h"
#include "support/scratch.h"
#include "support/suite.h"

static uint8_t bytes[MMDB_SIZE_MAX];

/* The database that the cases have, with @first for 192.0.2.0/24. */
static size_t make_database(const char *first)
{
	static struct mmdb_writer writer;

	mmdb_writer_init(&writer);
	mmdb_writer_add(&writer, "192.0.2.0/24", first, 64496);
	mmdb_writer_add(&writer, "198.51.100.0/25", "AT", 64497);
	mmdb_writer_add(&writer, "198.51.100.128/25", "CH", 4200000000);
	mmdb_writer_add(&writer, "203.0.113.0/24", NULL, 64499);
	mmdb_writer_add(&writer, "2001:db8:1::/48", "DE", 64496);
	mmdb_writer_add(&writer, "2001:db8:2::/48", "AT", 0);
	return mmdb_writer_finish(&writer, bytes);
}

struct fixture {
	struct scratch scratch;
	char section[PATH_MAX * 2 + 512];
	struct tp_test_host *host;
};

static void write_database(struct fixture *f, const char *first)
{
	scratch_write_bytes(&f->scratch, "db", 0644, bytes, make_database(first));
}

static const char *section(struct fixture *f, const char *rules)
{
	snprintf(f->section, sizeof(f->section),
		 "country_database = %s\nas_database = %s\nreload_interval = 1s\n%s",
		 f->scratch.file, f->scratch.file, rules);
	return f->section;
}

static void open_geoip(struct fixture *f, const char *rules)
{
	scratch_open(&f->scratch);
	write_database(f, "DE");
	f->host = tp_test_host_create("geoip", section(f, rules));
}

static void close_geoip(struct fixture *f)
{
	tp_test_host_free(&f->host);
	scratch_close(&f->scratch);
}

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

static const struct tp_test_asked *ask_client(struct fixture *f, const char *client)
{
	static struct tp_before_allocate event;
	static struct tp_addr client_addr;

	client_addr = addr_of(client);
	event = (struct tp_before_allocate){
		.five_tuple = &tp_test_allocation(f->host)->five_tuple,
		.client_addr = &client_addr,
		.user = "alice",
		.realm = "example.org",
		.relayed_addr = &tp_test_allocation(f->host)->relayed_addr,
		.lifetime_s = 600,
	};
	return tp_test_fire(f->host, TP_EVENT_on_turn_before_allocate, &event);
}

static const struct tp_test_asked *ask_peer(struct fixture *f, const char *peer)
{
	static struct tp_before_permission event;
	static struct tp_addr peer_addr;

	peer_addr = addr_of(peer);
	event = (struct tp_before_permission){
		.allocation = tp_test_allocation(f->host),
		.peer_addr = &peer_addr,
		.method = 0x008,
	};
	return tp_test_fire(f->host, TP_EVENT_on_turn_before_permission, &event);
}

/* --- rules ---------------------------------------------------------------------------------- */

static void lists_decide(void)
{
	static const struct {
		const char *rules;
		const char *addr;
		enum tp_verdict verdict;
	} cases[] = {
		{"", "192.0.2.1", TP_PASS},
		{"", "10.0.0.1", TP_PASS},
		{"deny_countries = DE", "192.0.2.1", TP_DENY},
		{"deny_countries = de", "192.0.2.1", TP_DENY},
		{"deny_countries = CH, DE", "198.51.100.127", TP_PASS},
		{"deny_countries = CH, DE", "198.51.100.128", TP_DENY},
		{"deny_countries = DE", "2001:db8:1::7", TP_DENY},
		{"deny_countries = DE", "2001:db8:2::7", TP_PASS},
		{"deny_countries = DE", "10.0.0.1", TP_PASS},
		{"deny_countries = DE", "203.0.113.1", TP_PASS}, /* found, without a country */
		{"allow_countries = DE", "192.0.2.1", TP_PASS},
		{"allow_countries = DE", "198.51.100.1", TP_DENY},
		{"allow_countries = DE", "10.0.0.1", TP_DENY},
		{"allow_countries = DE", "203.0.113.1", TP_DENY},
		{"deny_as = 64496", "192.0.2.1", TP_DENY},
		{"deny_as = AS64496 as64497", "198.51.100.1", TP_DENY},
		{"deny_as = 64496", "198.51.100.1", TP_PASS},
		{"deny_as = 4200000000", "198.51.100.200", TP_DENY},
		{"allow_as = 64499", "203.0.113.1", TP_PASS},
		{"allow_as = 64499", "192.0.2.1", TP_DENY},
		{"allow_as = 64499", "2001:db8:2::7", TP_DENY}, /* found, without a number */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char rules[128] = "";
		struct fixture f;

		if (cases[i].rules[0] != '\0') {
			snprintf(rules, sizeof(rules), "client_%s\npeer_%s", cases[i].rules,
				 cases[i].rules);
		}
		open_geoip(&f, rules);
		if (ask_client(&f, cases[i].addr)->verdict != cases[i].verdict) {
			printf("%s: %s\n", cases[i].rules, cases[i].addr);
		}
		CU_ASSERT_EQUAL(ask_client(&f, cases[i].addr)->verdict, cases[i].verdict);
		CU_ASSERT_EQUAL(ask_peer(&f, cases[i].addr)->verdict, cases[i].verdict);
		close_geoip(&f);
	}
}

static void deny_wins_and_one_allow_is_enough(void)
{
	struct fixture f;

	open_geoip(&f, "client_allow_countries = DE AT\nclient_deny_as = 64496\n"
		       "peer_allow_countries = AT\npeer_allow_as = 64499");
	CU_ASSERT_EQUAL(ask_client(&f, "192.0.2.1")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask_client(&f, "192.0.2.1")->code, 403);
	CU_ASSERT_EQUAL(ask_client(&f, "198.51.100.1")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_peer(&f, "198.51.100.1")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_peer(&f, "203.0.113.1")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_peer(&f, "192.0.2.1")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask_peer(&f, "192.0.2.1")->code, 403);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "clients_refused"), 2);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "peers_refused"), 2);
	close_geoip(&f);
}

static void unknown_is_as_told(void)
{
	static const struct {
		const char *rules;
		enum tp_verdict verdict;
	} cases[] = {
		{"client_allow_countries = DE\nclient_unknown = allow", TP_PASS},
		{"client_deny_countries = DE\nclient_unknown = deny", TP_DENY},
		{"client_unknown = deny", TP_PASS}, /* nobody asks where it is */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;

		open_geoip(&f, cases[i].rules);
		CU_ASSERT_EQUAL(ask_client(&f, "10.0.0.1")->verdict, cases[i].verdict);
		close_geoip(&f);
	}
}

static void an_address_within_is_judged(void)
{
	struct fixture f;

	open_geoip(&f, "peer_deny_countries = DE");
	CU_ASSERT_EQUAL(ask_peer(&f, "::ffff:192.0.2.1")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask_peer(&f, "64:ff9b::192.0.2.1")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask_peer(&f, "2002:c000:201::1")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask_peer(&f, "64:ff9b::198.51.100.1")->verdict, TP_PASS);
	close_geoip(&f);
}

/* --- other events ------------------------------------------------------------------------------
 */

static void a_connection_is_closed_at_once(void)
{
	const struct tp_client_view *client;
	struct fixture f;

	open_geoip(&f, "client_deny_countries = DE");
	client = tp_test_client_create(f.host, TP_TRANSPORT_TLS, "192.0.2.1:4000",
				       "198.51.100.1:5349");
	CU_ASSERT_EQUAL(
		tp_test_on_client_connected(f.host, &(struct tp_client_connected){.client = client})
			->verdict,
		TP_DENY);
	tp_test_client_end(f.host, client, "refused");
	client = tp_test_client_create(f.host, TP_TRANSPORT_TCP, "198.51.100.9:4000",
				       "198.51.100.1:3478");
	CU_ASSERT_EQUAL(
		tp_test_on_client_connected(f.host, &(struct tp_client_connected){.client = client})
			->verdict,
		TP_PASS);
	close_geoip(&f);
}

static void connect_asks_for_the_peer(void)
{
	struct tp_addr peer_addr = addr_of("192.0.2.1:80");
	struct tp_before_connect event;
	struct fixture f;

	open_geoip(&f, "peer_deny_countries = DE");
	event = (struct tp_before_connect){.allocation = tp_test_allocation(f.host),
					   .peer_addr = &peer_addr};
	CU_ASSERT_EQUAL(tp_test_on_turn_before_connect(f.host, &event)->code, 403);
	close_geoip(&f);
}

/* --- the file ------------------------------------------------------------------------------------
 */

/* Two looks, and what they start. */
static void look(struct fixture *f)
{
	for (int i = 0; i < 3; i++) {
		tp_test_advance_ms(f->host, 1000);
		tp_test_finish_jobs(f->host);
	}
}

static void a_changed_file_takes_over(void)
{
	struct fixture f;

	open_geoip(&f, "client_deny_countries = DE");
	look(&f);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "reloads"), 0);
	CU_ASSERT_EQUAL(ask_client(&f, "192.0.2.1")->verdict, TP_DENY);
	write_database(&f, "FR");
	CU_ASSERT_EQUAL(ask_client(&f, "192.0.2.1")->verdict, TP_DENY);
	look(&f);
	CU_ASSERT_EQUAL(ask_client(&f, "192.0.2.1")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "reloads"), 2); /* it is both files */
	close_geoip(&f);
}

static void a_broken_file_changes_nothing(void)
{
	struct fixture f;

	open_geoip(&f, "client_deny_countries = DE");
	scratch_write(&f.scratch, "db", 0644, "cut short");
	CU_ASSERT_EQUAL(ask_client(&f, "192.0.2.1")->verdict, TP_DENY);
	look(&f);
	CU_ASSERT_EQUAL(ask_client(&f, "192.0.2.1")->verdict, TP_DENY);
	look(&f);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "reload_failures"), 2); /* said once each */
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(f.host), "the database stays as it was"));
	write_database(&f, "FR");
	look(&f);
	CU_ASSERT_EQUAL(ask_client(&f, "192.0.2.1")->verdict, TP_PASS);
	close_geoip(&f);
}

/* Bytes at random, and each cut: refused, or asked without harm. */
static void broken_databases_do_no_harm(void)
{
	size_t len = make_database("DE");
	char problem[TP_TEST_PROBLEM_SIZE];
	static uint8_t whole[MMDB_SIZE_MAX];

	memcpy(whole, bytes, len);
	for (size_t i = 0; i < 200; i++) {
		struct fixture f;

		memcpy(bytes, whole, len);
		bytes[i * 7919 % len] ^= (uint8_t)(1 + i * 31);
		scratch_open(&f.scratch);
		scratch_write_bytes(&f.scratch, "db", 0644, bytes,
				    i % 2 == 0 ? len : len - i * len / 400);
		f.host = tp_test_host_try("geoip",
					  section(&f, "client_deny_countries = DE\n"
						      "client_deny_as = 64511"),
					  problem);
		if (f.host != NULL) {
			ask_client(&f, "192.0.2.1");
			ask_client(&f, "198.51.100.200");
			ask_client(&f, "2001:db8:1::1");
			tp_test_host_free(&f.host);
		}
		scratch_close(&f.scratch);
	}
}

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"client_allow_countries = DE", "country_database is needed"},
		{"peer_deny_as = 64496", "as_database is needed"},
		{"client_allow_countries = GER", "client_allow_countries: GER is no country"},
		{"peer_deny_countries = D1", "peer_deny_countries: D1 is no country"},
		{"client_deny_as = AS", "client_deny_as: AS is no AS number"},
		{"client_deny_as = 4294967296", "client_deny_as: 4294967296 is no AS number"},
		{"client_unknown = maybe", "client_unknown"},
		{"country_database = db", "country_database"},
		{"country_database = /nonexistent/db", "country_database: /nonexistent/db: No"},
		{"as_database = /tmp", "as_database: /tmp: no regular file"},
		{"as_database = /etc/passwd", "as_database: /etc/passwd: "},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("geoip", cases[i].section, problem));
		if (strstr(problem, cases[i].problem) == NULL) {
			printf("%s: %s\n", cases[i].section, problem);
		}
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
	}
}

TEST_SUITE("geoip", TEST(lists_decide), TEST(deny_wins_and_one_allow_is_enough),
	   TEST(unknown_is_as_told), TEST(an_address_within_is_judged),
	   TEST(a_connection_is_closed_at_once), TEST(connect_asks_for_the_peer),
	   TEST(a_changed_file_takes_over), TEST(a_broken_file_changes_nothing),
	   TEST(broken_databases_do_no_harm), TEST(options_are_checked));
