/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <turnpike/addr.h>

#include "cli/exchange.h"
#include "cli/turn_client.h"

/* What turnpike-probe prints: a line a step, or one JSON object. */
struct tp_probe_report {
	FILE *out;
	bool json;
	unsigned steps;
	unsigned failed;
};

#define TP_PROBE_DETAIL_SIZE 512

struct tp_probe_step {
	const char *name;
	bool passed;
	char detail[TP_PROBE_DETAIL_SIZE];         /* in words; any bytes, escaped when printed */
	struct tp_addr addr;                       /* found in this step; family NONE: none */
	uint16_t code;                             /* STUN error code; 0: none */
	uint64_t round_trip_us;                    /* 0: none */
	const struct tp_exchange_result *exchange; /* NULL: none */
};

/** @server: as the user wrote it. */
void tp_probe_report_begin(struct tp_probe_report *report, FILE *out, bool json,
			   const char *server);
/** Print a step and count it. */
void tp_probe_report_step(struct tp_probe_report *report, const struct tp_probe_step *step);
/** The closing words. Returns whether every step passed. */
bool tp_probe_report_end(struct tp_probe_report *report);

/** Why a request failed, in words. @method: STUN method number, 0 for connecting. */
void tp_probe_explain(uint16_t method, const struct tp_turn_result *result,
		      char out[TP_PROBE_DETAIL_SIZE]);
