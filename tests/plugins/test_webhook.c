/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <turnpike/test.h>

#include "plugins/web_server.h"
#include "support/scratch.h"
#include "support/suite.h"

struct fixture {
	struct scratch scratch;
	struct web_server *server;
	char section[2 * PATH_MAX + 512];
	struct tp_test_host *host;
};

static const char *section(struct fixture *f, const char *more)
{
	snprintf(f->section, sizeof(f->section), "url = http://127.0.0.1:%u/hook?x=1\n%s",
		 web_server_port(f->server), more);
	return f->section;
}

static void open_webhook(struct fixture *f, const char *more)
{
	scratch_open(&f->scratch);
	f->server = web_server_start();
	f->host = tp_test_host_create("webhook", section(f, more));
}

static void close_webhook(struct fixture *f)
{
	tp_test_host_free(&f->host);
	web_server_stop(&f->server);
	scratch_close(&f->scratch);
}

static void tell_created(struct fixture *f)
{
	tp_test_fire(f->host, TP_EVENT_on_turn_create_allocation,
		     &(struct tp_create_allocation){
			     .allocation = tp_test_allocation(f->host),
			     .lifetime_s = 600,
		     });
}

static void pass_ms(struct fixture *f, uint64_t ms)
{
	tp_test_advance_ms(f->host, ms);
	tp_test_finish_jobs(f->host);
	tp_test_turn(f->host);
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;

	while ((text = strstr(text, what)) != NULL) {
		text += strlen(what);
		count++;
	}
	return count;
}

/* The nth request as it came, from 0, has so many events. */
static size_t events_in(struct fixture *f, size_t nth)
{
	return count_of(web_server_body(f->server, nth), "\"event\":");
}

/* --- what is sent --------------------------------------------------------------------------- */

static void events_arrive_in_a_batch(void)
{
	struct fixture f;
	char port[64];

	open_webhook(&f, "");
	tell_created(&f);
	tell_created(&f);
	tp_test_fire(f.host, TP_EVENT_on_turn_delete_allocation,
		     &(struct tp_delete_allocation){
			     .allocation = tp_test_allocation(f.host),
			     .cause = TP_DELETE_EXPIRED,
			     .duration_ms = 600123,
			     .client_to_peer = {.packets = 1, .bytes = 200},
			     .peer_to_client = {.packets = 3, .bytes = 400},
		     });
	pass_ms(&f, 900);
	CU_ASSERT_EQUAL(web_server_count(f.server), 0);
	pass_ms(&f, 100);
	CU_ASSERT_EQUAL(web_server_count(f.server), 1);
	CU_ASSERT_EQUAL(events_in(&f, 0), 3);
	CU_ASSERT_PTR_NOT_NULL(strstr(web_server_body(f.server, 0), "\"dropped\":0,\"events\":["));
	CU_ASSERT_PTR_NOT_NULL(strstr(
		web_server_body(f.server, 0),
		"{\"time\":\"2023-11-14T22:13:20Z\",\"event\":\"on_turn_delete_allocation\","
		"\"id\":1,\"user\":\"alice\",\"realm\":\"example.org\",\"transport\":\"udp\","
		"\"client\":\"192.0.2.10:4000\",\"server\":\"198.51.100.1:3478\","
		"\"relayed\":\"203.0.113.7:50000\",\"cause\":\"expired\","
		"\"duration_ms\":600123,\"client_to_peer_packets\":1,"
		"\"client_to_peer_bytes\":200,\"peer_to_client_packets\":3,"
		"\"peer_to_client_bytes\":400}"));
	CU_ASSERT_PTR_NOT_NULL(strstr(web_server_head(f.server, 0), "POST /hook?x=1 HTTP/1.1\r\n"));
	snprintf(port, sizeof(port), "\r\nHost: 127.0.0.1:%u\r\n", web_server_port(f.server));
	CU_ASSERT_PTR_NOT_NULL(strstr(web_server_head(f.server, 0), port));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(web_server_head(f.server, 0), "\r\nContent-Type: application/json\r\n"));
	CU_ASSERT_PTR_NULL(strstr(web_server_head(f.server, 0), "Authorization"));
	CU_ASSERT_PTR_NULL(strstr(web_server_head(f.server, 0), "Turnpike-Signature"));
	pass_ms(&f, 5000);
	CU_ASSERT_EQUAL(web_server_count(f.server), 1); /* nothing, nothing sent */
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "sent"), 3);
	close_webhook(&f);
}

static void a_full_batch_does_not_wait(void)
{
	struct fixture f;

	open_webhook(&f, "batch = 2\nbatch_time = 1h");
	tell_created(&f);
	pass_ms(&f, 0);
	CU_ASSERT_EQUAL(web_server_count(f.server), 0);
	tell_created(&f);
	tell_created(&f);
	tp_test_turn(f.host);
	pass_ms(&f, 0);
	CU_ASSERT_EQUAL(web_server_count(f.server), 1);
	CU_ASSERT_EQUAL(events_in(&f, 0), 2);
	for (int i = 0; i < 5; i++) { /* one after the other, while there are full ones */
		tell_created(&f);
	}
	tp_test_turn(f.host);
	pass_ms(&f, 0);
	CU_ASSERT_EQUAL(web_server_count(f.server), 4);
	close_webhook(&f);
}

static void usage_is_sent_when_asked_for(void)
{
	struct tp_usage usage;
	struct fixture f;

	open_webhook(&f, "events_sent = on_turn_usage");
	usage = (struct tp_usage){
		.allocation = tp_test_allocation(f.host),
		.interval_ms = 10000,
		.client_to_peer = {.packets = 1, .bytes = 2},
		.over_limit = {.packets = 5, .bytes = 6},
		.final = true,
	};
	tell_created(&f);
	tp_test_fire(f.host, TP_EVENT_on_turn_usage, &usage);
	pass_ms(&f, 1000);
	CU_ASSERT_EQUAL(events_in(&f, 0), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(
		web_server_body(f.server, 0),
		"\"interval_ms\":10000,\"client_to_peer_packets\":1,\"client_to_peer_bytes\":2,"
		"\"peer_to_client_packets\":0,\"peer_to_client_bytes\":0,"
		"\"over_limit_packets\":5,\"over_limit_bytes\":6,\"final\":true}"));
	close_webhook(&f);
}

static void text_cannot_break_out(void)
{
	struct tp_allocation_view allocation;
	struct fixture f;

	open_webhook(&f, "");
	allocation = *tp_test_allocation(f.host);
	allocation.user = "a\"},{\"event\":\"x\r\n\\\xff";
	tp_test_fire(f.host, TP_EVENT_on_turn_create_allocation,
		     &(struct tp_create_allocation){.allocation = &allocation});
	pass_ms(&f, 1000);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(web_server_body(f.server, 0), "\"user\":\"a\\\"},{\\\"event\\\":\\\"x"));
	close_webhook(&f);
}

static void value_of(const char *head, const char *header, char *out, size_t size)
{
	const char *at = strstr(head, header);
	const char *end;

	out[0] = '\0';
	if (at != NULL) {
		at += strlen(header);
		end = strstr(at, "\r\n");
		snprintf(out, size, "%.*s", (int)(end - at), at);
	}
}

/* As turnpike-webhook(5) tells receivers to check it. */
static void a_request_is_signed(void)
{
	char section_text[2 * PATH_MAX + 64];
	char value[256];
	char signature[256];
	char wanted[256];
	char *signed_text;
	uint8_t mac[32];
	size_t len;
	struct fixture f;

	scratch_open(&f.scratch);
	snprintf(section_text, sizeof(section_text), "token_file = %s\n",
		 scratch_write(&f.scratch, "token", 0600, "# of the hook\nto.ken=\n"));
	len = strlen(section_text);
	snprintf(section_text + len, sizeof(section_text) - len, "secret_file = %s\n",
		 scratch_write(&f.scratch, "secret", 0600, "north of here\n"));
	f.server = web_server_start();
	f.host = tp_test_host_create("webhook", section(&f, section_text));
	tell_created(&f);
	pass_ms(&f, 1000);
	value_of(web_server_head(f.server, 0), "\r\nAuthorization: ", value, sizeof(value));
	CU_ASSERT_STRING_EQUAL(value, "Bearer to.ken=");
	value_of(web_server_head(f.server, 0), "\r\nTurnpike-Signature: ", signature,
		 sizeof(signature));
	CU_ASSERT_EQUAL(asprintf(&signed_text, "1700000001.%s", web_server_body(f.server, 0)) > 0,
			1);
	gnutls_hmac_fast(GNUTLS_MAC_SHA256, "north of here", 13, signed_text, strlen(signed_text),
			 mac);
	len = (size_t)snprintf(wanted, sizeof(wanted), "t=1700000001,v1=");
	for (size_t i = 0; i < sizeof(mac); i++) {
		len += (size_t)snprintf(wanted + len, sizeof(wanted) - len, "%02x", mac[i]);
	}
	CU_ASSERT_STRING_EQUAL(signature, wanted);
	free(signed_text);
	close_webhook(&f);
}

/* --- when it does not work -------------------------------------------------------------------- */

static void a_batch_is_sent_until_it_arrives(void)
{
	char first[64];
	char second[64];
	struct fixture f;

	open_webhook(&f, "");
	web_server_answer(f.server, WEB_DROP, "");
	tell_created(&f);
	pass_ms(&f, 1000);
	CU_ASSERT_EQUAL(web_server_count(f.server), 1);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "failures"), 1);
	tell_created(&f); /* waits for the batch before it */
	web_server_answer(f.server, 204, "");
	pass_ms(&f, 1000);
	CU_ASSERT_EQUAL(web_server_count(f.server), 2);
	CU_ASSERT_STRING_EQUAL(web_server_body(f.server, 0), web_server_body(f.server, 1));
	pass_ms(&f, 1000);
	CU_ASSERT_EQUAL(web_server_count(f.server), 3);
	value_of(web_server_head(f.server, 1), "\r\nTurnpike-Batch: ", first, sizeof(first));
	value_of(web_server_head(f.server, 2), "\r\nTurnpike-Batch: ", second, sizeof(second));
	CU_ASSERT_TRUE(first[0] != '\0' && strcmp(first, second) != 0);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "sent"), 2);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), 0);
	CU_ASSERT_EQUAL(count_of(tp_test_log(f.host), "events cannot be delivered"), 1);
	CU_ASSERT_EQUAL(count_of(tp_test_log(f.host), "events are delivered again"), 1);
	close_webhook(&f);
}

/* Attempts 1, 2, 4, 8 seconds apart, half of it at least; for ever is not meant. */
static void attempts_are_further_and_further_apart(void)
{
	static const unsigned gaps_s[] = {1, 2, 4, 4, 4};
	struct fixture f;

	open_webhook(&f, "batch_time = 100ms\nbackoff_max = 4s\nretries = 5");
	web_server_answer(f.server, 503, "");
	tell_created(&f);
	pass_ms(&f, 100);
	for (size_t i = 0; i < sizeof(gaps_s) / sizeof(gaps_s[0]); i++) {
		size_t before = web_server_count(f.server);
		unsigned waited_ms = 0;

		CU_ASSERT_EQUAL(before, i + 1);
		while (web_server_count(f.server) == before && waited_ms < 10000) {
			pass_ms(&f, 100);
			waited_ms += 100;
		}
		CU_ASSERT_TRUE(waited_ms >= gaps_s[i] * 500);
		CU_ASSERT_TRUE(waited_ms <= gaps_s[i] * 1000 + 100);
	}
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(f.host), "events are lost count=1"));
	pass_ms(&f, 10000);
	CU_ASSERT_EQUAL(web_server_count(f.server), 6);
	web_server_answer(f.server, 200, "");
	tell_created(&f);
	pass_ms(&f, 100);
	CU_ASSERT_PTR_NOT_NULL(strstr(web_server_body(f.server, 6), "\"dropped\":1,"));
	close_webhook(&f);
}

static void answers_are_told_apart(void)
{
	static const struct {
		int status;
		uint64_t dropped; /* at once */
	} cases[] = {{302, 0}, {400, 1}, {401, 0}, {404, 0},
		     {413, 1}, {422, 1}, {429, 0}, {500, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;

		open_webhook(&f, "stop_wait = 0");
		web_server_answer(f.server, cases[i].status, "Location: /elsewhere\r\n");
		tell_created(&f);
		pass_ms(&f, 1000);
		CU_ASSERT_EQUAL(web_server_count(f.server), 1);
		CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), cases[i].dropped);
		CU_ASSERT_EQUAL(tp_test_counter(f.host, "failures"), 1);
		close_webhook(&f);
	}
}

static void the_server_may_ask_for_time(void)
{
	struct fixture f;

	open_webhook(&f, "");
	web_server_answer(f.server, 503, "Retry-After: 20\r\n");
	tell_created(&f);
	pass_ms(&f, 1000);
	pass_ms(&f, 19000);
	CU_ASSERT_EQUAL(web_server_count(f.server), 1);
	web_server_answer(f.server, 200, "");
	pass_ms(&f, 2000);
	CU_ASSERT_EQUAL(web_server_count(f.server), 2);
	close_webhook(&f);
}

/* Nobody on the worker waits: what is told meanwhile is queued. */
static void a_slow_server_holds_nobody_up(void)
{
	struct fixture f;

	open_webhook(&f, "timeout = 200ms");
	web_server_answer(f.server, WEB_HANG, "");
	tell_created(&f);
	tp_test_advance_ms(f.host, 1000);
	for (int i = 0; i < 50; i++) {
		tell_created(&f);
	}
	pass_ms(&f, 0);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "failures"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(f.host), "events cannot be delivered: "));
	web_server_answer(f.server, 200, "");
	pass_ms(&f, 2000);
	pass_ms(&f, 1000);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "sent"), 51);
	close_webhook(&f);
}

static void a_flood_is_bounded(void)
{
	struct fixture f;

	open_webhook(&f, "queue = 10\nbatch_time = 1h");
	for (int i = 0; i < 1000; i++) {
		tell_created(&f);
	}
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), 990);
	tp_test_advance_ms(f.host, 3600000);
	pass_ms(&f, 0);
	CU_ASSERT_EQUAL(web_server_count(f.server), 1);
	CU_ASSERT_EQUAL(events_in(&f, 0), 10);
	CU_ASSERT_PTR_NOT_NULL(strstr(web_server_body(f.server, 0), "\"dropped\":990,"));
	close_webhook(&f);
}

/* --- reload and the end
 * ---------------------------------------------------------------------------- */

static void a_reload_keeps_what_waits(void)
{
	char problem[TP_TEST_PROBLEM_SIZE];
	struct fixture f;

	open_webhook(&f, "");
	web_server_answer(f.server, 500, "");
	tell_created(&f);
	pass_ms(&f, 1000); /* a batch that failed */
	tell_created(&f);  /* and one that waits */
	web_server_answer(f.server, 200, "");
	CU_ASSERT_TRUE_FATAL(tp_test_host_reload(f.host, f.section, problem));
	CU_ASSERT_EQUAL(web_server_count(f.server), 1); /* the end of the old sends nothing */
	pass_ms(&f, 1000);
	pass_ms(&f, 1000);
	pass_ms(&f, 1000);
	CU_ASSERT_EQUAL(web_server_count(f.server), 3);
	CU_ASSERT_STRING_EQUAL(web_server_body(f.server, 0), web_server_body(f.server, 1));
	CU_ASSERT_EQUAL(events_in(&f, 2), 1);
	close_webhook(&f);
}

static void the_end_sends_what_waits(void)
{
	struct fixture f;

	open_webhook(&f, "batch = 2\nbatch_time = 1h");
	tell_created(&f);
	tp_test_host_free(&f.host);
	CU_ASSERT_EQUAL(web_server_count(f.server), 1);
	CU_ASSERT_EQUAL(events_in(&f, 0), 1);
	web_server_answer(f.server, WEB_HANG, "");
	f.host = tp_test_host_create("webhook", section(&f, "stop_wait = 100ms"));
	tell_created(&f);
	tp_test_host_free(&f.host); /* and does not wait for ever */
	web_server_stop(&f.server);
	scratch_close(&f.scratch);
}

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"", "url"},
		{"url = ftp://example.org/", "url: ftp://example.org/ is no https or http URL"},
		{"url = file:///etc/passwd", "url: file:///etc/passwd is no"},
		{"url = http://example.org/\nevents_sent = on_stun_exception",
		 "events_sent: on_stun_exception is none that is sent"},
		{"url = http://example.org/\nbatch = 0", "batch"},
		{"url = http://example.org/\ntoken_file = /nonexistent/t",
		 "token_file: /nonexistent/t: No such"},
		{"url = http://example.org/\nsecret_file = /tmp",
		 "secret_file: /tmp is no regular"},
	};
	static const char *const tokens[] = {"two words\n", "one\ntwo\n", "", "caf\xc3\xa9\n"};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("webhook", cases[i].section, problem));
		if (strstr(problem, cases[i].problem) == NULL) {
			printf("%s: %s\n", cases[i].section, problem);
		}
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
	}
	for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
		char text[PATH_MAX + 64];
		struct scratch scratch;

		scratch_open(&scratch);
		snprintf(text, sizeof(text), "url = https://example.org/\ntoken_file = %s",
			 scratch_write(&scratch, "token", 0600, tokens[i]));
		CU_ASSERT_PTR_NULL(tp_test_host_try("webhook", text, problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, "token_file: "));
		scratch_close(&scratch);
	}
}

TEST_SUITE("webhook", TEST(events_arrive_in_a_batch), TEST(a_full_batch_does_not_wait),
	   TEST(usage_is_sent_when_asked_for), TEST(text_cannot_break_out),
	   TEST(a_request_is_signed), TEST(a_batch_is_sent_until_it_arrives),
	   TEST(attempts_are_further_and_further_apart), TEST(answers_are_told_apart),
	   TEST(the_server_may_ask_for_time), TEST(a_slow_server_holds_nobody_up),
	   TEST(a_flood_is_bounded), TEST(a_reload_keeps_what_waits),
	   TEST(the_end_sends_what_waits), TEST(options_are_checked));
