/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load.h"

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/secret.h"
#include "cli/load_cycle.h"
#include "cli/load_fleet.h"
#include "cli/load_options.h"
#include "cli/load_process.h"
#include "cli/load_report.h"
#include "cli/load_setup.h"
#include "cli/load_traffic.h"
#include "cli/rest_credential.h"

#define REST_LIFETIME_S (60 * 60)
#define EXIT_USAGE 2

struct load {
	struct tp_load_options options;
	struct tp_rest_credential rest;
	struct tp_load_fleet fleet;
	struct tp_load_result result;
};

static int resolve(const struct tp_load_options *options, struct tp_addr *out, char problem[256])
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	int err = getaddrinfo(options->host, NULL, &hints, &found);

	if (err != 0) {
		snprintf(problem, 256, "the server's name: %s", gai_strerror(err));
		return TP_ENOENT;
	}
	tp_addr_from_sockaddr(out, found->ai_addr);
	out->port = options->port;
	freeaddrinfo(found);
	return 0;
}

static int make_credentials(struct load *load, char problem[256])
{
	struct tp_load_options *options = &load->options;
	int err;

	if (options->secret == NULL) {
		return 0;
	}
	err = tp_rest_credential_make(&load->rest, options->secret, options->user,
				      (int64_t)time(NULL) + REST_LIFETIME_S);
	if (err != 0) {
		snprintf(problem, 256, "no credentials: %s", tp_error_string(err));
		return err;
	}
	options->user = load->rest.user;
	options->password = load->rest.password;
	return 0;
}

/* Until the input ends or the time is over. */
static void hold(const struct tp_load_options *options)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	uint64_t end_ns = tp_load_now_ns() + options->seconds * UINT64_C(1000000000);
	uint64_t now_ns;
	char bytes[256];

	puts("ready");
	fflush(stdout);
	while ((now_ns = tp_load_now_ns()) < end_ns) {
		if (poll(&input, 1, (int)((end_ns - now_ns) / 1000000 + 1)) > 0 &&
		    read(STDIN_FILENO, bytes, sizeof(bytes)) <= 0) {
			break;
		}
	}
}

static int run(struct load *load)
{
	const struct tp_load_options *options = &load->options;
	struct tp_load_result *result = &load->result;
	int err;

	if (options->mode == TP_LOAD_BINDING || options->mode == TP_LOAD_ALLOCATE) {
		result->server_rss_before = tp_load_process_rss(options->server_pid);
		err = tp_load_cycle(&load->fleet, options->user, options->password, result);
		result->server_rss_after = tp_load_process_rss(options->server_pid);
		return err;
	}
	result->server_rss_before = tp_load_process_rss(options->server_pid);
	err = tp_load_setup(&load->fleet, options->user, options->password, result);
	result->server_rss_after = tp_load_process_rss(options->server_pid);
	if (err != 0) {
		return err;
	}
	if (options->mode == TP_LOAD_IDLE) {
		hold(options);
		return 0;
	}
	err = tp_load_traffic(&load->fleet, result);
	if (err == 0 && result->received == 0 && options->target != TP_LOAD_TARGET_SINK) {
		snprintf(result->reason, sizeof(result->reason), "nothing that was sent arrived");
		err = TP_EIO;
	}
	tp_load_release(&load->fleet, options->user, options->password);
	return err;
}

static int start(struct load *load, char problem[256])
{
	struct tp_addr server_addr;
	int err = make_credentials(load, problem);

	if (err == 0) {
		err = resolve(&load->options, &server_addr, problem);
	}
	if (err == 0 && load->options.server_pid != 0 &&
	    tp_load_process_rss(load->options.server_pid) == 0) {
		snprintf(problem, 256, "there is no process %ld", (long)load->options.server_pid);
		err = TP_ENOENT;
	}
	if (err == 0) {
		err = tp_load_fleet_open(&load->fleet, &load->options, &server_addr, problem);
	}
	if (err != 0) {
		return err;
	}
	err = run(load);
	if (err != 0) {
		snprintf(problem, 256, "%s",
			 load->result.reason[0] == 0 ? tp_error_string(err) : load->result.reason);
	}
	return err;
}

int tp_load_main(int argc, char **argv)
{
	static struct load load;
	char problem[256];
	int err;

	if (tp_load_options_parse(argc, argv, &load.options, problem) != 0) {
		fprintf(stderr, "turnpike-probe load: %s\nTry turnpike-probe load --help.\n",
			problem);
		return EXIT_USAGE;
	}
	if (load.options.help) {
		fputs(tp_load_usage(), stdout);
		return EXIT_SUCCESS;
	}
	signal(SIGPIPE, SIG_IGN);
	load.fleet.epoll_fd = -1;
	err = start(&load, problem);
	tp_load_fleet_close(&load.fleet);
	tp_secret_wipe(&load.rest, sizeof(load.rest));
	if (err != 0) {
		fprintf(stderr, "turnpike-probe load: %s\n", problem);
		return EXIT_FAILURE;
	}
	tp_load_report(stdout, &load.options, &load.result);
	return tp_load_passed(&load.options, &load.result) ? EXIT_SUCCESS : EXIT_FAILURE;
}
