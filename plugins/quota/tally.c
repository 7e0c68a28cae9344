/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MINUTE_US UINT64_C(60000000)
#define DAY_S 86400

struct period {
	int64_t number; /* days or months since some day */
	uint64_t bytes;
};

struct tally {
	size_t realm_len;
	size_t user_len;
	bool is_realm;
	size_t holds; /* while there are any it is not forgotten */
	size_t running;
	uint64_t next_us;    /* when new allocations would come, were they spaced evenly */
	uint64_t bits_per_s; /* last reported, of all that run */
	struct period day;
	struct period month;
	struct tally *older; /* of those without holds */
	struct tally *newer;
	char names[]; /* realm, then user */
};

struct tally_table {
	pthread_mutex_t lock; /* for all below */
	size_t refs;
	size_t max;
	size_t count;
	struct tp_counter *forgotten;
	void *tree; /* tsearch(3): no names make it slow */
	struct tally *oldest;
	struct tally *newest;
};

struct running {
	struct tally_table *table;
	struct tally *user;
	struct tally *realm;
	uint64_t bits_per_s; /* last reported */
	struct tally_share share;
	bool over; /* said so already */
};

/* --- finding -------------------------------------------------------------------------- */

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	if (a_len != b_len) {
		return a_len < b_len ? -1 : 1;
	}
	return memcmp(a, b, a_len);
}

static int compare(const void *left, const void *right)
{
	const struct tally *a = left;
	const struct tally *b = right;
	int order = a->is_realm - b->is_realm;

	if (order == 0) {
		order = compare_bytes(a->names, a->realm_len, b->names, b->realm_len);
	}
	if (order == 0) {
		order = compare_bytes(a->names + a->realm_len, a->user_len, b->names + b->realm_len,
				      b->user_len);
	}
	return order;
}

static struct tally *tally_create(const struct tally_owner *owner, bool is_realm)
{
	size_t realm_len = strlen(owner->realm);
	size_t user_len = is_realm ? 0 : owner->user_len;
	struct tally *tally = calloc(1, sizeof(*tally) + realm_len + user_len);

	if (tally != NULL) {
		tally->is_realm = is_realm;
		tally->realm_len = realm_len;
		tally->user_len = user_len;
		memcpy(tally->names, owner->realm, realm_len);
		memcpy(tally->names + realm_len, owner->user, user_len);
	}
	return tally;
}

static void idle_append(struct tally_table *table, struct tally *tally)
{
	tally->older = table->newest;
	tally->newer = NULL;
	if (table->newest != NULL) {
		table->newest->newer = tally;
	} else {
		table->oldest = tally;
	}
	table->newest = tally;
}

static void idle_remove(struct tally_table *table, struct tally *tally)
{
	if (tally->older != NULL) {
		tally->older->newer = tally->newer;
	} else {
		table->oldest = tally->newer;
	}
	if (tally->newer != NULL) {
		tally->newer->older = tally->older;
	} else {
		table->newest = tally->older;
	}
}

static void forget_oldest(struct tally_table *table)
{
	struct tally *tally = table->oldest;

	idle_remove(table, tally);
	tdelete(tally, &table->tree, compare);
	table->count--;
	free(tally);
}

/* NULL: no room or no memory. */
static struct tally *add(struct tally_table *table, struct tally *tally)
{
	while (table->count >= table->max && table->oldest != NULL) {
		tp_counter_add(table->forgotten,
			       table->oldest->day.bytes != 0 || table->oldest->month.bytes != 0);
		forget_oldest(table);
	}
	if (table->count >= table->max || tsearch(tally, &table->tree, compare) == NULL) {
		free(tally);
		return NULL;
	}
	table->count++;
	return tally;
}

static struct tally *hold(struct tally_table *table, const struct tally_owner *owner, bool is_realm)
{
	struct tally *wanted = tally_create(owner, is_realm);
	struct tally *tally;
	void *node;

	if (wanted == NULL) {
		return NULL;
	}
	node = tfind(wanted, &table->tree, compare);
	if (node == NULL) {
		tally = add(table, wanted);
	} else {
		free(wanted);
		tally = *(struct tally **)node;
		if (tally->holds == 0) {
			idle_remove(table, tally);
		}
	}
	if (tally != NULL) {
		tally->holds++;
	}
	return tally;
}

static void drop(struct tally_table *table, struct tally *tally)
{
	if (tally != NULL && --tally->holds == 0) {
		idle_append(table, tally);
	}
}

/* --- counting -------------------------------------------------------------------------- */

static int64_t month_of(int64_t wall_s)
{
	time_t seconds = (time_t)wall_s;
	struct tm utc;

	return gmtime_r(&seconds, &utc) == NULL ? 0 : utc.tm_year * 12 + utc.tm_mon;
}

static void period_turn(struct period *period, int64_t number)
{
	if (period->number != number) {
		*period = (struct period){.number = number};
	}
}

static void turn(struct tally *tally, int64_t wall_s)
{
	period_turn(&tally->day, wall_s / DAY_S);
	period_turn(&tally->month, month_of(wall_s));
}

static bool over(uint64_t bytes, uint64_t limit)
{
	return limit != 0 && bytes >= limit;
}

/* Evenly spaced they come at next_us; a minute's worth may come at once. */
static bool rate_fits(const struct tally *tally, uint64_t per_minute, uint64_t now_ms)
{
	uint64_t now_us = now_ms * 1000;
	uint64_t ahead_us = tally->next_us > now_us ? tally->next_us - now_us : 0;

	return per_minute == 0 || ahead_us + MINUTE_US / per_minute <= MINUTE_US;
}

static void rate_take(struct tally *tally, uint64_t per_minute, uint64_t now_ms)
{
	uint64_t now_us = now_ms * 1000;

	if (per_minute != 0) {
		tally->next_us = (tally->next_us > now_us ? tally->next_us : now_us) +
				 MINUTE_US / per_minute;
	}
}

static enum tally_verdict traffic_verdict(const struct tally *tally, const struct limits *limits)
{
	if (over(tally->day.bytes, limits->bytes_per_day)) {
		return TALLY_DAY;
	}
	return over(tally->month.bytes, limits->bytes_per_month) ? TALLY_MONTH : TALLY_FITS;
}

static enum tally_verdict judge(struct tally *tally, const struct limits *limits,
				const struct tally_time *time)
{
	if (limits->allocations != 0 && tally->running >= limits->allocations) {
		return TALLY_ALLOCATIONS;
	}
	if (!rate_fits(tally, limits->new_per_minute, time->now_ms)) {
		return TALLY_RATE;
	}
	turn(tally, time->wall_s);
	return traffic_verdict(tally, limits);
}

static enum tally_verdict of_realm(enum tally_verdict verdict)
{
	return verdict == TALLY_FITS ? TALLY_FITS
				     : verdict + (TALLY_REALM_ALLOCATIONS - TALLY_ALLOCATIONS);
}

static uint64_t lower(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/*
 * Of what all of a user's allocations may relay together, one of @count may take
 * an equal part, or what the others (@others_bits_per_s) leave.
 */
static struct tally_share share_of(const struct limits *limits, size_t count,
				   uint64_t others_bits_per_s)
{
	uint64_t all = limits->user_bits_per_s;
	uint64_t part = all / (count == 0 ? 1 : count);
	uint64_t left = all > others_bits_per_s ? all - others_bits_per_s : 0;

	part = part > left ? part : left;
	if (all != 0 && part == 0) {
		part = 1; /* 0 would be no limit */
	}
	return (struct tally_share){
		.bits_per_s = lower(limits->bits_per_s, part),
		.packets_per_s = limits->packets_per_s,
	};
}

/* A new one has an equal part until the first reports. */
static struct tally_share first_share(const struct limits *limits, size_t count)
{
	return share_of(limits, count, limits->user_bits_per_s);
}

enum tally_verdict tally_admit(struct tally_table *table, const struct tally_owner *owner,
			       const struct tally_limits *limits, const struct tally_time *time,
			       struct tally_share *share)
{
	enum tally_verdict verdict = TALLY_FULL;
	struct tally *user;
	struct tally *realm;

	pthread_mutex_lock(&table->lock);
	user = hold(table, owner, false);
	realm = hold(table, owner, true);
	if (user != NULL && realm != NULL) {
		verdict = judge(user, limits->user, time);
		if (verdict == TALLY_FITS) {
			verdict = of_realm(judge(realm, limits->realm, time));
		}
	}
	if (verdict == TALLY_FITS) {
		rate_take(user, limits->user->new_per_minute, time->now_ms);
		rate_take(realm, limits->realm->new_per_minute, time->now_ms);
		*share = first_share(limits->user, user->running + 1);
	}
	drop(table, user);
	drop(table, realm);
	pthread_mutex_unlock(&table->lock);
	return verdict;
}

/* --- an allocation ---------------------------------------------------------------------- */

static bool too_many(const struct tally *tally, const struct limits *limits)
{
	return limits->allocations != 0 && tally->running > limits->allocations;
}

struct running *running_begin(struct tally_table *table, const struct tally_owner *owner,
			      const struct tally_limits *limits, bool *fits)
{
	struct running *running = calloc(1, sizeof(*running));

	if (running == NULL) {
		return NULL;
	}
	running->table = tally_table_ref(table);
	pthread_mutex_lock(&table->lock);
	running->user = hold(table, owner, false);
	running->realm = hold(table, owner, true);
	if (running->user != NULL && running->realm != NULL) {
		running->user->running++;
		running->realm->running++;
		if (fits != NULL) {
			*fits = !too_many(running->user, limits->user) &&
				!too_many(running->realm, limits->realm);
			running->share = first_share(limits->user, running->user->running);
		}
		pthread_mutex_unlock(&table->lock);
		return running;
	}
	drop(table, running->user);
	drop(table, running->realm);
	pthread_mutex_unlock(&table->lock);
	tally_table_unref(&running->table);
	free(running);
	return NULL;
}

void running_end(struct running **running)
{
	struct running *ended = *running;

	*running = NULL;
	if (ended == NULL) {
		return;
	}
	pthread_mutex_lock(&ended->table->lock);
	ended->user->running--;
	ended->user->bits_per_s -= ended->bits_per_s;
	ended->realm->running--;
	drop(ended->table, ended->user);
	drop(ended->table, ended->realm);
	pthread_mutex_unlock(&ended->table->lock);
	tally_table_unref(&ended->table);
	free(ended);
}

static void count_bytes(struct tally *tally, const struct tally_time *time, uint64_t bytes)
{
	turn(tally, time->wall_s);
	tally->day.bytes += bytes;
	tally->month.bytes += bytes;
}

static void count_rate(struct running *running, const struct tally_used *used)
{
	uint64_t interval_ms = used->interval_ms == 0 ? 1 : used->interval_ms;
	uint64_t bits_per_s = used->bytes_larger * 8 * 1000 / interval_ms;

	running->user->bits_per_s += bits_per_s - running->bits_per_s;
	running->bits_per_s = bits_per_s;
}

enum tally_verdict running_used(struct running *running, const struct tally_limits *limits,
				const struct tally_time *time, const struct tally_used *used,
				struct tally_share *share, bool *changed)
{
	struct tally *user = running->user;
	enum tally_verdict verdict;

	pthread_mutex_lock(&running->table->lock);
	count_bytes(user, time, used->bytes);
	count_bytes(running->realm, time, used->bytes);
	count_rate(running, used);
	*share = share_of(limits->user, user->running, user->bits_per_s - running->bits_per_s);
	*changed = share->bits_per_s != running->share.bits_per_s ||
		   share->packets_per_s != running->share.packets_per_s;
	running->share = *share;
	verdict = traffic_verdict(user, limits->user);
	if (verdict == TALLY_FITS) {
		verdict = of_realm(traffic_verdict(running->realm, limits->realm));
	}
	if (running->over) {
		verdict = TALLY_FITS;
	}
	running->over = running->over || verdict != TALLY_FITS;
	pthread_mutex_unlock(&running->table->lock);
	return verdict;
}

/* --- life ---------------------------------------------------------------------------------- */

struct tally_table *tally_table_create(size_t max_owners, struct tp_counter *forgotten)
{
	struct tally_table *table = calloc(1, sizeof(*table));

	if (table != NULL) {
		pthread_mutex_init(&table->lock, NULL);
		table->refs = 1;
		table->max = max_owners;
		table->forgotten = forgotten;
	}
	return table;
}

struct tally_table *tally_table_ref(struct tally_table *table)
{
	pthread_mutex_lock(&table->lock);
	table->refs++;
	pthread_mutex_unlock(&table->lock);
	return table;
}

/* With no allocation running, all are in the list. */
static void table_free(struct tally_table *table)
{
	while (table->oldest != NULL) {
		forget_oldest(table);
	}
	pthread_mutex_destroy(&table->lock);
	free(table);
}

void tally_table_unref(struct tally_table **table)
{
	size_t refs;

	if (*table != NULL) {
		pthread_mutex_lock(&(*table)->lock);
		refs = --(*table)->refs;
		pthread_mutex_unlock(&(*table)->lock);
		if (refs == 0) {
			table_free(*table);
		}
	}
	*table = NULL;
}

void tally_table_set_max(struct tally_table *table, size_t max_owners)
{
	pthread_mutex_lock(&table->lock);
	table->max = max_owners;
	pthread_mutex_unlock(&table->lock);
}
