/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include <jansson.h>

/**
 * Print the answer to a request as lines and tables, by what is in it. Text that
 * others have chosen has its control characters replaced.
 */
void tp_ctl_print(const json_t *answer, FILE *out);
