/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/types.h>

#include "daemon/config.h"

/* Whom to become once the listeners are open. */
struct tp_identity {
	const char *user; /* NULL: stay; the configuration's */
	uid_t uid;
	gid_t gid;
};

/**
 * Look up the configured user and group.
 *
 * Thread: main
 * Errors: TP_ENOENT, TP_EPERM when we are neither root nor that user; with a
 *         sentence
 */
int tp_identity_find(const struct tp_config *config, struct tp_identity *out,
		     char problem[TP_PROBLEM_SIZE]);

/**
 * Become that user for good, on all threads, and bar the way back. Nothing
 * when there is none, or we are that user.
 *
 * Errors: TP_EPERM with a sentence
 */
int tp_privilege_drop(const struct tp_identity *identity, char problem[TP_PROBLEM_SIZE]);

/**
 * Allow that many descriptors, or as many as the hard limit does where we may
 * not raise it: each allocation needs one.
 *
 * Returns the limit.
 */
unsigned long tp_privilege_raise_descriptors(unsigned long wanted);
