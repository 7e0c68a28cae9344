/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/load_fleet.h"
#include "cli/load_report.h"

/**
 * Binding requests, or the life of an allocation (Allocate without credentials,
 * Allocate, Refresh to 0) over and over, many at once.
 *
 * Errors: TP_ENOMEM; TP_EIO when none succeeds, with a reason in @result
 */
int tp_load_cycle(struct tp_load_fleet *fleet, const char *user, const char *password,
		  struct tp_load_result *result);
