/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"
#include "daemon/plan.h"
#include "daemon/privilege.h"
#include "daemon/roll.h"
#include "host/generation.h"

struct tp_control;
struct tp_crew;
struct tp_reload;
struct tp_shared;
struct tp_signals;
struct tp_turn_settings;

/* What a running daemon consists of; the main thread's. */
struct tp_daemon {
	struct tp_config *started; /* what no reload changes; a reference */
	struct tp_config *latest;  /* read last; a reference */
	struct tp_plan plan;       /* of the generation */
	struct tp_identity identity;
	unsigned workers;
	struct tp_generation *generation;
	struct tp_turn_settings *settings; /* a reference */
	struct tp_shared *shared;
	struct tp_crew *crew;
	struct tp_main main;
	struct tp_signals *signals;
	struct tp_control *control; /* NULL: none */
	struct tp_reload *reload;   /* under way; NULL: none */
	bool reload_again;          /* asked for meanwhile */
	unsigned leaving;           /* generations that some worker still has */
	uint64_t started_ms;
};

/**
 * How many workers the file asks for: as written, or one per core we may use.
 */
unsigned tp_daemon_workers(const struct tp_config *config);

/**
 * Load and create the plugins, and check that the file has what they need: who
 * may log in must get a relayed address.
 *
 * @config:  where the relayed addresses and the plugin folder are
 * @plugins: those of the configuration, or of a plan
 *
 * Owner:  drop @out with tp_generation_unref(), then tp_generation_reap()
 * Thread: main
 * Errors: those of tp_generation_create(), with a sentence
 */
int tp_daemon_load_plugins(const struct tp_config *config, const struct tp_instance_config *plugins,
			   size_t count, unsigned workers, char problem[TP_PROBLEM_SIZE],
			   struct tp_generation **out);

/**
 * Serve until SIGTERM or SIGINT.
 *
 * Thread: main
 * Errors: with a sentence; then nobody was served
 */
int tp_daemon_run(struct tp_config *config, char problem[TP_PROBLEM_SIZE]);
