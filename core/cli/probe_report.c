/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/probe_report.h"

#include <inttypes.h>
#include <string.h>

#include <turnpike/error.h>

#include "stun/codes.h"

/* --- words ----------------------------------------------------------------- */

static const struct sentence {
	uint16_t code;
	uint16_t method; /* 0: any */
	const char *text;
} sentences[] = {
	{300, 0, "the server sends its clients to another server"},
	{400, 0, "the server calls the request malformed"},
	{401, 0, "the server does not accept the user name or password"},
	{403, TP_STUN_CREATE_PERMISSION, "the server refuses to relay to this peer address"},
	{403, TP_STUN_CHANNEL_BIND, "the server refuses to relay to this peer address"},
	{403, 0, "the server forbids it"},
	{420, 0, "the server does not know an attribute that the request needs"},
	{437, TP_STUN_ALLOCATE, "the server already has an allocation for this client"},
	{437, 0, "the server has no allocation for this client"},
	{438, 0, "the server calls even its newest nonce stale"},
	{440, 0, "the server has no relayed addresses of this family"},
	{441, 0, "the allocation belongs to another user"},
	{442, 0, "the server does not relay UDP"},
	{443, 0, "the peer address is of another family than the relayed address"},
	{486, 0, "this user may have no more allocations"},
	{500, 0, "the server failed"},
	{508, 0, "the server has no capacity left"},
};

static const char *sentence_of(uint16_t code, uint16_t method)
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		if (sentences[i].code == code &&
		    (sentences[i].method == 0 || sentences[i].method == method)) {
			return sentences[i].text;
		}
	}
	return "the server refuses";
}

void tp_probe_explain(uint16_t method, const struct tp_turn_result *result,
		      char out[TP_PROBE_DETAIL_SIZE])
{
	if (result->code != 0 && result->err == TP_EPERM) {
		snprintf(out, TP_PROBE_DETAIL_SIZE, "%u: %s (%s)", result->code,
			 sentence_of(result->code, method), result->reason);
	} else if (result->code != 0) {
		snprintf(out, TP_PROBE_DETAIL_SIZE, "%u: %s", result->code, result->reason);
	} else if (result->reason[0] != 0) {
		snprintf(out, TP_PROBE_DETAIL_SIZE, "%s", result->reason);
	} else {
		snprintf(out, TP_PROBE_DETAIL_SIZE, "%s", tp_error_string(result->err));
	}
}

/* --- printing -------------------------------------------------------------- */

static void print_escaped(FILE *out, const char *text, bool json)
{
	for (const unsigned char *at = (const unsigned char *)text; *at != 0; at++) {
		if (json && (*at == '"' || *at == '\\')) {
			fprintf(out, "\\%c", *at);
		} else if (*at >= 0x20 && *at < 0x7f) {
			fputc(*at, out);
		} else {
			fprintf(out, json ? "\\u%04x" : "\\x%02x", *at);
		}
	}
}

static void json_text(FILE *out, const char *name, const char *text)
{
	fprintf(out, "\"%s\":\"", name);
	print_escaped(out, text, true);
	fputc('"', out);
}

static void json_exchange(FILE *out, const struct tp_exchange_result *result)
{
	fprintf(out,
		",\"sent\":%u,\"arrived\":%u,\"returned\":%u,\"duplicates\":%u,\"damaged\":%u,"
		"\"unsent\":%u,\"round_trip_us\":{\"min\":%" PRIu64 ",\"median\":%" PRIu64
		",\"p99\":%" PRIu64 "}",
		result->sent, result->arrived, result->returned, result->duplicates,
		result->damaged, result->unsent, result->min_us, result->median_us, result->p99_us);
}

static void json_step(struct tp_probe_report *report, const struct tp_probe_step *step)
{
	FILE *out = report->out;
	char addr[TP_ADDR_STRING];

	fputs(report->steps == 0 ? "{" : ",{", out);
	json_text(out, "name", step->name);
	fprintf(out, ",\"passed\":%s,", step->passed ? "true" : "false");
	json_text(out, "detail", step->detail);
	if (step->addr.family != TP_FAMILY_NONE) {
		fputc(',', out);
		json_text(out, "address", tp_addr_format(&step->addr, addr));
	}
	if (step->code != 0) {
		fprintf(out, ",\"code\":%u", step->code);
	}
	if (step->exchange != NULL) {
		json_exchange(out, step->exchange);
	} else if (step->round_trip_us != 0) {
		fprintf(out, ",\"round_trip_us\":%" PRIu64, step->round_trip_us);
	}
	fputc('}', out);
}

static void text_step(FILE *out, const struct tp_probe_step *step)
{
	fprintf(out, "%-7s %-20s ", step->passed ? "ok" : "FAILED", step->name);
	print_escaped(out, step->detail, false);
	if (step->round_trip_us != 0) {
		fprintf(out, ", %.2f ms", (double)step->round_trip_us / 1000.0);
	}
	fputc('\n', out);
}

void tp_probe_report_begin(struct tp_probe_report *report, FILE *out, bool json, const char *server)
{
	*report = (struct tp_probe_report){.out = out, .json = json};
	if (json) {
		fputc('{', out);
		json_text(out, "server", server);
		fputs(",\"steps\":[", out);
	}
}

void tp_probe_report_step(struct tp_probe_report *report, const struct tp_probe_step *step)
{
	if (report->json) {
		json_step(report, step);
	} else {
		text_step(report->out, step);
	}
	report->steps++;
	report->failed += !step->passed;
	fflush(report->out);
}

bool tp_probe_report_end(struct tp_probe_report *report)
{
	bool passed = report->failed == 0 && report->steps != 0;

	if (report->json) {
		fprintf(report->out, "],\"passed\":%s}\n", passed ? "true" : "false");
	} else {
		fprintf(report->out, "%s\n", passed ? "passed" : "FAILED");
	}
	fflush(report->out);
	return passed;
}
