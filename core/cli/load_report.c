/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_report.h"

#include <inttypes.h>

static double quantile_us(const struct tp_load_result *result, unsigned permille)
{
	return (double)tp_load_histogram_quantile_ns(&result->latency, permille) / 1000;
}

static double per_second(const struct tp_load_result *result)
{
	if (result->measured_ns == 0) {
		return 0;
	}
	return (double)result->arrivals * 1e9 / (double)result->measured_ns;
}

static double cpu_ns_per_packet(const struct tp_load_result *result)
{
	if (result->arrivals == 0) {
		return 0;
	}
	return (double)result->server_cpu_ns / (double)result->arrivals;
}

/* Memory that went away during the set-up counts as none. */
static double rss_per_allocation(const struct tp_load_options *options,
				 const struct tp_load_result *result)
{
	uint32_t made = options->allocations - result->failed;

	if (made == 0 || result->server_rss_after < result->server_rss_before) {
		return 0;
	}
	return (double)(result->server_rss_after - result->server_rss_before) / made;
}

bool tp_load_passed(const struct tp_load_options *options, const struct tp_load_result *result)
{
	bool silent = result->sent != 0 && result->received == 0;

	return result->failed == 0 && result->corrupt == 0 &&
	       (!silent || options->target == TP_LOAD_TARGET_SINK);
}

static void write_json(FILE *out, const struct tp_load_options *options,
		       const struct tp_load_result *result)
{
	fprintf(out,
		"{\"mode\": \"%s\", \"allocations\": %u, \"failed\": %u, \"size\": %zu, "
		"\"rate\": %u, \"seconds\": %.3f, \"train\": %u",
		tp_load_mode_name(options->mode), options->allocations, result->failed,
		options->size, options->rate, (double)result->measured_ns / 1e9, options->train);
	fprintf(out,
		", \"sent\": %" PRIu64 ", \"received\": %" PRIu64 ", \"lost\": %" PRIu64
		", \"reordered\": %" PRIu64 ", \"duplicated\": %" PRIu64 ", \"corrupt\": %" PRIu64,
		result->sent, result->received, result->lost, result->reordered, result->duplicated,
		result->corrupt);
	fprintf(out,
		", \"per_second\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, "
		"\"max_us\": %.1f",
		per_second(result), quantile_us(result, 500), quantile_us(result, 990),
		quantile_us(result, 999), (double)result->latency.max_ns / 1000);
	if (options->server_pid != 0) {
		fprintf(out,
			", \"server_cpu_ns_per_packet\": %.1f, \"server_rss_before\": %" PRIu64
			", \"server_rss_after\": %" PRIu64 ", \"server_rss_per_allocation\": %.1f",
			cpu_ns_per_packet(result), result->server_rss_before,
			result->server_rss_after, rss_per_allocation(options, result));
	}
	fputs("}\n", out);
}

static const char *unit(const struct tp_load_options *options)
{
	switch (options->mode) {
	case TP_LOAD_BINDING:
		return "request";
	case TP_LOAD_ALLOCATE:
		return "cycle";
	default:
		return "packet";
	}
}

static void write_traffic(FILE *out, const struct tp_load_options *options,
			  const struct tp_load_result *result)
{
	fprintf(out,
		"%.0f %ss a second: %" PRIu64 " sent, %" PRIu64 " received, %" PRIu64
		" lost, %" PRIu64 " reordered, %" PRIu64 " twice, %" PRIu64 " damaged\n",
		per_second(result), unit(options), result->sent, result->received, result->lost,
		result->reordered, result->duplicated, result->corrupt);
	fprintf(out, "latency p50 %.1f, p99 %.1f, p99.9 %.1f, max %.1f us\n",
		quantile_us(result, 500), quantile_us(result, 990), quantile_us(result, 999),
		(double)result->latency.max_ns / 1000);
}

static void write_lines(FILE *out, const struct tp_load_options *options,
			const struct tp_load_result *result)
{
	fprintf(out, "%s, %u allocations, %u failed%s%s\n", tp_load_mode_name(options->mode),
		options->allocations, result->failed, result->failed == 0 ? "" : ": ",
		result->reason);
	if (result->sent != 0) {
		write_traffic(out, options, result);
	}
	if (options->server_pid == 0) {
		return;
	}
	if (result->sent != 0) {
		fprintf(out, "server: %.0f ns of CPU time per %s\n", cpu_ns_per_packet(result),
			unit(options));
	}
	fprintf(out,
		"server: %" PRIu64 " bytes resident, %" PRIu64
		" after the set-up: %.0f per allocation\n",
		result->server_rss_before, result->server_rss_after,
		rss_per_allocation(options, result));
}

void tp_load_report(FILE *out, const struct tp_load_options *options,
		    const struct tp_load_result *result)
{
	if (options->json) {
		write_json(out, options, result);
	} else {
		write_lines(out, options, result);
	}
	fflush(out);
}
