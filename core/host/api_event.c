/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/event.h>

#include "host/event_table.h"
#include "stun/codes.h"

static const char *const discard_reasons[] = {
	[TP_DISCARD_SHORT] = "short",
	[TP_DISCARD_CHANNEL_RANGE] = "channel out of range",
	[TP_DISCARD_NO_ALLOCATION] = "no allocation",
	[TP_DISCARD_CHANNEL_UNBOUND] = "channel unbound",
	[TP_DISCARD_CHANNEL_EXPIRED] = "channel expired",
	[TP_DISCARD_NO_PERMISSION] = "no permission",
	[TP_DISCARD_PEER_REFUSED] = "peer refused",
	[TP_DISCARD_VETO] = "veto",
	[TP_DISCARD_MALFORMED] = "malformed",
	[TP_DISCARD_UNKNOWN_ATTRIBUTE] = "unknown attribute",
	[TP_DISCARD_METHOD] = "method",
	[TP_DISCARD_QUEUE_FULL] = "queue full",
	[TP_DISCARD_FAMILY] = "address family",
	[TP_DISCARD_TOO_BIG] = "too big",
	[TP_DISCARD_DRAINING] = "draining",
	[TP_DISCARD_PARKED] = "parked",
	[TP_DISCARD_RATE] = "rate",
	[TP_DISCARD_PEER_TAKEN] = "peer taken",
	[TP_DISCARD_PEER_UNCLAIMED] = "peer unclaimed",
	[TP_DISCARD_CLAIMS_FULL] = "claims full",
	[TP_DISCARD_LIMIT] = "limit",
	[TP_DISCARD_HOP_LIMIT] = "hop limit",
};

static const char *const delete_causes[] = {
	[TP_DELETE_REFRESH] = "refresh",   [TP_DELETE_EXPIRED] = "expired",
	[TP_DELETE_CLOSED] = "closed",     [TP_DELETE_KILLED] = "killed",
	[TP_DELETE_SHUTDOWN] = "shutdown",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *tp_event_name(enum tp_event event)
{
	return (size_t)event < TP_EVENT_COUNT ? tp_event_table[event].name : NULL;
}

const char *tp_discard_reason_name(enum tp_discard_reason reason)
{
	return (size_t)reason < COUNT(discard_reasons) ? discard_reasons[reason] : "unknown";
}

const char *tp_delete_cause_name(enum tp_delete_cause cause)
{
	return (size_t)cause < COUNT(delete_causes) ? delete_causes[cause] : "unknown";
}

const char *tp_method_name(uint16_t method)
{
	return tp_stun_method_name(method);
}
