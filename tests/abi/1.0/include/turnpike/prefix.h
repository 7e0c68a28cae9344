/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <turnpike/addr.h>

TP_BEGIN_DECLS

/*
 * A set of IPv4 and IPv6 networks, each with a small number the caller
 * chooses; looking up costs at most one step per bit of prefix, however many
 * networks there are. Filled by one thread, then read by any number of them.
 */
struct tp_prefix_set;

/** An empty set, or NULL when out of memory. Free with tp_prefix_set_free(). */
TP_API struct tp_prefix_set *tp_prefix_set_create(void);

/** Free a set; NULL inside is fine. Sets the pointer to NULL. */
TP_API void tp_prefix_set_free(struct tp_prefix_set **set);

/**
 * Add a network written as "192.0.2.0/24", "2001:db8::/32" or one address.
 *
 * @mark: what a look-up returns, 1 to 255; when the same network is added
 *        twice, the greater mark stays (so let deny be greater than allow)
 *
 * Thread: one, before others look up
 * Errors: TP_EINVAL for text that is no network, for bits set beyond the
 *         prefix length and for @mark 0; TP_ENOMEM
 */
TP_API int tp_prefix_set_add(struct tp_prefix_set *set, const char *network, unsigned mark);

/**
 * The mark of the longest network that holds the address; 0 for none.
 *
 * The address is taken as it is: an IPv4-mapped address is looked up as IPv6.
 *
 * Thread: any
 */
TP_API unsigned tp_prefix_set_find(const struct tp_prefix_set *set, const struct tp_addr *addr);

/** Number of networks in the set. Thread: any. */
TP_API size_t tp_prefix_set_count(const struct tp_prefix_set *set);

TP_END_DECLS
