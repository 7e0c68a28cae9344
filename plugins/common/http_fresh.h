/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* How long an answer may be kept, read from its header lines (RFC 9111). */
struct http_fresh {
	int64_t max_age_s; /* -1: not said */
	int64_t age_s;     /* it had when it came */
};

/** Before the first line. */
void http_fresh_begin(struct http_fresh *fresh);

/** Read a header line, "Name: value", without a NUL; those of other names do nothing. */
void http_fresh_line(struct http_fresh *fresh, const char *line, size_t len);

/** Seconds, 0: not to be kept; -1: not said. */
int64_t http_fresh_left_s(const struct http_fresh *fresh);
