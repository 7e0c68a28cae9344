/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <turnpike/version.h>

#include "cli/turnpikectl_print.h"
#include "cli/turnpikectl_socket.h"
#include "cli/turnpikectl_user.h"

#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define DEFAULT_SOCKET "/run/turnpike/control.sock"

struct options {
	const char *socket;
	bool json;
	bool help;
	bool version;
};

static void usage(FILE *out)
{
	fputs("usage: turnpikectl [--socket PATH] [--json] REQUEST [WORD ...]\n"
	      "\n"
	      "  -s, --socket PATH  where the daemon listens, " DEFAULT_SOCKET "\n"
	      "  -j, --json         print the daemon's answer as it is\n"
	      "  -h, --help         print this\n"
	      "      --version      print the version\n"
	      "\n"
	      "\"turnpikectl help\" lists the requests. Users in a data base of auth_sql:\n"
	      "  user add NAME [REALM]     the password is asked for, or read from standard input\n"
	      "  user passwd NAME [REALM]  likewise\n"
	      "  user delete NAME [REALM]\n"
	      "  user list [REALM]\n",
	      out);
}

/* Returns false when the command line is wrong; getopt has said why. */
static bool take_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	int option;

	*options = (struct options){.socket = DEFAULT_SOCKET};
	/* What stands behind the request is the daemon's to read. */
	while ((option = getopt_long(argc, argv, "+s:jh", known, NULL)) != -1) {
		switch (option) {
		case 's':
			options->socket = optarg;
			break;
		case 'j':
			options->json = true;
			break;
		case 'h':
			options->help = true;
			break;
		case 'v':
			options->version = true;
			break;
		default:
			return false;
		}
	}
	return options->help || options->version || optind < argc;
}

/* "sessions --json" as well, but not what is said to a plugin. */
static size_t take_json(char **words, size_t count, struct options *options)
{
	if (count >= 2 && strcmp(words[0], "plugin") == 0 && strcmp(words[1], "do") == 0) {
		return count;
	}
	if (count > 1 && strcmp(words[count - 1], "--json") == 0) {
		options->json = true;
		count--;
	}
	return count;
}

static int complain(const char *sentence)
{
	fprintf(stderr, "turnpikectl: %s\n", sentence);
	return STATUS_FAILED;
}

/* An allocation that is not there is as good as an error. */
static int status_of(const json_t *answer)
{
	const json_t *killed = json_object_get(answer, "killed");

	return json_is_integer(killed) && json_integer_value(killed) == 0 ? STATUS_FAILED : 0;
}

static int show(const struct options *options, const char *text)
{
	json_error_t where;
	json_t *answer = json_loads(text, 0, &where);
	const char *error = json_string_value(json_object_get(answer, "error"));
	int status;

	if (!json_is_object(answer)) {
		status = complain("the answer is no JSON object; does a turnpike listen there?");
	} else if (options->json) {
		fputs(text, stdout);
		status = error != NULL ? STATUS_FAILED : status_of(answer);
	} else if (error != NULL) {
		status = complain(error);
	} else {
		tp_ctl_print(answer, stdout);
		status = status_of(answer);
	}
	json_decref(answer);
	return status;
}

static int ask(const struct options *options, char **words, size_t count)
{
	char problem[TP_CTL_PROBLEM_SIZE];
	char *line = tp_ctl_line(words, count);
	char *answer = NULL;
	int status;

	if (line == NULL) {
		return complain("a word holds a line feed, or memory has run out");
	}
	if (tp_ctl_ask(options->socket, line, &answer, problem) != 0) {
		status = complain(problem);
	} else {
		status = show(options, answer);
	}
	free(answer);
	explicit_bzero(line, strlen(line)); /* it may hold a password */
	free(line);
	return status;
}

static int ask_for_user(const struct options *options, char **words, size_t count)
{
	struct tp_ctl_user user;
	const char *wrong = tp_ctl_user_make(words, count, &user);
	int status = wrong == NULL ? ask(options, user.words, user.count) : complain(wrong);

	tp_ctl_user_wipe(&user);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	size_t count;

	if (!take_options(argc, argv, &options)) {
		usage(stderr);
		return STATUS_USAGE;
	}
	if (options.help) {
		usage(stdout);
		return 0;
	}
	if (options.version) {
		printf("turnpikectl %s\n", TP_VERSION);
		return 0;
	}
	count = take_json(argv + optind, (size_t)(argc - optind), &options);
	if (tp_ctl_is_user(argv + optind, count)) {
		return ask_for_user(&options, argv + optind, count);
	}
	return ask(&options, argv + optind, count);
}
