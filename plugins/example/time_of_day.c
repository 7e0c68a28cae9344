/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <turnpike/plugin.h>

/* Who wants to relay outside working hours (local time) is told to come back. */

#define DAY_S (24 * 60 * 60)

struct time_of_day {
	int from_s; /* since midnight */
	int to_s;
};

/* How long the door stays open, in seconds; 0: it is closed. Hours may span midnight. */
static int open_for_s(const struct time_of_day *hours, int64_t wall_s)
{
	int open_s = (hours->to_s - hours->from_s + DAY_S) % DAY_S;
	time_t seconds = (time_t)wall_s;
	struct tm local;
	int now_s;
	int gone_s;

	if (localtime_r(&seconds, &local) == NULL) {
		return 0;
	}
	now_s = local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec;
	gone_s = (now_s - hours->from_s + DAY_S) % DAY_S;
	return gone_s < open_s ? open_s - gone_s : 0;
}

static int now_open_for_s(struct tp_instance *self)
{
	return open_for_s(tp_instance_state(self), tp_worker_wall_s(tp_worker_current()));
}

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	int open_s = now_open_for_s(self);

	if (open_s == 0) {
		return tp_request_deny(request, 403, "outside working hours");
	}
	tp_request_shorten_lifetime(request, (uint32_t)open_s);
	return TP_PASS;
}

/* Nobody stays after hours, but anybody may leave (lifetime 0). */
static enum tp_verdict before_refresh(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_refresh *event)
{
	if (event->lifetime_s != 0 && now_open_for_s(self) == 0) {
		return tp_request_deny(request, 403, "outside working hours");
	}
	return TP_PASS;
}

static int read_time(struct tp_instance *self, const char *option, int *out_s)
{
	const char *text = tp_option_string(self, option);
	unsigned hour;
	unsigned minute;
	int len = 0;

	if (sscanf(text, "%2u:%2u%n", &hour, &minute, &len) != 2 || text[len] != '\0' ||
	    hour > 23 || minute > 59) {
		return tp_instance_fail(self, TP_EINVAL, "%s: %s is no time such as 17:30", option,
					text);
	}
	*out_s = (int)(hour * 3600 + minute * 60);
	return 0;
}

static int create(struct tp_instance *self)
{
	struct time_of_day *hours = calloc(1, sizeof(*hours));
	int err;

	if (hours == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, hours);
	tzset();
	err = read_time(self, "from", &hours->from_s);
	return err != 0 ? err : read_time(self, "to", &hours->to_s);
}

static void destroy(struct tp_instance *self)
{
	free(tp_instance_state(self));
}

static const struct tp_option options[] = {
	{
		.name = "from",
		.type = TP_OPTION_STRING,
		.default_value = "08:00",
		.help = "when the door opens, hours and minutes",
	},
	{
		.name = "to",
		.type = TP_OPTION_STRING,
		.default_value = "18:00",
		.help = "when it closes",
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
	.on_turn_before_refresh = before_refresh,
};

TP_PLUGIN("time_of_day", "1.0", "allocations in working hours only", .options = options,
	  .events = &events, .create = create, .destroy = destroy);
