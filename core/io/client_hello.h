/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a TLS client says first, read without answering: enough to tell for
 * whom the connection is. Nothing of it is verified.
 */
#define TP_SERVER_NAME_SIZE 256

struct tp_client_hello {
	char server_name[TP_SERVER_NAME_SIZE]; /* SNI, in lower case; empty: none */
	bool has_alpn;
	bool speaks_stun; /* ALPN "stun.turn" or "stun.nat-discovery" is among those offered */
};

/* Longest ClientHello taken, with the headers of the records that it is cut into. */
#define TP_CLIENT_HELLO_MAX 16384

/**
 * Read the ClientHello at the head of a stream.
 *
 * @wanted: set with TP_EAGAIN: how many bytes must be there before it is worth
 *          looking again; more than @len, at most TP_CLIENT_HELLO_MAX
 *
 * Errors: TP_EAGAIN for more; TP_EPROTO for bytes that begin no ClientHello,
 *         one that is longer than that, or says a thing twice
 * RFC:    8446 sections 4.1.2 and 5.1, 6066 section 3, 7301 section 3.1
 */
int tp_client_hello_parse(const uint8_t *bytes, size_t len, struct tp_client_hello *out,
			  size_t *wanted);
