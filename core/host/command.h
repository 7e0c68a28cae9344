/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "host/instance.h"

/* What a plugin has printed to the operator so far. */
struct tp_command {
	char *text; /* NULL: nothing yet */
	size_t len;
	size_t size;
	bool cut; /* out of memory, or beyond the ceiling */
};

#define TP_COMMAND_OUTPUT_MAX 1048576 /* bytes; the rest is cut */

/**
 * Hand an operator's words to the plugin's "command".
 *
 * @output:  what it printed, also when it failed; NULL: nothing. Free with free()
 * @problem: a sentence when it failed
 *
 * Thread: main
 * Errors: TP_ENOENT when the plugin has no commands, or what it returned
 */
int tp_instance_command(struct tp_instance *instance, int argc, const char *const *argv,
			char **output, char problem[TP_PROBLEM_SIZE]);
