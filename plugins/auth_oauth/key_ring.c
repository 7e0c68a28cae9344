/* SPDX-License-Identifier: Apache-2.0 */
#include "key_ring.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>

#include <turnpike/error.h>
#include <turnpike/types.h>

#include "common/secret_file.h"

_Static_assert(KEY_RING_MAX == SECRET_FILE_LINES_MAX, "each line is a key");

struct named_key {
	char kid[KEY_RING_KID_MAX + 1];
	struct token_key key;
	uint64_t from_s;  /* since 1970 */
	uint64_t until_s; /* no longer then */
};

struct key_ring {
	_Atomic unsigned references;
	struct named_key keys[KEY_RING_MAX];
	size_t count;
	bool readable_by_all;
};

struct key_ring *key_ring_ref(struct key_ring *ring)
{
	atomic_fetch_add(&ring->references, 1);
	return ring;
}

void key_ring_unref(struct key_ring **ring)
{
	if (*ring != NULL && atomic_fetch_sub(&(*ring)->references, 1) == 1) {
		gnutls_memset(*ring, 0, sizeof(**ring));
		free(*ring);
	}
	*ring = NULL;
}

size_t key_ring_count(const struct key_ring *ring)
{
	return ring->count;
}

bool key_ring_is_open(const struct key_ring *ring)
{
	return ring->readable_by_all;
}

static const struct named_key *find(const struct key_ring *ring, const char *kid)
{
	for (size_t i = 0; i < ring->count; i++) {
		if (strcmp(ring->keys[i].kid, kid) == 0) {
			return &ring->keys[i];
		}
	}
	return NULL;
}

const struct token_key *key_ring_find(const struct key_ring *ring, const char *kid, uint64_t now_s)
{
	const struct named_key *named = find(ring, kid);

	return named != NULL && now_s >= named->from_s && now_s < named->until_s ? &named->key
										 : NULL;
}

/* --- a line ------------------------------------------------------------------------- */

/* The next word; @at moves behind it. Length 0: none is left. */
static struct tp_view next_word(const char **at)
{
	const char *begin = *at + strspn(*at, " \t");
	size_t len = strcspn(begin, " \t");

	*at = begin + len;
	return (struct tp_view){(const uint8_t *)begin, len};
}

static bool is_word(struct tp_view word, const char *text)
{
	return word.len == strlen(text) && memcmp(word.data, text, word.len) == 0;
}

static const char *read_kid(struct tp_view word, struct named_key *named)
{
	if (word.len > KEY_RING_KID_MAX) {
		return "its name is longer than 255 bytes";
	}
	memcpy(named->kid, word.data, word.len);
	return NULL;
}

static const char *read_algorithm(struct tp_view word, struct named_key *named)
{
	named->key.aes256 = is_word(word, "A256GCM");
	return named->key.aes256 || is_word(word, "A128GCM")
		       ? NULL
		       : "its algorithm must be A256GCM or A128GCM";
}

static const char *read_bytes(struct tp_view word, struct named_key *named)
{
	const gnutls_datum_t text = {(unsigned char *)word.data, (unsigned)word.len};
	const char *wrong = NULL;
	gnutls_datum_t bytes;

	if (word.len == 0 || gnutls_base64_decode2(&text, &bytes) < 0) {
		return "its bytes must be in base64";
	}
	if (bytes.size == token_key_len(&named->key)) {
		memcpy(named->key.bytes, bytes.data, bytes.size);
	} else {
		wrong = named->key.aes256 ? "a key of A256GCM has 32 bytes"
					  : "a key of A128GCM has 16 bytes";
	}
	gnutls_memset(bytes.data, 0, bytes.size);
	gnutls_free(bytes.data);
	return wrong;
}

/* Digits, or none for @otherwise; @at moves behind them. */
static bool read_time(const char **at, const char *end, uint64_t otherwise, uint64_t *out)
{
	const char *begin = *at;

	*out = 0;
	while (*at < end && **at >= '0' && **at <= '9') {
		if (*at - begin == 15) {
			return false;
		}
		*out = *out * 10 + (uint64_t)(*(*at)++ - '0');
	}
	if (*at == begin) {
		*out = otherwise;
	}
	return true;
}

static const char *read_validity(struct tp_view word, struct named_key *named)
{
	const char *at = (const char *)word.data;
	const char *end = at + word.len;

	named->from_s = 0;
	named->until_s = UINT64_MAX;
	if (word.len == 0) {
		return NULL;
	}
	if (!read_time(&at, end, 0, &named->from_s) || at == end || *at++ != '-' ||
	    !read_time(&at, end, UINT64_MAX, &named->until_s) || at != end ||
	    named->from_s >= named->until_s) {
		return "when it is good must be FROM-UNTIL, in seconds since 1970";
	}
	return NULL;
}

static const char *read_line(const char *line, struct named_key *named)
{
	const char *at = line;
	const char *wrong = read_kid(next_word(&at), named);

	if (wrong == NULL) {
		wrong = read_algorithm(next_word(&at), named);
	}
	if (wrong == NULL) {
		wrong = read_bytes(next_word(&at), named);
	}
	if (wrong == NULL) {
		wrong = read_validity(next_word(&at), named);
	}
	if (wrong == NULL && next_word(&at).len != 0) {
		wrong = "there is something behind it";
	}
	return wrong;
}

/* --- a file ------------------------------------------------------------------------- */

static const char *add_line(struct key_ring *ring, const char *line)
{
	struct named_key *named = &ring->keys[ring->count];
	const char *wrong = read_line(line, named);

	if (wrong == NULL && find(ring, named->kid) != NULL) {
		wrong = "there is one of that name before it";
	}
	ring->count += wrong == NULL;
	return wrong;
}

static int add_lines(struct key_ring *ring, const struct secret_file *file, const char *path,
		     char *problem)
{
	for (size_t i = 0; i < file->count; i++) {
		const char *wrong = add_line(ring, file->lines[i]);

		if (wrong != NULL) {
			snprintf(problem, KEY_RING_PROBLEM_SIZE, "%s: key %zu: %s", path, i + 1,
				 wrong);
			return TP_EINVAL;
		}
	}
	if (ring->count == 0) {
		snprintf(problem, KEY_RING_PROBLEM_SIZE, "%s: there is no key in it", path);
		return TP_EINVAL;
	}
	ring->readable_by_all = file->readable_by_all;
	return 0;
}

int key_ring_read(const char *path, char problem[KEY_RING_PROBLEM_SIZE], struct key_ring **out)
{
	struct key_ring *ring = calloc(1, sizeof(*ring));
	struct secret_file file;
	int err;

	if (ring == NULL) {
		snprintf(problem, KEY_RING_PROBLEM_SIZE, "%s: out of memory", path);
		return TP_ENOMEM;
	}
	ring->references = 1;
	err = secret_file_read(path, &file, problem);
	if (err == 0) {
		err = add_lines(ring, &file, path, problem);
		secret_file_wipe(&file);
	}
	if (err != 0) {
		key_ring_unref(&ring);
		return err;
	}
	*out = ring;
	return 0;
}
