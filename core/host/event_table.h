/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/event.h>

/* What several plugins mean together; see turnpike/event.h. */
enum tp_event_family {
	TP_EVENT_FAMILY_PROVIDER,
	TP_EVENT_FAMILY_GATE,
	TP_EVENT_FAMILY_PACKET,
	TP_EVENT_FAMILY_INLINE,
	TP_EVENT_FAMILY_OBSERVER,
};

/*
 * One event: its row in the list of turnpike/event.h, and calls of its handler
 * through a pointer of the right type. Exactly one of ask, packet and tell is
 * set; the instance must have the handler.
 */
struct tp_event_row {
	const char *name;
	enum tp_event_family family;
	uint16_t own_code; /* sent with TP_DENY when the plugin names none; 0: nothing is sent */
	bool (*handled)(const struct tp_events *events);
	void (*forget)(struct tp_events *events); /* take the handler out of the table */
	enum tp_verdict (*ask)(struct tp_instance *instance, struct tp_request *request,
			       const void *payload);
	enum tp_verdict (*packet)(struct tp_instance *instance, const void *payload);
	void (*tell)(struct tp_instance *instance, const void *payload);
};

extern const struct tp_event_row tp_event_table[TP_EVENT_COUNT];
