/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/event.h>

struct tp_allocation;
struct tp_realm;
struct tp_server;

/*
 * The one place where messages are dropped: counts by reason and tells the
 * observers: those of the realm of the allocation or the connection, all where there is
 * neither. Nothing is logged, since anybody can make us drop.
 */

/** @allocation: NULL when there is none. */
void tp_discard_message(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			const struct tp_allocation *allocation, enum tp_direction direction,
			uint16_t method, enum tp_discard_reason reason, size_t len);

void tp_discard_channel_data(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			     const struct tp_allocation *allocation, enum tp_direction direction,
			     uint16_t channel, enum tp_discard_reason reason, size_t len);

/**
 * A message that could not be parsed, verified, handled or written.
 *
 * @realm:  whose observers are told; NULL: not known, as above
 * @reason: a few words
 */
void tp_exception_tell(struct tp_server *server, const struct tp_realm *realm,
		       const struct tp_five_tuple *five_tuple, enum tp_exception_stage stage,
		       const char *reason, const uint8_t *bytes, size_t len);
