/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <turnpike/error.h>
#include <turnpike/version.h>

#include "base/counter.h"
#include "daemon/control.h"
#include "daemon/crew.h"
#include "daemon/reload.h"
#include "daemon/say.h"
#include "daemon/signals.h"
#include "host/post.h"
#include "host/problem.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "turn/peer_policy.h"
#include "turn/settings.h"
#include "turn/shared_relay.h"

/* Descriptors beside those of clients: logs, plugins' own, a worker's loop and ring. */
#define DESCRIPTORS_OWN 256UL
#define DESCRIPTORS_PER_WORKER 32UL

/* --- before anything is opened -------------------------------------------- */

unsigned tp_daemon_workers(const struct tp_config *config)
{
	cpu_set_t cores;
	int count = 1;

	if (config->workers != 0) {
		return config->workers;
	}
	if (sched_getaffinity(0, sizeof(cores), &cores) == 0) {
		count = CPU_COUNT(&cores);
	}
	return count < 1 ? 1 : count > TP_WORKERS_MAX ? TP_WORKERS_MAX : (unsigned)count;
}

/* What a plugin itself had to say does not name the file. */
static int name_file(const struct tp_config *config, int err, char problem[TP_PROBLEM_SIZE])
{
	char sentence[TP_PROBLEM_SIZE];

	if (strncmp(problem, config->file, strlen(config->file)) == 0) {
		return err;
	}
	memcpy(sentence, problem, sizeof(sentence));
	return tp_problem(problem, err, "%.200s: %s", config->file, sentence);
}

/* Each realm has its own of them, in its own order. */
static int set_realms(const struct tp_config *config, struct tp_generation *generation,
		      char problem[TP_PROBLEM_SIZE])
{
	struct tp_realm_plugins realms[TP_REALMS_MAX];

	for (size_t i = 0; i <= config->realm_count; i++) {
		realms[i] = tp_config_realm_plugins(config, i);
	}
	return tp_generation_set_realms(generation, realms, config->realm_count + 1, problem);
}

static void drop(struct tp_generation **generation)
{
	tp_generation_unref(generation);
	tp_generation_reap();
}

int tp_daemon_load_plugins(const struct tp_config *config, const struct tp_instance_config *plugins,
			   size_t count, unsigned workers, char problem[TP_PROBLEM_SIZE],
			   struct tp_generation **out)
{
	int err = tp_generation_create(plugins, count, config->plugin_dir, workers, problem, out);

	if (err != 0) {
		return name_file(config, err, problem);
	}
	err = set_realms(config, *out, problem);
	if (err != 0) {
		drop(out);
		return name_file(config, err, problem);
	}
	if (tp_generation_wants(*out, TP_EVENT_on_stun_request_authorization) &&
	    config->turn.relay_count == 0) {
		drop(out);
		return tp_config_problem(config, "relay", "address", problem, TP_EINVAL,
					 "is required when a plugin checks credentials: there is "
					 "nothing to relay on");
	}
	return 0;
}

static int make_shared(struct tp_daemon *daemon, char problem[TP_PROBLEM_SIZE])
{
	struct tp_turn_options *options;
	size_t realms;
	int err;

	options = tp_config_options(daemon->started, &realms, &err);
	if (err == 0) {
		err = tp_shared_create(options, realms, daemon->workers, &daemon->shared);
	}
	free(options);
	if (err != 0) {
		return tp_problem(problem, err, "cannot set up the server: %s",
				  tp_error_string(err));
	}
	daemon->settings = tp_turn_settings_ref(daemon->shared->settings);
	return 0;
}

/* One for each relayed port and connection, and some of our own. */
static unsigned long descriptors_wanted(const struct tp_daemon *daemon)
{
	const struct tp_config *config = daemon->started;
	const struct tp_turn_options *turn = &config->turn;
	unsigned long wanted = DESCRIPTORS_OWN + DESCRIPTORS_PER_WORKER * daemon->workers;
	unsigned long ports = turn->shared_ports == 0
				      ? turn->port_max - turn->port_min + 1UL
				      : tp_shared_relays_ports(turn->shared_ports, daemon->workers);

	wanted += turn->relay_count * ports;
	for (size_t i = 0; i < config->listener_count; i++) {
		wanted += config->listeners[i].max_connections;
	}
	return wanted;
}

static void raise_descriptors(const struct tp_daemon *daemon)
{
	unsigned long wanted = descriptors_wanted(daemon);
	unsigned long granted = tp_privilege_raise_descriptors(wanted);

	if (granted < wanted) {
		tp_say(TP_LOG_WARN,
		       "descriptors=%lu wanted=%lu: not all relayed ports and "
		       "connections that are configured can be used at a time; raise the "
		       "limit (LimitNOFILE= in the unit)",
		       granted, wanted);
	}
}

static void say_who_checks_nothing(const struct tp_daemon *daemon)
{
	const struct tp_generation *generation = daemon->generation;

	for (size_t i = 0; i < generation->realm_count; i++) {
		if (!tp_chains_want(&generation->realms[i],
				    TP_EVENT_on_stun_request_authorization)) {
			tp_say(TP_LOG_WARN,
			       "no plugin checks credentials%s%s: only STUN Binding is served, "
			       "nothing is relayed",
			       i == 0 ? "" : " in realm ",
			       i == 0 ? "" : daemon->started->realms[i - 1].turn.realm);
		}
	}
}

static void say_what_starts(const struct tp_daemon *daemon)
{
	const struct tp_config *config = daemon->started;
	const char *idle;
	size_t at = 0;

	tp_say(TP_LOG_INFO, "turnpike %s starts config=%s workers=%u plugins=%zu", TP_VERSION,
	       config->file, daemon->workers, daemon->generation->instance_count);
	raise_descriptors(daemon);
	while ((idle = tp_config_idle_plugin(config, &at)) != NULL) {
		tp_say(TP_LOG_WARN, "[%s] is not used: its plugin is not named in \"plugins\"",
		       idle);
	}
	say_who_checks_nothing(daemon);
	if (geteuid() == 0 && daemon->identity.user == NULL) {
		tp_say(TP_LOG_WARN, "running as root: set \"user\" in [turnpike]");
	}
}

/* --- the main loop ------------------------------------------------------------ */

static void say_counter(const char *name, const char *help, uint64_t value, void *arg)
{
	(void)help;
	(void)arg;
	tp_say(TP_LOG_INFO, "counter %s=%" PRIu64, name, value);
}

static void on_signal(void *owner, int number)
{
	struct tp_daemon *daemon = owner;

	switch (number) {
	case SIGUSR1:
		tp_counter_each(say_counter, NULL);
		break;
	case SIGHUP:
		if (daemon->reload != NULL) {
			daemon->reload_again = true;
		} else {
			tp_reload_begin(daemon, NULL, NULL, NULL);
		}
		break;
	default:
		tp_say(TP_LOG_INFO, "stopping signal=%d", number);
		tp_loop_stop(daemon->main.loop);
		break;
	}
}

static int open_main(struct tp_daemon *daemon, char problem[TP_PROBLEM_SIZE])
{
	int err = tp_loop_create(NULL, tp_datagram_backend_named("plain"), &daemon->main.loop);

	if (err == 0) {
		err = tp_mailbox_create(daemon->main.loop, &daemon->main.mailbox);
	}
	if (err == 0) {
		tp_main_mailbox_set(daemon->main.mailbox);
		err = tp_signals_open(daemon->main.loop, on_signal, daemon, &daemon->signals);
	}
	if (err != 0) {
		return tp_problem(problem, err, "cannot set up the main loop: %s",
				  tp_error_string(err));
	}
	daemon->started_ms = tp_loop_now_ms(daemon->main.loop);
	return 0;
}

/* --- the control socket --------------------------------------------------------- */

/* One that the file asks for must work; the one that is there by itself may not. */
static int open_control(struct tp_daemon *daemon, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config *config = daemon->started;
	char sentence[TP_PROBLEM_SIZE];
	int err;

	if (config->control == NULL) {
		return 0;
	}
	err = tp_control_open(daemon, config->control, sentence, &daemon->control);
	if (err == 0) {
		return 0;
	}
	if (config->control_set) {
		return tp_config_problem(config, "turnpike", "control", problem, err, "%s",
					 sentence);
	}
	tp_say(TP_LOG_WARN, "turnpikectl cannot be used: %s", sentence);
	return 0;
}

/* --- life ----------------------------------------------------------------- */

/* All that may fail comes before the first line that says "listening". */
static int start(struct tp_daemon *daemon, char problem[TP_PROBLEM_SIZE])
{
	int err = tp_identity_find(daemon->started, &daemon->identity, problem);

	if (err == 0) {
		err = tp_config_check_shared_ports(daemon->started, daemon->workers, problem);
	}
	if (err == 0) {
		err = open_main(daemon, problem);
	}
	if (err == 0) {
		err = tp_plan_init(&daemon->plan, daemon->started);
	}
	if (err == 0) {
		err = tp_daemon_load_plugins(daemon->started, daemon->plan.plugins,
					     daemon->plan.count, daemon->workers, problem,
					     &daemon->generation);
	}
	if (err == 0) {
		say_what_starts(daemon);
		err = make_shared(daemon, problem);
	}
	if (err == 0) {
		err = tp_crew_create(daemon->started, daemon->workers, daemon->shared,
				     daemon->generation, problem, &daemon->crew);
	}
	if (err == 0) {
		err = tp_crew_listen(daemon->crew, problem);
	}
	if (err == 0) {
		err = open_control(daemon, problem);
	}
	if (err == 0) {
		err = tp_privilege_drop(&daemon->identity, problem);
	}
	return err == 0 ? tp_crew_start(daemon->crew, problem) : err;
}

/* What workers have sent before they ended; a reload may need several looks. */
static void hear_the_last(struct tp_daemon *daemon)
{
	do {
		tp_mailbox_deliver(daemon->main.mailbox);
	} while (daemon->reload != NULL);
	tp_mailbox_deliver(daemon->main.mailbox);
}

static void take_apart(struct tp_daemon *daemon)
{
	if (daemon->main.mailbox != NULL) {
		hear_the_last(daemon);
	}
	tp_control_close(&daemon->control);
	tp_crew_free(&daemon->crew);
	tp_turn_settings_unref(&daemon->settings);
	tp_shared_free(&daemon->shared);
	tp_generation_unref(&daemon->generation);
	tp_generation_reap();
	tp_plan_fini(&daemon->plan);
	tp_config_free(&daemon->latest);
	tp_config_free(&daemon->started);
	tp_signals_close(&daemon->signals);
	tp_main_mailbox_set(NULL);
	tp_mailbox_free(&daemon->main.mailbox);
	tp_loop_free(&daemon->main.loop);
}

int tp_daemon_run(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	struct tp_daemon daemon = {
		.started = tp_config_ref(config),
		.latest = tp_config_ref(config),
		.workers = tp_daemon_workers(config),
	};
	int err;

	tp_signals_block();
	err = start(&daemon, problem);
	if (err == 0) {
		tp_crew_say_listeners(daemon.crew);
		tp_say(TP_LOG_INFO, "ready");
		tp_loop_run(daemon.main.loop);
		tp_signals_let_end();
		daemon.reload_again = false;
		tp_crew_stop(daemon.crew);
	}
	take_apart(&daemon);
	if (err == 0) {
		tp_say(TP_LOG_INFO, "stopped");
	}
	return err;
}
