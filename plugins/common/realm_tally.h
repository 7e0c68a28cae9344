/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * How many allocations there are in each realm, for all workers and the
 * generations of a reload, under a lock of its own. Thread of all functions: any.
 */
struct realm_tally;

/** NULL when out of memory. Unref it. */
struct realm_tally *realm_tally_create(void);
struct realm_tally *realm_tally_ref(struct realm_tally *tally);
/** NULL inside is fine. Sets the pointer to NULL. */
void realm_tally_unref(struct realm_tally **tally);

void realm_tally_add(struct realm_tally *tally, const char *realm);
void realm_tally_remove(struct realm_tally *tally, const char *realm);
uint32_t realm_tally_count(struct realm_tally *tally, const char *realm);
