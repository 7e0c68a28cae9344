/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/worker.h>

struct tp_mailbox;

/*
 * What other threads want an instance to do on one worker, or on the main
 * thread: a queue with a lock, and a message in the thread's mailbox while
 * something waits. Closing it runs what still waits, so that nothing is left
 * that could call into a plugin that has gone.
 */
struct tp_posts;

#define TP_POSTS_MAX 65536 /* waiting at a time */

/** Refuses everything until it is opened. Errors: TP_ENOMEM. */
int tp_posts_create(struct tp_instance *instance, struct tp_posts **out);

/** From now on calls are taken. @mailbox: NULL: that of the main thread. */
void tp_posts_open(struct tp_posts *posts, struct tp_mailbox *mailbox);

/** Refuse further calls, and run those that wait. Thread: that of the mailbox. */
void tp_posts_close(struct tp_posts *posts);

/** Closed, or never opened. Sets the pointer to NULL; NULL inside is fine. */
void tp_posts_free(struct tp_posts **posts);

/** Thread: any. Errors: TP_ENOMEM, TP_EFULL, TP_ESHUTDOWN when it is not open. */
int tp_posts_add(struct tp_posts *posts, void (*run)(struct tp_instance *self, void *arg),
		 void *arg);

/**
 * Where tp_main_post() goes.
 *
 * @mailbox: borrowed; NULL, before it ends: calls are answered with TP_ESHUTDOWN
 *
 * Thread: main
 */
void tp_main_mailbox_set(struct tp_mailbox *mailbox);
