/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/option.h>

/* All that stand in the section. */
extern const struct tp_option auth_sql_options[];
