/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_traffic.h"

#include <stdio.h>
#include <stdlib.h>

#include <turnpike/error.h>

#include "cli/load_flow.h"
#include "cli/load_payload.h"
#include "cli/load_process.h"
#include "cli/load_receiver.h"
#include "cli/load_sender.h"
#include "cli/load_window.h"

#define MS_NS UINT64_C(1000000)
#define SECOND_NS (1000 * MS_NS)
#define BURST 32 /* packets of one direction between two looks at what arrived */
#define BURST_OF_TRAINS 128
#define LOOK_NS (20 * MS_NS) /* how often the window is reconsidered */
#define STALL_NS (200 * MS_NS)
#define SILENCE_NS (300 * MS_NS) /* ends the wait for the last packets */
#define SLEEPY_RATE 1000

/* One direction of all allocations. */
struct stream {
	enum tp_load_kind kind;
	struct tp_load_flow *flows; /* by client; NULL: this direction is not used */
	uint32_t turn;              /* client that sends next */
	struct tp_load_window window;
};

struct traffic {
	struct tp_load_fleet *fleet;
	struct tp_load_result *result;
	struct tp_load_sender *sender;
	struct tp_load_receiver *receiver;
	struct stream streams[2];
	uint64_t begun_ns;
	uint64_t look_ns;
	uint64_t heard_ns;
	uint64_t paced; /* packets sent by the clock */
	bool measuring;
	bool growing;
};

/* --- what arrives ---------------------------------------------------------- */

static void count_arrival(struct traffic *traffic, const struct tp_load_flow *flow,
			  const struct tp_load_packet *packet, enum tp_load_arrival arrival,
			  uint64_t now_ns)
{
	struct tp_load_result *result = traffic->result;

	if (arrival != TP_LOAD_DUPLICATE && traffic->measuring) {
		result->arrivals++;
	}
	if (!tp_load_flow_counts(flow, packet->sequence)) {
		return;
	}
	if (arrival == TP_LOAD_DUPLICATE) {
		result->duplicated++;
		return;
	}
	result->received++;
	result->reordered += arrival == TP_LOAD_LATE;
	tp_load_histogram_add(&result->latency, now_ns - packet->sent_ns);
}

static void arrived(void *owner, const struct tp_load_packet *packet, uint64_t now_ns)
{
	struct traffic *traffic = owner;
	struct stream *stream = &traffic->streams[packet->kind];
	struct tp_load_flow *flow;
	enum tp_load_arrival arrival;
	uint64_t before;

	if (stream->flows == NULL) {
		traffic->result->corrupt++;
		return;
	}
	flow = &stream->flows[packet->index];
	before = tp_load_flow_in_flight(flow);
	if (packet->sequence > flow->expected) {
		stream->window.lost += packet->sequence - flow->expected;
	}
	arrival = tp_load_flow_receive(flow, packet->sequence);
	if (arrival == TP_LOAD_NEVER_SENT) {
		traffic->result->corrupt++;
		return;
	}
	stream->window.in_flight -= before - tp_load_flow_in_flight(flow);
	flow->moved_ns = now_ns;
	traffic->heard_ns = now_ns;
	count_arrival(traffic, flow, packet, arrival, now_ns);
}

static void damaged(void *owner)
{
	struct traffic *traffic = owner;

	traffic->result->corrupt++;
}

static void ended(void *owner, struct tp_load_client *client)
{
	struct traffic *traffic = owner;

	if (!client->failed) {
		client->failed = true;
		traffic->result->failed++;
		snprintf(traffic->result->reason, sizeof(traffic->result->reason),
			 "a connection ended under load");
	}
}

/* --- what is sent ---------------------------------------------------------- */

static bool send_of(struct traffic *traffic, struct stream *stream, uint32_t index, uint64_t now_ns)
{
	uint32_t train = traffic->fleet->options->train;
	struct tp_load_client *client = &traffic->fleet->clients[index];
	struct tp_load_flow *flow = &stream->flows[index];
	struct tp_load_packet packet = {.index = index,
					.kind = (uint8_t)stream->kind,
					.sequence = flow->next,
					.sent_ns = now_ns};

	if (tp_load_sender_put(traffic->sender, client, &packet, train) != 0) {
		return false;
	}
	if (tp_load_flow_in_flight(flow) == 0) {
		flow->moved_ns = now_ns;
	}
	flow->next += train;
	stream->window.in_flight += train;
	return true;
}

/* The next in turn that may, and has no more than its share on the way. */
static bool send_next(struct traffic *traffic, struct stream *stream, uint64_t share,
		      uint64_t now_ns)
{
	uint32_t count = traffic->fleet->client_count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = stream->turn;

		stream->turn = index + 1 == count ? 0 : index + 1;
		if (!traffic->fleet->clients[index].failed &&
		    tp_load_flow_in_flight(&stream->flows[index]) < share &&
		    send_of(traffic, stream, index, now_ns)) {
			return true;
		}
	}
	return false;
}

static void fill_window(struct traffic *traffic, struct stream *stream, uint64_t now_ns)
{
	uint32_t train = traffic->fleet->options->train;
	uint64_t share = tp_load_window_share(&stream->window, traffic->fleet->client_count);
	uint32_t most = train > 1 ? BURST_OF_TRAINS : BURST;
	uint32_t sent = 0;

	while (sent < most && tp_load_window_is_open(&stream->window) &&
	       send_next(traffic, stream, share, now_ns)) {
		sent += train;
	}
}

/* A sink answers nothing that would open a window. */
static void fill_sink(struct traffic *traffic, struct stream *stream, uint64_t now_ns)
{
	for (uint32_t sent = 0; sent < BURST; sent += traffic->fleet->options->train) {
		(void)send_next(traffic, stream, UINT64_MAX, now_ns);
	}
}

/* One after the other, streams in turn. */
static void send_due(struct traffic *traffic, uint64_t now_ns)
{
	const struct tp_load_options *options = traffic->fleet->options;
	uint64_t due = (now_ns - traffic->begun_ns) / 1000 * options->rate / 1000000;
	uint32_t sent = 0;

	while (traffic->paced + options->train <= due && sent < 2 * BURST) {
		for (int i = 0; i < 2; i++) {
			if (traffic->streams[i].flows != NULL &&
			    send_next(traffic, &traffic->streams[i], UINT64_MAX, now_ns)) {
				sent += options->train;
			}
			if (traffic->streams[i].flows != NULL) {
				traffic->paced += options->train;
			}
		}
	}
}

static void generate(struct traffic *traffic, uint64_t now_ns)
{
	if (traffic->fleet->options->rate != 0) {
		send_due(traffic, now_ns);
		return;
	}
	for (int i = 0; i < 2; i++) {
		if (traffic->streams[i].flows == NULL) {
			continue;
		}
		if (traffic->fleet->options->target == TP_LOAD_TARGET_SINK) {
			fill_sink(traffic, &traffic->streams[i], now_ns);
		} else {
			fill_window(traffic, &traffic->streams[i], now_ns);
		}
	}
}

/* --- the window ------------------------------------------------------------ */

/* Packets whose time is over no longer hold up their flow. */
static void settle_stalled(struct traffic *traffic, struct stream *stream, uint64_t now_ns)
{
	for (uint32_t i = 0; i < traffic->fleet->client_count; i++) {
		struct tp_load_flow *flow = &stream->flows[i];
		uint64_t in_flight = tp_load_flow_in_flight(flow);

		if (in_flight != 0 && now_ns - flow->moved_ns > STALL_NS) {
			flow->settled = flow->next;
			stream->window.in_flight -= in_flight;
			stream->window.lost += in_flight;
		}
	}
}

/* What the kernel would not take of a client's last message. */
static void flush_connections(struct traffic *traffic)
{
	for (uint32_t i = 0; i < traffic->fleet->client_count; i++) {
		struct tp_load_client *client = &traffic->fleet->clients[i];

		if (client->stream != NULL && client->stream->out_len != 0) {
			(void)tp_load_stream_flush(client->stream, client->fd);
		}
	}
}

static void look(struct traffic *traffic, uint64_t now_ns)
{
	if (now_ns < traffic->look_ns) {
		return;
	}
	traffic->look_ns = now_ns + LOOK_NS;
	flush_connections(traffic);
	for (int i = 0; i < 2; i++) {
		if (traffic->streams[i].flows != NULL) {
			settle_stalled(traffic, &traffic->streams[i], now_ns);
			tp_load_window_look(&traffic->streams[i].window, traffic->growing);
		}
	}
}

/* --- the course of it ------------------------------------------------------ */

/* Packets that are far between leave time to sleep; otherwise the core is ours. */
static int time_to_sleep_ms(const struct traffic *traffic, uint64_t now_ns)
{
	const struct tp_load_options *options = traffic->fleet->options;
	uint64_t due_ns;

	if (options->rate == 0 || options->rate > SLEEPY_RATE) {
		return 0;
	}
	due_ns = traffic->begun_ns + (traffic->paced + options->train) * SECOND_NS / options->rate;
	if (due_ns <= now_ns) {
		return 0;
	}
	return due_ns - now_ns > LOOK_NS ? (int)(LOOK_NS / MS_NS)
					 : (int)((due_ns - now_ns) / MS_NS);
}

static void run_until(struct traffic *traffic, uint64_t end_ns)
{
	uint64_t now_ns;

	while ((now_ns = tp_load_now_ns()) < end_ns) {
		generate(traffic, now_ns);
		tp_load_receiver_run(traffic->receiver, time_to_sleep_ms(traffic, now_ns));
		look(traffic, now_ns);
	}
}

static void mark(struct traffic *traffic, bool from)
{
	for (int i = 0; i < 2; i++) {
		for (uint32_t j = 0;
		     traffic->streams[i].flows != NULL && j < traffic->fleet->client_count; j++) {
			struct tp_load_flow *flow = &traffic->streams[i].flows[j];

			if (from) {
				flow->counted_from = flow->next;
				flow->counted_to = UINT64_MAX;
			} else {
				flow->counted_to = flow->next;
				traffic->result->sent += flow->next - flow->counted_from;
			}
		}
	}
}

static void drain(struct traffic *traffic)
{
	struct tp_load_result *result = traffic->result;

	traffic->heard_ns = tp_load_now_ns();
	while (result->received < result->sent &&
	       tp_load_now_ns() < traffic->heard_ns + SILENCE_NS) {
		tp_load_receiver_run(traffic->receiver, 1);
		look(traffic, tp_load_now_ns());
	}
	result->lost = result->sent - result->received;
}

static void measure(struct traffic *traffic)
{
	const struct tp_load_options *options = traffic->fleet->options;
	struct tp_load_result *result = traffic->result;
	uint64_t from_ns;
	uint64_t cpu_ns;

	traffic->growing = true;
	traffic->begun_ns = tp_load_now_ns();
	run_until(traffic, traffic->begun_ns + SECOND_NS);
	traffic->growing = false;

	mark(traffic, true);
	cpu_ns = tp_load_process_cpu_ns(options->server_pid);
	traffic->measuring = true;
	from_ns = tp_load_now_ns();
	run_until(traffic, from_ns + options->seconds * SECOND_NS);
	result->measured_ns = tp_load_now_ns() - from_ns;
	traffic->measuring = false;
	result->server_cpu_ns = tp_load_process_cpu_ns(options->server_pid) - cpu_ns;
	mark(traffic, false);

	if (options->target == TP_LOAD_TARGET_SINK) {
		result->arrivals = result->sent; /* nothing can arrive: what was sent */
	} else {
		drain(traffic);
	}
}

static int open_stream(struct traffic *traffic, enum tp_load_kind kind)
{
	struct stream *stream = &traffic->streams[kind];

	stream->kind = kind;
	tp_load_window_init(&stream->window, traffic->fleet->options->train);
	stream->flows = calloc(traffic->fleet->client_count, sizeof(stream->flows[0]));
	return stream->flows == NULL ? TP_ENOMEM : 0;
}

static int open_all(struct traffic *traffic)
{
	const struct tp_load_options *options = traffic->fleet->options;
	bool hairpin = options->mode == TP_LOAD_HAIRPIN;
	struct tp_load_receiver_options receiver = {
		.fleet = traffic->fleet,
		.owner = traffic,
		.arrived = arrived,
		.damaged = damaged,
		.ended = ended,
	};
	int err = tp_load_sender_create(traffic->fleet, &traffic->sender);

	if (err == 0) {
		err = tp_load_receiver_create(&receiver, &traffic->receiver);
	}
	if (err == 0 && (options->up || hairpin)) {
		err = open_stream(traffic, TP_LOAD_UP);
	}
	if (err == 0 && options->down && !hairpin) {
		err = open_stream(traffic, TP_LOAD_DOWN);
	}
	return err;
}

int tp_load_traffic(struct tp_load_fleet *fleet, struct tp_load_result *result)
{
	struct traffic traffic = {.fleet = fleet, .result = result};
	int err = open_all(&traffic);

	if (err == 0) {
		measure(&traffic);
	}
	free(traffic.streams[0].flows);
	free(traffic.streams[1].flows);
	tp_load_receiver_free(&traffic.receiver);
	tp_load_sender_free(&traffic.sender);
	return err;
}
