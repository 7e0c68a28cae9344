/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>
#include <turnpike/api.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

enum tp_option_type {
	TP_OPTION_BOOL = 0,     /* yes, no, true, false, on, off, 1, 0 */
	TP_OPTION_INTEGER = 1,  /* decimal, min to max */
	TP_OPTION_DURATION = 2, /* 90, 90s, 15m, 12h, 7d, 250ms: a number alone is seconds; value in
				   milliseconds */
	TP_OPTION_SIZE = 3,     /* 4096, 64k, 16M, 2G (powers of 1024); value in bytes */
	TP_OPTION_RATE = 4,     /* 500k, 2M, 1G (powers of 1000); value in bits a second */
	TP_OPTION_STRING = 5,
	TP_OPTION_SECRET = 6,   /* a string that is never printed */
	TP_OPTION_PATH = 7,     /* absolute */
	TP_OPTION_LIST = 8,     /* words separated by blanks or commas */
	TP_OPTION_PREFIXES = 9, /* a list of IP networks */
	TP_OPTION_ADDRESS = 10, /* IP address, port optional */
	TP_OPTION_ENUM = 11,    /* one of choices */
};

#define TP_OPTION_REQUIRED 1u   /* the plugin does not start without it */
#define TP_OPTION_RELOADABLE 2u /* a reload may change it */

/* One ini key of a plugin; the daemon parses, checks and documents from it. */
struct tp_option {
	const char *name; /* lower case, [a-z0-9_] */
	enum tp_option_type type;
	const char *default_value; /* as it would stand in the file; NULL for none */
	const char *help;          /* one line, no full stop */
	int64_t min;               /* INTEGER, DURATION (ms), SIZE, RATE; both 0: no range */
	int64_t max;
	const char *unit;           /* for an INTEGER; NULL for none */
	const char *const *choices; /* ENUM; ends with NULL */
	unsigned flags;
};

/*
 * Values, from create on. Asking for a name that is not declared or is of
 * another type is a mistake of the plugin and ends the daemon at once with a
 * sentence, so it shows in the first test.
 */

/** Written in the file, or does it have a default? */
TP_API bool tp_option_is_set(const struct tp_instance *self, const char *name);
TP_API bool tp_option_bool(const struct tp_instance *self, const char *name);
/** INTEGER; DURATION in milliseconds; SIZE in bytes; RATE in bits a second; 0 when not set. */
TP_API int64_t tp_option_integer(const struct tp_instance *self, const char *name);
/** STRING, SECRET, PATH, ENUM; NULL when not set. Owner: the instance. */
TP_API const char *tp_option_string(const struct tp_instance *self, const char *name);
/** LIST, PREFIXES: the words, checked; @count set. NULL when not set. Owner: the instance. */
TP_API const char *const *tp_option_list(const struct tp_instance *self, const char *name,
					 size_t *count);
/** ADDRESS; NULL when not set. Owner: the instance. */
TP_API const struct tp_addr *tp_option_address(const struct tp_instance *self, const char *name);

TP_END_DECLS
