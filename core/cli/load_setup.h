/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/load_fleet.h"
#include "cli/load_report.h"

/**
 * Make every client's allocation and what its mode needs besides: a channel, or
 * a permission. Of a bare forwarder each port is told both its sides. Clients
 * that do not get there are marked and counted in @result.
 *
 * @user, @password: NULL for none
 *
 * Errors: TP_ENOMEM; TP_EIO when nothing works, with a reason in @result
 */
int tp_load_setup(struct tp_load_fleet *fleet, const char *user, const char *password,
		  struct tp_load_result *result);

/** End the allocations, so that the next load finds the server as this one did. */
void tp_load_release(struct tp_load_fleet *fleet, const char *user, const char *password);
