/* SPDX-License-Identifier: Apache-2.0 */
#include "host/attachment.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "host/instance_body.h"
#include "host/place.h"
#include "host/worker.h"

struct attachment {
	struct tp_list link;
	struct tp_instance *instance;
	void *state;
	void (*release)(void *state);
};

static struct attachment *attachment_of(struct tp_list *link)
{
	return tp_container_of(link, struct attachment, link);
}

static void call_release(const struct attachment *attachment)
{
	const struct tp_place place = {attachment->instance->name, "release of attached state"};
	const struct tp_place *before;

	if (attachment->release != NULL) {
		before = tp_place_enter(&place);
		attachment->release(attachment->state);
		tp_place_leave(before);
	}
}

static struct tp_instance_worker *here(const struct attachment *attachment)
{
	return &attachment->instance->on_worker[tp_worker_here];
}

static void attachment_free(struct attachment *attachment)
{
	tp_list_remove(&attachment->link);
	here(attachment)->attached--;
	call_release(attachment);
	free(attachment);
}

/*
 * That of the instance, or of one of another generation that stands for it: a
 * request that was parked over a reload goes on in the generation before.
 */
static struct attachment *find(const struct tp_attachments *attachments,
			       const struct tp_instance *instance)
{
	struct tp_list *link;

	tp_list_for_each (link, &attachments->list) {
		struct attachment *attachment = attachment_of(link);

		if (attachment->instance == instance ||
		    tp_instance_same(attachment->instance, instance)) {
			return attachment;
		}
	}
	return NULL;
}

static void *get(const struct tp_attachments *attachments, const struct tp_instance *instance)
{
	const struct attachment *attachment = find(attachments, instance);

	return attachment == NULL ? NULL : attachment->state;
}

static int add(struct tp_attachments *attachments, struct tp_instance *instance, void *state,
	       void (*release)(void *state))
{
	struct attachment *attachment = malloc(sizeof(*attachment));

	if (attachment == NULL) {
		return TP_ENOMEM;
	}
	attachment->instance = instance;
	attachment->state = state;
	attachment->release = release;
	tp_list_init(&attachment->link);
	tp_list_append(&attachments->list, &attachment->link);
	here(attachment)->attached++;
	return 0;
}

static int set(struct tp_attachments *attachments, struct tp_instance *instance, void *state,
	       void (*release)(void *state))
{
	struct attachment *attachment = find(attachments, instance);
	struct attachment before;

	if (attachment == NULL) {
		return state == NULL ? 0 : add(attachments, instance, state, release);
	}
	if (state == NULL) {
		attachment_free(attachment);
		return 0;
	}
	before = *attachment;
	attachment->state = state;
	attachment->release = release;
	if (before.state != state) {
		call_release(&before);
	}
	return 0;
}

void tp_attachments_init(struct tp_attachments *attachments)
{
	tp_list_init(&attachments->list);
}

void tp_attachments_release(struct tp_attachments *attachments)
{
	while (!tp_list_empty(&attachments->list)) {
		attachment_free(attachment_of(attachments->list.next));
	}
}

void tp_attachments_adopt(struct tp_attachments *attachments,
			  const struct tp_generation *generation)
{
	struct tp_list *link;
	struct tp_list *after;

	tp_list_for_each_safe (link, after, &attachments->list) {
		struct attachment *attachment = attachment_of(link);
		struct tp_instance *heir;

		if (attachment->instance->generation == generation) {
			continue;
		}
		heir = tp_generation_find_same(generation, attachment->instance);
		if (heir != NULL) {
			here(attachment)->attached--;
			attachment->instance = heir;
			here(attachment)->attached++;
		} else {
			attachment_free(attachment);
		}
	}
}

bool tp_generation_attached(const struct tp_generation *generation, const struct tp_worker *worker)
{
	for (size_t i = 0; i < generation->instance_count; i++) {
		if (generation->instances[i]->on_worker[worker->index].attached != 0) {
			return true;
		}
	}
	return false;
}

/* --- turnpike/allocation.h ---------------------------------------------------------- */

/* The views that plugins get are the first members of handles. */
static struct tp_attachments *of_allocation(const struct tp_allocation_view *view)
{
	return &((struct tp_allocation_handle *)(uintptr_t)view)->attachments;
}

static struct tp_attachments *of_client(const struct tp_client_view *view)
{
	return &((struct tp_client_handle *)(uintptr_t)view)->attachments;
}

void *tp_allocation_state(const struct tp_instance *self,
			  const struct tp_allocation_view *allocation)
{
	return get(of_allocation(allocation), self);
}

int tp_allocation_set_state(struct tp_instance *self, const struct tp_allocation_view *allocation,
			    void *state, void (*release)(void *state))
{
	return set(of_allocation(allocation), self, state, release);
}

void *tp_client_state(const struct tp_instance *self, const struct tp_client_view *client)
{
	return get(of_client(client), self);
}

int tp_client_set_state(struct tp_instance *self, const struct tp_client_view *client, void *state,
			void (*release)(void *state))
{
	return set(of_client(client), self, state, release);
}
