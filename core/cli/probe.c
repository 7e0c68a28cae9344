/* SPDX-License-Identifier: Apache-2.0 */

/*
 * turnpike-probe: acts as two TURN clients of one server that are each other's
 * peers, and says step by step what works.
 */
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turnpike/error.h>
#include <turnpike/version.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/exchange.h"
#include "cli/load.h"
#include "cli/nat_main.h"
#include "cli/probe_options.h"
#include "cli/probe_report.h"
#include "cli/rest_credential.h"
#include "cli/turn_client.h"
#include "io/loop.h"
#include "stun/codes.h"

#define SERVER_ADDRS_MAX 8
#define REST_LIFETIME_S (60 * 60)
#define CHANNEL_FIRST 0x4000
#define EXIT_USAGE 2

/* One of the two clients. */
struct side {
	struct probe *probe;
	enum tp_exchange_side which;
	struct tp_turn_client *client;
	struct tp_addr relayed_addr; /* family NONE: no allocation */
	uint16_t channel;            /* bound to the other side's relayed address */
};

struct step {
	const char *name;
	enum tp_exchange_side which;
	bool fatal; /* what follows makes no sense without */
	uint16_t method;
	int (*start)(struct probe *probe, struct side *side);
	void (*passed)(struct side *side, const struct tp_turn_result *result,
		       struct tp_probe_step *line);
};

struct probe {
	struct tp_probe_options options;
	struct tp_rest_credential rest;
	struct tp_probe_report report;
	struct tp_certs *certs;
	struct tp_loop *loop;
	struct tp_addr server_addrs[SERVER_ADDRS_MAX];
	size_t server_addr_count;
	size_t server_addr_at;
	struct side sides[2];
	size_t step;
	struct tp_timer next; /* begins a step from the top of the loop */
	struct tp_exchange *exchange;
	bool by_channel;         /* what the exchange travels in */
	struct tp_addr stranger; /* somebody else's data came in; family NONE: no */
};

static struct side *other(struct side *side)
{
	return &side->probe->sides[side->which == TP_EXCHANGE_A ? TP_EXCHANGE_B : TP_EXCHANGE_A];
}

/* --- what passed, in words ------------------------------------------------- */

static void connect_passed(struct side *side, const struct tp_turn_result *result,
			   struct tp_probe_step *line)
{
	struct probe *probe = side->probe;
	char addr[TP_ADDR_STRING];
	const char *security = tp_turn_client_security(side->client);

	line->addr = probe->server_addrs[probe->server_addr_at];
	if (probe->options.transport != TP_TRANSPORT_UDP) {
		line->round_trip_us = result->round_trip_us;
	}
	snprintf(line->detail, sizeof(line->detail), "%s %s%s%s",
		 tp_transport_name(probe->options.transport), tp_addr_format(&line->addr, addr),
		 security[0] == 0 ? "" : ", ", security);
}

static void binding_passed(struct side *side, const struct tp_turn_result *result,
			   struct tp_probe_step *line)
{
	char addr[TP_ADDR_STRING];

	(void)side;
	line->addr = result->mapped_addr;
	line->round_trip_us = result->round_trip_us;
	snprintf(line->detail, sizeof(line->detail), "server-reflexive address %s",
		 tp_addr_format(&line->addr, addr));
}

static void allocate_passed(struct side *side, const struct tp_turn_result *result,
			    struct tp_probe_step *line)
{
	char addr[TP_ADDR_STRING];

	side->relayed_addr = result->relayed_addr;
	line->addr = result->relayed_addr;
	line->round_trip_us = result->round_trip_us;
	snprintf(line->detail, sizeof(line->detail), "relayed address %s for %u s, password %s",
		 tp_addr_format(&line->addr, addr), result->lifetime_s,
		 tp_turn_client_algorithm(side->client));
}

static void permit_passed(struct side *side, const struct tp_turn_result *result,
			  struct tp_probe_step *line)
{
	char addr[TP_ADDR_STRING];

	line->round_trip_us = result->round_trip_us;
	snprintf(line->detail, sizeof(line->detail), "for peer %s",
		 tp_addr_format(&other(side)->relayed_addr, addr));
}

static void channel_passed(struct side *side, const struct tp_turn_result *result,
			   struct tp_probe_step *line)
{
	char addr[TP_ADDR_STRING];

	line->round_trip_us = result->round_trip_us;
	snprintf(line->detail, sizeof(line->detail), "0x%04x is %s", side->channel,
		 tp_addr_format(&other(side)->relayed_addr, addr));
}

static void release_passed(struct side *side, const struct tp_turn_result *result,
			   struct tp_probe_step *line)
{
	side->relayed_addr = (struct tp_addr){0};
	line->round_trip_us = result->round_trip_us;
	snprintf(line->detail, sizeof(line->detail), "lifetime %u s", result->lifetime_s);
}

/* --- steps ----------------------------------------------------------------- */

static void step_done(void *owner, const struct tp_turn_result *result);
static void arrived(void *owner, const struct tp_turn_arrival *arrival);

static int start_connect(struct probe *probe, struct side *side)
{
	const struct tp_probe_options *options = &probe->options;
	struct tp_addr host_addr;
	struct tp_turn_client_options client = {
		.link.transport = options->transport,
		.link.server_addr = probe->server_addrs[probe->server_addr_at],
		.link.certs = probe->certs,
		.link.timeout_ms = options->timeout_ms,
		.user = options->user,
		.password = options->password,
		.prefer_sha256 = options->prefer_sha256,
		.timeout_ms = options->timeout_ms,
		.owner = side,
		.arrived = arrived,
	};
	int err;

	if (options->server_name != NULL) {
		client.link.server_name = options->server_name;
	} else if (tp_addr_parse(options->host, &host_addr) != 0) {
		client.link.server_name = options->host;
	}
	tp_turn_client_free(&side->client);
	err = tp_turn_client_create(probe->loop, &client, &side->client);
	if (err != 0) {
		return err;
	}
	return tp_turn_client_open(side->client, step_done);
}

static int start_binding(struct probe *probe, struct side *side)
{
	(void)probe;
	return tp_turn_client_binding(side->client, step_done);
}

static int start_allocate(struct probe *probe, struct side *side)
{
	return tp_turn_client_allocate(side->client, probe->options.family, step_done);
}

static int start_permit(struct probe *probe, struct side *side)
{
	(void)probe;
	return tp_turn_client_permit(side->client, &other(side)->relayed_addr, step_done);
}

static int start_channel(struct probe *probe, struct side *side)
{
	(void)probe;
	side->channel = (uint16_t)(CHANNEL_FIRST + side->which);
	return tp_turn_client_bind_channel(side->client, side->channel, &other(side)->relayed_addr,
					   step_done);
}

static int start_release(struct probe *probe, struct side *side)
{
	(void)probe;
	return tp_turn_client_refresh(side->client, 0, step_done);
}

static int exchange_send(void *owner, enum tp_exchange_side from, const uint8_t *payload,
			 size_t len)
{
	struct probe *probe = owner;
	struct side *side = &probe->sides[from];

	if (probe->by_channel) {
		return tp_turn_client_send_channel(side->client, side->channel, payload, len);
	}
	return tp_turn_client_send(side->client, &other(side)->relayed_addr, payload, len);
}

static void exchange_done(void *owner, const struct tp_exchange_result *result);

static int start_exchange(struct probe *probe, bool by_channel)
{
	struct tp_exchange_options options = {
		.count = probe->options.count,
		.size = probe->options.size,
		.patience_ms = probe->options.timeout_ms,
		.owner = probe,
		.send = exchange_send,
		.done = exchange_done,
	};

	probe->by_channel = by_channel;
	probe->stranger = (struct tp_addr){0};
	return tp_exchange_start(probe->loop, &options, &probe->exchange);
}

static int start_indications(struct probe *probe, struct side *side)
{
	(void)side;
	return start_exchange(probe, false);
}

static int start_channel_data(struct probe *probe, struct side *side)
{
	(void)side;
	return start_exchange(probe, true);
}

#define A TP_EXCHANGE_A
#define B TP_EXCHANGE_B

static const struct step steps[] = {
	{"connect A", A, true, 0, start_connect, connect_passed},
	{"Binding", A, true, TP_STUN_BINDING, start_binding, binding_passed},
	{"connect B", B, true, 0, start_connect, connect_passed},
	{"Allocate A", A, true, TP_STUN_ALLOCATE, start_allocate, allocate_passed},
	{"Allocate B", B, true, TP_STUN_ALLOCATE, start_allocate, allocate_passed},
	{"CreatePermission A", A, true, TP_STUN_CREATE_PERMISSION, start_permit, permit_passed},
	{"CreatePermission B", B, true, TP_STUN_CREATE_PERMISSION, start_permit, permit_passed},
	{"Send and Data", A, false, 0, start_indications, NULL},
	{"ChannelBind A", A, true, TP_STUN_CHANNEL_BIND, start_channel, channel_passed},
	{"ChannelBind B", B, true, TP_STUN_CHANNEL_BIND, start_channel, channel_passed},
	{"ChannelData", A, false, 0, start_channel_data, NULL},
	{"Refresh to 0 A", A, false, TP_STUN_REFRESH, start_release, release_passed},
	{"Refresh to 0 B", B, false, TP_STUN_REFRESH, start_release, release_passed},
};

#define STEP_COUNT (sizeof(steps) / sizeof(steps[0]))
#define STEPS_OF_STUN 2
#define STEP_RELEASE (STEP_COUNT - 2)

static const struct step *current_step(const struct probe *probe)
{
	return &steps[probe->step];
}

/* Go on from the top of the loop: here a client's callback may be on the stack. */
static void go_to(struct probe *probe, size_t step)
{
	probe->step = step;
	tp_loop_arm(probe->loop, &probe->next, tp_loop_now_ms(probe->loop));
}

static void go_on(struct probe *probe, bool passed)
{
	bool stop = !passed && current_step(probe)->fatal && probe->step < STEP_RELEASE;

	go_to(probe, stop ? STEP_RELEASE : probe->step + 1);
}

/* A name may have several addresses: the first that answers is the server. */
static bool try_next_address(struct probe *probe, const struct tp_turn_result *result)
{
	char addr[TP_ADDR_STRING];
	char reason[TP_PROBE_DETAIL_SIZE];

	if (probe->step >= STEPS_OF_STUN || result->code != 0 ||
	    probe->server_addr_at + 1 >= probe->server_addr_count) {
		return false;
	}
	tp_probe_explain(current_step(probe)->method, result, reason);
	fprintf(stderr, "turnpike-probe: %s: %s; trying the next address\n",
		tp_addr_format(&probe->server_addrs[probe->server_addr_at], addr), reason);
	probe->server_addr_at++;
	go_to(probe, 0);
	return true;
}

static void finish_step(struct probe *probe, const struct tp_turn_result *result)
{
	const struct step *step = current_step(probe);
	struct tp_probe_step line = {.name = step->name, .passed = result->err == 0};

	if (!line.passed && try_next_address(probe, result)) {
		return;
	}
	if (line.passed) {
		step->passed(&probe->sides[step->which], result, &line);
	} else {
		line.code = result->code;
		tp_probe_explain(step->method, result, line.detail);
	}
	tp_probe_report_step(&probe->report, &line);
	go_on(probe, line.passed);
}

static void step_done(void *owner, const struct tp_turn_result *result)
{
	struct side *side = owner;

	finish_step(side->probe, result);
}

static void begin_step(struct tp_timer *timer)
{
	struct probe *probe = tp_container_of(timer, struct probe, next);
	struct tp_turn_result result = {0};
	size_t end = probe->options.turn ? STEP_COUNT : STEPS_OF_STUN;
	struct side *side;
	const char *problem;

	while (probe->step >= STEP_RELEASE && probe->step < STEP_COUNT &&
	       probe->sides[current_step(probe)->which].relayed_addr.family == TP_FAMILY_NONE) {
		probe->step++;
	}
	if (probe->step >= end) {
		tp_loop_stop(probe->loop);
		return;
	}
	side = &probe->sides[current_step(probe)->which];
	result.err = current_step(probe)->start(probe, side);
	if (result.err != 0) {
		problem = side->client == NULL ? NULL : tp_turn_client_problem(side->client);
		snprintf(result.reason, sizeof(result.reason), "%s",
			 problem == NULL ? tp_error_string(result.err) : problem);
		finish_step(probe, &result);
	}
}

/* --- packets --------------------------------------------------------------- */

static void arrived(void *owner, const struct tp_turn_arrival *arrival)
{
	struct side *side = owner;
	struct probe *probe = side->probe;

	if (probe->exchange == NULL) {
		return;
	}
	if (arrival->channel != 0) {
		if (!probe->by_channel || arrival->channel != side->channel) {
			return;
		}
	} else if (!tp_addr_equal(&arrival->peer_addr, &other(side)->relayed_addr)) {
		probe->stranger = arrival->peer_addr;
		return;
	} else if (probe->by_channel) {
		return; /* a channel is bound: RFC 8656 section 12.7 wants ChannelData */
	}
	tp_exchange_receive(probe->exchange, side->which, arrival->payload);
}

static bool exchange_passed(const struct probe *probe, const struct tp_exchange_result *result)
{
	uint64_t lost = result->sent - result->returned;

	return lost * 100 <= (uint64_t)result->sent * probe->options.max_loss_percent &&
	       result->returned != 0 && result->damaged == 0 &&
	       probe->stranger.family == TP_FAMILY_NONE;
}

static void describe_exchange(const struct probe *probe, const struct tp_exchange_result *result,
			      char *out, size_t size)
{
	char addr[TP_ADDR_STRING];
	const char *problem[2] = {tp_turn_client_problem(probe->sides[A].client),
				  tp_turn_client_problem(probe->sides[B].client)};
	int len;

	len = snprintf(out, size,
		       "%u sent, %u arrived, %u came back; round trip min %.2f median %.2f "
		       "p99 %.2f ms",
		       result->sent, result->arrived, result->returned,
		       (double)result->min_us / 1000, (double)result->median_us / 1000,
		       (double)result->p99_us / 1000);
	if (len > 0 && (result->duplicates != 0 || result->damaged != 0 || result->unsent != 0)) {
		len += snprintf(out + len, size - (size_t)len,
				"; %u twice, %u damaged, %u could not be sent", result->duplicates,
				result->damaged, result->unsent);
	}
	if (len > 0 && probe->stranger.family != TP_FAMILY_NONE) {
		len += snprintf(out + len, size - (size_t)len, "; data of peer %s, not permitted",
				tp_addr_format(&probe->stranger, addr));
	}
	for (int i = 0; i < 2 && len > 0 && (size_t)len < size; i++) {
		if (problem[i] != NULL) {
			len += snprintf(out + len, size - (size_t)len, "; %s", problem[i]);
		}
	}
}

static void exchange_done(void *owner, const struct tp_exchange_result *result)
{
	struct probe *probe = owner;
	struct tp_probe_step line = {
		.name = current_step(probe)->name,
		.passed = exchange_passed(probe, result),
		.exchange = result,
	};

	describe_exchange(probe, result, line.detail, sizeof(line.detail));
	tp_probe_report_step(&probe->report, &line);
	tp_exchange_free(&probe->exchange);
	go_on(probe, line.passed);
}

/* --- before and after the loop --------------------------------------------- */

static int resolve(struct probe *probe, const char **problem)
{
	static const int families[] = {AF_UNSPEC, AF_INET, AF_INET6};
	struct addrinfo hints = {.ai_family = families[probe->options.reach],
				 .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found = NULL;
	int err = getaddrinfo(probe->options.host, NULL, &hints, &found);

	if (err != 0) {
		*problem = gai_strerror(err);
		return TP_ENOENT;
	}
	for (const struct addrinfo *at = found;
	     at != NULL && probe->server_addr_count < SERVER_ADDRS_MAX; at = at->ai_next) {
		struct tp_addr addr;

		tp_addr_from_sockaddr(&addr, at->ai_addr);
		if (addr.family != TP_FAMILY_NONE) {
			addr.port = probe->options.port;
			probe->server_addrs[probe->server_addr_count++] = addr;
		}
	}
	freeaddrinfo(found);
	*problem = "the name has no address";
	return probe->server_addr_count == 0 ? TP_ENOENT : 0;
}

static int make_credentials(struct probe *probe)
{
	struct tp_probe_options *options = &probe->options;
	int err;

	if (options->secret == NULL) {
		return 0;
	}
	err = tp_rest_credential_make(&probe->rest, options->secret, options->user,
				      (int64_t)time(NULL) + REST_LIFETIME_S);
	if (err == 0) {
		options->user = probe->rest.user;
		options->password = probe->rest.password;
	}
	return err;
}

static int load_certs(struct probe *probe, char problem[256])
{
	if (probe->options.transport != TP_TRANSPORT_TLS &&
	    probe->options.transport != TP_TRANSPORT_DTLS) {
		return 0;
	}
	return tp_certs_client(probe->options.ca_file, !probe->options.insecure, problem,
			       &probe->certs);
}

static void fail_before(struct probe *probe, const char *name, const char *text)
{
	struct tp_probe_step line = {.name = name, .passed = false};

	snprintf(line.detail, sizeof(line.detail), "%s", text);
	tp_probe_report_step(&probe->report, &line);
}

static void run(struct probe *probe)
{
	char certs_problem[256] = "";
	const char *problem = "";
	int err;

	if (resolve(probe, &problem) != 0) {
		fail_before(probe, "resolve", problem);
		return;
	}
	if (load_certs(probe, certs_problem) != 0) {
		fail_before(probe, "certificates", certs_problem);
		return;
	}
	err = make_credentials(probe);
	if (err == 0) {
		err = tp_loop_create(NULL, NULL, &probe->loop);
	}
	if (err != 0) {
		fail_before(probe, "start", tp_error_string(err));
		return;
	}
	tp_timer_init(&probe->next, begin_step);
	go_to(probe, 0);
	tp_loop_run(probe->loop);
	tp_turn_client_free(&probe->sides[A].client);
	tp_turn_client_free(&probe->sides[B].client);
	tp_loop_free(&probe->loop);
}

int main(int argc, char **argv)
{
	static struct probe probe;
	char problem[256];
	bool passed;

	if (argc > 1 && strcmp(argv[1], "load") == 0) {
		return tp_load_main(argc - 1, argv + 1);
	}
	if (argc > 1 && strcmp(argv[1], "nat") == 0) {
		return tp_nat_main(argc - 1, argv + 1);
	}
	if (tp_probe_options_parse(argc, argv, &probe.options, problem) != 0) {
		fprintf(stderr, "turnpike-probe: %s\nTry turnpike-probe --help.\n", problem);
		return EXIT_USAGE;
	}
	if (probe.options.help) {
		fputs(tp_probe_usage(), stdout);
		return EXIT_SUCCESS;
	}
	if (probe.options.version) {
		puts("turnpike-probe " TP_VERSION);
		return EXIT_SUCCESS;
	}
	signal(SIGPIPE, SIG_IGN);
	tp_log_set_level(TP_LOG_ERROR);
	for (int i = 0; i < 2; i++) {
		probe.sides[i].probe = &probe;
		probe.sides[i].which = (enum tp_exchange_side)i;
	}
	tp_probe_report_begin(&probe.report, stdout, probe.options.json, probe.options.url);
	run(&probe);
	passed = tp_probe_report_end(&probe.report);
	tp_certs_unref(&probe.certs);
	tp_secret_wipe(&probe.rest, sizeof(probe.rest));
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
