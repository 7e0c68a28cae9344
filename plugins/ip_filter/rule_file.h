/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/prefix.h>

/* Marks in a set of rules: when a network is on both lists the greater one stays. */
enum rule {
	RULE_ALLOW = 1,
	RULE_DENY = 2,
};

#define RULE_FILE_PROBLEM_SIZE 256
#define RULES_MAX 1000000

/**
 * Add the networks of a file: one a line, blanks around it ignored; empty lines
 * and what follows a # do not count.
 *
 * @problem: a sentence with path and line when it failed
 *
 * Errors: TP_ENOENT, TP_EINVAL, TP_EFULL beyond RULES_MAX networks in the set, TP_ENOMEM, TP_EIO
 */
int rule_file_read(const char *path, struct tp_prefix_set *networks, unsigned mark,
		   char problem[RULE_FILE_PROBLEM_SIZE]);
