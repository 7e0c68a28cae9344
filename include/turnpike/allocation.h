/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/api.h>
#include <turnpike/event.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

/*
 * What a plugin may do with an allocation or a client that is there. Since 1.1.
 */

/*
 * What an allocation may relay in each direction, over any transport, by token
 * buckets that hold a second's worth; 0 is no limit. What is beyond is dropped
 * and counted as TP_DISCARD_LIMIT.
 */
struct tp_limits {
	size_t size;         /* sizeof(struct tp_limits) */
	uint64_t bits_per_s; /* of payload */
	uint64_t packets_per_s;
};

/**
 * Set the limits anew, at any later time.
 *
 * @id:     of struct tp_allocation_view
 * @limits: copied
 *
 * Thread: any; a worker acts on it in its next loop turn, at once on the owner's
 *         own thread. Nothing happens when it has ended meanwhile.
 * Errors: TP_EINVAL for a short table, TP_ENOMEM, TP_ESHUTDOWN
 */
TP_API int tp_allocation_limit(uint64_t id, const struct tp_limits *limits);

/**
 * End an allocation (TP_DELETE_KILLED). Thread, errors: as tp_allocation_limit(),
 * but never inside the call.
 */
TP_API int tp_allocation_kill(uint64_t id);

/**
 * End all allocations of a user. @realm: NULL for every realm. Thread, errors: as
 * tp_allocation_kill().
 */
TP_API int tp_user_kill(const char *user, const char *realm);

/**
 * What this instance has attached to the allocation; NULL: nothing. Thread: the
 * owning worker's, inside a handler.
 */
TP_API void *tp_allocation_state(const struct tp_instance *self,
				 const struct tp_allocation_view *allocation);

/**
 * Attach state to an allocation, one per instance.
 *
 * @release: called with it on the worker's thread when the allocation has ended
 *           (after on_turn_delete_allocation), when other state takes its place, or
 *           when the instance ends; NULL: none
 *
 * Owner:  @state is the plugin's until @release. A reload hands it to the new
 *         generation's instance of the same name when that is the same code.
 * Thread: the owning worker's, inside a handler, not in on_turn_before_allocate
 * Errors: TP_ENOMEM; @release is not called then
 */
TP_API int tp_allocation_set_state(struct tp_instance *self,
				   const struct tp_allocation_view *allocation, void *state,
				   void (*release)(void *state));

/** The same for a connection, from on_client_connected to on_client_closed. */
TP_API void *tp_client_state(const struct tp_instance *self, const struct tp_client_view *client);
TP_API int tp_client_set_state(struct tp_instance *self, const struct tp_client_view *client,
			       void *state, void (*release)(void *state));

/**
 * The connection that a five-tuple is of; NULL over UDP. Owner: the daemon.
 * Thread: the owning worker's, inside a handler.
 */
TP_API const struct tp_client_view *tp_client_of(const struct tp_five_tuple *five_tuple);

TP_END_DECLS
