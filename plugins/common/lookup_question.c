/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup_question.h"

#include <stdlib.h>
#include <string.h>

#define USERHASH_SIZE 32

static size_t text_size(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

/* NULL stays NULL. */
static const void *put(char **at, const void *from, size_t size)
{
	void *to = *at;

	if (from == NULL || size == 0) {
		return NULL;
	}
	memcpy(to, from, size);
	*at += size;
	return to;
}

static void copy(struct lookup_query *query, char *at)
{
	query->realm = put(&at, query->realm, text_size(query->realm));
	query->username = put(&at, query->username, text_size(query->username));
	query->userhash = put(&at, query->userhash, query->userhash == NULL ? 0 : USERHASH_SIZE);
	query->server_name = put(&at, query->server_name, text_size(query->server_name));
	query->software.data = put(&at, query->software.data, query->software.len);
	query->token.data = put(&at, query->token.data, query->token.len);
}

struct lookup_question *lookup_question_create(struct lookup *lookup,
					       const struct lookup_query *query,
					       struct lookup_key *key)
{
	size_t size = text_size(query->realm) + text_size(query->username) + USERHASH_SIZE +
		      text_size(query->server_name) + query->software.len + query->token.len;
	struct lookup_question *question = calloc(1, sizeof(*question) + size);

	if (question != NULL) {
		question->size = sizeof(*question) + size;
		question->lookup = lookup;
		question->key = key;
		question->query = *query;
		copy(&question->query, question->bytes);
		TAILQ_INIT(&question->waiters);
	}
	return question;
}

void lookup_question_free(struct lookup_question **question)
{
	if ((*question)->key != NULL) {
		explicit_bzero((*question)->key->bytes, (*question)->key->len);
		free((*question)->key);
	}
	lookup_answer_free(&(*question)->answer);
	explicit_bzero(*question, (*question)->size); /* a token is in it */
	free(*question);
	*question = NULL;
}

struct lookup_question *lookup_question_of(struct lookup_query *query)
{
	return (struct lookup_question *)((char *)query - offsetof(struct lookup_question, query));
}
