/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

struct tp_loop;

/* Tells when a descriptor of any kind is ready. All on the loop's thread. */
struct tp_watch;

enum tp_watch_for {
	TP_WATCH_READABLE,
	TP_WATCH_WRITABLE,
};

/**
 * Call @ready again and again, as long as the descriptor is ready; it may free
 * the watch.
 *
 * @fd: borrowed: close it after tp_watch_free()
 *
 * Errors: TP_ENOMEM, TP_EIO
 */
int tp_watch_create(struct tp_loop *loop, int fd, enum tp_watch_for what,
		    void (*ready)(void *owner), void *owner, struct tp_watch **out);

/** Sets the pointer to NULL; NULL inside is fine. */
void tp_watch_free(struct tp_watch **watch);
