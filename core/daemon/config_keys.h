/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/option.h>

/*
 * Every key of the core, the only place where they are declared: defaults,
 * checks, "turnpike -t" and the comparison with the manual page come from here.
 */
struct tp_config_section {
	const char *name;                /* "relay"; "listener." for families */
	const char *help;                /* one line, no full stop */
	const struct tp_option *options; /* ends with a NULL name */
};

/** Ends with a NULL name. Owner: static storage. */
extern const struct tp_config_section tp_config_sections[];

/**
 * The row for a section as written: exact, or a family such as "listener." and
 * something behind it. NULL when there is none.
 */
const struct tp_config_section *tp_config_section_find(const char *name);
