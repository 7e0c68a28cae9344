/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"

/* A configuration in a file of its own, for the length of a case. */
struct config_file {
	char path[64];
	char problem[TP_PROBLEM_SIZE];
	struct tp_config *config; /* NULL when it was refused */
	int error;
};

/** Write the text to a file and load it. */
void config_file_open(struct config_file *file, const char *text);
void config_file_close(struct config_file *file);

/** The problem without the name of the file: ":3: [relay] address: …". */
const char *config_file_problem(const struct config_file *file);
