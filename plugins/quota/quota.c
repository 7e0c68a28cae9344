/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "limits.h"
#include "tally.h"

/*
 * How many allocations a user and a realm may have, how fast new ones may come, and
 * what they may relay. Rates are the daemon's to keep; traffic is counted from the
 * usage reports.
 */

#define CODE_QUOTA 486 /* RFC 8656 section 7.2 */

/* Of struct quota and all it points to; another number, and a reload begins anew. */
#define LAYOUT 1

struct quota {
	unsigned layout; /* first */
	struct tally_table *table;
	struct limits user;
	struct limits realm;
	struct user_limits *named;
	bool kill;
	bool after_colon;
	bool before_colon;
	struct tp_counter *refused;
	struct tp_counter *ended;
	struct tp_counter *uncounted;
};

static const char *const sentences[TALLY_VERDICT_COUNT] = {
	[TALLY_ALLOCATIONS] = "too many allocations of the user",
	[TALLY_RATE] = "too many new allocations of the user",
	[TALLY_DAY] = "the user's traffic of the day is used up",
	[TALLY_MONTH] = "the user's traffic of the month is used up",
	[TALLY_REALM_ALLOCATIONS] = "too many allocations of the realm",
	[TALLY_REALM_RATE] = "too many new allocations of the realm",
	[TALLY_REALM_DAY] = "the realm's traffic of the day is used up",
	[TALLY_REALM_MONTH] = "the realm's traffic of the month is used up",
	[TALLY_FULL] = "too many users",
};

/* --- whose --------------------------------------------------------------------------- */

/* Names such as "1700000000:alice" change; who it is does not. */
static struct tally_owner owner_of(const struct quota *quota, const char *user, const char *realm)
{
	struct tally_owner owner = {.user = user, .user_len = strlen(user), .realm = realm};
	const char *colon = strchr(user, ':');

	if (colon != NULL && quota->after_colon) {
		owner.user = colon + 1;
		owner.user_len = strlen(owner.user);
	} else if (colon != NULL && quota->before_colon) {
		owner.user_len = (size_t)(colon - user);
	}
	return owner;
}

static struct tally_limits limits_of(const struct quota *quota, const struct tally_owner *owner)
{
	const struct limits *named = user_limits_find(quota->named, owner->user, owner->user_len);

	return (struct tally_limits){
		.user = named != NULL ? named : &quota->user,
		.realm = &quota->realm,
	};
}

static struct tally_time now(void)
{
	struct tp_worker *worker = tp_worker_current();

	return (struct tally_time){
		.now_ms = tp_worker_now_ms(worker),
		.wall_s = tp_worker_wall_s(worker),
	};
}

static struct tp_limits limits_to_set(const struct tally_share *share)
{
	return (struct tp_limits){
		.size = sizeof(struct tp_limits),
		.bits_per_s = share->bits_per_s,
		.packets_per_s = share->packets_per_s,
	};
}

/* --- events -------------------------------------------------------------------------- */

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	const struct quota *quota = tp_instance_state(self);
	struct tally_owner owner = owner_of(quota, event->user, event->realm);
	struct tally_limits limits = limits_of(quota, &owner);
	struct tally_time time = now();
	struct tally_share share = {0};
	struct tp_limits wanted;
	enum tally_verdict verdict;

	verdict = tally_admit(quota->table, &owner, &limits, &time, &share);
	if (verdict != TALLY_FITS) {
		tp_counter_add(quota->refused, 1);
		return tp_request_deny(request, CODE_QUOTA, sentences[verdict]);
	}
	if (share.bits_per_s != 0 || share.packets_per_s != 0) {
		wanted = limits_to_set(&share);
		tp_request_limit(request, &wanted);
	}
	return TP_PASS;
}

static void end(struct tp_instance *self, const struct tp_allocation_view *allocation,
		const char *reason)
{
	const struct quota *quota = tp_instance_state(self);

	tp_counter_add(quota->ended, 1);
	tp_log(self, TP_LOG_INFO, "allocation ended: %s id=%llu user=%s realm=%s", reason,
	       (unsigned long long)allocation->id, allocation->user, allocation->realm);
	tp_allocation_kill(allocation->id);
}

static void release(void *state)
{
	struct running *running = state;

	running_end(&running);
}

/* NULL: it goes uncounted. */
static struct running *begin(struct tp_instance *self, const struct tp_allocation_view *allocation,
			     bool *fits)
{
	const struct quota *quota = tp_instance_state(self);
	struct tally_owner owner = owner_of(quota, allocation->user, allocation->realm);
	struct tally_limits limits = limits_of(quota, &owner);
	struct running *running = running_begin(quota->table, &owner, &limits, fits);

	if (running == NULL || tp_allocation_set_state(self, allocation, running, release) != 0) {
		running_end(&running);
		tp_counter_add(quota->uncounted, 1);
	}
	return running;
}

/* Workers admit side by side: one too many is found here. */
static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	bool fits = true;

	if (begin(self, event->allocation, &fits) != NULL && !fits) {
		end(self, event->allocation, sentences[TALLY_ALLOCATIONS]);
	}
}

/* One that was there before this plugin is counted from its first report on. */
static struct running *running_of(struct tp_instance *self,
				  const struct tp_allocation_view *allocation)
{
	struct running *running = tp_allocation_state(self, allocation);

	return running != NULL ? running : begin(self, allocation, NULL);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void usage(struct tp_instance *self, const struct tp_usage *event)
{
	const struct quota *quota = tp_instance_state(self);
	const struct tp_allocation_view *allocation = event->allocation;
	struct tally_owner owner = owner_of(quota, allocation->user, allocation->realm);
	struct tally_limits limits = limits_of(quota, &owner);
	struct running *running = running_of(self, allocation);
	struct tally_time time = now();
	struct tally_used used = {
		.interval_ms = event->interval_ms,
		.bytes = event->client_to_peer.bytes + event->peer_to_client.bytes,
		.bytes_larger = larger(event->client_to_peer.bytes, event->peer_to_client.bytes),
	};
	struct tally_share share;
	enum tally_verdict verdict;
	bool changed;

	if (running == NULL) {
		return;
	}
	verdict = running_used(running, &limits, &time, &used, &share, &changed);
	if (event->final) {
		return;
	}
	if (verdict != TALLY_FITS && quota->kill) {
		end(self, allocation, sentences[verdict]);
	} else if (changed) {
		struct tp_limits wanted = limits_to_set(&share);

		tp_allocation_limit(allocation->id, &wanted);
	}
}

/* --- life ------------------------------------------------------------------------------ */

static uint64_t limit_option(const struct tp_instance *self, const char *name)
{
	return (uint64_t)tp_option_integer(self, name);
}

static void read_limits(const struct tp_instance *self, struct quota *quota)
{
	const char *part = tp_option_string(self, "user_part");

	quota->user = (struct limits){
		.allocations = limit_option(self, "allocations"),
		.new_per_minute = limit_option(self, "new_per_minute"),
		.bits_per_s = limit_option(self, "bits_per_s"),
		.user_bits_per_s = limit_option(self, "user_bits_per_s"),
		.packets_per_s = limit_option(self, "packets_per_s"),
		.bytes_per_day = limit_option(self, "bytes_per_day"),
		.bytes_per_month = limit_option(self, "bytes_per_month"),
	};
	quota->realm = (struct limits){
		.allocations = limit_option(self, "realm_allocations"),
		.new_per_minute = limit_option(self, "realm_new_per_minute"),
		.bytes_per_day = limit_option(self, "realm_bytes_per_day"),
		.bytes_per_month = limit_option(self, "realm_bytes_per_month"),
	};
	quota->kill = strcmp(tp_option_string(self, "enforce"), "kill") == 0;
	quota->after_colon = strcmp(part, "after_colon") == 0;
	quota->before_colon = strcmp(part, "before_colon") == 0;
}

static int read_named(struct tp_instance *self, struct quota *quota)
{
	const char *path = tp_option_string(self, "users");
	char problem[LIMITS_PROBLEM_SIZE];
	int err;

	if (path == NULL) {
		return 0;
	}
	err = user_limits_read(path, &quota->user, &quota->named, problem);
	return err == 0 ? 0 : tp_instance_fail(self, err, "users: %s", problem);
}

static int create(struct tp_instance *self)
{
	struct quota *quota = calloc(1, sizeof(*quota));

	if (quota == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	quota->layout = LAYOUT;
	tp_instance_set_state(self, quota);
	quota->refused = tp_counter_create(self, "refused", "allocations refused");
	quota->ended = tp_counter_create(self, "ended", "allocations ended");
	quota->uncounted = tp_counter_create(self, "uncounted",
					     "allocations not counted: no room or no memory");
	quota->table = tally_table_create(
		(size_t)tp_option_integer(self, "max_users"),
		tp_counter_create(self, "forgotten",
				  "users and realms whose traffic was forgotten for lack of room"));
	if (quota->table == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	read_limits(self, quota);
	return read_named(self, quota);
}

static int adopt(struct tp_instance *self, struct tp_instance *previous)
{
	struct quota *quota = tp_instance_state(self);
	const struct quota *before = tp_instance_state(previous);

	if (before->layout != LAYOUT) {
		tp_log(self, TP_LOG_WARN, "another version was loaded: traffic is counted anew");
		return 0;
	}
	tally_table_unref(&quota->table);
	quota->table = tally_table_ref(before->table);
	tally_table_set_max(quota->table, (size_t)tp_option_integer(self, "max_users"));
	return 0;
}

static void destroy(struct tp_instance *self)
{
	struct quota *quota = tp_instance_state(self);

	if (quota != NULL) {
		tally_table_unref(&quota->table);
		user_limits_free(&quota->named);
		free(quota);
	}
}

#define COUNT(option_name, option_unit, option_help)                                               \
	{                                                                                          \
		.name = option_name, .type = TP_OPTION_INTEGER, .help = option_help, .min = 1,     \
		.max = 1000000000, .unit = option_unit, .flags = TP_OPTION_RELOADABLE,             \
	}
#define RATE(option_name, option_help)                                                             \
	{                                                                                          \
		.name = option_name, .type = TP_OPTION_RATE, .help = option_help, .min = 1000,     \
		.max = INT64_C(1000000000000), .flags = TP_OPTION_RELOADABLE,                      \
	}
#define TRAFFIC(option_name, option_help)                                                          \
	{                                                                                          \
		.name = option_name, .type = TP_OPTION_SIZE, .help = option_help, .min = 1,        \
		.max = INT64_MAX, .flags = TP_OPTION_RELOADABLE,                                   \
	}

static const char *const enforcements[] = {"deny", "kill", NULL};
static const char *const parts[] = {"whole", "after_colon", "before_colon", NULL};

static const struct tp_option options[] = {
	COUNT("allocations", "allocations", "of a user at a time"),
	COUNT("new_per_minute", "allocations", "new ones of a user in a minute"),
	RATE("bits_per_s", "what an allocation may relay in each direction"),
	RATE("user_bits_per_s", "what all of a user's may relay together in each direction"),
	COUNT("packets_per_s", "packets", "that an allocation may relay in each direction"),
	TRAFFIC("bytes_per_day", "of payload for a user, both directions together"),
	TRAFFIC("bytes_per_month", "the same for a month"),
	COUNT("realm_allocations", "allocations", "of a realm at a time"),
	COUNT("realm_new_per_minute", "allocations", "new ones of a realm in a minute"),
	TRAFFIC("realm_bytes_per_day", "of payload for a realm, both directions together"),
	TRAFFIC("realm_bytes_per_month", "the same for a month"),
	{
		.name = "users",
		.type = TP_OPTION_PATH,
		.help = "file with users who have limits of their own",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "user_part",
		.type = TP_OPTION_ENUM,
		.default_value = "whole",
		.choices = parts,
		.help = "which part of a name with a colon tells whose allocation it is",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "enforce",
		.type = TP_OPTION_ENUM,
		.default_value = "deny",
		.choices = enforcements,
		.help = "when traffic is used up: deny new allocations, or end the running, too",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "max_users",
		.type = TP_OPTION_INTEGER,
		.default_value = "100000",
		.min = 2,
		.max = 10000000,
		.unit = "users",
		.help = "users and realms to keep count of",
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
	.on_turn_create_allocation = create_allocation,
	.on_turn_usage = usage,
};

TP_PLUGIN("quota", TP_VERSION, "allocations, rates and traffic of users and realms",
	  .options = options, .events = &events, .create = create, .adopt = adopt,
	  .destroy = destroy);
