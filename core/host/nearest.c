/* SPDX-License-Identifier: Apache-2.0 */
#include "host/schema.h"

#include <string.h>

#define WORD_MAX 64

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Insertions, deletions, substitutions and swaps of neighbours between two
 * words. Three rows of the usual table are enough.
 */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0];
	size_t *above = rows[1];
	size_t *row = rows[2];

	for (size_t j = 0; j <= b_len; j++) {
		above[j] = j;
		before[j] = 0;
	}
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = least(row[j], least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				row[j] = least(row[j], before[j - 2] + 1);
			}
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b_len];
}

/* How many slips are still taken for a slip. */
static size_t tolerance(size_t len)
{
	return len < 4 ? 1 : len < 8 ? 2 : 3;
}

const char *tp_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t word_len = strnlen(word, WORD_MAX + 1);
	size_t best = tolerance(word_len) + 1;
	const char *nearest = NULL;

	if (word_len > WORD_MAX) {
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		size_t len = strnlen(candidates[i], WORD_MAX + 1);
		size_t slips;

		if (len > WORD_MAX) {
			continue;
		}
		slips = distance(word, word_len, candidates[i], len);
		if (slips < best && slips < len) {
			best = slips;
			nearest = candidates[i];
		}
	}
	return nearest;
}
