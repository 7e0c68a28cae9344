/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/allocation.h>

#include "base/list.h"

struct tp_generation;

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
 * another one goes to its heir (same name, same code), or is released. Call it
 * when workers swap, and again before the old generation stops on the worker: a
 * request that was parked meanwhile may have attached something in its name.
 */
void tp_attachments_adopt(struct tp_attachments *attachments,
			  const struct tp_generation *generation);
