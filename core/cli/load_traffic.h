/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cli/load_fleet.h"
#include "cli/load_report.h"

/**
 * Send through every allocation that was made, evenly in turn, for a second to warm up
 * and then for the time to measure; take what arrives.
 *
 * Without a rate, so many packets are kept on their way that the server has always something
 * to do: as many as it bears without losing any.
 *
 * Errors: TP_ENOMEM
 */
int tp_load_traffic(struct tp_load_fleet *fleet, struct tp_load_result *result);
