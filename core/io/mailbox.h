/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/error.h>

struct tp_loop;

/*
 * Messages from any thread into one loop, in order per sender. A message is
 * embedded in what it carries and belongs to the mailbox between post and
 * delivery, so posting allocates nothing and the owner's limit is the queue's.
 */
struct tp_message {
	struct tp_message *next;
	void (*deliver)(struct tp_message *message); /* on the loop's thread; may free it */
};

struct tp_mailbox;

/** Errors: TP_ENOMEM, TP_EIO (no eventfd). Free with tp_mailbox_free(). */
int tp_mailbox_create(struct tp_loop *loop, struct tp_mailbox **out);

/** Refuse new messages, deliver those that are there. Loop thread. */
void tp_mailbox_close(struct tp_mailbox *mailbox);

/**
 * Close and free. No other thread may still know the mailbox. Sets the pointer
 * to NULL.
 */
void tp_mailbox_free(struct tp_mailbox **mailbox);

/**
 * Thread: any
 * Errors: TP_ESHUTDOWN when closed; the message stays the caller's then
 */
int tp_mailbox_post(struct tp_mailbox *mailbox, struct tp_message *message);

/**
 * Deliver what is there now, without waiting; what the loop does when woken.
 * Loop thread.
 */
void tp_mailbox_deliver(struct tp_mailbox *mailbox);
