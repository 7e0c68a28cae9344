/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turnpike/error.h>

#include "base/bytes.h"
#include "base/rand.h"
#include "io/loop.h"

/* Gentle enough for any path: ten packets each five milliseconds. */
#define TICK_MS 5
#define BURST 10

/* A payload: tag of this exchange, direction, number, then bytes that follow from both. */
#define TAG_SIZE 8
#define DIRECTION_AT 8
#define NUMBER_AT 12

struct packet_record {
	uint64_t sent_us;
	uint32_t round_trip_us;
	bool arrived;
	bool returned;
};

struct tp_exchange {
	struct tp_loop *loop;
	struct tp_exchange_options options;
	struct tp_exchange_result result;
	uint8_t tag[TAG_SIZE];
	struct packet_record *records;
	uint8_t *payload; /* to be sent */
	uint64_t give_up_ms;
	struct tp_timer timer;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void fill(const struct tp_exchange *exchange, enum tp_exchange_side from, uint32_t number,
		 uint8_t *out)
{
	uint32_t state = number * 2654435761u + (uint32_t)from + tp_get_u32(exchange->tag);

	memcpy(out, exchange->tag, TAG_SIZE);
	tp_put_u32(out + DIRECTION_AT, (uint32_t)from);
	tp_put_u32(out + NUMBER_AT, number);
	for (size_t i = TP_EXCHANGE_SIZE_MIN; i < exchange->options.size; i++) {
		state = state * 1664525u + 1013904223u;
		out[i] = (uint8_t)(state >> 24);
	}
}

static void send_packet(struct tp_exchange *exchange, enum tp_exchange_side from, uint32_t number)
{
	fill(exchange, from, number, exchange->payload);
	if (exchange->options.send(exchange->options.owner, from, exchange->payload,
				   exchange->options.size) != 0) {
		exchange->result.unsent++;
	}
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void sum_up(struct tp_exchange *exchange)
{
	struct tp_exchange_result *result = &exchange->result;
	uint32_t *times = calloc(exchange->options.count, sizeof(*times));
	uint32_t count = 0;

	if (times == NULL) {
		return;
	}
	for (uint32_t i = 0; i < exchange->options.count; i++) {
		if (exchange->records[i].returned) {
			times[count++] = exchange->records[i].round_trip_us;
		}
	}
	if (count != 0) {
		qsort(times, count, sizeof(*times), compare_u32);
		result->min_us = times[0];
		result->median_us = times[count / 2];
		result->p99_us = times[(uint64_t)count * 99 / 100];
	}
	free(times);
}

static void end(struct tp_exchange *exchange)
{
	tp_loop_cancel(exchange->loop, &exchange->timer);
	sum_up(exchange);
	exchange->options.done(exchange->options.owner, &exchange->result);
}

static void on_tick(struct tp_timer *timer)
{
	struct tp_exchange *exchange = tp_container_of(timer, struct tp_exchange, timer);
	struct tp_exchange_result *result = &exchange->result;
	uint64_t now_ms = tp_loop_now_ms(exchange->loop);

	for (int i = 0; i < BURST && result->sent < exchange->options.count; i++) {
		uint32_t number = result->sent++;

		exchange->records[number].sent_us = now_us();
		send_packet(exchange, TP_EXCHANGE_A, number);
		exchange->give_up_ms = now_ms + exchange->options.patience_ms;
	}
	if (result->sent == exchange->options.count &&
	    (result->returned == result->sent || now_ms >= exchange->give_up_ms)) {
		end(exchange);
		return;
	}
	tp_loop_arm(exchange->loop, &exchange->timer, now_ms + TICK_MS);
}

int tp_exchange_start(struct tp_loop *loop, const struct tp_exchange_options *options,
		      struct tp_exchange **out)
{
	struct tp_exchange *exchange;

	if (options->count == 0 || options->count > TP_EXCHANGE_COUNT_MAX ||
	    options->size < TP_EXCHANGE_SIZE_MIN) {
		return TP_ERANGE;
	}
	exchange = calloc(1, sizeof(*exchange));
	if (exchange == NULL) {
		return TP_ENOMEM;
	}
	exchange->loop = loop;
	exchange->options = *options;
	exchange->records = calloc(options->count, sizeof(*exchange->records));
	exchange->payload = malloc(options->size);
	tp_timer_init(&exchange->timer, on_tick);
	if (exchange->records == NULL || exchange->payload == NULL) {
		tp_exchange_free(&exchange);
		return TP_ENOMEM;
	}
	tp_rand_bytes(exchange->tag, sizeof(exchange->tag));
	tp_loop_arm(loop, &exchange->timer, tp_loop_now_ms(loop));
	*out = exchange;
	return 0;
}

/*
 * The number; TP_ESTALE for what another exchange left on its way, TP_EPROTO
 * for bytes that are not exactly what the other side sent.
 */
static long check(struct tp_exchange *exchange, enum tp_exchange_side from, struct tp_view payload)
{
	uint32_t number;

	if (payload.len < TAG_SIZE || memcmp(payload.data, exchange->tag, TAG_SIZE) != 0) {
		return TP_ESTALE;
	}
	if (payload.len != exchange->options.size) {
		return TP_EPROTO;
	}
	number = tp_get_u32(payload.data + NUMBER_AT);
	if (number >= exchange->result.sent) {
		return TP_EPROTO;
	}
	fill(exchange, from, number, exchange->payload);
	if (memcmp(exchange->payload, payload.data, payload.len) != 0) {
		return TP_EPROTO;
	}
	return (long)number;
}

void tp_exchange_receive(struct tp_exchange *exchange, enum tp_exchange_side at,
			 struct tp_view payload)
{
	struct tp_exchange_result *result = &exchange->result;
	struct packet_record *record;
	long number = check(exchange, at == TP_EXCHANGE_B ? TP_EXCHANGE_A : TP_EXCHANGE_B, payload);

	if (number < 0) {
		result->damaged += number == TP_EPROTO;
		return;
	}
	record = &exchange->records[number];
	if (at == TP_EXCHANGE_B ? record->arrived : record->returned) {
		result->duplicates++;
	} else if (at == TP_EXCHANGE_B) {
		record->arrived = true;
		result->arrived++;
		send_packet(exchange, TP_EXCHANGE_B, (uint32_t)number);
	} else {
		record->returned = true;
		record->round_trip_us = (uint32_t)(now_us() - record->sent_us);
		result->returned++;
	}
}

void tp_exchange_free(struct tp_exchange **exchange_at)
{
	struct tp_exchange *exchange = *exchange_at;

	if (exchange == NULL) {
		return;
	}
	tp_loop_cancel(exchange->loop, &exchange->timer);
	free(exchange->records);
	free(exchange->payload);
	free(exchange);
	*exchange_at = NULL;
}
