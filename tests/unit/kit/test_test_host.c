/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/test.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/suite.h"

#define EVERYTHING TEST_PLUGIN_DIR "/everything.so"
#define OPTIONS TEST_PLUGIN_DIR "/options.so"

static struct tp_test_host *host;

static void begin(const char *section)
{
	host = tp_test_host_create(EVERYTHING, section);
}

static void end(void)
{
	tp_test_host_free(&host);
	CU_ASSERT_PTR_NULL(host);
}

static const struct tp_test_asked *allocate_as(const char *user)
{
	static struct tp_before_allocate event;

	event = (struct tp_before_allocate){
		.five_tuple = &tp_test_allocation(host)->five_tuple,
		.client_addr = &tp_test_allocation(host)->five_tuple.client_addr,
		.user = user,
		.realm = "example.org",
		.relayed_addr = &tp_test_allocation(host)->relayed_addr,
		.lifetime_s = 600,
		.requested_transport = 17,
	};
	return tp_test_on_turn_before_allocate(host, &event);
}

/* --- requests ----------------------------------------------------------------------- */

static void shows_what_is_provided(void)
{
	const struct tp_test_asked *asked;

	begin("");
	asked = tp_test_authorize(host, "alice", "example.org", 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "secret");
	CU_ASSERT_PTR_NULL(asked->key_md5);
	CU_ASSERT_EQUAL(asked->valid_for_s, 60);
	CU_ASSERT_EQUAL(asked->max_bits_per_s, 1000);
	CU_ASSERT_EQUAL(asked->max_packets_per_s, 10);
	end();
}

static void shows_what_an_allocation_is_limited_to(void)
{
	const struct tp_test_asked *asked;

	begin("");
	asked = allocate_as("alice");
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(asked->lifetime_s, 120);
	CU_ASSERT_EQUAL(asked->limits.packets_per_s, 7);
	CU_ASSERT_EQUAL(asked->limits.bits_per_s, 0);
	end();
}

static void shows_where_a_client_is_sent(void)
{
	const struct tp_test_asked *asked;
	char text[TP_ADDR_STRING];

	begin("");
	asked = tp_test_on_turn_redirect(
		host, &(struct tp_redirect){.five_tuple = &tp_test_allocation(host)->five_tuple,
					    .user = "alice",
					    .realm = "example.org",
					    .family = TP_FAMILY_IPV4});
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(tp_addr_format(&asked->alternate, text), "198.51.100.7:3478");
	CU_ASSERT_STRING_EQUAL(asked->alternate_domain, "turn.example.org");
	end();
}

static void shows_which_relay_is_chosen(void)
{
	const struct tp_test_asked *asked;

	begin("");
	asked = tp_test_on_turn_choose_relay(
		host, &(struct tp_choose_relay){.five_tuple = &tp_test_allocation(host)->five_tuple,
						.user = "alice",
						.realm = "example.org",
						.family = TP_FAMILY_IPV4});
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(asked->relay.family, TP_FAMILY_NONE);
	CU_ASSERT_EQUAL(asked->port_min, 50000);
	CU_ASSERT_EQUAL(asked->port_max, 50999);
	end();
}

static void an_event_nobody_handles_passes(void)
{
	begin("");
	CU_ASSERT_EQUAL(tp_test_success(host, NULL)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(
		tp_test_on_server_tick(host, &(struct tp_server_tick){.now_ms = 1})->verdict,
		TP_PASS);
	end();
}

/* --- parking ------------------------------------------------------------------------ */

static void another_thread_may_answer(void)
{
	const struct tp_test_asked *asked;

	begin("");
	asked = allocate_as("thread");
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	tp_test_wait(host, asked);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 508);
	CU_ASSERT_STRING_EQUAL(asked->reason, "from a thread");
	end();
}

static void a_deadline_passes_with_the_clock(void)
{
	const struct tp_test_asked *asked;

	begin("");
	asked = allocate_as("silent");
	CU_ASSERT_EQUAL(tp_test_parked(host), 1);
	tp_test_advance_ms(host, TP_TEST_DEADLINE_MS - 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	tp_test_advance_ms(host, 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 500);
	CU_ASSERT_EQUAL(tp_test_counter(host, "gone"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "everything"));
	end();
}

static void the_section_may_set_the_deadline_and_what_silence_means(void)
{
	const struct tp_test_asked *asked;

	begin("deadline_ms = 200\non_error = pass\n");
	asked = allocate_as("silent");
	tp_test_advance_ms(host, 200);
	CU_ASSERT_EQUAL(asked->verdict, TP_PASS);
	end();
}

static void a_client_that_goes_away_is_told(void)
{
	begin("");
	tp_test_cancel(host, allocate_as("silent"));
	CU_ASSERT_EQUAL(tp_test_parked(host), 0);
	CU_ASSERT_EQUAL(tp_test_counter(host, "gone"), 1);
	end();
}

static void a_parked_request_outlives_a_reload(void)
{
	const struct tp_test_asked *asked;
	char problem[TP_TEST_PROBLEM_SIZE];

	begin("");
	asked = allocate_as("silent");
	CU_ASSERT_TRUE(tp_test_host_reload(host, "", problem));
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	tp_test_advance_ms(host, TP_TEST_DEADLINE_MS);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	end();
}

/* --- allocations and clients ---------------------------------------------------------- */

static void attached_state_is_released_after_the_end_is_told(void)
{
	const struct tp_allocation_view *bob;

	begin("");
	bob = tp_test_allocation_create(host, "bob", "192.0.2.11:4000", "203.0.113.7:50001");
	CU_ASSERT_EQUAL(tp_test_counter(host, "released"), 0);
	tp_test_allocation_end(host, bob, TP_DELETE_EXPIRED);
	CU_ASSERT_EQUAL(tp_test_counter(host, "deleted"), 1);
	CU_ASSERT_EQUAL(tp_test_counter(host, "released"), 1);
	end();
}

static void attached_state_outlives_a_reload(void)
{
	const struct tp_allocation_view *bob;
	char problem[TP_TEST_PROBLEM_SIZE];

	begin("");
	bob = tp_test_allocation_create(host, "bob", "192.0.2.11:4000", "203.0.113.7:50001");
	CU_ASSERT_TRUE(tp_test_host_reload(host, "", problem));
	CU_ASSERT_EQUAL(tp_test_counter(host, "released"), 0);
	CU_ASSERT_PTR_NOT_NULL(tp_allocation_state(tp_test_instance(host), bob));
	end();
}

static void what_is_killed_ends_in_the_next_turn(void)
{
	uint64_t bob;
	uint64_t alice;
	const char *printed;

	begin("");
	alice = tp_test_allocation(host)->id;
	bob = tp_test_allocation_create(host, "bob", "192.0.2.11:4000", "203.0.113.7:50001")->id;
	CU_ASSERT_EQUAL(tp_test_command(host, "kill bob", &printed), 0);
	CU_ASSERT_TRUE(tp_test_allocation_exists(host, bob));
	tp_test_turn(host);
	CU_ASSERT_FALSE(tp_test_allocation_exists(host, bob));
	CU_ASSERT_TRUE(tp_test_allocation_exists(host, alice));
	CU_ASSERT_EQUAL(tp_test_counter(host, "deleted"), 1);

	CU_ASSERT_EQUAL(tp_test_command(host, "kill alice", &printed), 0);
	tp_test_turn(host);
	CU_ASSERT_NOT_EQUAL(tp_test_allocation(host)->id, alice);
	end();
}

static void limits_are_read_back(void)
{
	const char *printed;

	begin("");
	CU_ASSERT_EQUAL(tp_test_allocation(host)->id, 1);
	CU_ASSERT_EQUAL(tp_test_command(host, "limit 1", &printed), 0);
	CU_ASSERT_EQUAL(tp_test_allocation_limits(host, tp_test_allocation(host)).bits_per_s,
			64000);
	end();
}

static void a_connection_is_found_and_has_state(void)
{
	const struct tp_client_view *client;
	struct tp_client_connected event = {.server_name = "turn.example.org"};

	begin("");
	client = tp_test_client_create(host, TP_TRANSPORT_TLS, "192.0.2.10:4000",
				       "198.51.100.1:5349");
	event.client = client;
	CU_ASSERT_EQUAL(tp_test_on_client_connected(host, &event)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(tp_test_counter(host, "connected"), 1);
	tp_test_client_end(host, client, "closed by client");
	CU_ASSERT_EQUAL(tp_test_counter(host, "released"), 1);
	CU_ASSERT_PTR_NULL(tp_client_of(&tp_test_allocation(host)->five_tuple));
	end();
}

static void a_connection_may_be_denied(void)
{
	struct tp_client_connected event = {0};

	begin("");
	event.client = tp_test_client_create(host, TP_TRANSPORT_TLS, "192.0.2.10:4000",
					     "198.51.100.1:5349");
	CU_ASSERT_EQUAL(tp_test_on_client_connected(host, &event)->verdict, TP_DENY);
	end();
}

/* --- calls, commands, mistakes ----------------------------------------------------------- */

static void posted_calls_come_in_the_next_turn(void)
{
	const char *printed;

	begin("");
	CU_ASSERT_EQUAL(tp_test_command(host, "post", &printed), 0);
	CU_ASSERT_EQUAL(tp_test_counter(host, "called"), 0);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(tp_test_counter(host, "called"), 2);
	end();
}

static void a_command_prints_or_says_why_not(void)
{
	const char *printed;

	begin("");
	CU_ASSERT_EQUAL(tp_test_command(host, "", &printed), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(printed, "instance everything"));
	CU_ASSERT_EQUAL(tp_test_command(host, "dance", &printed), TP_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(printed, "dance is no command"));
	end();
}

static void options_are_checked_as_in_the_file(void)
{
	static const struct {
		const char *section;
		const char *says;
	} cases[] = {
		{"limit = 101", "limit"},
		{"limitt = 1", "limit"},
		{"colour = pink", "colour"},
		{"networks = 192.0.2.1/24", "networks"},
		{"limit = 1\nlimit = 2",
		 "section:3: [plugin.options] limit: the key is there already"},
		{"title = a;b",
		 "section:2: [plugin.options] title: put a value with ';' in quotes"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try(OPTIONS, cases[i].section, problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].says));
	}
	host = tp_test_host_create(OPTIONS, "limit = 7 ; most\ntitle = \"a;b\"\n# a remark\n");
	CU_ASSERT_EQUAL(tp_option_integer(tp_test_instance(host), "limit"), 7);
	CU_ASSERT_STRING_EQUAL(tp_option_string(tp_test_instance(host), "title"), "a;b");
	CU_ASSERT_FALSE(tp_test_host_reload(host, "limit = 0", problem));
	CU_ASSERT_EQUAL(tp_option_integer(tp_test_instance(host), "limit"), 7);
	end();
}

/* --- what a test does wrong --------------------------------------------------------------- */

static void has_no_plugin(void)
{
	tp_test_host_create("nowhere", "");
}

static void has_no_equals(void)
{
	tp_test_host_create(OPTIONS, "limit = 1\nlimit 2");
}

static void has_a_wrong_option(void)
{
	tp_test_host_create(OPTIONS, "limit = 101");
}

static void has_no_address(void)
{
	begin("");
	tp_test_set_five_tuple(host, TP_TRANSPORT_UDP, "alice", "bob");
}

static void has_no_message(void)
{
	begin("");
	tp_test_set_request(host, "hello", 5);
}

static void leaves_a_descriptor_open(void)
{
	begin("");
	CU_ASSERT_TRUE(dup(STDIN_FILENO) >= 0);
	end();
}

/* Do it in a process of its own; how that ended, and what it wrote to stderr. */
static int in_child(void (*run)(void), char said[1024])
{
	size_t len = 0;
	ssize_t got;
	int status = 0;
	int ends[2];
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		run();
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], said + len, 1023 - len)) > 0) {
		len += (size_t)got;
	}
	said[len] = '\0';
	close(ends[0]);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_mistake_of_the_test_ends_it_with_a_sentence(void)
{
	static const struct {
		void (*run)(void);
		const char *says;
	} cases[] = {
		{has_no_plugin, "test host: there is no nowhere.so"},
		{has_no_equals, "test host: section:3: neither "},
		{has_a_wrong_option, "limit"},
		{has_no_address, "test host: \"alice\" is no address"},
		{has_no_message, "test host: the request is no STUN message: "},
		{leaves_a_descriptor_open, "test host: the plugin leaves 1 descriptors open"},
	};
	char said[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int status = in_child(cases[i].run, said);

		CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		CU_ASSERT_PTR_NOT_NULL(strstr(said, cases[i].says));
	}
}

TEST_SUITE("test_host", TEST(shows_what_is_provided), TEST(shows_what_an_allocation_is_limited_to),
	   TEST(shows_where_a_client_is_sent), TEST(shows_which_relay_is_chosen),
	   TEST(an_event_nobody_handles_passes), TEST(another_thread_may_answer),
	   TEST(a_deadline_passes_with_the_clock),
	   TEST(the_section_may_set_the_deadline_and_what_silence_means),
	   TEST(a_client_that_goes_away_is_told), TEST(a_parked_request_outlives_a_reload),
	   TEST(attached_state_is_released_after_the_end_is_told),
	   TEST(attached_state_outlives_a_reload), TEST(what_is_killed_ends_in_the_next_turn),
	   TEST(limits_are_read_back), TEST(a_connection_is_found_and_has_state),
	   TEST(a_connection_may_be_denied), TEST(posted_calls_come_in_the_next_turn),
	   TEST(a_command_prints_or_says_why_not), TEST(options_are_checked_as_in_the_file),
	   TEST(a_mistake_of_the_test_ends_it_with_a_sentence));
