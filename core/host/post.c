/* SPDX-License-Identifier: Apache-2.0 */
#include "host/post.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <turnpike/error.h>
#include <turnpike/plugin.h>

#include "base/list.h"
#include "host/instance_body.h"
#include "host/place.h"
#include "io/mailbox.h"

struct call {
	struct tp_list link;
	void (*run)(struct tp_instance *self, void *arg);
	void *arg;
};

/* The instance has one share, the message in the mailbox another while it is there. */
struct tp_posts {
	struct tp_message message;
	struct tp_instance *instance;
	struct tp_mailbox *mailbox; /* NULL: the main thread's */
	pthread_mutex_t lock;
	struct tp_list calls;
	size_t count;
	unsigned shares;
	bool open;
	bool on_the_way; /* the message is in the mailbox */
};

static pthread_mutex_t main_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tp_mailbox *main_mailbox;

void tp_main_mailbox_set(struct tp_mailbox *mailbox)
{
	pthread_mutex_lock(&main_lock);
	main_mailbox = mailbox;
	pthread_mutex_unlock(&main_lock);
}

static int post_to_main(struct tp_message *message)
{
	int err = TP_ESHUTDOWN;

	pthread_mutex_lock(&main_lock);
	if (main_mailbox != NULL) {
		err = tp_mailbox_post(main_mailbox, message);
	}
	pthread_mutex_unlock(&main_lock);
	return err;
}

static void drop_share(struct tp_posts *posts)
{
	unsigned left;

	pthread_mutex_lock(&posts->lock);
	left = --posts->shares;
	pthread_mutex_unlock(&posts->lock);
	if (left == 0) {
		pthread_mutex_destroy(&posts->lock);
		free(posts);
	}
}

static struct call *take_call(struct tp_posts *posts)
{
	struct tp_list *link;

	pthread_mutex_lock(&posts->lock);
	link = tp_list_shift(&posts->calls);
	posts->count -= link != NULL;
	pthread_mutex_unlock(&posts->lock);
	return link == NULL ? NULL : tp_container_of(link, struct call, link);
}

/* @count: at most so many; what a call posts anew is for the next turn. */
static void run_calls(struct tp_posts *posts, size_t count)
{
	const struct tp_place place = {tp_instance_name(posts->instance), "posted call"};
	struct call *call;

	while (count-- > 0 && (call = take_call(posts)) != NULL) {
		const struct tp_place *before = tp_place_enter(&place);

		call->run(posts->instance, call->arg);
		tp_place_leave(before);
		free(call);
	}
}

static void deliver(struct tp_message *message)
{
	struct tp_posts *posts = tp_container_of(message, struct tp_posts, message);
	size_t count;

	pthread_mutex_lock(&posts->lock);
	posts->on_the_way = false;
	count = posts->count;
	pthread_mutex_unlock(&posts->lock);
	if (count != 0) {
		run_calls(posts, count);
	}
	drop_share(posts);
}

int tp_posts_create(struct tp_instance *instance, struct tp_posts **out)
{
	struct tp_posts *posts = calloc(1, sizeof(*posts));

	if (posts == NULL) {
		return TP_ENOMEM;
	}
	posts->message.deliver = deliver;
	posts->instance = instance;
	posts->shares = 1;
	tp_list_init(&posts->calls);
	pthread_mutex_init(&posts->lock, NULL);
	*out = posts;
	return 0;
}

void tp_posts_open(struct tp_posts *posts, struct tp_mailbox *mailbox)
{
	pthread_mutex_lock(&posts->lock);
	posts->mailbox = mailbox;
	posts->open = true;
	pthread_mutex_unlock(&posts->lock);
}

void tp_posts_close(struct tp_posts *posts)
{
	pthread_mutex_lock(&posts->lock);
	posts->open = false;
	pthread_mutex_unlock(&posts->lock);
	run_calls(posts, SIZE_MAX);
}

void tp_posts_free(struct tp_posts **posts)
{
	if (*posts != NULL) {
		drop_share(*posts);
		*posts = NULL;
	}
}

/* One message, however many calls wait for it. */
static int wake(struct tp_posts *posts)
{
	int err;

	if (posts->on_the_way) {
		return 0;
	}
	posts->on_the_way = true;
	posts->shares++;
	err = posts->mailbox != NULL ? tp_mailbox_post(posts->mailbox, &posts->message)
				     : post_to_main(&posts->message);
	if (err != 0) {
		posts->on_the_way = false;
		posts->shares--;
	}
	return err;
}

static int add_locked(struct tp_posts *posts, struct call *call)
{
	int err;

	if (!posts->open) {
		return TP_ESHUTDOWN;
	}
	if (posts->count >= TP_POSTS_MAX) {
		return TP_EFULL;
	}
	err = wake(posts);
	if (err == 0) {
		tp_list_append(&posts->calls, &call->link);
		posts->count++;
	}
	return err;
}

int tp_posts_add(struct tp_posts *posts, void (*run)(struct tp_instance *self, void *arg),
		 void *arg)
{
	struct call *call = calloc(1, sizeof(*call));
	int err;

	if (call == NULL) {
		return TP_ENOMEM;
	}
	call->run = run;
	call->arg = arg;
	tp_list_init(&call->link);
	pthread_mutex_lock(&posts->lock);
	err = add_locked(posts, call);
	pthread_mutex_unlock(&posts->lock);
	if (err != 0) {
		free(call);
	}
	return err;
}

/* --- turnpike/worker.h -------------------------------------------------------------- */

int tp_worker_post(struct tp_instance *self, unsigned worker,
		   void (*run)(struct tp_instance *self, void *arg), void *arg)
{
	if (worker >= self->workers || run == NULL) {
		return TP_EINVAL;
	}
	return tp_posts_add(self->on_worker[worker].posts, run, arg);
}

int tp_main_post(struct tp_instance *self, void (*run)(struct tp_instance *self, void *arg),
		 void *arg)
{
	return run == NULL ? TP_EINVAL : tp_posts_add(self->main_posts, run, arg);
}
