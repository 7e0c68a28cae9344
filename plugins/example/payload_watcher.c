/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <turnpike/plugin.h>

/*
 * What is relayed, told by its first byte (RFC 7983 section 7): a share of
 * "other" that grows is somebody who uses the relay for something else.
 */

enum kind { KIND_STUN, KIND_ZRTP, KIND_DTLS, KIND_CHANNEL_DATA, KIND_RTP, KIND_OTHER, KIND_COUNT };

static const struct {
	const char *name;
	const char *help;
	uint8_t first;
	uint8_t last;
} kinds[KIND_COUNT] = {
	[KIND_STUN] = {"stun", "payloads that look like STUN", 0, 3},
	[KIND_ZRTP] = {"zrtp", "payloads that look like ZRTP", 16, 19},
	[KIND_DTLS] = {"dtls", "payloads that look like DTLS", 20, 63},
	[KIND_CHANNEL_DATA] = {"channel_data", "payloads that look like ChannelData", 64, 79},
	[KIND_RTP] = {"rtp", "payloads that look like RTP or RTCP", 128, 191},
	[KIND_OTHER] = {"other", "payloads that look like none of these", 0, 255},
};

struct payload_watcher {
	struct tp_counter *counters[KIND_COUNT];
};

static enum kind kind_of(struct tp_view payload)
{
	int kind = payload.len == 0 ? KIND_OTHER : KIND_STUN;

	while (kind != KIND_OTHER &&
	       (payload.data[0] < kinds[kind].first || payload.data[0] > kinds[kind].last)) {
		kind++;
	}
	return (enum kind)kind;
}

/* Inline, for each packet: no lock, no memory, no system call. */
static enum tp_verdict count(const struct tp_instance *self, struct tp_view payload)
{
	const struct payload_watcher *watcher = tp_instance_state(self);

	tp_counter_add(watcher->counters[kind_of(payload)], 1);
	return TP_PASS;
}

static enum tp_verdict relay_indication(struct tp_instance *self,
					const struct tp_before_relay_indication *event)
{
	return count(self, event->payload);
}

static enum tp_verdict relay_channel_data(struct tp_instance *self,
					  const struct tp_before_relay_channel_data *event)
{
	return count(self, event->payload);
}

static int create(struct tp_instance *self)
{
	struct payload_watcher *watcher = calloc(1, sizeof(*watcher));

	if (watcher == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, watcher);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		watcher->counters[kind] =
			tp_counter_create(self, kinds[kind].name, kinds[kind].help);
	}
	return 0;
}

static void destroy(struct tp_instance *self)
{
	free(tp_instance_state(self));
}

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_relay_indication = relay_indication,
	.on_turn_before_relay_channel_data = relay_channel_data,
};

TP_PLUGIN("payload_watcher", "1.0", "count what is relayed by its first byte", .events = &events,
	  .create = create, .destroy = destroy);
