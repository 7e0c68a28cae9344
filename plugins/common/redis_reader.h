/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

#define REDIS_ANSWER_MAX (4 << 20)                       /* bytes of one */
#define REDIS_ANSWER_ELEMENTS_MAX (REDIS_ANSWER_MAX / 4) /* ":1\r\n" is the shortest */

/*
 * Cuts a server's bytes into answers: hiredis's parser with ceilings, because it
 * takes memory for as many elements as an answer announces, before any has come.
 */
struct redis_reader;

/** Errors: NULL when out of memory. */
struct redis_reader *redis_reader_create(void);
/** Sets the pointer to NULL; NULL inside is fine. */
void redis_reader_free(struct redis_reader **reader);

/** Take over a copy of what was received. Returns false when it has failed. */
bool redis_reader_feed(struct redis_reader *reader, const void *bytes, size_t len);

/**
 * The next whole answer; NULL inside when more bytes are needed. Free it with
 * freeReplyObject(). Returns false when it has failed.
 */
bool redis_reader_next(struct redis_reader *reader, redisReply **out);

/** Why it has failed, in words; its own. */
const char *redis_reader_problem(const struct redis_reader *reader);
