/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/args.h"

#include <getopt.h>
#include <string.h>

#include <turnpike/error.h>

#include "daemon/paths.h"

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"check", no_argument, NULL, 't'},
	{"plugin-help", required_argument, NULL, 'P'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* One thing at a time: "-t --version" says that one of both is a mistake. */
static int set_action(struct tp_args *args, enum tp_action action, char *problem)
{
	if (args->action != TP_ACTION_RUN && args->action != action) {
		snprintf(problem, TP_ARGS_PROBLEM_SIZE,
			 "-t, --plugin-help, --version and --help exclude each other");
		return TP_EINVAL;
	}
	args->action = action;
	return 0;
}

/* getopt tells of a long option only where it stood. */
static int refuse(int letter, char **argv, char *problem)
{
	const char *word = argv[optind - 1];
	char short_option[3] = {'-', (char)optopt, 0};

	if (letter == ':') {
		snprintf(problem, TP_ARGS_PROBLEM_SIZE, "%.100s: an argument is missing", word);
	} else {
		snprintf(problem, TP_ARGS_PROBLEM_SIZE, "%.100s: unknown option",
			 strncmp(word, "--", 2) == 0 || optopt == 0 ? word : short_option);
	}
	return TP_EINVAL;
}

static int take(int letter, char **argv, struct tp_args *args, char *problem)
{
	switch (letter) {
	case 'c':
		args->config_file = optarg;
		return 0;
	case 't':
		return set_action(args, TP_ACTION_CHECK, problem);
	case 'P':
		args->plugin = optarg;
		return set_action(args, TP_ACTION_PLUGIN_HELP, problem);
	case 'V':
		return set_action(args, TP_ACTION_VERSION, problem);
	case 'h':
		return set_action(args, TP_ACTION_HELP, problem);
	default:
		return refuse(letter, argv, problem);
	}
}

int tp_args_parse(int argc, char **argv, struct tp_args *out, char problem[TP_ARGS_PROBLEM_SIZE])
{
	int letter;

	*out = (struct tp_args){.action = TP_ACTION_RUN};
	opterr = 0;
	optind = 0; /* glibc: begin afresh */
	while ((letter = getopt_long(argc, argv, "+:c:th", long_options, NULL)) != -1) {
		int err = take(letter, argv, out, problem);

		if (err != 0) {
			return err;
		}
	}
	if (optind < argc) {
		snprintf(problem, TP_ARGS_PROBLEM_SIZE, "%.100s: the daemon takes options only",
			 argv[optind]);
		return TP_EINVAL;
	}
	return 0;
}

void tp_args_usage(FILE *out)
{
	fprintf(out,
		"usage: turnpike [-c FILE] [-t]\n"
		"       turnpike [-c FILE] --plugin-help NAME\n"
		"\n"
		"  -c, --config FILE    read this file instead of\n"
		"                       %s\n"
		"  -t, --check          check the file and the plugins, say what would run, and "
		"end\n"
		"  --plugin-help NAME   print a plugin's options and events\n"
		"  --version            print the version\n"
		"  -h, --help           print this\n"
		"\n"
		"See turnpike(8) and turnpike.conf(5).\n",
		TP_DEFAULT_CONFIG_FILE);
}
