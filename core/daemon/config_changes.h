/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"

/**
 * What differs between the file the daemon was started with and the file as it
 * is now, and cannot be changed by a reload.
 *
 * @changed: called with "file:line: [section] key: sentence", as far as these
 *           are known
 */
void tp_config_restarts(const struct tp_config *started, const struct tp_config *fresh,
			void (*changed)(void *arg, const char *sentence), void *arg);

/**
 * Put the realms of a file that is read again into the order of the start, by which
 * everything knows them.
 *
 * Errors: TP_EINVAL when one is new or gone, with a sentence
 */
int tp_config_align_realms(const struct tp_config *started, struct tp_config *fresh,
			   char problem[TP_PROBLEM_SIZE]);

/** The listener of a section name; NULL when there is none. */
const struct tp_listener_config *tp_config_listener(const struct tp_config *config,
						    const char *section);
