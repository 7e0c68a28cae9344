/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Options of plugins with a realm guard (realm_guard.h): rows for their tables. */
#define REALM_OPTIONS                                                                              \
	{.name = "refresh",                                                                        \
	 .type = TP_OPTION_DURATION,                                                               \
	 .default_value = "30s",                                                                   \
	 .help = "how often secrets, peers and limits are read",                                   \
	 .min = 100,                                                                               \
	 .max = 86400000,                                                                          \
	 .flags = TP_OPTION_RELOADABLE},                                                           \
	{                                                                                          \
		.name = "separator", .type = TP_OPTION_STRING, .default_value = ":",               \
		.help = "character between expiry and name of a time-limited user",                \
		.flags = TP_OPTION_RELOADABLE                                                      \
	}
