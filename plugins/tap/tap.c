/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <turnpike/plugin.h>

#include "recording.h"

/* Records what one user or one allocation relays, while an operator wants it. */

#define NAME_SIZE 128
#define WHO_SIZE 64 /* of a user's name in a file's */

struct tap {
	/* Whether anybody records: all that a packet costs otherwise. Relaxed will do,
	 * what is recorded is known to each worker by a posted call. */
	atomic_bool active;
	atomic_uint workers;
	struct recording *recording; /* the last one; main thread */
	struct tp_counter *recordings;
	struct tp_counter *dropped;
};

/* --- packets ----------------------------------------------------------------------------- */

static uint64_t wall_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void record(struct tp_instance *self, const struct tp_allocation_view *allocation,
		   enum tp_direction direction, const struct tp_addr *peer_addr,
		   struct tp_view payload, uint16_t channel)
{
	struct tp_worker *worker = tp_worker_current();
	struct recorder *recorder = tp_worker_state(self, worker);
	const struct tp_addr *client_addr = &allocation->five_tuple.client_addr;
	bool outbound = direction == TP_CLIENT_TO_PEER;
	char comment[48];

	if (recorder == NULL || !recorder_wants(recorder, allocation)) {
		return;
	}
	snprintf(comment, sizeof(comment), channel == 0 ? "%s, indication" : "%s, channel 0x%x",
		 outbound ? "client to peer" : "peer to client", channel);
	recorder_add(recorder,
		     &(struct pcapng_packet){
			     .time_us = wall_us(),
			     .from = outbound ? client_addr : peer_addr,
			     .to = outbound ? peer_addr : client_addr,
			     .payload = payload,
			     .outbound = outbound,
			     .comment = comment,
		     },
		     tp_worker_now_ms(worker));
}

static bool is_active(const struct tp_instance *self)
{
	const struct tap *tap = tp_instance_state(self);

	return atomic_load_explicit(&tap->active, memory_order_relaxed);
}

static enum tp_verdict relay_indication(struct tp_instance *self,
					const struct tp_before_relay_indication *event)
{
	if (is_active(self)) {
		record(self, event->allocation, event->direction, event->peer_addr, event->payload,
		       0);
	}
	return TP_PASS;
}

static enum tp_verdict relay_channel_data(struct tp_instance *self,
					  const struct tp_before_relay_channel_data *event)
{
	if (is_active(self)) {
		record(self, event->allocation, event->direction, event->peer_addr, event->payload,
		       event->channel);
	}
	return TP_PASS;
}

/* --- joining and leaving ----------------------------------------------------------------- */

static void leave(struct tp_instance *self)
{
	struct tp_worker *worker = tp_worker_current();
	struct recorder *recorder = tp_worker_state(self, worker);

	tp_worker_set_state(self, worker, NULL);
	recorder_free(&recorder);
}

/* Main thread, which alone begins recordings. */
static void rest(struct tp_instance *self, void *arg)
{
	struct tap *tap = tp_instance_state(self);

	if (tap->recording == NULL || recording_totals(tap->recording).ending != NULL) {
		atomic_store_explicit(&tap->active, false, memory_order_relaxed);
	}
}

/* A recording that has reached a limit ends here. */
static void tick(struct tp_instance *self, const struct tp_server_tick *event)
{
	struct recorder *recorder = tp_worker_state(self, tp_worker_current());

	if (recorder != NULL && !recorder_tick(recorder, event->now_ms)) {
		leave(self);
		(void)tp_main_post(self, rest, NULL); /* else packets cost a little more */
	}
}

static void join_recording(struct tp_instance *self, void *arg)
{
	struct tp_worker *worker = tp_worker_current();
	struct recording *recording = arg;
	struct recorder *recorder;

	leave(self);
	recorder = recorder_create(self, recording, tp_worker_now_ms(worker));
	if (recorder == NULL) {
		recording_end(recording, "out of memory");
	}
	tp_worker_set_state(self, worker, recorder);
	recording_unref(&recording);
}

static void leave_recording(struct tp_instance *self, void *arg)
{
	const struct recorder *recorder = tp_worker_state(self, tp_worker_current());
	struct recording *recording = arg;

	if (recorder != NULL && recorder_recording(recorder) == recording) {
		leave(self);
	}
	recording_unref(&recording);
}

static int tell_workers(struct tp_instance *self, struct recording *recording,
			void (*run)(struct tp_instance *self, void *arg))
{
	const struct tap *tap = tp_instance_state(self);
	unsigned workers = atomic_load(&tap->workers);

	for (unsigned worker = 0; worker < workers; worker++) {
		struct recording *share = recording_ref(recording);
		int err = tp_worker_post(self, worker, run, share);

		if (err != 0) {
			recording_unref(&share);
			return err;
		}
	}
	return 0;
}

/* --- the file ------------------------------------------------------------------------------ */

static bool may_be_in_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

/* No separator, no hidden file, nothing above: the name cannot leave its folder. */
static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++) {
		if (!may_be_in_name(name[i])) {
			return false;
		}
	}
	return len > 0 && len < NAME_SIZE && name[0] != '.' && name[0] != '-';
}

static void make_name(char out[NAME_SIZE], const char *who)
{
	time_t now = time(NULL);
	char stamp[32] = "";
	char clean[WHO_SIZE];
	struct tm utc;
	size_t len = 0;

	for (; who[len] != '\0' && len < sizeof(clean) - 1; len++) {
		clean[len] = may_be_in_name(who[len]) ? who[len] : '_';
	}
	clean[len] = '\0';
	if (gmtime_r(&now, &utc) != NULL) {
		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &utc);
	}
	snprintf(out, NAME_SIZE, "tap-%s-%s.pcapng", clean, stamp);
}

/* Never over another file, never through a link. */
static int open_file(struct tp_instance *self, const char *name, int *out)
{
	const char *folder_path = tp_option_string(self, "folder");
	int folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (folder == -1) {
		return tp_instance_fail(self, TP_EIO, "%s: %s", folder_path, strerror(errno));
	}
	*out = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	error = errno;
	close(folder);
	if (*out == -1) {
		return tp_instance_fail(self, TP_EIO, "%s/%s: %s", folder_path, name,
					strerror(error));
	}
	return 0;
}

/* --- commands ------------------------------------------------------------------------------- */

/* "id:5" is an allocation, "user:NAME" a user, as is any other word. */
static int parse_who(struct tp_instance *self, const char *word, struct recording_order *order)
{
	char *end = NULL;

	if (strncmp(word, "id:", 3) == 0) {
		errno = 0;
		order->id = strtoull(word + 3, &end, 10);
		if (word[3] < '0' || word[3] > '9' || *end != '\0' || errno != 0) {
			return tp_instance_fail(self, TP_EINVAL, "%s is no id such as id:5", word);
		}
		return 0;
	}
	order->user = strncmp(word, "user:", 5) == 0 ? word + 5 : word;
	return 0;
}

static const char *ending_of(const struct tap *tap)
{
	return tap->recording == NULL ? "" : recording_totals(tap->recording).ending;
}

static int begin(struct tp_instance *self, int fd, const char *name,
		 const struct recording_order *order)
{
	struct tap *tap = tp_instance_state(self);
	struct recording *recording = NULL;
	int err = recording_create(fd, name, order, tap->dropped, &recording);

	if (err != 0) {
		return tp_instance_fail(self, err, "%s: %s", name, tp_error_string(err));
	}
	recording_unref(&tap->recording);
	tap->recording = recording;
	err = tell_workers(self, recording, join_recording);
	if (err != 0) {
		recording_end(recording, "it could not begin");
		return tp_instance_fail(self, err, "cannot reach the workers: %s",
					tp_error_string(err));
	}
	atomic_store_explicit(&tap->active, true, memory_order_relaxed);
	tp_counter_add(tap->recordings, 1);
	return 0;
}

static int command_start(struct tp_instance *self, struct tp_command *command, const char *who,
			 const char *wanted_name)
{
	const struct tap *tap = tp_instance_state(self);
	struct recording_order order = {
		.max_bytes = (uint64_t)tp_option_integer(self, "max_bytes"),
		.max_ms = (uint64_t)tp_option_integer(self, "max_time"),
		.chunk_bytes = (size_t)tp_option_integer(self, "buffer") / 2,
		.comment = who,
	};
	char name[NAME_SIZE];
	int fd = -1;
	int err = parse_who(self, who, &order);

	if (err != 0) {
		return err;
	}
	if (ending_of(tap) == NULL) {
		return tp_instance_fail(self, TP_EEXIST, "%s is being recorded: stop that first",
					recording_name(tap->recording));
	}
	if (wanted_name != NULL && !is_name(wanted_name)) {
		return tp_instance_fail(self, TP_EINVAL,
					"a file is named with letters, digits, '.', '_' and '-', "
					"without a folder");
	}
	make_name(name, order.user != NULL ? order.user : who + 3);
	if (wanted_name != NULL) {
		snprintf(name, sizeof(name), "%s", wanted_name);
	}
	err = open_file(self, name, &fd);
	err = err != 0 ? err : begin(self, fd, name, &order);
	if (err == 0) {
		tp_log(self, TP_LOG_WARN, "recording begins who=%s file=%s", who, name);
		tp_command_print(command, "recording %s into %s/%s\n", who,
				 tp_option_string(self, "folder"), name);
	}
	return err;
}

static void print_status(struct tp_instance *self, struct tp_command *command)
{
	const struct tap *tap = tp_instance_state(self);
	struct recording_totals totals;

	if (tap->recording == NULL) {
		tp_command_print(command, "nothing is recorded\n");
		return;
	}
	totals = recording_totals(tap->recording);
	tp_command_print(command,
			 "%s/%s: %" PRIu64 " packets, %" PRIu64 " bytes, %" PRIu64 " dropped, ",
			 tp_option_string(self, "folder"), recording_name(tap->recording),
			 totals.packets, totals.bytes, totals.dropped);
	tp_command_print(command, totals.ending == NULL ? "recording\n" : "ended: %s\n",
			 totals.ending);
}

static int command_stop(struct tp_instance *self, struct tp_command *command)
{
	struct tap *tap = tp_instance_state(self);

	if (ending_of(tap) != NULL) {
		return tp_instance_fail(self, TP_ENOENT, "nothing is recorded");
	}
	recording_end(tap->recording, "stopped");
	atomic_store_explicit(&tap->active, false, memory_order_relaxed);
	(void)tell_workers(self, tap->recording, leave_recording); /* or they do at the next tick */
	tp_log(self, TP_LOG_WARN, "recording ends file=%s", recording_name(tap->recording));
	print_status(self, command);
	return 0;
}

static int run_command(struct tp_instance *self, struct tp_command *command, int argc,
		       const char *const *argv)
{
	const char *verb = argc > 0 ? argv[0] : "";

	if (strcmp(verb, "start") == 0 && (argc == 2 || argc == 3)) {
		return command_start(self, command, argv[1], argc == 3 ? argv[2] : NULL);
	}
	if (strcmp(verb, "stop") == 0 && argc == 1) {
		return command_stop(self, command);
	}
	if (strcmp(verb, "status") == 0 && argc == 1) {
		print_status(self, command);
		return 0;
	}
	return tp_instance_fail(self, TP_EINVAL,
				"start USER [FILE], start id:NUMBER [FILE], stop or status");
}

/* --- life ------------------------------------------------------------------------------------ */

static int create(struct tp_instance *self)
{
	struct tap *tap = calloc(1, sizeof(*tap));

	if (tap == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, tap);
	tap->recordings = tp_counter_create(self, "recordings", "recordings begun");
	tap->dropped = tp_counter_create(self, "dropped", "packets not recorded: no free buffer");
	return 0;
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	struct tap *tap = tp_instance_state(self);

	atomic_store(&tap->workers, tp_worker_count(worker));
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	leave(self);
}

static void destroy(struct tp_instance *self)
{
	struct tap *tap = tp_instance_state(self);

	if (tap != NULL) {
		recording_unref(&tap->recording);
		free(tap);
	}
}

static const struct tp_option options[] = {
	{
		.name = "folder",
		.type = TP_OPTION_PATH,
		.help = "where files are written, and nowhere else",
		.flags = TP_OPTION_REQUIRED | TP_OPTION_RELOADABLE,
	},
	{
		.name = "max_bytes",
		.type = TP_OPTION_SIZE,
		.default_value = "100M",
		.help = "of a file; then the recording ends",
		.min = 4096,
		.max = INT64_C(1) << 40,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "max_time",
		.type = TP_OPTION_DURATION,
		.default_value = "10m",
		.help = "after which a recording ends",
		.min = 1000,
		.max = INT64_C(7) * 86400000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "buffer",
		.type = TP_OPTION_SIZE,
		.default_value = "1M",
		.help = "of each worker while it records; what does not fit is dropped and counted",
		.min = 262144,
		.max = 268435456,
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_relay_indication = relay_indication,
	.on_turn_before_relay_channel_data = relay_channel_data,
	.on_server_tick = tick,
};

TP_PLUGIN("tap", TP_VERSION, "record what a user relays, for Wireshark", .options = options,
	  .events = &events, .create = create, .worker_start = worker_start,
	  .worker_stop = worker_stop, .destroy = destroy, .command = run_command);
