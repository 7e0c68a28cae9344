/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include <turnpike/error.h>

/* For our own mistakes only, never for bytes from outside; stays on in release builds. */
#define tp_assert(condition)                                                                       \
	((condition) ? (void)0 : tp_assert_failed(#condition, __FILE__, __LINE__))

/** Print where an assertion failed and abort. */
_Noreturn void tp_assert_failed(const char *condition, const char *file, int line);
