/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "support/scratch.h"
#include "support/suite.h"

/* What "tshark" is told to print of each packet; '|' between. */
#define FIELDS                                                                                     \
	"-e ip.src -e udp.srcport -e ip.dst -e udp.dstport -e ipv6.src -e ipv6.dst -e udp.length " \
	"-e udp.checksum.status -e ip.checksum.status -e frame.packet_flags_direction "            \
	"-e frame.comment"

struct fixture {
	struct scratch scratch;
	char section[PATH_MAX + 256];
	struct tp_test_host *host;
	struct tp_addr peer_addr;
};

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

static void open_tap(struct fixture *f, const char *more)
{
	scratch_open(&f->scratch);
	snprintf(f->section, sizeof(f->section), "folder = %s\n%s", f->scratch.folder, more);
	f->host = tp_test_host_create("tap", f->section);
	f->peer_addr = addr_of("198.51.100.200:9000");
}

static void close_tap(struct fixture *f)
{
	tp_test_host_free(&f->host);
	scratch_close(&f->scratch);
}

static bool command(struct fixture *f, const char *words, const char *wanted)
{
	const char *printed = "";
	int err = tp_test_command(f->host, words, &printed);
	bool right = err == 0 && strstr(printed, wanted) != NULL;

	if (!right) {
		printf("%s: wanted \"%s\", got %d \"%s\"\n", words, wanted, err, printed);
	}
	tp_test_turn(f->host); /* workers hear of it */
	return right;
}

static bool refused(struct fixture *f, const char *words, const char *wanted)
{
	const char *printed = "";
	int err = tp_test_command(f->host, words, &printed);
	bool right = err < 0 && strstr(printed, wanted) != NULL;

	if (!right) {
		printf("%s: wanted \"%s\", got %d \"%s\"\n", words, wanted, err, printed);
	}
	return right;
}

static void relay(struct fixture *f, const struct tp_allocation_view *allocation,
		  enum tp_direction direction, uint16_t channel, size_t len)
{
	static uint8_t payload[65536];
	struct tp_view view = {payload, len};

	memset(payload, 0xa5, len);
	if (channel == 0) {
		CU_ASSERT_EQUAL(
			tp_test_on_turn_before_relay_indication(
				f->host,
				&(struct tp_before_relay_indication){.allocation = allocation,
								     .direction = direction,
								     .peer_addr = &f->peer_addr,
								     .payload = view})
				->verdict,
			TP_PASS);
		return;
	}
	CU_ASSERT_EQUAL(
		tp_test_on_turn_before_relay_channel_data(
			f->host, &(struct tp_before_relay_channel_data){.allocation = allocation,
									.direction = direction,
									.channel = channel,
									.peer_addr = &f->peer_addr,
									.payload = view})
			->verdict,
		TP_PASS);
}

static void send_one(struct fixture *f)
{
	relay(f, tp_test_allocation(f->host), TP_CLIENT_TO_PEER, 0x4001, 100);
}

static void tick(struct fixture *f)
{
	tp_test_fire(f->host, TP_EVENT_on_server_tick,
		     &(struct tp_server_tick){.now_ms = tp_worker_now_ms(tp_test_worker(f->host))});
	tp_test_finish_jobs(f->host);
	tp_test_turn(f->host);
}

/* What tshark makes of a file: a line a packet, or its complaint. */
static const char *dissect(struct fixture *f, const char *name, const char *fields)
{
	static char out[65536];
	char line[PATH_MAX + 1024];
	FILE *pipe;
	size_t len;

	tp_test_finish_jobs(f->host);
	tp_test_turn(f->host);
	snprintf(line, sizeof(line),
		 "tshark -n -r %s -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE "
		 "-T fields -E separator='|' %s 2>&1 | grep -v 'Running as user'",
		 scratch_path(&f->scratch, name), fields);
	pipe = popen(line, "r");
	CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
	len = fread(out, 1, sizeof(out) - 1, pipe);
	out[len] = '\0';
	pclose(pipe);
	return out;
}

static long file_size(struct fixture *f, const char *name)
{
	struct stat status;

	return stat(scratch_path(&f->scratch, name), &status) == 0 ? (long)status.st_size : -1;
}

/* --- recording ------------------------------------------------------------------------------- */

static void nothing_is_recorded_unasked(void)
{
	struct fixture f;

	open_tap(&f, "");
	CU_ASSERT_TRUE(command(&f, "status", "nothing is recorded\n"));
	send_one(&f);
	tick(&f);
	CU_ASSERT_TRUE(refused(&f, "stop", "nothing is recorded"));
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "recordings"), 0);
	close_tap(&f);
}

/* Addresses, checksums and directions as Wireshark sees them; 1: good. */
static void a_user_is_recorded(void)
{
	const struct tp_allocation_view *other;
	struct fixture f;

	open_tap(&f, "");
	other = tp_test_allocation_create(f.host, "bob", "192.0.2.11:4000", "203.0.113.7:50002");
	CU_ASSERT_TRUE(command(&f, "start alice calls.pcapng", "calls.pcapng"));
	relay(&f, tp_test_allocation(f.host), TP_CLIENT_TO_PEER, 0x4001, 100);
	relay(&f, tp_test_allocation(f.host), TP_PEER_TO_CLIENT, 0x4001, 101);
	relay(&f, tp_test_allocation(f.host), TP_CLIENT_TO_PEER, 0, 0);
	relay(&f, other, TP_CLIENT_TO_PEER, 0x4002, 100);
	CU_ASSERT_TRUE(command(&f, "status", "3 packets"));
	CU_ASSERT_TRUE(command(&f, "stop", "ended: stopped"));
	CU_ASSERT_STRING_EQUAL(dissect(&f, "calls.pcapng", FIELDS),
			       "192.0.2.10|4000|198.51.100.200|9000|||108|1|1|0x00000002|client to "
			       "peer, channel 0x4001\n"
			       "198.51.100.200|9000|192.0.2.10|4000|||109|1|1|0x00000001|peer to "
			       "client, channel 0x4001\n"
			       "192.0.2.10|4000|198.51.100.200|9000|||8|1|1|0x00000002|client to "
			       "peer, indication\n");
	send_one(&f); /* after the end */
	tick(&f);
	CU_ASSERT_TRUE(command(&f, "status", "3 packets"));
	close_tap(&f);
}

static void addresses_of_two_families_meet_as_ipv6(void)
{
	struct fixture f;

	open_tap(&f, "");
	f.peer_addr = addr_of("[2001:db8::9]:9000");
	CU_ASSERT_TRUE(command(&f, "start alice six.pcapng", "six"));
	relay(&f, tp_test_allocation(f.host), TP_CLIENT_TO_PEER, 0x4001, 3);
	relay(&f, tp_test_allocation(f.host), TP_PEER_TO_CLIENT, 0x4001, 65507);
	CU_ASSERT_TRUE(command(&f, "stop", "2 packets"));
	CU_ASSERT_STRING_EQUAL(dissect(&f, "six.pcapng", FIELDS),
			       "|4000||9000|::ffff:192.0.2.10|2001:db8::9|11|1||0x00000002|client "
			       "to peer, channel 0x4001\n"
			       "|9000||4000|2001:db8::9|::ffff:192.0.2.10|65515|1||0x00000001|"
			       "peer to client, channel 0x4001\n");
	close_tap(&f);
}

static void an_allocation_is_recorded(void)
{
	const struct tp_allocation_view *second;
	char words[64];
	struct fixture f;

	open_tap(&f, "");
	second = tp_test_allocation_create(f.host, "alice", "192.0.2.11:4000", "203.0.113.7:50002");
	snprintf(words, sizeof(words), "start id:%llu one.pcapng", (unsigned long long)second->id);
	CU_ASSERT_TRUE(command(&f, words, "recording id:"));
	send_one(&f);
	relay(&f, second, TP_CLIENT_TO_PEER, 0x4001, 1);
	CU_ASSERT_TRUE(command(&f, "stop", "1 packets"));
	CU_ASSERT_STRING_EQUAL(dissect(&f, "one.pcapng", "-e ip.src"), "192.0.2.11\n");
	close_tap(&f);
}

static void times_are_those_of_the_clock(void)
{
	double before = (double)time(NULL);
	double at;
	struct fixture f;

	open_tap(&f, "");
	CU_ASSERT_TRUE(command(&f, "start user:alice t.pcapng", "t.pcapng"));
	send_one(&f);
	CU_ASSERT_TRUE(command(&f, "stop", "1 packets"));
	at = strtod(dissect(&f, "t.pcapng", "-e frame.time_epoch"), NULL);
	CU_ASSERT_TRUE(at >= before && at <= (double)time(NULL) + 1);
	close_tap(&f);
}

/* What is there once a second can be looked at while it goes on. */
static void the_file_grows_while_it_is_recorded(void)
{
	struct fixture f;

	open_tap(&f, "");
	CU_ASSERT_TRUE(command(&f, "start alice live.pcapng", "live"));
	send_one(&f);
	tick(&f);
	CU_ASSERT_STRING_EQUAL(dissect(&f, "live.pcapng", "-e udp.length"), "108\n");
	send_one(&f);
	CU_ASSERT_TRUE(refused(&f, "start bob", "is being recorded"));
	CU_ASSERT_TRUE(command(&f, "stop", "2 packets"));
	CU_ASSERT_STRING_EQUAL(dissect(&f, "live.pcapng", "-e udp.length"), "108\n108\n");
	CU_ASSERT_TRUE(command(&f, "start bob next.pcapng", "next"));
	close_tap(&f);
}

/* --- limits ------------------------------------------------------------------------------------
 */

static void the_file_has_a_limit(void)
{
	struct fixture f;

	open_tap(&f, "max_bytes = 4096");
	CU_ASSERT_TRUE(command(&f, "start alice big.pcapng", "big"));
	for (int i = 0; i < 100; i++) {
		send_one(&f);
	}
	CU_ASSERT_TRUE(command(&f, "status", "ended: max_bytes is reached"));
	tick(&f);
	CU_ASSERT_TRUE(file_size(&f, "big.pcapng") > 3000);
	CU_ASSERT_TRUE(file_size(&f, "big.pcapng") <= 4096);
	CU_ASSERT_PTR_NULL(strstr(dissect(&f, "big.pcapng", "-e udp.length"), "cut short"));
	CU_ASSERT_TRUE(command(&f, "start alice more.pcapng", "more"));
	send_one(&f);
	CU_ASSERT_TRUE(command(&f, "stop", "1 packets"));
	close_tap(&f);
}

static void it_ends_in_time(void)
{
	struct fixture f;

	open_tap(&f, "max_time = 2s");
	CU_ASSERT_TRUE(command(&f, "start alice short.pcapng", "short"));
	tp_test_advance_ms(f.host, 1900);
	tick(&f);
	send_one(&f);
	CU_ASSERT_TRUE(command(&f, "status", "1 packets"));
	tp_test_advance_ms(f.host, 100);
	send_one(&f);
	CU_ASSERT_TRUE(command(&f, "status", "ended: max_time is reached"));
	tick(&f); /* nobody sends: the second's tick ends it */
	CU_ASSERT_TRUE(command(&f, "start alice silent.pcapng", "silent"));
	tp_test_advance_ms(f.host, 2000);
	tick(&f);
	CU_ASSERT_TRUE(command(&f, "status", "ended: max_time is reached"));
	close_tap(&f);
}

/* Two chunks of 128 KiB, and no job to write them while nobody turns the loop. */
static void a_full_buffer_drops_and_counts(void)
{
	struct fixture f;
	const char *lines;
	size_t count = 0;

	open_tap(&f, "buffer = 256k");
	CU_ASSERT_TRUE(command(&f, "start alice flood.pcapng", "flood"));
	for (int i = 0; i < 20; i++) {
		relay(&f, tp_test_allocation(f.host), TP_CLIENT_TO_PEER, 0x4001, 50000);
	}
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), 16);
	CU_ASSERT_TRUE(command(&f, "stop", "4 packets"));
	lines = dissect(&f, "flood.pcapng", "-e udp.length");
	while ((lines = strchr(lines, '\n')) != NULL) {
		lines++;
		count++;
	}
	CU_ASSERT_EQUAL(count, 4);
	close_tap(&f);
}

static void what_is_no_datagram_is_dropped(void)
{
	struct fixture f;

	open_tap(&f, "");
	CU_ASSERT_TRUE(command(&f, "start alice huge.pcapng", "huge"));
	relay(&f, tp_test_allocation(f.host), TP_CLIENT_TO_PEER, 0x4001, 65508);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), 1);
	CU_ASSERT_TRUE(command(&f, "stop", "0 packets"));
	close_tap(&f);
}

/* --- the folder
 * ----------------------------------------------------------------------------------- */

static void no_name_leaves_the_folder(void)
{
	static const char *const names[] = {"../x", "/tmp/x", "a/b", "..",   ".hidden",
					    "-x",   "a;b",    "a*",  "x\\y", "a%b"};
	char name[256];
	char words[300];
	struct fixture f;

	open_tap(&f, "");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(words, sizeof(words), "start alice %s", names[i]);
		CU_ASSERT_TRUE(refused(&f, words, "a file is named with"));
	}
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(words, sizeof(words), "start alice %s", name);
	CU_ASSERT_TRUE(refused(&f, words, "a file is named with"));
	CU_ASSERT_TRUE(command(&f, "start ../../etc/passwd", "tap-.._.._etc_passwd-"));
	close_tap(&f);
}

static void no_file_is_written_over(void)
{
	struct stat status;
	struct fixture f;

	open_tap(&f, "");
	scratch_write(&f.scratch, "there", 0644, "precious");
	CU_ASSERT_TRUE(refused(&f, "start alice there", "File exists"));
	CU_ASSERT_STRING_EQUAL(scratch_read(&f.scratch, "there"), "precious");
	CU_ASSERT_EQUAL(symlink(f.scratch.file, scratch_path(&f.scratch, "link")), 0);
	CU_ASSERT_TRUE(refused(&f, "start alice link", "File exists"));
	CU_ASSERT_TRUE(command(&f, "start alice fresh", "fresh"));
	CU_ASSERT_EQUAL(stat(scratch_path(&f.scratch, "fresh"), &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
	close_tap(&f);
}

static void commands_are_checked(void)
{
	static const struct {
		const char *words;
		const char *sentence;
	} cases[] = {
		{"", "start USER [FILE]"},
		{"begin alice", "start USER [FILE]"},
		{"start", "start USER [FILE]"},
		{"start alice a b", "start USER [FILE]"},
		{"stop now", "start USER [FILE]"},
		{"start id:", "is no id"},
		{"start id:-5", "is no id"},
		{"start id:5x", "is no id"},
		{"start id:99999999999999999999", "is no id"},
	};
	struct fixture f;

	open_tap(&f, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_TRUE(refused(&f, cases[i].words, cases[i].sentence));
	}
	close_tap(&f);
	scratch_open(&f.scratch);
	f.host = tp_test_host_create("tap", "folder = /nonexistent/folder");
	CU_ASSERT_TRUE(refused(&f, "start alice", "/nonexistent/folder: No such"));
	close_tap(&f);
}

/* --- the end
 * --------------------------------------------------------------------------------------- */

static void a_reload_ends_it_and_loses_nothing(void)
{
	char problem[TP_TEST_PROBLEM_SIZE];
	struct fixture f;

	open_tap(&f, "");
	CU_ASSERT_TRUE(command(&f, "start alice until.pcapng", "until"));
	send_one(&f);
	CU_ASSERT_TRUE_FATAL(tp_test_host_reload(f.host, f.section, problem));
	tp_test_turn(f.host);
	CU_ASSERT_TRUE(command(&f, "status", "nothing is recorded"));
	CU_ASSERT_STRING_EQUAL(dissect(&f, "until.pcapng", "-e udp.length"), "108\n");
	close_tap(&f);
}

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"", "folder"},
		{"folder = tmp", "folder"},
		{"folder = /tmp\nmax_bytes = 1k", "max_bytes"},
		{"folder = /tmp\nmax_time = 10ms", "max_time"},
		{"folder = /tmp\nbuffer = 1k", "buffer"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("tap", cases[i].section, problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
	}
}

TEST_SUITE("tap", TEST(nothing_is_recorded_unasked), TEST(a_user_is_recorded),
	   TEST(addresses_of_two_families_meet_as_ipv6), TEST(an_allocation_is_recorded),
	   TEST(times_are_those_of_the_clock), TEST(the_file_grows_while_it_is_recorded),
	   TEST(the_file_has_a_limit), TEST(it_ends_in_time), TEST(a_full_buffer_drops_and_counts),
	   TEST(what_is_no_datagram_is_dropped), TEST(no_name_leaves_the_folder),
	   TEST(no_file_is_written_over), TEST(commands_are_checked),
	   TEST(a_reload_ends_it_and_loses_nothing), TEST(options_are_checked));
