/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/api.h>
#include <turnpike/log.h>

/**
 * Write a log line of the daemon without the limit that call sites have
 * otherwise: for starting, stopping and what an operator has asked for.
 *
 * Thread: any
 */
void tp_say(enum tp_log_level level, const char *format, ...) TP_PRINTF(2, 3);
