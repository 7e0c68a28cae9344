/* SPDX-License-Identifier: Apache-2.0 */
#include "io/watch.h"

#include <stdlib.h>

#include <event2/event.h>

#include <turnpike/error.h>

#include "io/loop.h"

struct tp_watch {
	struct event *event;
	void (*ready)(void *owner);
	void *owner;
};

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct tp_watch *watch = arg;

	(void)fd;
	(void)what;
	watch->ready(watch->owner);
}

int tp_watch_create(struct tp_loop *loop, int fd, enum tp_watch_for what,
		    void (*ready)(void *owner), void *owner, struct tp_watch **out)
{
	short events = what == TP_WATCH_READABLE ? EV_READ : EV_WRITE;
	struct tp_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL) {
		return TP_ENOMEM;
	}
	watch->ready = ready;
	watch->owner = owner;
	watch->event = event_new(tp_loop_event_base(loop), fd, (short)(events | EV_PERSIST),
				 on_event, watch);
	if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
		tp_watch_free(&watch);
		return TP_EIO;
	}
	*out = watch;
	return 0;
}

void tp_watch_free(struct tp_watch **where)
{
	struct tp_watch *watch = *where;

	if (watch == NULL) {
		return;
	}
	if (watch->event != NULL) {
		event_free(watch->event);
	}
	free(watch);
	*where = NULL;
}
