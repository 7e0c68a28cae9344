/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct event_base;

/*
 * Requests to web servers, without waiting, on one worker's event loop. Connections
 * are kept and reused, HTTP/2 is spoken where it is offered, redirects and the proxies
 * of the environment are not followed. Thread of all functions: the loop's.
 */
struct http_client;
struct http_request;

/* Texts stay the caller's and live as long as the client. */
struct http_settings {
	const char *ca_file;          /* PEM; NULL: the system's authorities */
	const char *certificate_file; /* PEM, our own; NULL: none */
	const char *key_file;         /* PEM; NULL: it is with the certificate */
	const char *token;            /* sent as "Authorization: Bearer"; NULL: none */
	unsigned connections;         /* at a time; further requests wait for one */
	uint64_t connect_timeout_ms;  /* name look-up and TLS included */
	uint64_t timeout_ms;          /* for everything */
	size_t body_max;              /* bytes of an answer */
	/** Before each request: the address it goes to, as text. NULL: nobody wants to know. */
	void (*connected)(void *arg, const char *address);
	void *connected_arg;
};

struct http_answer {
	long status;         /* 0: there was none */
	const char *problem; /* a sentence, when there was none; else NULL */
	const char *body;    /* a NUL stands behind it */
	size_t len;
	int64_t fresh_s; /* what Cache-Control and Age leave, 0: not to be kept; -1: not said */
};

/** @answer: for the length of the call; its body is wiped afterwards. */
typedef void (*http_done_fn)(void *arg, const struct http_answer *answer);

/** @settings: copied. Errors: NULL when out of memory. */
struct http_client *http_client_create(struct event_base *base,
				       const struct http_settings *settings);
/** Drops what is under way without a word. Not from inside @done. Sets the pointer to NULL. */
void http_client_free(struct http_client **client);

/**
 * Send a request: GET, or POST of a JSON text.
 *
 * @body: NULL: GET; else copied and wiped afterwards
 * @done: called once, from the loop, never inside this call
 *
 * Owner:  the client, until @done or http_request_cancel()
 * Errors: NULL when out of memory, or when libcurl does not take the URL
 */
struct http_request *http_client_send(struct http_client *client, const char *url, const char *body,
				      http_done_fn done, void *arg);
/** @done is not called. NULL inside is fine. Sets the pointer to NULL. */
void http_request_cancel(struct http_request **request);

/**
 * Write bytes as they may stand in any part of a URL (RFC 3986 section 2.1).
 *
 * Owner:  the caller, free()
 *
 * Returns NULL when out of memory.
 */
char *http_url_escape(const uint8_t *bytes, size_t len);
