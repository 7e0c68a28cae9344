/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/limit.h"

/* Higher rates are none in practice, and thousandths of them still fit. */
#define RATE_MAX ((uint64_t)INT64_MAX / 2000)

#define TOKEN 1000 /* in a bucket's thousandths */

static int64_t capacity(const struct tp_bucket *bucket)
{
	return (int64_t)(bucket->rate * TOKEN);
}

/* A millisecond brings a thousandth of the rate. */
static void bucket_fill(struct tp_bucket *bucket, uint64_t elapsed_ms)
{
	uint64_t missing = (uint64_t)(capacity(bucket) - bucket->level);

	if (bucket->rate == 0) {
		return;
	}
	if (elapsed_ms > missing / bucket->rate) {
		bucket->level = capacity(bucket);
	} else {
		bucket->level += (int64_t)(bucket->rate * elapsed_ms);
	}
}

static bool bucket_has(const struct tp_bucket *bucket, int64_t cost)
{
	return bucket->rate == 0 || bucket->level >= cost || bucket->level == capacity(bucket);
}

static void bucket_take(struct tp_bucket *bucket, int64_t cost)
{
	if (bucket->rate != 0) {
		bucket->level -= cost;
	}
}

static void bucket_set(struct tp_bucket *bucket, uint64_t rate)
{
	bool full = bucket->rate == 0;

	bucket->rate = rate < RATE_MAX ? rate : RATE_MAX;
	if (full || bucket->level > capacity(bucket)) {
		bucket->level = capacity(bucket);
	}
}

static void fill(struct tp_limit *limit, enum tp_direction direction, uint64_t now_ms)
{
	uint64_t elapsed_ms = now_ms - limit->directions[direction].filled_ms;

	if (elapsed_ms != 0) {
		bucket_fill(&limit->directions[direction].bits, elapsed_ms);
		bucket_fill(&limit->directions[direction].packets, elapsed_ms);
		limit->directions[direction].filled_ms = now_ms;
	}
}

void tp_limit_init(struct tp_limit *limit, const struct tp_limits *ceiling, uint64_t now_ms)
{
	*limit = (struct tp_limit){.ceiling = *ceiling};
	tp_limit_set(limit, ceiling, now_ms);
}

void tp_limit_set(struct tp_limit *limit, const struct tp_limits *limits, uint64_t now_ms)
{
	const struct tp_limits lowest = tp_limits_lowest(limits, &limit->ceiling);

	for (int direction = 0; direction < 2; direction++) {
		fill(limit, (enum tp_direction)direction, now_ms);
		bucket_set(&limit->directions[direction].bits, lowest.bits_per_s);
		bucket_set(&limit->directions[direction].packets, lowest.packets_per_s);
	}
}

bool tp_limit_pass(struct tp_limit *limit, enum tp_direction direction, size_t len, uint64_t now_ms)
{
	struct tp_bucket *bits = &limit->directions[direction].bits;
	struct tp_bucket *packets = &limit->directions[direction].packets;
	int64_t cost = (int64_t)len * 8 * TOKEN;

	fill(limit, direction, now_ms);
	if (!bucket_has(bits, cost) || !bucket_has(packets, TOKEN)) {
		limit->over.packets++;
		limit->over.bytes += len;
		return false;
	}
	bucket_take(bits, cost);
	bucket_take(packets, TOKEN);
	return true;
}

/* Until the bucket has that many tokens, or is full. */
static uint64_t bucket_wait_ms(const struct tp_bucket *bucket, uint64_t tokens)
{
	int64_t cost;

	if (bucket->rate == 0) {
		return 0;
	}
	cost = tokens < bucket->rate ? (int64_t)(tokens * TOKEN) : capacity(bucket);
	if (bucket->level >= cost) {
		return 0;
	}
	return ((uint64_t)(cost - bucket->level) + bucket->rate - 1) / bucket->rate;
}

size_t tp_limit_room(struct tp_limit *limit, enum tp_direction direction, size_t max,
		     uint64_t now_ms, uint32_t *wait_ms)
{
	const struct tp_bucket *bits = &limit->directions[direction].bits;
	const struct tp_bucket *packets = &limit->directions[direction].packets;
	uint64_t for_bits;
	uint64_t for_packets;
	uint64_t room;

	fill(limit, direction, now_ms);
	for_bits = bucket_wait_ms(bits, bits->rate < 80 ? 8 : bits->rate / 10);
	for_packets = bucket_wait_ms(packets, 1);
	if (for_bits != 0 || for_packets != 0) {
		uint64_t longest = for_bits > for_packets ? for_bits : for_packets;

		*wait_ms = longest < UINT32_MAX ? (uint32_t)longest : UINT32_MAX;
		return 0;
	}
	if (bits->rate == 0) {
		return max;
	}
	room = (uint64_t)bits->level / TOKEN / 8;
	room = room == 0 ? 1 : room; /* a rate of less than a byte a second: owed */
	return room < max ? (size_t)room : max;
}

void tp_limit_take(struct tp_limit *limit, enum tp_direction direction, size_t len)
{
	bucket_take(&limit->directions[direction].bits, (int64_t)len * 8 * TOKEN);
	bucket_take(&limit->directions[direction].packets, TOKEN);
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0) {
		return a + b;
	}
	return a < b ? a : b;
}

struct tp_limits tp_limits_lowest(const struct tp_limits *a, const struct tp_limits *b)
{
	return (struct tp_limits){
		.size = sizeof(struct tp_limits),
		.bits_per_s = lower(a->bits_per_s, b->bits_per_s),
		.packets_per_s = lower(a->packets_per_s, b->packets_per_s),
	};
}
