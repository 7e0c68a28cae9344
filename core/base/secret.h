/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** Overwrite bytes in a way the compiler keeps. */
void tp_secret_wipe(void *bytes, size_t len);

/** Compare in time that depends on @len only. */
bool tp_secret_equal(const void *a, const void *b, size_t len);

/** Wipe a NUL-terminated string and free it; NULL inside is fine. Sets the pointer to NULL. */
void tp_secret_free_string(char **text);
