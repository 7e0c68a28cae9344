/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "host/generation.h"

/*
 * The text of an ini file, read strictly. iniparser accepts what an
 * administrator did not mean: it cuts values at '#' and ';', keeps the last of
 * a repeated key, merges sections, joins lines that end in a backslash. Here
 * each of these is an error with its place, and so nothing is left for
 * iniparser to guess.
 */
#define TP_INI_SIZE_MAX (1024 * 1024)
#define TP_INI_LINE_MAX 1000 /* bytes; iniparser takes 1024 */

struct tp_ini_section {
	char *name;
	int line;
	struct tp_setting *settings; /* the text is the section's */
	size_t setting_count;
};

struct tp_ini {
	struct tp_ini_section *sections;
	size_t section_count;
};

/**
 * Read sections, keys and values with the lines they stand in.
 *
 * @file:    its name, for messages
 * @problem: "file:line: [section] key: sentence", as far as these are known
 *
 * Owner:  free @out with tp_ini_fini(), also after an error
 * Errors: TP_EINVAL, TP_ENOMEM
 */
int tp_ini_scan(const char *text, size_t len, const char *file, char problem[TP_PROBLEM_SIZE],
		struct tp_ini *out);

/** Wipes the values: some are secrets. */
void tp_ini_fini(struct tp_ini *ini);

/** Borrowed; NULL when there is none of that name. */
const struct tp_ini_section *tp_ini_section(const struct tp_ini *ini, const char *name);

/** Borrowed; NULL when the key is not written, or @section is NULL. */
const struct tp_setting *tp_ini_setting(const struct tp_ini_section *section, const char *key);
