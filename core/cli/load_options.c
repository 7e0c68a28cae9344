/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <turnpike/error.h>

#include "cli/load_payload.h"

enum {
	OPTION_SECRET = 256,
	OPTION_MODE,
	OPTION_ALLOCATIONS,
	OPTION_SIZE,
	OPTION_RATE,
	OPTION_SECONDS,
	OPTION_TRAIN,
	OPTION_DIRECTION,
	OPTION_SERVER_PID,
	OPTION_JSON
};

static const struct option long_options[] = {
	{"user", required_argument, NULL, 'u'},
	{"password", required_argument, NULL, 'p'},
	{"secret", required_argument, NULL, OPTION_SECRET},
	{"mode", required_argument, NULL, OPTION_MODE},
	{"allocations", required_argument, NULL, OPTION_ALLOCATIONS},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"seconds", required_argument, NULL, OPTION_SECONDS},
	{"train", required_argument, NULL, OPTION_TRAIN},
	{"direction", required_argument, NULL, OPTION_DIRECTION},
	{"server-pid", required_argument, NULL, OPTION_SERVER_PID},
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

const char *tp_load_usage(void)
{
	return "usage: turnpike-probe load [options] SERVER\n"
	       "\n"
	       "SERVER is turn:HOST[:PORT][?transport=udp|tcp], or udp:HOST:PORT for a forwarder\n"
	       "without a protocol, or sink:HOST:PORT to see what the generator itself can send.\n"
	       "\n"
	       "  -u, --user NAME       user name\n"
	       "  -p, --password TEXT   password\n"
	       "      --secret TEXT     shared secret: make a user name and password of it\n"
	       "      --mode MODE       channel, send, hairpin, binding, allocate or idle;\n"
	       "                        default channel\n"
	       "      --allocations N   default 100\n"
	       "      --size BYTES      of each packet's payload, default 172\n"
	       "      --rate N          packets, requests or cycles a second in all; 0, the\n"
	       "                        default: as many as the server gets through\n"
	       "      --seconds N       to measure, after one to warm up; default 5\n"
	       "      --train N         packets in a row to one destination, default 1\n"
	       "      --direction WAY   up (client to peer), down or both; default both\n"
	       "      --server-pid PID  report CPU time and memory of that process\n"
	       "      --json            print one JSON object\n"
	       "  -h, --help            print this\n"
	       "\n"
	       "Exit status: 0 every allocation was made and nothing arrived damaged, 1 "
	       "otherwise,\n"
	       "2 wrong usage.\n";
}

/* --- words ----------------------------------------------------------------- */

static const char *const mode_names[] = {
	[TP_LOAD_CHANNEL] = "channel",   [TP_LOAD_SEND] = "send",
	[TP_LOAD_HAIRPIN] = "hairpin",   [TP_LOAD_BINDING] = "binding",
	[TP_LOAD_ALLOCATE] = "allocate", [TP_LOAD_IDLE] = "idle",
};

#define MODE_COUNT (sizeof(mode_names) / sizeof(mode_names[0]))

const char *tp_load_mode_name(enum tp_load_mode mode)
{
	return mode_names[mode];
}

static int read_mode(const char *text, enum tp_load_mode *out, char problem[256])
{
	for (size_t i = 0; i < MODE_COUNT; i++) {
		if (strcmp(text, mode_names[i]) == 0) {
			*out = (enum tp_load_mode)i;
			return 0;
		}
	}
	snprintf(problem, 256, "--mode takes channel, send, hairpin, binding, allocate or idle");
	return TP_EINVAL;
}

static int read_direction(const char *text, struct tp_load_options *options, char problem[256])
{
	bool both = strcmp(text, "both") == 0;

	options->up = both || strcmp(text, "up") == 0;
	options->down = both || strcmp(text, "down") == 0;
	if (!options->up && !options->down) {
		snprintf(problem, 256, "--direction takes both, up or down");
		return TP_EINVAL;
	}
	return 0;
}

/* --- numbers --------------------------------------------------------------- */

struct number_option {
	int option;
	const char *name;
	unsigned long min;
	unsigned long max;
};

static const struct number_option number_options[] = {
	{OPTION_ALLOCATIONS, "allocations", 1, TP_LOAD_ALLOCATIONS_MAX},
	{OPTION_SIZE, "size", TP_LOAD_PAYLOAD_MIN, TP_LOAD_SIZE_MAX},
	{OPTION_RATE, "rate", 0, 100000000},
	{OPTION_SECONDS, "seconds", 1, TP_LOAD_SECONDS_MAX},
	{OPTION_TRAIN, "train", 1, TP_LOAD_TRAIN_MAX},
	{OPTION_SERVER_PID, "server-pid", 1, INT_MAX},
};

#define NUMBER_OPTION_COUNT (sizeof(number_options) / sizeof(number_options[0]))

static int read_number(int option, const char *text, unsigned long *out, char problem[256])
{
	const struct number_option *at = number_options;
	char *end;

	while (at->option != option) {
		at++;
	}
	errno = 0;
	*out = strtoul(text, &end, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *end != 0 || *out < at->min ||
	    *out > at->max) {
		snprintf(problem, 256, "--%s takes a number from %lu to %lu", at->name, at->min,
			 at->max);
		return TP_EINVAL;
	}
	return 0;
}

static int take_number(struct tp_load_options *options, int option, char problem[256])
{
	unsigned long number = 0;
	int err = read_number(option, optarg, &number, problem);

	switch (option) {
	case OPTION_ALLOCATIONS:
		options->allocations = (uint32_t)number;
		break;
	case OPTION_SIZE:
		options->size = number;
		break;
	case OPTION_RATE:
		options->rate = (uint32_t)number;
		break;
	case OPTION_SECONDS:
		options->seconds = (uint32_t)number;
		break;
	case OPTION_TRAIN:
		options->train = (uint32_t)number;
		break;
	default:
		options->server_pid = (pid_t)number;
		break;
	}
	return err;
}

static int take_option(struct tp_load_options *options, int option, char problem[256])
{
	switch (option) {
	case 'u':
		options->user = optarg;
		return 0;
	case 'p':
		options->password = optarg;
		return 0;
	case OPTION_SECRET:
		options->secret = optarg;
		return 0;
	case OPTION_MODE:
		return read_mode(optarg, &options->mode, problem);
	case OPTION_DIRECTION:
		return read_direction(optarg, options, problem);
	case OPTION_JSON:
		options->json = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	default:
		return take_number(options, option, problem);
	}
}

/* --- the server ------------------------------------------------------------ */

static int read_turn_url(struct tp_load_options *options, const char *url, const char **problem)
{
	struct tp_probe_options parsed = {0};
	int err = tp_probe_url_parse(url, &parsed, problem);

	if (err != 0) {
		return err;
	}
	if (parsed.transport != TP_TRANSPORT_UDP && parsed.transport != TP_TRANSPORT_TCP) {
		*problem = "load is generated over UDP and TCP, not over TLS or DTLS";
		return TP_EINVAL;
	}
	options->transport = parsed.transport;
	options->port = parsed.port;
	memcpy(options->host, parsed.host, sizeof(options->host));
	return 0;
}

/* "udp:HOST:PORT" and "sink:HOST:PORT" are read like the others. */
static int read_bare_url(struct tp_load_options *options, const char *host, const char **problem)
{
	char url[TP_PROBE_HOST_MAX + 32];

	if (strchr(host, '?') != NULL) {
		*problem = "behind host and port of udp: and sink: nothing may stand";
		return TP_EINVAL;
	}
	if ((size_t)snprintf(url, sizeof(url), "stun:%s", host) >= sizeof(url)) {
		*problem = "the server's host is too long";
		return TP_EINVAL;
	}
	return read_turn_url(options, url, problem);
}

static int read_url(struct tp_load_options *options, const char *url, char problem[256])
{
	const char *text = NULL;
	int err;

	options->url = url;
	if (strncasecmp(url, "udp:", 4) == 0) {
		options->target = TP_LOAD_TARGET_FORWARDER;
		err = read_bare_url(options, url + 4, &text);
	} else if (strncasecmp(url, "sink:", 5) == 0) {
		options->target = TP_LOAD_TARGET_SINK;
		options->down = false;
		err = read_bare_url(options, url + 5, &text);
	} else if (strncasecmp(url, "turn", 4) == 0) {
		options->target = TP_LOAD_TARGET_TURN;
		err = read_turn_url(options, url, &text);
	} else {
		text = "the server is written turn:HOST, udp:HOST:PORT or sink:HOST:PORT";
		err = TP_EINVAL;
	}
	if (err != 0) {
		snprintf(problem, 256, "%s", text);
	}
	return err;
}

/* --- together -------------------------------------------------------------- */

static const char *find_contradiction(const struct tp_load_options *options)
{
	if (options->secret != NULL && options->password != NULL) {
		return "either --password or --secret, not both";
	}
	if (options->user != NULL && options->password == NULL && options->secret == NULL) {
		return "a user name needs --password or --secret";
	}
	if (options->password != NULL && options->user == NULL) {
		return "a password needs --user";
	}
	if (options->target != TP_LOAD_TARGET_TURN && options->mode != TP_LOAD_CHANNEL) {
		return "udp: and sink: know no modes";
	}
	if (options->target == TP_LOAD_TARGET_SINK && !options->up) {
		return "a sink sends nothing: --direction up";
	}
	if (options->target == TP_LOAD_TARGET_FORWARDER &&
	    options->allocations > (uint32_t)(65534 - options->port)) {
		return "the forwarder's ports, one above its own and up, do not suffice";
	}
	if (options->mode == TP_LOAD_HAIRPIN && options->allocations % 2 != 0) {
		return "hairpin makes pairs: --allocations takes an even number";
	}
	if (options->train * (options->size + 64) > TP_LOAD_TRAIN_BYTES_MAX) {
		return "a train of such packets is too long: less --train or --size";
	}
	return NULL;
}

static void set_defaults(struct tp_load_options *options)
{
	memset(options, 0, sizeof(*options));
	options->allocations = 100;
	options->size = 172;
	options->seconds = 5;
	options->train = 1;
	options->up = true;
	options->down = true;
}

int tp_load_options_parse(int argc, char **argv, struct tp_load_options *options, char problem[256])
{
	const char *contradiction;
	int option;

	set_defaults(options);
	optind = 0; /* start over, whoever parsed before */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "u:p:h", long_options, NULL)) != -1) {
		if (option == '?') {
			snprintf(problem, 256, "unknown option, or one without its value: %s",
				 argv[optind - 1]);
			return TP_EINVAL;
		}
		if (take_option(options, option, problem) != 0) {
			return TP_EINVAL;
		}
	}
	if (options->help) {
		return 0;
	}
	if (optind + 1 != argc) {
		snprintf(problem, 256, "one server, please");
		return TP_EINVAL;
	}
	if (read_url(options, argv[optind], problem) != 0) {
		return TP_EINVAL;
	}
	contradiction = find_contradiction(options);
	if (contradiction != NULL) {
		snprintf(problem, 256, "%s", contradiction);
		return TP_EINVAL;
	}
	return 0;
}
