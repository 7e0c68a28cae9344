/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "host/generation.h"

#define TP_TEST_SETTINGS_MAX 256

/* A section of an ini file, taken apart. */
struct tp_test_section {
	char *text; /* what the settings point into */
	struct tp_setting settings[TP_TEST_SETTINGS_MAX];
	size_t count;
};

/** @text: "key = value" lines, copied; a line that is none ends the program. */
void tp_test_section_init(struct tp_test_section *section, const char *text);
void tp_test_section_fini(struct tp_test_section *section);
