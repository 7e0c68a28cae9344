/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/turnpikectl_print.h"
#include "cli/turnpikectl_socket.h"
#include "support/suite.h"

static void quotes_words_that_need_it(void)
{
	static const struct {
		const char *words[4];
		const char *line; /* NULL: refused */
	} cases[] = {
		{{"status"}, "status\n"},
		{{"log", "level", "debug"}, "log level debug\n"},
		{{"plugin", "do", "tap", "two words"}, "plugin do tap \"two words\"\n"},
		{{"kill", "--user", ""}, "kill --user \"\"\n"},
		{{"a\"b", "c\\d"}, "\"a\\\"b\" \"c\\\\d\"\n"},
		{{"status\nkill 1"}, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t count = 0;
		char *line;

		while (count < 4 && cases[i].words[count] != NULL) {
			count++;
		}
		line = tp_ctl_line((char *const *)cases[i].words, count);
		if (cases[i].line == NULL) {
			CU_ASSERT_PTR_NULL(line);
		} else {
			CU_ASSERT_PTR_NOT_NULL_FATAL(line);
			CU_ASSERT_STRING_EQUAL(line, cases[i].line);
		}
		free(line);
	}
}

static void no_daemon_is_a_sentence(void)
{
	char problem[TP_CTL_PROBLEM_SIZE];
	char *answer;

	CU_ASSERT_NOT_EQUAL(tp_ctl_ask("/nowhere/x.sock", "status\n", &answer, problem), 0);
	CU_ASSERT_PTR_NULL(answer);
	CU_ASSERT_STRING_EQUAL(
		problem, "/nowhere/x.sock: cannot reach the daemon: No such file or directory");
}

static char *printed(const char *text)
{
	json_error_t where;
	json_t *answer = json_loads(text, 0, &where);
	char *out = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&out, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	tp_ctl_print(answer, file);
	fclose(file);
	json_decref(answer);
	return out;
}

static void prints_what_is_in_an_answer(void)
{
	static const struct {
		const char *answer;
		const char *text;
	} cases[] = {
		{"{\"killed\":2}", "killed: 2\n"},
		{"{\"draining\":false}", "draining: no\n"},
		{"{\"cut\":false,\"sessions\":[]}", "0 sessions\n"},
		{"{\"sessions\":[{\"id\":8},{\"id\":9,\"data_connections\":0}]}",
		 "ID  USER  REALM  VIA  CLIENT  RELAYED  PEERS  CHANNELS  TCP  AGE  EXPIRES  "
		 "TO PEER  BYTES  TO CLIENT  BYTES\n"
		 " 8  -     -      -    -       -            -         -    -    -        -  "
		 "      -      -          -      -\n"
		 " 9  -     -      -    -       -            -         -    0    -        -  "
		 "      -      -          -      -\n2 sessions\n"},
		{"{\"generation\":3,\"needs_restart\":[\"f:1: [a] b: c\"]}",
		 "generation: 3\nf:1: [a] b: c\n"},
		{"{\"output\":\"one\\n\\ttwo\\n\"}", "one\n\ttwo\n"},
		{"{\"silent_workers\":[1]}", "worker 1 has not answered in time\n"},
		{"{\"listeners\":[{\"section\":\"listener.a\",\"transport\":\"udp\",\"address\":"
		 "\"192.0.2.1:3478\"}]}",
		 "\nLISTENER    VIA  ADDRESS\nlistener.a  udp  192.0.2.1:3478\n"},
		{"{\"counters\":{\"a.b\":{\"value\":7,\"help\":\"things\"}}}",
		 "a.b                    7  things\n"},
		{"{\"listeners\":[{\"section\":\"listener.a\",\"transport\":\"udp\",\"address\":"
		 "\"192.0.2.1:3478\",\"realm\":\"example.net\"}]}",
		 "\nLISTENER    VIA  ADDRESS         REALM\n"
		 "listener.a  udp  192.0.2.1:3478  example.net\n"},
		{"{\"plugins\":[{\"instance\":\"a\",\"realms\":[\"example.org\",\"example.net\"]},"
		 "{\"instance\":\"b\",\"realms\":[]}]}",
		 "INSTANCE  PLUGIN  VERSION  ABI  GENERATION  PARKED  REALMS                   "
		 "FILE\n"
		 "a         -       -        -             -       -  example.org example.net  -\n"
		 "b         -       -        -             -       -                           "
		 "-\n"},
		{"{\"realms\":[{\"section\":\"turnpike\",\"realm\":\"example.org\",\"allocations\":"
		 "3}]}",
		 "\nSECTION   REALM        ALLOCATIONS\nturnpike  example.org            3\n"},
		/* members of other types, or missing */
		{"{\"listeners\":[{\"section\":null}]}",
		 "\nLISTENER  VIA  ADDRESS\n-         -    -\n"},
		{"{\"unheard_of\":[1,2]}", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = printed(cases[i].answer);

		CU_ASSERT_STRING_EQUAL(text, cases[i].text);
		free(text);
	}
}

/* A user's name is an attacker's. */
static void terminals_get_no_orders(void)
{
	char *text = printed("{\"config\":\"\\u001b[2J\\u0007\\u007f\\u009b31m caf\\u00e9\"}");

	CU_ASSERT_STRING_EQUAL(text, "config: ?[2J???31m caf\xc3\xa9\n");
	free(text);
}

TEST_SUITE("turnpikectl", TEST(quotes_words_that_need_it), TEST(no_daemon_is_a_sentence),
	   TEST(prints_what_is_in_an_answer), TEST(terminals_get_no_orders));
