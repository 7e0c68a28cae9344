/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <turnpike/allocation.h>

#include "base/list.h"

struct tp_generation;
struct tp_worker;

/*
 * What plugins have attached to an allocation or a connection: a short list, one
 * entry per instance. Everything is for the worker's thread.
 */
struct tp_attachments {
	struct tp_list list;
};

/* The layer above embeds one of these as first member; plugins see the view. */
struct tp_allocation_handle {
	struct tp_allocation_view view;
	struct tp_attachments attachments;
};

struct tp_client_handle {
	struct tp_client_view view;
	struct tp_attachments attachments;
};

void tp_attachments_init(struct tp_attachments *attachments);

/** The owner ends: release all. */
void tp_attachments_release(struct tp_attachments *attachments);

/**
 * A new generation has taken over on this worker: what belongs to an instance of
 * another one goes to its heir (same name, same code), or is released. Also to be
 * called before a generation stops on the worker while tp_generation_attached().
 */
void tp_attachments_adopt(struct tp_attachments *attachments,
			  const struct tp_generation *generation);

/**
 * Is there anything on this worker that an instance of the generation has attached?
 * After a reload, a request that was parked before may still attach in its name.
 */
bool tp_generation_attached(const struct tp_generation *generation, const struct tp_worker *worker);
