/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"

/*
 * Which plugins make up a generation, each with the configuration that its
 * options are from: one file for all, or, after "plugin reload", a later reading
 * of it for some. Main thread.
 */
struct tp_plan {
	struct tp_instance_config *plugins;
	struct tp_config **owners; /* references */
	size_t count;
};

/** All plugins of a configuration. Errors: TP_ENOMEM; free with tp_plan_fini(). */
int tp_plan_init(struct tp_plan *plan, struct tp_config *config);

/**
 * The same plugins as another plan's, but @name's options are those of @fresh.
 *
 * Errors: TP_ENOENT when either has no such plugin, TP_ENOMEM, with a sentence
 */
int tp_plan_init_with(struct tp_plan *plan, const struct tp_plan *other, struct tp_config *fresh,
		      const char *name, char problem[TP_PROBLEM_SIZE]);

/** Harmless on a zeroed one. */
void tp_plan_fini(struct tp_plan *plan);
