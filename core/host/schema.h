/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <turnpike/option.h>

#include "host/generation.h"

/*
 * Text from the ini file against a table of options. The daemon's own keys go
 * through the same table type, so both are checked alike.
 */
struct tp_value {
	bool set;        /* in the file or by default */
	int64_t integer; /* BOOL (0, 1), INTEGER, DURATION, SIZE, RATE; ENUM: index of the choice */
	char *string;    /* STRING, SECRET, PATH, ENUM */
	char **words;    /* LIST, PREFIXES */
	size_t word_count;
	struct tp_addr addr; /* ADDRESS */
};

/**
 * Parse one value strictly: the whole text must be the value.
 *
 * @problem: a sentence about the value, without place or key
 *
 * Owner:  free @out with tp_value_fini(), which wipes secrets
 * Errors: TP_EINVAL, TP_ERANGE, TP_ENOMEM
 */
int tp_value_parse(const struct tp_option *option, const char *text, struct tp_value *out,
		   char problem[TP_PROBLEM_SIZE]);
void tp_value_fini(struct tp_value *value);

/** Number of options in a table that ends with a NULL name; NULL is an empty table. */
size_t tp_option_count(const struct tp_option *options);

/**
 * Is the table of a plugin one that can be used? Names of [a-z0-9_], each once,
 * a help line, a type of ours, choices for an ENUM.
 *
 * @file: for the sentence
 *
 * Errors: TP_EINVAL
 */
int tp_schema_check(const struct tp_option *options, const char *file,
		    char problem[TP_PROBLEM_SIZE]);

/**
 * A whole section: defaults, then the settings; unknown keys (with the nearest
 * known one), missing required ones and bad values are errors with
 * "file:line: [section] key: sentence".
 *
 * @values: tp_option_count() of them, set as in the table
 */
int tp_schema_apply(const struct tp_option *options, const char *section, const char *config_file,
		    const struct tp_setting *settings, size_t setting_count,
		    struct tp_value *values, char problem[TP_PROBLEM_SIZE]);

/** The option names' nearest to a misspelled word; NULL when none is near. */
const char *tp_nearest(const char *word, const char *const *candidates, size_t count);

/** For --plugin-help and for manual-page checks: one entry per option. */
void tp_schema_print(const struct tp_option *options, FILE *out);
