/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat_main.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "cli/nat_options.h"
#include "cli/nat_report.h"
#include "cli/nat_socket.h"
#include "cli/nat_stream.h"

#define EXIT_USAGE 2

static int resolve(const struct tp_nat_options *options, struct tp_addr *out)
{
	static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
	struct addrinfo hints = {.ai_family = families[options->server.reach],
				 .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	int err = getaddrinfo(options->server.host, NULL, &hints, &found);

	if (err != 0) {
		fprintf(stderr, "turnpike-probe: %s: %s\n", options->server.host,
			gai_strerror(err));
		return TP_ENOENT;
	}
	tp_addr_from_sockaddr(out, found->ai_addr);
	out->port = options->server.port;
	freeaddrinfo(found);
	return 0;
}

static int discover_udp(const struct tp_nat_options *options, const struct tp_addr *server_addr,
			struct tp_nat_findings *findings)
{
	struct tp_nat_sockets sockets;
	int err = tp_nat_sockets_open(&sockets, server_addr, options->server.timeout_ms);

	if (err == 0) {
		tp_nat_discover(&sockets.network, server_addr, findings);
	}
	tp_nat_sockets_close(&sockets);
	return err;
}

static int discover_tcp(const struct tp_nat_options *options, const struct tp_addr *server_addr,
			struct tp_nat_findings *findings)
{
	struct tp_nat_streams streams;
	int err = tp_nat_streams_open(&streams, server_addr, options->server.timeout_ms);

	if (err == 0) {
		tp_nat_discover(&streams.network, server_addr, findings);
	}
	tp_nat_streams_close(&streams);
	return err;
}

static int run(const struct tp_nat_options *options)
{
	struct tp_nat_findings findings = {.reached = false};
	struct tp_addr server_addr = {.family = TP_FAMILY_NONE};
	int err = resolve(options, &server_addr);

	if (err != 0) {
		return EXIT_FAILURE;
	}
	err = options->server.transport == TP_TRANSPORT_TCP
		      ? discover_tcp(options, &server_addr, &findings)
		      : discover_udp(options, &server_addr, &findings);
	if (err != 0) {
		fprintf(stderr, "turnpike-probe: no sockets: %s\n", tp_error_string(err));
	}
	if (options->server.json) {
		tp_nat_report_json(stdout, &server_addr, &findings);
	} else {
		tp_nat_report_text(stdout, &server_addr, &findings);
	}
	return tp_nat_complete(&findings) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int tp_nat_main(int argc, char **argv)
{
	struct tp_nat_options options;
	char problem[256];

	if (tp_nat_options_parse(argc, argv, &options, problem) != 0) {
		fprintf(stderr, "turnpike-probe: %s\nTry turnpike-probe nat --help.\n", problem);
		return EXIT_USAGE;
	}
	if (options.server.help) {
		fputs(tp_nat_usage(), stdout);
		return EXIT_SUCCESS;
	}
	return run(&options);
}
