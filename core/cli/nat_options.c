/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#define TIMEOUT_DEFAULT_MS 3000
#define TIMEOUT_MAX_S 60

enum {
	OPTION_TIMEOUT = 256,
	OPTION_JSON,
};

static const struct option long_options[] = {
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

const char *tp_nat_usage(void)
{
	return "usage: turnpike-probe nat [options] SERVER\n"
	       "\n"
	       "SERVER is stun:HOST[:PORT][?transport=udp|tcp], one that has two addresses\n"
	       "(RFC 5780).\n"
	       "\n"
	       "  -4, -6                reach the server by IPv4 or IPv6 only\n"
	       "      --timeout SECONDS wait for each answer, default 3\n"
	       "      --json            print one JSON object\n"
	       "  -h, --help            print this\n"
	       "\n"
	       "Exit status: 0 mapping and, by UDP, filtering are known, 1 they are not, 2\n"
	       "wrong usage.\n";
}

static int take_timeout(struct tp_probe_options *server, char problem[256])
{
	unsigned long seconds;
	char *end;

	errno = 0;
	seconds = strtoul(optarg, &end, 10);
	if (errno != 0 || *optarg < '0' || *optarg > '9' || *end != 0 || seconds == 0 ||
	    seconds > TIMEOUT_MAX_S) {
		snprintf(problem, 256, "--timeout takes a number from 1 to %d", TIMEOUT_MAX_S);
		return TP_EINVAL;
	}
	server->timeout_ms = (uint32_t)seconds * 1000;
	return 0;
}

static int take_option(struct tp_probe_options *server, int option, char **argv, char problem[256])
{
	switch (option) {
	case '4':
		server->reach = TP_FAMILY_IPV4;
		return 0;
	case '6':
		server->reach = TP_FAMILY_IPV6;
		return 0;
	case 'h':
		server->help = true;
		return 0;
	case OPTION_JSON:
		server->json = true;
		return 0;
	case OPTION_TIMEOUT:
		return take_timeout(server, problem);
	default:
		snprintf(problem, 256, "unknown option, or one without its value: %s",
			 argv[optind - 1]);
		return TP_EINVAL;
	}
}

int tp_nat_options_parse(int argc, char **argv, struct tp_nat_options *options, char problem[256])
{
	struct tp_probe_options *server = &options->server;
	const char *url_problem = NULL;
	int option;

	memset(options, 0, sizeof(*options));
	server->timeout_ms = TIMEOUT_DEFAULT_MS;
	optind = 0; /* start over, whoever parsed before */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "46h", long_options, NULL)) != -1) {
		if (take_option(server, option, argv, problem) != 0) {
			return TP_EINVAL;
		}
	}
	if (server->help) {
		return 0;
	}
	if (optind + 1 != argc) {
		snprintf(problem, 256, "one server, please");
		return TP_EINVAL;
	}
	server->url = argv[optind];
	if (tp_probe_url_parse(server->url, server, &url_problem) != 0) {
		snprintf(problem, 256, "%s", url_problem);
		return TP_EINVAL;
	}
	if (server->turn ||
	    (server->transport != TP_TRANSPORT_UDP && server->transport != TP_TRANSPORT_TCP)) {
		snprintf(problem, 256,
			 "the server is written stun:HOST, and is asked by UDP or TCP");
		return TP_EINVAL;
	}
	return 0;
}
