/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>
#include <turnpike/types.h>

#define QUESTION_PROBLEM_SIZE 160

/* What a service is told about a login. Everything is borrowed. */
struct question {
	const char *user;        /* NULL when the client sent a hash of it */
	const uint8_t *userhash; /* 32 bytes; NULL with a name */
	const char *realm;
	const struct tp_five_tuple *five_tuple;
	const char *server_name; /* SNI; NULL: none */
	struct tp_view software; /* SOFTWARE attribute; empty: none */
};

/**
 * The question as a JSON object. What is no UTF-8 is left out.
 *
 * Owner: the caller, free()
 *
 * Returns NULL when out of memory.
 */
char *question_json(const struct question *question);

/**
 * The URL to ask, with each {field} of @pattern replaced by its value, escaped.
 *
 * Owner: the caller, free()
 *
 * Returns NULL when out of memory.
 */
char *question_url(const struct question *question, const char *pattern);

/**
 * Is it a URL of http or https without a user's name, whose {fields} exist?
 *
 * @problem: a sentence when it is not
 * @fields:  whether it has any
 */
bool question_check_url(const char *pattern, bool *fields, char problem[QUESTION_PROBLEM_SIZE]);

/** Valid UTF-8? (RFC 3629) */
bool question_is_utf8(const char *text, size_t len);
