/* SPDX-License-Identifier: Apache-2.0 */
#include "io/mailbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "io/loop.h"

struct tp_mailbox {
	pthread_mutex_t lock;
	struct tp_message *first;
	struct tp_message **last;
	bool closed;
	int wake_fd;
	struct event *wake_event;
};

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count)) {
		tp_mailbox_deliver(arg);
	}
}

int tp_mailbox_create(struct tp_loop *loop, struct tp_mailbox **out)
{
	struct tp_mailbox *mailbox = calloc(1, sizeof(*mailbox));

	if (mailbox == NULL) {
		return TP_ENOMEM;
	}
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->last = &mailbox->first;
	mailbox->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (mailbox->wake_fd != -1) {
		mailbox->wake_event = event_new(tp_loop_event_base(loop), mailbox->wake_fd,
						EV_READ | EV_PERSIST, on_wake, mailbox);
	}
	if (mailbox->wake_event == NULL || event_add(mailbox->wake_event, NULL) != 0) {
		tp_mailbox_free(&mailbox);
		return TP_EIO;
	}
	*out = mailbox;
	return 0;
}

/* All that is there, in order. */
static struct tp_message *take_all(struct tp_mailbox *mailbox)
{
	struct tp_message *first;

	pthread_mutex_lock(&mailbox->lock);
	first = mailbox->first;
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	pthread_mutex_unlock(&mailbox->lock);
	return first;
}

void tp_mailbox_deliver(struct tp_mailbox *mailbox)
{
	struct tp_message *message = take_all(mailbox);

	while (message != NULL) {
		struct tp_message *next = message->next;

		message->deliver(message);
		message = next;
	}
}

void tp_mailbox_close(struct tp_mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	mailbox->closed = true;
	pthread_mutex_unlock(&mailbox->lock);
	tp_mailbox_deliver(mailbox);
}

void tp_mailbox_free(struct tp_mailbox **mailbox)
{
	struct tp_mailbox *gone = *mailbox;

	if (gone == NULL) {
		return;
	}
	tp_mailbox_close(gone);
	if (gone->wake_event != NULL) {
		event_free(gone->wake_event);
	}
	if (gone->wake_fd != -1) {
		close(gone->wake_fd);
	}
	pthread_mutex_destroy(&gone->lock);
	free(gone);
	*mailbox = NULL;
}

int tp_mailbox_post(struct tp_mailbox *mailbox, struct tp_message *message)
{
	const uint64_t one = 1;
	bool was_empty;

	pthread_mutex_lock(&mailbox->lock);
	if (mailbox->closed) {
		pthread_mutex_unlock(&mailbox->lock);
		return TP_ESHUTDOWN;
	}
	was_empty = mailbox->first == NULL;
	message->next = NULL;
	*mailbox->last = message;
	mailbox->last = &message->next;
	if (was_empty) {
		ssize_t written = write(mailbox->wake_fd, &one, sizeof(one));

		(void)written; /* fails only at the count's end: the loop is awake then */
	}
	pthread_mutex_unlock(&mailbox->lock);
	return 0;
}
