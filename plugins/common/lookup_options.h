/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The options of each back end that looks up users: rows for its table. What the
 * manual pages say of them is in man/fragments/lookup_options.5.
 *
 * @strict: "yes" or "no", the default of strict_expiry
 */
#define LOOKUP_OPTIONS(strict)                                                                     \
	{.name = "cache_ttl",                                                                      \
	 .type = TP_OPTION_DURATION,                                                               \
	 .default_value = "1m",                                                                    \
	 .help = "how long an answer is used again",                                               \
	 .min = 0,                                                                                 \
	 .max = 86400000,                                                                          \
	 .flags = TP_OPTION_RELOADABLE},                                                           \
		{.name = "negative_ttl",                                                           \
		 .type = TP_OPTION_DURATION,                                                       \
		 .default_value = "5s",                                                            \
		 .help = "how long it is remembered that a user is unknown or refused",            \
		 .min = 0,                                                                         \
		 .max = 3600000,                                                                   \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "cache_size",                                                             \
		 .type = TP_OPTION_INTEGER,                                                        \
		 .default_value = "10000",                                                         \
		 .help = "users a worker remembers, and as many unknown ones",                     \
		 .min = 1,                                                                         \
		 .max = 1000000,                                                                   \
		 .unit = "users",                                                                  \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "deadline",                                                               \
		 .type = TP_OPTION_DURATION,                                                       \
		 .default_value = "3s",                                                            \
		 .help = "how long a look-up may take, waiting included",                          \
		 .min = 10,                                                                        \
		 .max = 30000,                                                                     \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "max_waiting",                                                            \
		 .type = TP_OPTION_INTEGER,                                                        \
		 .default_value = "4096",                                                          \
		 .help = "requests of a worker that may wait for answers",                         \
		 .min = 1,                                                                         \
		 .max = 100000,                                                                    \
		 .unit = "requests",                                                               \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "grace",                                                                  \
		 .type = TP_OPTION_DURATION,                                                       \
		 .default_value = "1h",                                                            \
		 .help = "how long beyond cache_ttl an answer is used while there is no other",    \
		 .min = 0,                                                                         \
		 .max = 604800000,                                                                 \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "breaker_failures",                                                       \
		 .type = TP_OPTION_INTEGER,                                                        \
		 .default_value = "5",                                                             \
		 .help = "failures in a row after which nothing is asked for a while",             \
		 .min = 1,                                                                         \
		 .max = 1000,                                                                      \
		 .unit = "failures",                                                               \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "breaker_open",                                                           \
		 .type = TP_OPTION_DURATION,                                                       \
		 .default_value = "1s",                                                            \
		 .help = "how long that while is",                                                 \
		 .min = 10,                                                                        \
		 .max = 600000,                                                                    \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
	{                                                                                          \
		.name = "strict_expiry", .type = TP_OPTION_BOOL, .default_value = strict,          \
		.help = "allocations end with the credentials they were made with",                \
		.flags = TP_OPTION_RELOADABLE                                                      \
	}
