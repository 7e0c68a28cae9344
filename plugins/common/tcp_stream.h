/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A connection to a server over TCP or a UNIX socket, with TLS or without, that
 * never waits: whoever has it watches its descriptor. For one thread.
 */
struct tcp_stream;
struct tcp_stream_tls;

#define TCP_STREAM_PROBLEM_SIZE 256

/* What a function returns in place of a number of bytes. */
#define TCP_STREAM_END 0      /* the server has closed it */
#define TCP_STREAM_AGAIN (-1) /* not now: watch for what tcp_stream_wants_write() says */
#define TCP_STREAM_LOST (-2)  /* it is of no use any more */

/**
 * What TLS needs, for all connections of an instance.
 *
 * @verify:      check that the certificate has the host's name and comes from an authority
 * @ca_file:     PEM; NULL: the system's authorities
 * @certificate: PEM, our own; NULL: none
 *
 * Errors: NULL with a sentence
 */
struct tcp_stream_tls *tcp_stream_tls_create(bool verify, const char *ca_file,
					     const char *certificate, const char *key,
					     char problem[TCP_STREAM_PROBLEM_SIZE]);
/** After the last connection. NULL inside is fine. Sets the pointer to NULL. */
void tcp_stream_tls_free(struct tcp_stream_tls **tls);

/**
 * Begin to connect.
 *
 * @address: numeric, or the absolute path of a UNIX socket
 * @host:    the name that the certificate must have
 * @tls:     NULL: none
 *
 * Errors: NULL with a sentence
 */
struct tcp_stream *tcp_stream_open(const char *address, uint16_t port, const char *host,
				   struct tcp_stream_tls *tls,
				   char problem[TCP_STREAM_PROBLEM_SIZE]);
/** NULL inside is fine. Sets the pointer to NULL. */
void tcp_stream_close(struct tcp_stream **stream);

int tcp_stream_fd(const struct tcp_stream *stream);

/**
 * Go on connecting, whenever the descriptor is ready.
 *
 * Returns 1 when it is done, TCP_STREAM_AGAIN, or TCP_STREAM_LOST with a sentence.
 */
int tcp_stream_connect(struct tcp_stream *stream, char problem[TCP_STREAM_PROBLEM_SIZE]);

/** What the last TCP_STREAM_AGAIN waits for: writing, or else reading. */
bool tcp_stream_wants_write(const struct tcp_stream *stream);

/** Bytes taken or sent, or one of the above. */
ssize_t tcp_stream_receive(struct tcp_stream *stream, void *bytes, size_t size);
ssize_t tcp_stream_send(struct tcp_stream *stream, const void *bytes, size_t len);
