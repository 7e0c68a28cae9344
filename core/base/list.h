/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Intrusive doubly linked list with a head that is a link itself. */
struct tp_list {
	struct tp_list *next;
	struct tp_list *prev;
};

#define tp_container_of(pointer, type, member)                                                     \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void tp_list_init(struct tp_list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool tp_list_empty(const struct tp_list *list)
{
	return list->next == list;
}

static inline void tp_list_append(struct tp_list *list, struct tp_list *link)
{
	link->prev = list->prev;
	link->next = list;
	list->prev->next = link;
	list->prev = link;
}

/** Unlink; harmless on a link that is initialised and in no list. */
static inline void tp_list_remove(struct tp_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	tp_list_init(link);
}

/** Unlink and return the first link, NULL when the list is empty. */
static inline struct tp_list *tp_list_shift(struct tp_list *list)
{
	struct tp_list *first = list->next;

	if (first == list) {
		return NULL;
	}
	tp_list_remove(first);
	return first;
}

#define tp_list_for_each(link, list)                                                               \
	for ((link) = (list)->next; (link) != (list); (link) = (link)->next)

/* Survives the removal of @link inside the body. */
#define tp_list_for_each_safe(link, after, list)                                                   \
	for ((link) = (list)->next, (after) = (link)->next; (link) != (list);                      \
	     (link) = (after), (after) = (link)->next)
