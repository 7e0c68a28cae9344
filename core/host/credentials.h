/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/ticket.h>

struct tp_request;

/**
 * Check what a provider handed in and copy it whole, so that it can cross threads.
 *
 * Thread: any
 * Errors: TP_EINVAL for a short table, nothing to check with, a mac_key of
 *         a wrong length or beside others, an empty or overlong name, too many or
 *         missing passwords; TP_ENOMEM
 */
int tp_credentials_copy(const struct tp_credentials *from, struct tp_credentials **out);

/** Wipe and free. Sets the pointer to NULL; NULL inside is fine. */
void tp_credentials_free(struct tp_credentials **credentials);

/**
 * Copy into request->provided, in its arena.
 *
 * Thread: the request's worker
 * Errors: TP_EINVAL as above or without a key for the algorithm in use, TP_ENOMEM
 */
int tp_credentials_provide(struct tp_request *request, const struct tp_credentials *from);

/** Wipe request->provided. */
void tp_provided_wipe(struct tp_request *request);
