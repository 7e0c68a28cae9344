/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/api.h>

#include "host/generation.h"

/**
 * Write the sentence for an operator, cut at TP_PROBLEM_SIZE - 1 bytes.
 *
 * Returns @error, so that a function can return this call.
 */
int tp_problem(char problem[TP_PROBLEM_SIZE], int error, const char *format, ...) TP_PRINTF(3, 4);
