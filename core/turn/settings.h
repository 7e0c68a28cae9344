/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "turn/shared.h"

/*
 * Options of all realms that never change once made, shared by the servers of all workers and
 * counted: a reload makes new ones, and a server that has got them lets go of
 * those before.
 */
struct tp_turn_settings;

/**
 * Text and arrays are copied; the peer policies are taken over, also on error.
 *
 * @options: by realm
 * @count:   1 to TP_REALMS_MAX
 *
 * Owner:  drop with tp_turn_settings_unref()
 * Errors: TP_ENOMEM, TP_EINVAL
 */
int tp_turn_settings_create(const struct tp_turn_options *options, size_t count,
			    struct tp_turn_settings **out);

/** Thread: any. */
struct tp_turn_settings *tp_turn_settings_ref(struct tp_turn_settings *settings);
/** Thread: any. Sets the pointer to NULL; NULL inside is fine. */
void tp_turn_settings_unref(struct tp_turn_settings **settings);

size_t tp_turn_settings_realms(const struct tp_turn_settings *settings);

/** The options of a realm, by its index. */
const struct tp_turn_options *tp_turn_settings_realm(const struct tp_turn_settings *settings,
						     size_t realm);
