/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "cli/nat.h"

/** In words, a line each. @server_addr: family NONE: it was not found. */
void tp_nat_report_text(FILE *out, const struct tp_addr *server_addr,
			const struct tp_nat_findings *findings);

/** One JSON object. */
void tp_nat_report_json(FILE *out, const struct tp_addr *server_addr,
			const struct tp_nat_findings *findings);
