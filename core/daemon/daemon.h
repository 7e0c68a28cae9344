/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"
#include "host/generation.h"

/**
 * How many workers the file asks for: as written, or one per core we may use.
 */
unsigned tp_daemon_workers(const struct tp_config *config);

/**
 * Load and create the plugins, and check that the file has what they need: who
 * may log in must get a relayed address.
 *
 * Owner:  drop @out with tp_generation_unref(), then tp_generation_reap()
 * Thread: main
 * Errors: those of tp_generation_create(), with a sentence
 */
int tp_daemon_load_plugins(const struct tp_config *config, unsigned workers,
			   char problem[TP_PROBLEM_SIZE], struct tp_generation **out);

/**
 * Serve until SIGTERM or SIGINT.
 *
 * Thread: main
 * Errors: with a sentence; then nobody was served
 */
int tp_daemon_run(const struct tp_config *config, char problem[TP_PROBLEM_SIZE]);
