/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A STUN Binding request and how its answer is known: RFC 8489 sections 5 and 6.3. */

#define BINDING_REQUEST_SIZE 20

struct binding {
	uint8_t request[BINDING_REQUEST_SIZE];
};

/** A new one, its transaction id by chance. Errors: false without chance. */
bool binding_init(struct binding *binding);

enum binding_match {
	BINDING_MORE = 0,   /* fewer bytes than a header has */
	BINDING_ANSWER = 1, /* a response to it; an error response is one, too */
	BINDING_OTHER = 2,
};

enum binding_match binding_match(const struct binding *binding, const uint8_t *bytes, size_t len);
