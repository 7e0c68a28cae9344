/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

struct tp_build;
struct tp_transaction;

/*
 * Sending clients elsewhere with 300 (Try Alternate), RFC 8489 section 10: where
 * a plugin wants it; else, from an anycast address, to the unicast one (RFC 8155);
 * else to the configured servers of the client's address family, in turn.
 */

/**
 * May the client be sent elsewhere? One that has come to the unicast address
 * behind an anycast one may come from there, and is served.
 */
bool tp_redirect_allowed(const struct tp_transaction *transaction);

/** Is there an alternate server for this client? Plugins have been asked, if it is allowed. */
bool tp_redirect_wanted(const struct tp_transaction *transaction);

/**
 * ALTERNATE-SERVER of the client's address family, then one of the other where there
 * is one; over TLS and DTLS ALTERNATE-DOMAIN.
 */
void tp_redirect_write(struct tp_transaction *transaction, struct tp_build *build);
