/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup_key.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 9
#define USERHASH_SIZE 32

struct parts {
	struct tp_view views[PARTS_MAX];
	size_t count;
};

static void add(struct parts *parts, const void *bytes, size_t len)
{
	parts->views[parts->count++] = (struct tp_view){bytes, len};
}

static void add_text(struct parts *parts, const char *text)
{
	add(parts, text, text == NULL ? 0 : strlen(text));
}

/* Which parts there are depends on the plugin alone, but for name or hash. */
static void collect(struct parts *parts, const struct lookup_query *query, unsigned depends)
{
	add_text(parts, query->realm);
	add_text(parts, query->username);
	add(parts, query->userhash, query->userhash == NULL ? 0 : USERHASH_SIZE);
	add(parts, query->token.data, query->token.len);
	if ((depends & LOOKUP_BY_ALGORITHM) != 0) {
		add(parts, &query->algorithm, sizeof(query->algorithm));
	}
	if ((depends & LOOKUP_BY_CLIENT_IP) != 0) {
		add(parts, query->five_tuple.client_addr.bytes,
		    sizeof(query->five_tuple.client_addr.bytes));
	}
	if ((depends & LOOKUP_BY_TRANSPORT) != 0) {
		add(parts, &query->five_tuple.transport, sizeof(query->five_tuple.transport));
	}
	if ((depends & LOOKUP_BY_SERVER_NAME) != 0) {
		add_text(parts, query->server_name);
	}
	if ((depends & LOOKUP_BY_SOFTWARE) != 0) {
		add(parts, query->software.data, query->software.len);
	}
}

static struct lookup_key *join(const struct parts *parts)
{
	size_t len = 0;
	struct lookup_key *key;

	for (size_t i = 0; i < parts->count; i++) {
		len += sizeof(size_t) + parts->views[i].len;
	}
	key = malloc(sizeof(*key) + len);
	if (key == NULL) {
		return NULL;
	}
	key->len = 0;
	for (size_t i = 0; i < parts->count; i++) {
		const struct tp_view *view = &parts->views[i];

		memcpy(key->bytes + key->len, &view->len, sizeof(size_t));
		key->len += sizeof(size_t);
		if (view->len != 0) {
			memcpy(key->bytes + key->len, view->data, view->len);
		}
		key->len += view->len;
	}
	return key;
}

struct lookup_key *lookup_key_create(const struct lookup_query *query, unsigned depends)
{
	struct parts parts = {.count = 0};

	collect(&parts, query, depends);
	return join(&parts);
}

int lookup_key_compare(const void *left, const void *right)
{
	const struct lookup_key *a = *(struct lookup_key *const *)left;
	const struct lookup_key *b = *(struct lookup_key *const *)right;

	if (a->len != b->len) {
		return a->len < b->len ? -1 : 1;
	}
	return memcmp(a->bytes, b->bytes, a->len);
}
