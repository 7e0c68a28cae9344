/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/request.h>
#include <turnpike/types.h>

struct user;
struct user_table;

/** What a user's line tells, for the daemon. @name: set it, when the client sent a hash. */
struct tp_credentials user_credentials(const struct user *user, bool name);

/**
 * Park a request until the hashes of all users are computed, off the worker,
 * then answer it.
 *
 * @users: one reference, which this takes over
 *
 * Returns what the handler shall return.
 */
enum tp_verdict userhash_lookup_start(struct tp_instance *self, struct tp_request *request,
				      struct user_table *users, const char *realm,
				      const uint8_t *userhash);
