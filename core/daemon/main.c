/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>

#include <turnpike/version.h>

#include "base/log.h"
#include "daemon/args.h"
#include "daemon/config.h"
#include "daemon/crash.h"
#include "daemon/daemon.h"
#include "daemon/describe.h"
#include "daemon/paths.h"
#include "daemon/say.h"
#include "host/loader.h"
#include "host/observation.h"

#define STATUS_FAILED 1
#define STATUS_USAGE 2

static const char *config_file(const struct tp_args *args)
{
	return args->config_file == NULL ? TP_DEFAULT_CONFIG_FILE : args->config_file;
}

static int complain(const char *problem)
{
	fprintf(stderr, "turnpike: %s\n", problem);
	return STATUS_FAILED;
}

static int check(const struct tp_args *args)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_config *config = NULL;
	struct tp_generation *generation = NULL;
	int status = 0;

	if (tp_config_load(config_file(args), problem, &config) != 0) {
		return complain(problem);
	}
	tp_log_set_level(TP_LOG_WARN);
	if (tp_config_check_shared_ports(config, tp_daemon_workers(config), problem) != 0 ||
	    tp_daemon_load_plugins(config, config->plugins, config->plugin_count,
				   tp_daemon_workers(config), problem, &generation) != 0) {
		status = complain(problem);
	} else {
		tp_describe(config, generation, tp_daemon_workers(config), stdout);
	}
	tp_generation_unref(&generation);
	tp_generation_reap();
	tp_config_free(&config);
	return status;
}

/* The folder of a file that was named, else the one compiled in. */
static int plugin_help(const struct tp_args *args)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_config *config = NULL;
	struct tp_loaded *loaded = NULL;
	int status = 0;

	if (args->config_file != NULL && tp_config_load(args->config_file, problem, &config) != 0) {
		return complain(problem);
	}
	if (tp_loader_open(args->plugin,
			   config == NULL ? TP_DEFAULT_PLUGIN_DIR : config->plugin_dir, problem,
			   &loaded) != 0) {
		status = complain(problem);
	} else {
		tp_describe_plugin(tp_loaded_plugin(loaded), tp_loaded_events(loaded), stdout);
	}
	tp_loader_close(&loaded);
	tp_config_free(&config);
	return status;
}

static int run(const struct tp_args *args)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_config *config = NULL;
	int err = tp_config_load(config_file(args), problem, &config);

	if (err == 0) {
		tp_log_set_level(config->log_level);
		tp_observation_set_bound(config->slow_handler_ms);
		tp_log_set_format(config->log_format);
		err = tp_daemon_run(config, problem);
	}
	if (err != 0) {
		tp_say(TP_LOG_ERROR, "%s", problem);
	}
	tp_config_free(&config);
	return err == 0 ? 0 : STATUS_FAILED;
}

int main(int argc, char **argv)
{
	char problem[TP_ARGS_PROBLEM_SIZE];
	struct tp_args args;

	if (tp_args_parse(argc, argv, &args, problem) != 0) {
		fprintf(stderr, "turnpike: %s; see turnpike --help\n", problem);
		return STATUS_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	tp_crash_watch();
	tp_crash_stack_open();
	switch (args.action) {
	case TP_ACTION_CHECK:
		return check(&args);
	case TP_ACTION_PLUGIN_HELP:
		return plugin_help(&args);
	case TP_ACTION_VERSION:
		printf("turnpike %s\n", TP_VERSION);
		return 0;
	case TP_ACTION_HELP:
		tp_args_usage(stdout);
		return 0;
	case TP_ACTION_RUN:
		break;
	}
	return run(&args);
}
