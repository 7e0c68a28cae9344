/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include <turnpike/log.h>

#include "host/generation.h"

struct tp_daemon;

/*
 * The UNIX socket that turnpikectl talks to: a client sends one line of words
 * and gets one JSON object, then the connection ends. Root, the user the daemon
 * runs as and members of the socket's group may. Everything is for the main
 * thread.
 */
#define TP_CONTROL_REQUEST_MAX 4096   /* bytes of the line */
#define TP_CONTROL_WORDS_MAX 64       /* in it */
#define TP_CONTROL_CONNECTIONS_MAX 16 /* at a time */
#define TP_CONTROL_REQUEST_MS 5000    /* to send the line */
#define TP_CONTROL_ANSWER_MS 10000    /* for each part of the answer to be taken */

struct tp_control;

/**
 * Make the socket, mode 0660, of the user and group that the daemon will have.
 * One that a dead daemon has left is replaced.
 *
 * Errors: TP_EADDRINUSE when another daemon answers there, TP_EEXIST for what is
 *         no socket, TP_EPERM, TP_ENOENT, TP_EIO, TP_ENOMEM, with a sentence
 */
int tp_control_open(struct tp_daemon *daemon, const char *path, char problem[TP_PROBLEM_SIZE],
		    struct tp_control **out);

/** With its connections. Sets the pointer to NULL; NULL inside is fine. */
void tp_control_close(struct tp_control **control);

/* A request that is being answered; over when it has been. */
struct tp_control_call;

struct tp_daemon *tp_control_daemon(const struct tp_control_call *call);

/** @answer: an object, taken over; NULL: out of memory */
void tp_control_answer(struct tp_control_call *call, json_t *answer);

/** Answer with {"error": "sentence"}. */
void tp_control_fail(struct tp_control_call *call, const char *format, ...) TP_PRINTF(2, 3);

/** A JSON string of any bytes: what is no UTF-8 becomes U+FFFD. NULL: out of memory. */
json_t *tp_control_text(const char *text);

/* A row of the table of verbs. */
struct tp_control_verb {
	const char *words;     /* one or several */
	const char *arguments; /* as in a manual; "" for none */
	const char *help;      /* one line, no full stop */
	/* Ends, now or later, with tp_control_answer() or tp_control_fail(). @argv: behind
	 * the verb's own words, until this returns. */
	void (*run)(struct tp_control_call *call, size_t argc, char **argv);
};

/** Ends with NULL words. Longer verbs stand before those they begin with. */
extern const struct tp_control_verb tp_control_verbs[];

/**
 * Split a line in place: words are separated by blanks; one with blanks stands in
 * double quotes, where a backslash precedes a quote or a backslash.
 *
 * @words: TP_CONTROL_WORDS_MAX of them
 *
 * Errors: TP_EINVAL for quotes that do not close or control bytes, TP_ERANGE for
 *         too many words
 */
int tp_control_split(char *line, char **words, size_t *count);

/**
 * The verb that the words begin with; NULL: none. @own: how many words are its
 * own.
 */
const struct tp_control_verb *tp_control_find(char *const *words, size_t count, size_t *own);
