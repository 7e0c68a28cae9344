/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Longest sentence about a wrong command line, with NUL. */
#define TP_ARGS_PROBLEM_SIZE 256

enum tp_action {
	TP_ACTION_RUN,
	TP_ACTION_CHECK,       /* -t */
	TP_ACTION_PLUGIN_HELP, /* --plugin-help NAME */
	TP_ACTION_VERSION,
	TP_ACTION_HELP,
};

/* The command line. Text is borrowed from argv. */
struct tp_args {
	enum tp_action action;
	const char *config_file; /* NULL: the one compiled in */
	const char *plugin;      /* for TP_ACTION_PLUGIN_HELP */
};

/** Errors: TP_EINVAL with a sentence in @problem. */
int tp_args_parse(int argc, char **argv, struct tp_args *out, char problem[TP_ARGS_PROBLEM_SIZE]);

/** What --help prints. */
void tp_args_usage(FILE *out);
