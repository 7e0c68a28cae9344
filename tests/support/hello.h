/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HELLO_SIZE 32768

/*
 * A ClientHello being written, in one record; its lengths are right after each
 * part.
 */
struct hello {
	uint8_t bytes[HELLO_SIZE];
	size_t len;
	size_t extensions; /* where they begin */
};

void hello_begin(struct hello *hello);
/** Server name (RFC 6066 section 3). */
void hello_add_name(struct hello *hello, const char *name);
/** Protocols (RFC 7301), each with its length before it. */
void hello_add_alpn(struct hello *hello, const char *protocols);
/** An extension nobody looks at. */
void hello_add_other(struct hello *hello, size_t len);

/** Any bytes at the end; the lengths stay as they are. */
void hello_put(struct hello *hello, const void *bytes, size_t len);
/** Make the lengths right. */
void hello_set_lengths(struct hello *hello);
