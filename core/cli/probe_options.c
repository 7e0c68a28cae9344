/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/probe_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <turnpike/error.h>

#include "cli/exchange.h"
#include "cli/turn_client.h"

#define PORT_PLAIN 3478
#define PORT_SECURE 5349

/* --- the address ----------------------------------------------------------- */

struct scheme {
	const char *text;
	bool turn;
	bool secure;
};

static const struct scheme schemes[] = {
	{"stun:", false, false},
	{"stuns:", false, true},
	{"turn:", true, false},
	{"turns:", true, true},
};

static const struct scheme *find_scheme(const char *url)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncasecmp(url, schemes[i].text, strlen(schemes[i].text)) == 0) {
			return &schemes[i];
		}
	}
	return NULL;
}

/* Copy the host and return what follows it, NULL when there is none or it is too long. */
static const char *take_host(const char *at, char host[TP_PROBE_HOST_MAX + 1])
{
	const char *end;
	const char *next;

	if (*at == '[') {
		at++;
		end = strchr(at, ']');
		next = end == NULL ? NULL : end + 1;
	} else {
		end = at + strcspn(at, ":?/");
		next = end;
	}
	if (next == NULL || end == at || end - at > TP_PROBE_HOST_MAX) {
		return NULL;
	}
	memcpy(host, at, (size_t)(end - at));
	host[end - at] = 0;
	return next;
}

static const char *take_port(const char *at, uint16_t *port)
{
	unsigned long value = 0;
	const char *digits;

	if (*at != ':') {
		return at;
	}
	digits = ++at;
	while (*at >= '0' && *at <= '9' && value <= 65535) {
		value = value * 10 + (unsigned long)(*at++ - '0');
	}
	if (at == digits || value == 0 || value > 65535) {
		return NULL;
	}
	*port = (uint16_t)value;
	return at;
}

static enum tp_transport transport_of(bool secure, bool udp)
{
	if (secure) {
		return udp ? TP_TRANSPORT_DTLS : TP_TRANSPORT_TLS;
	}
	return udp ? TP_TRANSPORT_UDP : TP_TRANSPORT_TCP;
}

int tp_probe_url_parse(const char *url, struct tp_probe_options *options, const char **problem)
{
	const struct scheme *scheme = find_scheme(url);
	const char *at;

	if (scheme == NULL) {
		*problem = "the server is written turn:HOST, turns:HOST, stun:HOST or stuns:HOST";
		return TP_EINVAL;
	}
	options->turn = scheme->turn;
	options->port = scheme->secure ? PORT_SECURE : PORT_PLAIN;
	options->transport = transport_of(scheme->secure, !scheme->secure);

	at = take_host(url + strlen(scheme->text), options->host);
	if (at == NULL) {
		*problem = "the server has no proper host (IPv6 addresses stand in brackets)";
		return TP_EINVAL;
	}
	at = take_port(at, &options->port);
	if (at == NULL) {
		*problem = "the server's port is a number from 1 to 65535";
		return TP_EINVAL;
	}
	if (strcasecmp(at, "?transport=udp") == 0) {
		options->transport = transport_of(scheme->secure, true);
	} else if (strcasecmp(at, "?transport=tcp") == 0) {
		options->transport = transport_of(scheme->secure, false);
	} else if (*at != 0) {
		*problem = "behind host and port only ?transport=udp or ?transport=tcp may stand";
		return TP_EINVAL;
	}
	return 0;
}

/* --- the options ----------------------------------------------------------- */

enum {
	OPTION_SECRET = 256,
	OPTION_CA,
	OPTION_INSECURE,
	OPTION_SERVER_NAME,
	OPTION_COUNT,
	OPTION_SIZE,
	OPTION_FAMILY,
	OPTION_JSON,
	OPTION_SHA256,
	OPTION_TIMEOUT,
	OPTION_MAX_LOSS,
	OPTION_VERSION
};

static const struct option long_options[] = {
	{"user", required_argument, NULL, 'u'},
	{"password", required_argument, NULL, 'p'},
	{"secret", required_argument, NULL, OPTION_SECRET},
	{"ca", required_argument, NULL, OPTION_CA},
	{"insecure", no_argument, NULL, OPTION_INSECURE},
	{"server-name", required_argument, NULL, OPTION_SERVER_NAME},
	{"count", required_argument, NULL, OPTION_COUNT},
	{"size", required_argument, NULL, OPTION_SIZE},
	{"family", required_argument, NULL, OPTION_FAMILY},
	{"json", no_argument, NULL, OPTION_JSON},
	{"sha256", no_argument, NULL, OPTION_SHA256},
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"max-loss", required_argument, NULL, OPTION_MAX_LOSS},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{NULL, 0, NULL, 0},
};

const char *tp_probe_usage(void)
{
	return "usage: turnpike-probe [options] SERVER\n"
	       "       turnpike-probe load [options] SERVER\n"
	       "       turnpike-probe nat [options] SERVER\n"
	       "\n"
	       "SERVER is turn:HOST[:PORT][?transport=udp|tcp], turns: likewise (TLS; DTLS with\n"
	       "udp), or stun: and stuns: for a Binding request only.\n"
	       "\n"
	       "  -u, --user NAME       user name\n"
	       "  -p, --password TEXT   password\n"
	       "      --secret TEXT     shared secret: make a user name and password of it\n"
	       "      --ca FILE         verify TLS against these certificates (PEM)\n"
	       "      --insecure        do not verify the server's certificate\n"
	       "      --server-name NAME  ask for NAME in TLS in place of HOST\n"
	       "      --count N         packets each way and kind, default 100\n"
	       "      --size BYTES      of each packet's payload, default 200\n"
	       "      --family FAMILY   ipv4 or ipv6: relayed addresses to ask for\n"
	       "  -4, -6                reach the server by IPv4 or IPv6 only\n"
	       "      --sha256          choose SHA-256 wherever the server offers it\n"
	       "      --timeout SECONDS wait for each answer, default 5\n"
	       "      --max-loss PERCENT  lost packets that still pass, default 0\n"
	       "      --json            print one JSON object\n"
	       "  -h, --help            print this\n"
	       "      --version         print the version\n"
	       "\n"
	       "Exit status: 0 every step passed, 1 a step failed, 2 wrong usage.\n";
}

static int read_number(const char *name, const char *text, unsigned long min, unsigned long max,
		       unsigned long *out, char problem[256])
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	if (errno != 0 || *text < '0' || *text > '9' || *end != 0 || *out < min || *out > max) {
		snprintf(problem, 256, "--%s takes a number from %lu to %lu", name, min, max);
		return TP_EINVAL;
	}
	return 0;
}

static int read_family(const char *text, enum tp_family *out, char problem[256])
{
	if (strcasecmp(text, "ipv4") == 0) {
		*out = TP_FAMILY_IPV4;
	} else if (strcasecmp(text, "ipv6") == 0) {
		*out = TP_FAMILY_IPV6;
	} else {
		snprintf(problem, 256, "--family takes ipv4 or ipv6");
		return TP_EINVAL;
	}
	return 0;
}

static int take_number_option(struct tp_probe_options *options, int option, char problem[256])
{
	unsigned long number = 0;
	int err;

	switch (option) {
	case OPTION_COUNT:
		err = read_number("count", optarg, 1, TP_EXCHANGE_COUNT_MAX, &number, problem);
		options->count = (uint32_t)number;
		return err;
	case OPTION_SIZE:
		err = read_number("size", optarg, TP_EXCHANGE_SIZE_MIN, TP_TURN_PAYLOAD_MAX,
				  &number, problem);
		options->size = number;
		return err;
	case OPTION_TIMEOUT:
		err = read_number("timeout", optarg, 1, 600, &number, problem);
		options->timeout_ms = (uint32_t)number * 1000;
		return err;
	default:
		err = read_number("max-loss", optarg, 0, 100, &number, problem);
		options->max_loss_percent = (unsigned)number;
		return err;
	}
}

static int take_option(struct tp_probe_options *options, int option, char problem[256])
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
	case OPTION_CA:
		options->ca_file = optarg;
		return 0;
	case OPTION_INSECURE:
		options->insecure = true;
		return 0;
	case OPTION_SERVER_NAME:
		options->server_name = optarg;
		return 0;
	case OPTION_FAMILY:
		return read_family(optarg, &options->family, problem);
	case '4':
		options->reach = TP_FAMILY_IPV4;
		return 0;
	case '6':
		options->reach = TP_FAMILY_IPV6;
		return 0;
	case OPTION_SHA256:
		options->prefer_sha256 = true;
		return 0;
	case OPTION_JSON:
		options->json = true;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	case OPTION_VERSION:
		options->version = true;
		return 0;
	default:
		return take_number_option(options, option, problem);
	}
}

/* What only makes sense, or no sense, together. */
static int check_together(const struct tp_probe_options *options, char problem[256])
{
	const char *text = NULL;

	if (options->secret != NULL && options->password != NULL) {
		text = "either --password or --secret, not both";
	} else if (options->user != NULL && options->password == NULL && options->secret == NULL) {
		text = "a user name needs --password or --secret";
	} else if (options->password != NULL && options->user == NULL) {
		text = "a password needs --user";
	} else if (options->insecure && options->ca_file != NULL) {
		text = "either --ca or --insecure, not both";
	}
	if (text != NULL) {
		snprintf(problem, 256, "%s", text);
		return TP_EINVAL;
	}
	return 0;
}

int tp_probe_options_parse(int argc, char **argv, struct tp_probe_options *options,
			   char problem[256])
{
	const char *url_problem;
	int option;

	memset(options, 0, sizeof(*options));
	options->count = 100;
	options->size = 200;
	options->timeout_ms = 5000;
	optind = 0; /* start over, whoever parsed before */
	opterr = 0;
	while ((option = getopt_long(argc, argv, "u:p:46h", long_options, NULL)) != -1) {
		if (option == '?') {
			snprintf(problem, 256, "unknown option, or one without its value: %s",
				 argv[optind - 1]);
			return TP_EINVAL;
		}
		if (take_option(options, option, problem) != 0) {
			return TP_EINVAL;
		}
	}
	if (options->help || options->version) {
		return 0;
	}
	if (optind + 1 != argc) {
		snprintf(problem, 256, "one server, please");
		return TP_EINVAL;
	}
	options->url = argv[optind];
	if (tp_probe_url_parse(options->url, options, &url_problem) != 0) {
		snprintf(problem, 256, "%s", url_problem);
		return TP_EINVAL;
	}
	return check_together(options, problem);
}
