/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/crew.h"

#include <stdio.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/log.h"
#include "config_file.h"
#include "io/socket.h"
#include "support/suite.h"

/* Real threads and sockets on loopback, on ports of the kernel's choice. */
struct crew_fixture {
	struct config_file file;
	struct tp_generation *generation;
	struct tp_shared *shared;
	struct tp_crew *crew;
	char problem[TP_PROBLEM_SIZE];
	unsigned listening; /* lines that say so */
};

static void count_line(const char *line, size_t len, void *arg)
{
	struct crew_fixture *f = arg;

	(void)len;
	f->listening += strstr(line, "listening transport=udp address=127.0.0.1:") != NULL ||
			strstr(line, "listening transport=tcp address=127.0.0.1:") != NULL;
	CU_ASSERT_PTR_NULL(strstr(line, "address=127.0.0.1\n")); /* the port is known */
}

static void crew_open(struct crew_fixture *f, unsigned workers, const char *listener)
{
	struct tp_turn_options turn;
	char text[500];

	memset(f, 0, sizeof(*f));
	snprintf(text, sizeof(text), "[turnpike]\nrealm = r\n[listener.a]\n%s", listener);
	config_file_open(&f->file, text);
	CU_ASSERT_EQUAL_FATAL(f->file.error, 0);
	turn = f->file.config->turn;
	CU_ASSERT_EQUAL_FATAL(tp_config_peer_policy(f->file.config, &turn.peer_policy), 0);
	CU_ASSERT_EQUAL_FATAL(tp_shared_create(&turn, 1, workers, &f->shared), 0);
	CU_ASSERT_EQUAL_FATAL(
		tp_generation_create(NULL, 0, "/nowhere", workers, f->problem, &f->generation), 0);
	CU_ASSERT_EQUAL_FATAL(tp_crew_create(f->file.config, workers, f->shared, f->generation,
					     f->problem, &f->crew),
			      0);
	tp_log_set_sink(count_line, f);
}

static void crew_close(struct crew_fixture *f)
{
	tp_log_set_sink(NULL, NULL);
	tp_crew_free(&f->crew);
	tp_shared_free(&f->shared);
	tp_generation_unref(&f->generation);
	tp_generation_reap();
	config_file_close(&f->file);
}

static void workers_share_every_listener_and_end_when_told(void)
{
	struct crew_fixture f;

	crew_open(&f, 4, "transport = udp tcp\naddress = 127.0.0.1:0\n");
	CU_ASSERT_EQUAL_FATAL(tp_crew_listen(f.crew, f.problem), 0);
	tp_crew_say_listeners(f.crew);
	CU_ASSERT_EQUAL(f.listening, 2);
	CU_ASSERT_EQUAL_FATAL(tp_crew_start(f.crew, f.problem), 0);
	tp_crew_stop(f.crew);
	crew_close(&f);
}

static void a_crew_that_never_started_is_freed(void)
{
	struct crew_fixture f;

	crew_open(&f, 2, "transport = udp\naddress = 127.0.0.1:0\n");
	CU_ASSERT_EQUAL(tp_crew_listen(f.crew, f.problem), 0);
	crew_close(&f);
}

/* Although SO_REUSEPORT would let it be shared. */
static void an_address_that_somebody_has_is_refused(void)
{
	static const char *const transports[] = {"udp", "tcp"};

	for (size_t i = 0; i < 2; i++) {
		struct tp_socket_options options = {.reuse_port = true};
		struct crew_fixture f;
		struct tp_addr taken;
		char listener[200];
		char text[TP_ADDR_STRING];
		char sentence[300];
		int fd = -1;

		CU_ASSERT_EQUAL_FATAL(tp_addr_parse("127.0.0.1", &options.bind_addr), 0);
		CU_ASSERT_EQUAL_FATAL(i == 0 ? tp_socket_open_udp(&options, &fd)
					     : tp_socket_open_listener(&options, &fd),
				      0);
		CU_ASSERT_EQUAL_FATAL(tp_socket_local_addr(fd, &taken), 0);
		tp_addr_format(&taken, text);
		snprintf(listener, sizeof(listener), "transport = %s\naddress = %s\n",
			 transports[i], text);
		crew_open(&f, 2, listener);
		CU_ASSERT_EQUAL(tp_crew_listen(f.crew, f.problem), TP_EADDRINUSE);
		snprintf(sentence, sizeof(sentence),
			 "%s:5: [listener.a] address: %s %s: address or port already taken",
			 f.file.path, transports[i], text);
		CU_ASSERT_STRING_EQUAL(f.problem, sentence);
		crew_close(&f);
		tp_socket_close(&fd);
	}
}

TEST_SUITE("crew", TEST(workers_share_every_listener_and_end_when_told),
	   TEST(a_crew_that_never_started_is_freed), TEST(an_address_that_somebody_has_is_refused));
