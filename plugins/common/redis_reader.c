/* SPDX-License-Identifier: Apache-2.0 */
#include "redis_reader.h"

#include <stdlib.h>

#if HIREDIS_MAJOR < 1
typedef int element_count;
#else
typedef size_t element_count;
#endif

struct redis_reader {
	redisReader *parser;
	redisReplyObjectFunctions functions;
	void *(*create_array)(const redisReadTask *task, element_count count); /* hiredis's own */
	size_t bytes;    /* of the answer that is not yet complete */
	size_t elements; /* announced in it */
	const char *problem;
};

static void *create_array(const redisReadTask *task, element_count count)
{
	struct redis_reader *reader = task->privdata;

	if ((size_t)count > REDIS_ANSWER_ELEMENTS_MAX - reader->elements) {
		reader->problem = "an answer has too many elements";
		return NULL;
	}
	reader->elements += (size_t)count;
	return reader->create_array(task, count);
}

struct redis_reader *redis_reader_create(void)
{
	struct redis_reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL) {
		return NULL;
	}
	reader->parser = redisReaderCreate();
	if (reader->parser == NULL) {
		free(reader);
		return NULL;
	}
	reader->functions = *reader->parser->fn;
	reader->create_array = reader->functions.createArray;
	reader->functions.createArray = create_array;
	reader->parser->fn = &reader->functions;
	reader->parser->privdata = reader;
	return reader;
}

void redis_reader_free(struct redis_reader **reader)
{
	if (*reader != NULL) {
		redisReaderFree((*reader)->parser);
		free(*reader);
		*reader = NULL;
	}
}

bool redis_reader_feed(struct redis_reader *reader, const void *bytes, size_t len)
{
	if (len > REDIS_ANSWER_MAX - reader->bytes) {
		reader->problem = "an answer is too long";
		return false;
	}
	reader->bytes += len;
	return redisReaderFeed(reader->parser, bytes, len) == REDIS_OK;
}

bool redis_reader_next(struct redis_reader *reader, redisReply **out)
{
	void *reply = NULL;

	if (redisReaderGetReply(reader->parser, &reply) != REDIS_OK) {
		return false;
	}
	if (reply != NULL) {
		reader->bytes = reader->parser->len - reader->parser->pos;
		reader->elements = 0;
	}
	*out = reply;
	return true;
}

const char *redis_reader_problem(const struct redis_reader *reader)
{
	return reader->problem != NULL ? reader->problem : reader->parser->errstr;
}
