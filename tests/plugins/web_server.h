/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * A web server in a thread of its own, on a port of the kernel's choice of 127.0.0.1:
 * keeps the last requests, and answers as it is told to. One connection at a time.
 */
struct web_server;

#define WEB_DROP 0    /* close the connection without an answer */
#define WEB_HANG (-1) /* keep it open without an answer, until the server is told otherwise */

struct web_server *web_server_start(void);
/** Sets the pointer to NULL. */
void web_server_stop(struct web_server **server);

unsigned web_server_port(const struct web_server *server);

/** @status: of the answers from now on, or WEB_*. @header: with its CRLF; "": none */
void web_server_answer(struct web_server *server, int status, const char *header);

/** Requests that have come. */
size_t web_server_count(struct web_server *server);

/** Head and body of the one that came as the nth, from 0. Owner: static storage. */
const char *web_server_head(struct web_server *server, size_t nth);
const char *web_server_body(struct web_server *server, size_t nth);
