/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "common/tcp_stream.h"
#include "pool.h"
#include "redirect_command.h"
#include "rendezvous.h"
#include "target_file.h"
#include "watch.h"

/*
 * Sends clients to other servers with 300 (Try Alternate): RFC 8489 section 10.
 * Those that are up are chosen from, by the client's address.
 */

#define LAYOUT 1 /* raise when struct redirect changes: a reload may find another version's */
#define WORKERS_MAX 256
#define DOMAIN_MAX 255 /* RFC 8489 section 14.16 */
#define ATTR_RESERVATION_TOKEN 0x0022

enum when { WHEN_ALWAYS = 0, WHEN_ABOVE = 1, WHEN_DRAINING = 2 };

struct redirect {
	unsigned layout;
	struct pool *pool;
	struct tcp_stream_tls *tls;
	struct watch_settings watch;
	enum when when;
	uint64_t above;
	unsigned share; /* percent */
	bool refuse;    /* when nobody is up */
	const char *domain;
	_Atomic uint64_t allocations[WORKERS_MAX]; /* of each worker */
	struct tp_counter *sent;
	struct tp_counter *own;
	struct tp_counter *none_up;
};

/* --- who is sent away ------------------------------------------------------------------ */

static bool is_above(const struct redirect *redirect)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < WORKERS_MAX; i++) {
		sum += atomic_load_explicit(&redirect->allocations[i], memory_order_relaxed);
	}
	return sum >= redirect->above;
}

/* The same clients each time. */
static bool is_in_share(const struct redirect *redirect, const struct tp_addr *client_addr)
{
	static const char salt[] = "share";

	return rendezvous_hash(client_addr->bytes, sizeof(client_addr->bytes), salt, sizeof(salt)) %
		       100 <
	       redirect->share;
}

static bool is_wanted(const struct redirect *redirect, const struct tp_redirect *event)
{
	if (event->draining) {
		return true;
	}
	if (redirect->when == WHEN_DRAINING ||
	    (redirect->when == WHEN_ABOVE && !is_above(redirect))) {
		return false;
	}
	return is_in_share(redirect, &event->five_tuple->client_addr);
}

/* What it has reserved is here: RFC 8656 section 7.2. */
static bool claims_reservation(const struct tp_request *request)
{
	struct tp_view token;

	return tp_request_attribute(request, ATTR_RESERVATION_TOKEN, 0, &token);
}

static enum tp_verdict send_to(const struct redirect *redirect, struct tp_request *request,
			       const struct pool_answer *answer)
{
	const char *domain = redirect->domain;
	enum tp_verdict verdict;

	if (domain == NULL && answer->target->host[0] != '\0') {
		domain = answer->target->host;
	}
	verdict = tp_request_redirect(request, &answer->addr, domain);
	if (verdict == TP_ALLOW) {
		tp_counter_add(redirect->sent, 1);
		if (answer->other.family != TP_FAMILY_NONE) {
			(void)tp_request_redirect(request, &answer->other, domain);
		}
	}
	return verdict;
}

static enum tp_verdict on_redirect(struct tp_instance *self, struct tp_request *request,
				   const struct tp_redirect *event)
{
	const struct redirect *redirect = tp_instance_state(self);
	bool not_self = event->draining || redirect->when != WHEN_ALWAYS;
	struct pool_answer answer;

	if (!is_wanted(redirect, event) || claims_reservation(request)) {
		return TP_PASS;
	}
	switch (pool_choose(redirect->pool, event->five_tuple, not_self, &answer)) {
	case POOL_OTHER:
		return send_to(redirect, request, &answer);
	case POOL_SELF:
		tp_counter_add(redirect->own, 1);
		return TP_PASS;
	default:
		tp_counter_add(redirect->none_up, 1);
		return redirect->refuse ? tp_request_deny(request, 508, "no server is up")
					: TP_PASS;
	}
}

/* --- allocations there are ------------------------------------------------------------- */

static _Atomic uint64_t *counted(struct tp_instance *self)
{
	struct redirect *redirect = tp_instance_state(self);

	return &redirect->allocations[tp_worker_index(tp_worker_current()) % WORKERS_MAX];
}

static void on_create(struct tp_instance *self, const struct tp_create_allocation *event)
{
	atomic_fetch_add_explicit(counted(self), 1, memory_order_relaxed);
}

/* Those from before this plugin came are counted from its first second on. */
static void on_delete(struct tp_instance *self, const struct tp_delete_allocation *event)
{
	_Atomic uint64_t *allocations = counted(self);

	if (atomic_load_explicit(allocations, memory_order_relaxed) > 0) {
		atomic_fetch_sub_explicit(allocations, 1, memory_order_relaxed);
	}
}

static void on_tick(struct tp_instance *self, const struct tp_server_tick *event)
{
	atomic_store_explicit(counted(self), event->allocations, memory_order_relaxed);
}

/* --- options --------------------------------------------------------------------------- */

static const char *const whens[] = {"always", "above", "draining", NULL};
static const char *const hows[] = {"auto", "udp", "tcp", "tls", "none", NULL};
static const char *const none_ups[] = {"serve", "refuse", NULL};

static int read_choice(const struct tp_instance *self, const char *name, const char *const *choices)
{
	const char *chosen = tp_option_string(self, name);
	int i = 0;

	while (strcmp(choices[i], chosen) != 0) {
		i++;
	}
	return i;
}

static int read_self(struct tp_instance *self, struct tp_addr *out, size_t *count)
{
	const char *const *words = tp_option_list(self, "self", count);

	if (*count > POOL_SELF_MAX) {
		return tp_instance_fail(self, TP_EFULL, "self: more than %d addresses",
					POOL_SELF_MAX);
	}
	for (size_t i = 0; i < *count; i++) {
		if (tp_addr_parse(words[i], &out[i]) != 0) {
			return tp_instance_fail(self, TP_EINVAL, "self: \"%.80s\" is no IP address",
						words[i]);
		}
	}
	return 0;
}

static int read_targets(struct tp_instance *self, struct pool *pool)
{
	const char *path = tp_option_string(self, "targets_file");
	size_t count = 0;
	const char *const *words = tp_option_list(self, "targets", &count);
	int err = 0;

	for (size_t i = 0; err == 0 && i < count; i++) {
		err = target_add(self, pool, "targets", words[i]);
	}
	if (err == 0 && path != NULL) {
		err = target_file_read(self, pool, path);
	}
	if (err == 0 && pool_count(pool) == 0) {
		err = tp_instance_fail(self, TP_EINVAL, "targets or targets_file must name one");
	}
	return err;
}

static int make_pool(struct tp_instance *self, struct redirect *redirect)
{
	struct tp_addr own[POOL_SELF_MAX];
	struct pool_settings settings = {
		.rules.rise = (unsigned)tp_option_integer(self, "rise"),
		.rules.fall = (unsigned)tp_option_integer(self, "fall"),
		.unchecked = redirect->watch.how == WATCH_NONE,
		.self = own,
	};
	int err = read_self(self, own, &settings.self_count);

	if (err != 0) {
		return err;
	}
	redirect->pool = pool_create(&settings);
	if (redirect->pool == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	return read_targets(self, redirect->pool);
}

static bool needs_tls(const struct redirect *redirect)
{
	for (size_t i = 0; i < pool_count(redirect->pool); i++) {
		if (watch_transport(pool_target(redirect->pool, i), redirect->watch.how) ==
		    TP_TRANSPORT_TLS) {
			return redirect->watch.how != WATCH_NONE;
		}
	}
	return false;
}

static int make_tls(struct tp_instance *self, struct redirect *redirect)
{
	char problem[TCP_STREAM_PROBLEM_SIZE];

	if (!needs_tls(redirect)) {
		return 0;
	}
	redirect->tls =
		tcp_stream_tls_create(tp_option_bool(self, "verify"),
				      tp_option_string(self, "ca_file"), NULL, NULL, problem);
	redirect->watch.tls = redirect->tls;
	return redirect->tls != NULL ? 0 : tp_instance_fail(self, TP_EIO, "ca_file: %s", problem);
}

static void read_watch(struct tp_instance *self, struct redirect *redirect)
{
	redirect->watch = (struct watch_settings){
		.how = (enum watch_how)read_choice(self, "check", hows),
		.interval_ms = (uint64_t)tp_option_integer(self, "interval"),
		.timeout_ms = (uint64_t)tp_option_integer(self, "timeout"),
		.resolve_ms = (uint64_t)tp_option_integer(self, "resolve"),
		.domain = redirect->domain,
		.checks = tp_counter_create(self, "checks", "health checks that have ended"),
		.failures = tp_counter_create(self, "checks_failed", "of these, failed"),
		.changes = tp_counter_create(self, "changes", "times a target went up or down"),
	};
}

static int read_when(struct tp_instance *self, struct redirect *redirect)
{
	redirect->when = (enum when)read_choice(self, "when", whens);
	redirect->above = (uint64_t)tp_option_integer(self, "above");
	redirect->share = (unsigned)tp_option_integer(self, "share");
	redirect->refuse = read_choice(self, "none_up", none_ups) != 0;
	if (redirect->domain != NULL && strlen(redirect->domain) > DOMAIN_MAX) {
		return tp_instance_fail(self, TP_ERANGE, "domain: longer than %d bytes",
					DOMAIN_MAX);
	}
	if ((redirect->when == WHEN_ABOVE) != tp_option_is_set(self, "above")) {
		return tp_instance_fail(self, TP_EINVAL,
					"\"when = above\" and \"above\" need each other");
	}
	return 0;
}

/* --- life ------------------------------------------------------------------------------ */

static int create(struct tp_instance *self)
{
	struct redirect *redirect = calloc(1, sizeof(*redirect));
	int err;

	if (redirect == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	redirect->layout = LAYOUT;
	tp_instance_set_state(self, redirect);
	redirect->sent = tp_counter_create(self, "sent", "clients sent to a target");
	redirect->own = tp_counter_create(self, "own", "clients whose target is this server");
	redirect->none_up = tp_counter_create(self, "none_up", "clients for whom no target was up");
	redirect->domain = tp_option_string(self, "domain");
	read_watch(self, redirect);
	err = read_when(self, redirect);
	if (err == 0) {
		err = make_pool(self, redirect);
	}
	return err == 0 ? make_tls(self, redirect) : err;
}

static int adopt(struct tp_instance *self, struct tp_instance *previous)
{
	struct redirect *redirect = tp_instance_state(self);
	const struct redirect *before = tp_instance_state(previous);

	if (before->layout != LAYOUT) {
		tp_log(self, TP_LOG_WARN, "another version was loaded: targets are checked anew");
		return 0;
	}
	pool_adopt(redirect->pool, before->pool);
	for (size_t i = 0; i < WORKERS_MAX; i++) {
		redirect->allocations[i] = before->allocations[i];
	}
	return 0;
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	struct redirect *redirect = tp_instance_state(self);
	struct watch *watch;

	if (tp_worker_index(worker) != 0) {
		return 0;
	}
	watch = watch_create(self, worker, redirect->pool, &redirect->watch);
	if (watch == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_worker_set_state(self, worker, watch);
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	struct watch *watch = tp_worker_state(self, worker);

	watch_free(&watch);
	tp_worker_set_state(self, worker, NULL);
}

static void destroy(struct tp_instance *self)
{
	struct redirect *redirect = tp_instance_state(self);

	if (redirect != NULL) {
		pool_free(&redirect->pool);
		tcp_stream_tls_free(&redirect->tls);
		free(redirect);
	}
}

static int command(struct tp_instance *self, struct tp_command *command_, int argc,
		   const char *const *argv)
{
	const struct redirect *redirect = tp_instance_state(self);

	return redirect_command(self, redirect->pool, command_, argc, argv);
}

#define RELOAD TP_OPTION_RELOADABLE

static const struct tp_option options[] = {
	{.name = "targets",
	 .type = TP_OPTION_LIST,
	 .flags = RELOAD,
	 .help = "servers, each [TRANSPORT+...://]HOST[:PORT][*WEIGHT]"},
	{.name = "targets_file",
	 .type = TP_OPTION_PATH,
	 .flags = RELOAD,
	 .help = "file with more of them, one a line"},
	{.name = "when",
	 .type = TP_OPTION_ENUM,
	 .default_value = "always",
	 .choices = whens,
	 .flags = RELOAD,
	 .help = "when clients are sent there; in any case while the daemon drains"},
	{.name = "above",
	 .type = TP_OPTION_INTEGER,
	 .min = 0,
	 .max = 1000000000,
	 .unit = "allocations",
	 .flags = RELOAD,
	 .help = "with \"when = above\": from so many allocations here on"},
	{.name = "share",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "100",
	 .min = 1,
	 .max = 100,
	 .unit = "percent",
	 .flags = RELOAD,
	 .help = "part of the clients that may be sent away"},
	{.name = "none_up",
	 .type = TP_OPTION_ENUM,
	 .default_value = "serve",
	 .choices = none_ups,
	 .flags = RELOAD,
	 .help = "what becomes of a client for whom no target is up"},
	{.name = "self",
	 .type = TP_OPTION_LIST,
	 .flags = RELOAD,
	 .help = "addresses by which this server is among the targets"},
	{.name = "domain",
	 .type = TP_OPTION_STRING,
	 .flags = RELOAD,
	 .help = "name in the targets' certificates; their own where not set"},
	{.name = "check",
	 .type = TP_OPTION_ENUM,
	 .default_value = "auto",
	 .choices = hows,
	 .flags = RELOAD,
	 .help = "transport of the health checks; auto takes the target's first"},
	{.name = "interval",
	 .type = TP_OPTION_DURATION,
	 .default_value = "5s",
	 .min = 100,
	 .max = 3600000,
	 .flags = RELOAD,
	 .help = "from the end of a health check to the next"},
	{.name = "timeout",
	 .type = TP_OPTION_DURATION,
	 .default_value = "2s",
	 .min = 10,
	 .max = 60000,
	 .flags = RELOAD,
	 .help = "how long a health check may take"},
	{.name = "rise",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "2",
	 .min = 1,
	 .max = 100,
	 .unit = "checks",
	 .flags = RELOAD,
	 .help = "good checks in a row until a target that was down is up"},
	{.name = "fall",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "3",
	 .min = 1,
	 .max = 100,
	 .unit = "checks",
	 .flags = RELOAD,
	 .help = "failed checks in a row until a target that was up is down"},
	{.name = "resolve",
	 .type = TP_OPTION_DURATION,
	 .default_value = "1m",
	 .min = 1000,
	 .max = 86400000,
	 .flags = RELOAD,
	 .help = "how often names are resolved again"},
	{.name = "verify",
	 .type = TP_OPTION_BOOL,
	 .default_value = "yes",
	 .flags = RELOAD,
	 .help = "whether checks over tls look at the certificate"},
	{.name = "ca_file",
	 .type = TP_OPTION_PATH,
	 .flags = RELOAD,
	 .help = "PEM file of authorities to trust, in place of the system's"},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_redirect = on_redirect,
	.on_turn_create_allocation = on_create,
	.on_turn_delete_allocation = on_delete,
	.on_server_tick = on_tick,
};

TP_PLUGIN("redirect", TP_VERSION, "send clients to other servers that are up, by weight",
	  .options = options, .events = &events, .create = create, .adopt = adopt,
	  .worker_start = worker_start, .worker_stop = worker_stop, .destroy = destroy,
	  .command = command);
