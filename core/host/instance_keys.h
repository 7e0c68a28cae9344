/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/instance_body.h"

/**
 * Take our keys out of the instance's settings, and act on them.
 *
 * @own:       room for config->setting_count, gets what is the plugin's
 * @own_count: of them
 *
 * Errors: TP_EINVAL, TP_ERANGE, TP_ENOMEM, with a sentence
 */
int tp_instance_take_keys(struct tp_instance *instance, const struct tp_instance_config *config,
			  struct tp_setting *own, size_t *own_count, char problem[TP_PROBLEM_SIZE]);
