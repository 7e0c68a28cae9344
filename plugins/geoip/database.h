/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * A database in the MaxMind DB format, in memory of its own: nobody who writes into
 * the file or cuts it short does us harm. Shared by counting; thread of all: any.
 */
struct database;

#define DATABASE_PROBLEM_SIZE 256
#define DATABASE_SIZE_MAX (INT64_C(1) << 30)

/**
 * Read a file. Blocks.
 *
 * @problem: a sentence with the path when it failed
 *
 * Owner:  unref it
 * Errors: TP_ENOENT, TP_EINVAL for what is no such database, TP_EFULL beyond
 *         DATABASE_SIZE_MAX, TP_ENOMEM, TP_EIO
 */
int database_open(const char *path, struct database **out, char problem[DATABASE_PROBLEM_SIZE]);

struct database *database_ref(struct database *database);
/** NULL inside is fine. Sets the pointer to NULL. */
void database_unref(struct database **database);

/** Where the address is, an ISO 3166-1 code in upper case; false: not known. */
bool database_country(const struct database *database, const struct tp_addr *addr, char out[3]);

/** Whose network it is in; false: not known. */
bool database_as(const struct database *database, const struct tp_addr *addr, uint32_t *out);
