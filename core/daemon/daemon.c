/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <turnpike/error.h>
#include <turnpike/version.h>

#include "base/counter.h"
#include "daemon/crew.h"
#include "daemon/privilege.h"
#include "daemon/say.h"
#include "host/problem.h"
#include "turn/peer_policy.h"

/* Descriptors beside those of clients: logs, plugins' own, a worker's loop and ring. */
#define DESCRIPTORS_OWN 256UL
#define DESCRIPTORS_PER_WORKER 32UL

/* What a running daemon consists of; taken apart in the reverse order. */
struct daemon {
	const struct tp_config *config;
	struct tp_identity identity;
	unsigned workers;
	struct tp_generation *generation;
	struct tp_shared *shared;
	struct tp_crew *crew;
};

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

int tp_daemon_load_plugins(const struct tp_config *config, unsigned workers,
			   char problem[TP_PROBLEM_SIZE], struct tp_generation **out)
{
	int err = tp_generation_create(config->plugins, config->plugin_count, config->plugin_dir,
				       workers, problem, out);

	if (err != 0) {
		return name_file(config, err, problem);
	}
	if (tp_generation_wants(*out, TP_EVENT_on_stun_request_authorization) &&
	    config->turn.relay_count == 0) {
		tp_generation_unref(out);
		tp_generation_reap();
		return tp_config_problem(config, "relay", "address", problem, TP_EINVAL,
					 "is required when a plugin checks credentials: there is "
					 "nothing to relay on");
	}
	return 0;
}

static int make_shared(struct daemon *daemon, char problem[TP_PROBLEM_SIZE])
{
	struct tp_turn_options turn = daemon->config->turn;
	int err = tp_config_peer_policy(daemon->config, &turn.peer_policy);

	if (err != 0) {
		return tp_problem(problem, err, "cannot make the peer policy: %s",
				  tp_error_string(err));
	}
	err = tp_shared_create(&turn, daemon->workers, &daemon->shared);
	return err == 0 ? 0
			: tp_problem(problem, err, "cannot set up the server: %s",
				     tp_error_string(err));
}

/* One for each relayed port and connection, and some of our own. */
static unsigned long descriptors_wanted(const struct daemon *daemon)
{
	const struct tp_config *config = daemon->config;
	const struct tp_turn_options *turn = &config->turn;
	unsigned long wanted = DESCRIPTORS_OWN + DESCRIPTORS_PER_WORKER * daemon->workers;

	wanted += turn->relay_count * (turn->port_max - turn->port_min + 1UL);
	for (size_t i = 0; i < config->listener_count; i++) {
		wanted += config->listeners[i].max_connections;
	}
	return wanted;
}

static void raise_descriptors(const struct daemon *daemon)
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

static void say_what_starts(const struct daemon *daemon)
{
	const struct tp_config *config = daemon->config;
	const char *idle;
	size_t at = 0;

	tp_say(TP_LOG_INFO, "turnpike %s starts config=%s workers=%u plugins=%zu", TP_VERSION,
	       config->file, daemon->workers, daemon->generation->instance_count);
	raise_descriptors(daemon);
	while ((idle = tp_config_idle_plugin(config, &at)) != NULL) {
		tp_say(TP_LOG_WARN, "[%s] is not used: its plugin is not named in \"plugins\"",
		       idle);
	}
	if (!tp_generation_wants(daemon->generation, TP_EVENT_on_stun_request_authorization)) {
		tp_say(TP_LOG_WARN, "no plugin checks credentials: only STUN Binding is served, "
				    "nothing is relayed");
	}
	if (geteuid() == 0 && daemon->identity.user == NULL) {
		tp_say(TP_LOG_WARN, "running as root: set \"user\" in [turnpike]");
	}
}

/* --- signals -------------------------------------------------------------- */

static sigset_t handled_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	return set;
}

static void say_counter(const char *name, const char *help, uint64_t value, void *arg)
{
	(void)help;
	(void)arg;
	tp_say(TP_LOG_INFO, "counter %s=%" PRIu64, name, value);
}

/* Until it is time to stop. */
static void wait_for_signals(void)
{
	const sigset_t set = handled_signals();

	for (;;) {
		int signal_number;

		if (sigwait(&set, &signal_number) != 0) {
			continue;
		}
		switch (signal_number) {
		case SIGUSR1:
			tp_counter_each(say_counter, NULL);
			break;
		case SIGHUP:
			tp_say(TP_LOG_WARN, "SIGHUP is ignored: the configuration is read at the "
					    "start only; restart to change it");
			break;
		default:
			tp_say(TP_LOG_INFO, "stopping signal=%d", signal_number);
			return;
		}
	}
}

/* From here on another SIGTERM or SIGINT ends the process at once. */
static void let_signals_end_us(void)
{
	const sigset_t set = handled_signals();

	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* --- life ----------------------------------------------------------------- */

/* All that may fail comes before the first line that says "listening". */
static int start(struct daemon *daemon, char problem[TP_PROBLEM_SIZE])
{
	int err = tp_identity_find(daemon->config, &daemon->identity, problem);

	if (err == 0) {
		err = tp_daemon_load_plugins(daemon->config, daemon->workers, problem,
					     &daemon->generation);
	}
	if (err == 0) {
		say_what_starts(daemon);
		err = make_shared(daemon, problem);
	}
	if (err == 0) {
		err = tp_crew_create(daemon->config, daemon->workers, daemon->shared,
				     daemon->generation, problem, &daemon->crew);
	}
	if (err == 0) {
		err = tp_crew_listen(daemon->crew, problem);
	}
	if (err == 0) {
		err = tp_privilege_drop(&daemon->identity, problem);
	}
	return err == 0 ? tp_crew_start(daemon->crew, problem) : err;
}

static void take_apart(struct daemon *daemon)
{
	tp_crew_free(&daemon->crew);
	tp_shared_free(&daemon->shared);
	tp_generation_unref(&daemon->generation);
	tp_generation_reap();
}

int tp_daemon_run(const struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	struct daemon daemon = {.config = config, .workers = tp_daemon_workers(config)};
	const sigset_t set = handled_signals();
	int err;

	/* Before the first thread, so that none of them is ever interrupted. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	err = start(&daemon, problem);
	if (err == 0) {
		tp_crew_say_listeners(daemon.crew);
		tp_say(TP_LOG_INFO, "ready");
		wait_for_signals();
		let_signals_end_us();
		tp_crew_stop(daemon.crew);
	}
	take_apart(&daemon);
	if (err == 0) {
		tp_say(TP_LOG_INFO, "stopped");
	}
	return err;
}
