/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/probe_options.h"

/* What "turnpike-probe nat" was asked to do. */
struct tp_nat_options {
	struct tp_probe_options server; /* of it url, host, port, reach, timeout_ms, json, help */
};

/**
 * Read the command line. Texts are borrowed from @argv.
 *
 * @argv:    argv[0] is "nat"
 * @problem: set to a sentence when refused, 256 bytes
 *
 * Errors: TP_EINVAL
 */
int tp_nat_options_parse(int argc, char **argv, struct tp_nat_options *options, char problem[256]);

/** The text of --help. Owner: static storage. */
const char *tp_nat_usage(void);
