/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <stdlib.h>

#include "check.h"

#define RETRY_MS 5000 /* a name that nobody knows, a job that found no place */

struct watched_target;

struct watched_addr {
	struct watched_target *of;
	struct tp_addr addr; /* family NONE: free */
	char text[TP_ADDR_STRING];
	struct check *check;
	struct tp_worker_timer *timer;
	bool wanted; /* while addresses are compared */
};

struct watched_target {
	struct watch *watch;
	size_t index; /* in the pool */
	struct resolve *resolve;
	struct tp_worker_timer *timer;
	bool complained;
	struct watched_addr addrs[RESOLVE_ADDRS_MAX];
};

struct watch {
	struct tp_instance *self;
	struct tp_worker *worker;
	struct pool *pool;
	struct watch_settings settings;
	size_t count;
	struct watched_target targets[];
};

static void check_now(struct watched_addr *watched);
static void resolve_now(struct watched_target *target);

/* --- checks ---------------------------------------------------------------------------- */

static void check_due(struct tp_instance *self, void *arg)
{
	struct watched_addr *watched = arg;

	watched->timer = NULL;
	check_now(watched);
}

static void check_later(struct watched_addr *watched)
{
	struct watch *watch = watched->of->watch;

	watched->timer = tp_worker_timer_start(watch->self, watch->worker,
					       watch->settings.interval_ms, check_due, watched);
	if (watched->timer == NULL) {
		tp_log(watch->self, TP_LOG_ERROR, "out of memory: a target is checked no more");
	}
}

static void tell(const struct watched_addr *watched, enum health_state state, const char *problem)
{
	struct watch *watch = watched->of->watch;

	tp_counter_add(watch->settings.changes, 1);
	tp_log(watch->self, state == HEALTH_UP ? TP_LOG_INFO : TP_LOG_WARN,
	       "target is %s: %s address=%s%s%s", health_state_name(state),
	       pool_target(watch->pool, watched->of->index)->name, watched->text,
	       problem == NULL ? "" : ": ", problem == NULL ? "" : problem);
}

static void checked(void *arg, const char *problem)
{
	struct watched_addr *watched = arg;
	struct watch *watch = watched->of->watch;
	enum health_state state;

	watched->check = NULL;
	tp_counter_add(watch->settings.checks, 1);
	tp_counter_add(watch->settings.failures, problem != NULL);
	if (pool_report(watch->pool, watched->of->index, &watched->addr, problem, &state)) {
		tell(watched, state, problem);
	}
	check_later(watched);
}

enum tp_transport watch_transport(const struct target *target, enum watch_how how)
{
	if (how == WATCH_UDP || (how == WATCH_AUTO && target_takes(target, TP_TRANSPORT_UDP))) {
		return TP_TRANSPORT_UDP;
	}
	if (how == WATCH_TCP || (how == WATCH_AUTO && target_takes(target, TP_TRANSPORT_TCP))) {
		return TP_TRANSPORT_TCP;
	}
	return TP_TRANSPORT_TLS;
}

static void check_now(struct watched_addr *watched)
{
	struct watch *watch = watched->of->watch;
	const struct target *target = pool_target(watch->pool, watched->of->index);
	char problem[TCP_STREAM_PROBLEM_SIZE];
	struct check_settings settings = {
		.self = watch->self,
		.worker = watch->worker,
		.transport = watch_transport(target, watch->settings.how),
		.addr = watched->addr,
		.host = target->host,
		.tls = watch->settings.tls,
		.timeout_ms = watch->settings.timeout_ms,
	};

	if (target->host[0] == '\0') {
		settings.host =
			watch->settings.domain != NULL ? watch->settings.domain : watched->text;
	}
	settings.addr.port = target_port(target, settings.transport);
	watched->check = check_start(&settings, checked, watched, problem);
	if (watched->check == NULL) {
		checked(watched, problem);
	}
}

/* --- addresses ------------------------------------------------------------------------- */

static void stop(struct watched_addr *watched)
{
	check_cancel(&watched->check);
	tp_worker_timer_cancel(&watched->timer);
	watched->addr = (struct tp_addr){.family = TP_FAMILY_NONE};
}

static struct watched_addr *slot_of(struct watched_target *target, const struct tp_addr *addr)
{
	for (size_t i = 0; i < RESOLVE_ADDRS_MAX; i++) {
		if (tp_addr_equal(&target->addrs[i].addr, addr)) {
			return &target->addrs[i];
		}
	}
	return NULL;
}

/* Those that stay go on as they were. */
static void follow(struct watched_target *target)
{
	static const struct tp_addr none;
	struct watch *watch = target->watch;
	struct tp_addr addrs[RESOLVE_ADDRS_MAX];
	size_t count = pool_addrs(watch->pool, target->index, addrs);

	for (size_t i = 0; i < RESOLVE_ADDRS_MAX; i++) {
		target->addrs[i].wanted = false;
	}
	for (size_t i = 0; i < count; i++) {
		struct watched_addr *watched = slot_of(target, &addrs[i]);

		if (watched != NULL) {
			watched->wanted = true;
		}
	}
	for (size_t i = 0; i < RESOLVE_ADDRS_MAX; i++) {
		if (!target->addrs[i].wanted) {
			stop(&target->addrs[i]);
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (slot_of(target, &addrs[i]) == NULL) {
			struct watched_addr *watched = slot_of(target, &none);

			watched->addr = addrs[i];
			tp_addr_format(&addrs[i], watched->text);
			check_now(watched);
		}
	}
}

static void resolve_due(struct tp_instance *self, void *arg)
{
	struct watched_target *target = arg;

	target->timer = NULL;
	resolve_now(target);
}

static void resolve_later(struct watched_target *target, bool failed)
{
	struct watch *watch = target->watch;
	uint64_t after_ms = watch->settings.resolve_ms;

	if (failed && after_ms > RETRY_MS) {
		after_ms = RETRY_MS;
	}
	target->timer =
		tp_worker_timer_start(watch->self, watch->worker, after_ms, resolve_due, target);
}

/* A name that is not known for a while keeps its addresses: checks tell who is there. */
static void resolved(void *arg, const struct tp_addr *addrs, size_t count)
{
	struct watched_target *target = arg;
	struct watch *watch = target->watch;

	target->resolve = NULL;
	if (count != 0) {
		target->complained = false;
		pool_resolved(watch->pool, target->index, addrs, count);
		if (watch->settings.how != WATCH_NONE) {
			follow(target);
		}
	} else if (!target->complained) {
		target->complained = true;
		tp_log(watch->self, TP_LOG_WARN, "no address of %s is known",
		       pool_target(watch->pool, target->index)->host);
	}
	resolve_later(target, count == 0);
}

static void resolve_now(struct watched_target *target)
{
	struct watch *watch = target->watch;

	target->resolve = resolve_start(watch->self, pool_target(watch->pool, target->index)->host,
					resolved, target);
	if (target->resolve == NULL) {
		resolve_later(target, true);
	}
}

/* --- life ------------------------------------------------------------------------------ */

static void begin(struct watched_target *target)
{
	if (target->watch->settings.how != WATCH_NONE) {
		follow(target);
	}
	if (pool_target(target->watch->pool, target->index)->host[0] != '\0') {
		resolve_now(target);
	}
}

struct watch *watch_create(struct tp_instance *self, struct tp_worker *worker, struct pool *pool,
			   const struct watch_settings *settings)
{
	size_t count = pool_count(pool);
	struct watch *watch = calloc(1, sizeof(*watch) + count * sizeof(watch->targets[0]));

	if (watch == NULL) {
		return NULL;
	}
	watch->self = self;
	watch->worker = worker;
	watch->pool = pool;
	watch->settings = *settings;
	watch->count = count;
	for (size_t i = 0; i < count; i++) {
		struct watched_target *target = &watch->targets[i];

		target->watch = watch;
		target->index = i;
		for (size_t j = 0; j < RESOLVE_ADDRS_MAX; j++) {
			target->addrs[j].of = target;
		}
		begin(target);
	}
	return watch;
}

void watch_free(struct watch **watch)
{
	for (size_t i = 0; *watch != NULL && i < (*watch)->count; i++) {
		struct watched_target *target = &(*watch)->targets[i];

		resolve_cancel(&target->resolve);
		tp_worker_timer_cancel(&target->timer);
		for (size_t j = 0; j < RESOLVE_ADDRS_MAX; j++) {
			stop(&target->addrs[j]);
		}
	}
	free(*watch);
	*watch = NULL;
}
