/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_host.h"

#include <dirent.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/counter.h"
#include "base/list.h"
#include "base/log.h"
#include "host/dispatch.h"
#include "host/event_table.h"
#include "host/generation.h"
#include "host/request.h"
#include "host/ticket.h"
#include "host/worker.h"
#include "io/job.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "stun/build.h"
#include "support/fake_clock.h"

#define JOB_THREADS 2
#define JOBS_MAX 1024
#define PARKED_MAX 1024
#define SETTINGS_MAX 256
#define LOG_SIZE 65536
#define RESPONSE_SIZE 1280
#define RESPONSE_RESERVE 44 /* MESSAGE-INTEGRITY-SHA256 and FINGERPRINT */
#define ADVANCE_STEP_MS 100
#define WAIT_S 10
#define JOB_ROUNDS 1000
#define RETIRED_MAX 16

/* A section of an ini file, taken apart. */
struct section {
	char *text;
	struct tp_setting settings[SETTINGS_MAX];
	size_t count;
};

struct asked {
	struct fake_asked face; /* first: the pointer handed out */
	struct tp_list link;
	struct tp_request request;
	struct tp_stun_msg msg;
	uint8_t *bytes;
	struct tp_request_authorization authorization;
	struct tp_request_success success;
	struct tp_build build;
	uint8_t response[RESPONSE_SIZE];
};

struct fake_host {
	struct fake_clock clock;
	struct tp_worker worker;
	struct tp_generation *generation;
	struct tp_generation *retired[RETIRED_MAX];
	size_t retired_count;
	char path[PATH_MAX];
	char name[NAME_MAX + 1];
	struct tp_five_tuple five_tuple;
	const char *user;
	uint8_t *request;
	size_t request_len;
	struct tp_allocation_view allocation;
	struct tp_list asked;
	size_t descriptors; /* before the plugin was loaded */
};

_Noreturn static void die(const char *format, ...) TP_PRINTF(1, 2);

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("fake host: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

#define must(condition)                                                                            \
	((condition) ? (void)0 : die("%s:%d: not true: %s", __FILE__, __LINE__, #condition))

/* --- the log ---------------------------------------------------------------------- */

/* Lines come from any thread. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[LOG_SIZE];
static size_t log_len;

static void keep_line(const char *line, size_t len, void *arg)
{
	(void)arg;
	pthread_mutex_lock(&log_lock);
	if (len < sizeof(log_text) - log_len) {
		memcpy(log_text + log_len, line, len);
		log_len += len;
		log_text[log_len] = '\0';
	}
	pthread_mutex_unlock(&log_lock);
}

static void log_open(void)
{
	log_len = 0;
	log_text[0] = '\0';
	tp_log_set_level(TP_LOG_DEBUG);
	tp_log_set_sink(keep_line, NULL);
}

static void log_close(void)
{
	tp_log_set_sink(NULL, NULL);
	tp_log_set_level(TP_LOG_INFO);
}

const char *fake_host_log(struct fake_host *host)
{
	static char copy[LOG_SIZE];

	(void)host;
	pthread_mutex_lock(&log_lock);
	memcpy(copy, log_text, log_len + 1);
	pthread_mutex_unlock(&log_lock);
	return copy;
}

/* --- plugin and section ------------------------------------------------------------- */

static bool try_path(const char *folder, const char *below, const char *name, char out[PATH_MAX])
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s/%s.so", folder, below, name);

	return len > 0 && (size_t)len < sizeof(path) && realpath(path, out) != NULL;
}

static void find_plugin(const char *plugin, char out[PATH_MAX])
{
	char folder[PATH_MAX];
	ssize_t len;
	char *slash;

	if (strchr(plugin, '/') != NULL) {
		if (realpath(plugin, out) == NULL) {
			die("no plugin %s", plugin);
		}
		return;
	}
	len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	must(len > 0);
	folder[len] = '\0';
	slash = strrchr(folder, '/');
	must(slash != NULL);
	*slash = '\0';
	if (!try_path(folder, "plugins", plugin, out) &&
	    !try_path(folder, "../plugins", plugin, out)) {
		die("no %s.so in plugins/ beside %s or one folder up", plugin, folder);
	}
}

static void name_instance(struct fake_host *host)
{
	const char *slash = strrchr(host->path, '/');
	int len;

	must(slash != NULL);
	len = snprintf(host->name, sizeof(host->name), "%s", slash + 1);
	if (len > 3 && strcmp(host->name + len - 3, ".so") == 0) {
		host->name[len - 3] = '\0';
	}
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL) {
		text[--len] = '\0';
	}
	return text;
}

static void add_setting(struct section *section, char *line, int number)
{
	char *equals = strchr(line, '=');

	line = trim(line);
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';') {
		return;
	}
	if (equals == NULL) {
		die("line %d of the section has no '='", number);
	}
	must(section->count < SETTINGS_MAX);
	*equals = '\0';
	section->settings[section->count++] = (struct tp_setting){
		.key = trim(line),
		.value = trim(equals + 1),
		.line = number,
	};
}

static void section_init(struct section *section, const char *text)
{
	char *rest;
	int number = 1;

	*section = (struct section){.text = strdup(text)};
	must(section->text != NULL);
	for (rest = section->text; rest != NULL; number++) {
		char *line = strsep(&rest, "\n");

		add_setting(section, line, number);
	}
}

static int make_generation(struct fake_host *host, const char *text,
			   char problem[FAKE_HOST_PROBLEM_SIZE], struct tp_generation **out)
{
	struct section section;
	struct tp_instance_config config = {
		.name = host->name,
		.file = host->path,
		.config_file = "section",
	};
	int err;

	section_init(&section, text);
	config.settings = section.settings;
	config.setting_count = section.count;
	err = tp_generation_create(&config, 1, "/nonexistent", 1, problem, out);
	free(section.text);
	return err;
}

/* --- open and close ------------------------------------------------------------------ */

static size_t count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	must(folder != NULL);
	while (readdir(folder) != NULL) {
		count++;
	}
	closedir(folder);
	return count;
}

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	if (tp_addr_parse(text, &addr) != 0) {
		die("\"%s\" is no address", text);
	}
	return addr;
}

static void set_defaults(struct fake_host *host)
{
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "fake-host-0";
	uint8_t bytes[64];
	struct tp_build build;

	fake_host_set_five_tuple(host, TP_TRANSPORT_UDP, "192.0.2.10:4000", "198.51.100.1:3478");
	fake_host_set_user(host, "alice");
	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_ALLOCATE, TP_STUN_REQUEST,
		      transaction_id);
	tp_build_requested_transport(&build, TP_PROTOCOL_UDP);
	fake_host_set_request(host, bytes, tp_build_finish(&build));
	host->allocation = (struct tp_allocation_view){
		.id = 1,
		.user = "alice",
		.realm = "example.org",
		.five_tuple = host->five_tuple,
		.relayed_addr = addr_of("203.0.113.7:50000"),
		.created_ms = host->clock.now_ms,
		.expires_ms = host->clock.now_ms + 600000,
	};
}

static void open_worker(struct fake_host *host)
{
	struct tp_worker *worker = &host->worker;

	worker->count = 1;
	worker->park_deadline_ms = FAKE_HOST_DEADLINE_MS;
	must(tp_loop_create(&host->clock.clock, NULL, &worker->loop) == 0);
	must(tp_mailbox_create(worker->loop, &worker->mailbox) == 0);
	must(tp_job_pool_create(JOB_THREADS, JOBS_MAX, &worker->jobs) == 0);
	must(tp_ticket_table_create(worker, PARKED_MAX, &worker->tickets) == 0);
	tp_worker_enter(worker);
}

static void close_worker(struct fake_host *host)
{
	tp_job_pool_free(&host->worker.jobs);
	tp_mailbox_free(&host->worker.mailbox);
	tp_ticket_table_free(&host->worker.tickets);
	tp_loop_free(&host->worker.loop);
	tp_worker_enter(NULL);
}

/* A job of a plugin that did not start holds it until the mailbox has ended. */
static void host_free(struct fake_host *host)
{
	close_worker(host);
	tp_generation_reap();
	log_close();
	free(host->request);
	free(host);
}

struct fake_host *fake_host_try(const char *plugin, const char *section,
				char problem[FAKE_HOST_PROBLEM_SIZE])
{
	struct fake_host *host = calloc(1, sizeof(*host));
	int err;

	must(host != NULL);
	tp_counter_reset_all();
	log_open();
	find_plugin(plugin, host->path);
	name_instance(host);
	tp_list_init(&host->asked);
	fake_clock_init(&host->clock);
	set_defaults(host);
	host->descriptors = count_descriptors();
	open_worker(host);
	err = make_generation(host, section, problem, &host->generation);
	if (err == 0) {
		err = tp_generation_worker_start(host->generation, &host->worker, problem);
	}
	if (err != 0) {
		tp_generation_unref(&host->generation);
		host_free(host);
		return NULL;
	}
	return host;
}

struct fake_host *fake_host_open(const char *plugin, const char *section)
{
	char problem[FAKE_HOST_PROBLEM_SIZE];
	struct fake_host *host = fake_host_try(plugin, section, problem);

	if (host == NULL) {
		die("%s", problem);
	}
	return host;
}

/* Those before a reload go when nothing of theirs is under way. */
static void drop_retired(struct fake_host *host)
{
	size_t kept = 0;

	for (size_t i = 0; i < host->retired_count; i++) {
		if (tp_generation_busy(host->retired[i], &host->worker) != 0) {
			host->retired[kept++] = host->retired[i];
			continue;
		}
		tp_generation_worker_stop(host->retired[i], &host->worker);
		tp_generation_unref(&host->retired[i]);
	}
	host->retired_count = kept;
	tp_generation_reap();
}

bool fake_host_reload(struct fake_host *host, const char *section,
		      char problem[FAKE_HOST_PROBLEM_SIZE])
{
	struct tp_generation *next = NULL;
	int err = make_generation(host, section, problem, &next);

	if (err == 0) {
		err = tp_generation_adopt(next, host->generation, problem);
	}
	if (err == 0) {
		err = tp_generation_worker_start(next, &host->worker, problem);
	}
	if (err != 0) {
		tp_generation_unref(&next);
		tp_generation_reap();
		return false;
	}
	must(host->retired_count < RETIRED_MAX);
	host->retired[host->retired_count++] = host->generation;
	host->generation = next;
	drop_retired(host);
	return true;
}

void fake_host_close(struct fake_host *host)
{
	size_t descriptors = host->descriptors;
	size_t left;

	while (!tp_list_empty(&host->asked)) {
		fake_host_end(host, (struct fake_asked *)tp_container_of(host->asked.next,
									 struct asked, link));
	}
	fake_host_finish_jobs(host);
	drop_retired(host);
	must(host->retired_count == 0);
	tp_generation_worker_stop(host->generation, &host->worker);
	tp_generation_unref(&host->generation);
	tp_generation_reap();
	host_free(host);
	left = count_descriptors();
	if (left > descriptors) {
		die("the plugin leaves %zu descriptors open", left - descriptors);
	}
}

/* --- what requests look like ---------------------------------------------------------- */

void fake_host_set_five_tuple(struct fake_host *host, enum tp_transport transport,
			      const char *client_addr, const char *server_addr)
{
	host->five_tuple = (struct tp_five_tuple){
		.client_addr = addr_of(client_addr),
		.server_addr = addr_of(server_addr),
		.transport = transport,
	};
}

void fake_host_set_user(struct fake_host *host, const char *user)
{
	host->user = user;
}

static uint8_t *copy_bytes(const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len != 0 ? len : 1);

	must(copy != NULL);
	memcpy(copy, bytes, len);
	return copy;
}

void fake_host_set_request(struct fake_host *host, const uint8_t *bytes, size_t len)
{
	const char *reason = "";
	struct tp_stun_msg msg;

	if (tp_stun_msg_parse(&msg, bytes, len, &reason) != 0) {
		die("the request is no STUN message: %s", reason);
	}
	free(host->request);
	host->request = copy_bytes(bytes, len);
	host->request_len = len;
}

const struct tp_allocation_view *fake_host_allocation(struct fake_host *host)
{
	return &host->allocation;
}

/* --- asking ----------------------------------------------------------------------------- */

static struct asked *asked_create(struct fake_host *host)
{
	struct asked *asked = calloc(1, sizeof(*asked));
	const char *reason;

	must(asked != NULL);
	asked->bytes = copy_bytes(host->request, host->request_len);
	must(tp_stun_msg_parse(&asked->msg, asked->bytes, host->request_len, &reason) == 0);
	tp_arena_init(&asked->request.arena, NULL, 0);
	asked->request.worker = &host->worker;
	asked->request.generation = tp_generation_ref(host->generation);
	asked->request.five_tuple = host->five_tuple;
	asked->request.msg = &asked->msg;
	asked->request.user = host->user;
	asked->request.realm = "example.org";
	tp_list_init(&asked->link);
	tp_list_append(&host->asked, &asked->link);
	return asked;
}

static void show_provided(struct asked *asked)
{
	const struct tp_provided *provided = &asked->request.provided;
	struct fake_asked *face = &asked->face;

	face->password = provided->password;
	face->key_md5 = provided->key_md5.len != 0 ? provided->key_md5.bytes : NULL;
	face->key_sha256 = provided->key_sha256.len != 0 ? provided->key_sha256.bytes : NULL;
	face->user = provided->user;
	face->valid_for_s = provided->valid_for_s;
	face->max_allocations = provided->max_allocations;
	face->max_lifetime_s = provided->max_lifetime_s;
	face->more_passwords = (const char *const *)provided->more_passwords;
	face->more_password_count = provided->more_password_count;
}

static void settle(struct asked *asked, enum tp_verdict verdict)
{
	const struct tp_event_row *row = &tp_event_table[asked->request.asking.event];
	const struct tp_request *request = &asked->request;

	asked->face.verdict = verdict;
	asked->face.lifetime_s = request->lifetime_s;
	asked->face.reason = verdict == TP_DENY ? request->deny_reason : NULL;
	if (verdict == TP_DENY && row->own_code != 0) { /* with 0 nothing is sent anyway */
		asked->face.code = request->deny_code != 0 ? request->deny_code : row->own_code;
	}
	if (verdict == TP_ALLOW && row->family == TP_EVENT_FAMILY_PROVIDER) {
		show_provided(asked);
	}
	if (request->build != NULL) {
		asked->face.response = (struct tp_view){request->build->bytes, request->build->len};
	}
}

static void answered(struct tp_request *request, enum tp_verdict verdict)
{
	settle(tp_container_of(request, struct asked, request), verdict);
}

static const struct fake_asked *ask(struct asked *asked, enum tp_event event, const void *payload)
{
	if (event >= TP_EVENT_COUNT || tp_event_table[event].ask == NULL) {
		die("event %d has no verdict that waits", (int)event);
	}
	if (event == TP_EVENT_on_turn_before_allocate) {
		asked->request.lifetime_s =
			((const struct tp_before_allocate *)payload)->lifetime_s;
	}
	asked->request.asking.event = event; /* also when nobody subscribes */
	settle(asked, tp_dispatch_ask(&asked->request, event, payload, answered));
	return &asked->face;
}

const struct fake_asked *fake_host_ask(struct fake_host *host, enum tp_event event,
				       const void *payload)
{
	return ask(asked_create(host), event, payload);
}

static const struct fake_asked *authorize(struct fake_host *host, const char *user,
					  const uint8_t *userhash, const char *realm,
					  uint16_t algorithm)
{
	struct asked *asked = asked_create(host);

	asked->request.user = NULL;
	asked->request.realm = realm;
	asked->authorization = (struct tp_request_authorization){
		.five_tuple = &asked->request.five_tuple,
		.method = asked->msg.method,
		.algorithm = algorithm,
		.username = user,
		.userhash = userhash,
		.realm = realm,
	};
	return ask(asked, TP_EVENT_on_stun_request_authorization, &asked->authorization);
}

const struct fake_asked *fake_host_authorize(struct fake_host *host, const char *user,
					     const char *realm, uint16_t algorithm)
{
	return authorize(host, user, NULL, realm, algorithm);
}

const struct fake_asked *fake_host_authorize_userhash(struct fake_host *host,
						      const uint8_t *userhash, const char *realm,
						      uint16_t algorithm)
{
	return authorize(host, NULL, userhash, realm, algorithm);
}

const struct fake_asked *fake_host_success(struct fake_host *host,
					   const struct tp_allocation_view *allocation)
{
	struct asked *asked = asked_create(host);

	tp_build_init(&asked->build, asked->response, sizeof(asked->response), asked->msg.method,
		      TP_STUN_SUCCESS, asked->msg.transaction_id);
	asked->request.build = &asked->build;
	asked->request.build_reserve = RESPONSE_RESERVE;
	asked->success = (struct tp_request_success){
		.five_tuple = &asked->request.five_tuple,
		.method = asked->msg.method,
		.response = {asked->build.bytes, asked->build.len},
		.allocation = allocation,
	};
	return ask(asked, TP_EVENT_on_stun_request_success, &asked->success);
}

enum tp_verdict fake_host_packet(struct fake_host *host, enum tp_event event, const void *payload)
{
	must(event < TP_EVENT_COUNT && tp_event_table[event].packet != NULL);
	return tp_dispatch_packet(host->generation, event, payload);
}

void fake_host_tell(struct fake_host *host, enum tp_event event, const void *payload)
{
	must(event < TP_EVENT_COUNT && tp_event_table[event].tell != NULL);
	tp_dispatch_tell(host->generation, event, payload);
}

void fake_host_end(struct fake_host *host, const struct fake_asked *face)
{
	struct asked *asked = (struct asked *)(uintptr_t)face;

	(void)host;
	tp_list_remove(&asked->link);
	tp_request_fini(&asked->request);
	free(asked->bytes);
	free(asked);
}

/* --- time and threads --------------------------------------------------------------------- */

void fake_host_turn(struct fake_host *host)
{
	tp_loop_turn(host->worker.loop);
	drop_retired(host);
}

void fake_host_advance_ms(struct fake_host *host, uint64_t ms)
{
	while (ms > 0) {
		uint64_t step_ms = ms < ADVANCE_STEP_MS ? ms : ADVANCE_STEP_MS;

		fake_clock_advance_ms(&host->clock, step_ms);
		fake_host_turn(host);
		ms -= step_ms;
	}
}

void fake_host_advance_s(struct fake_host *host, uint32_t s)
{
	fake_host_advance_ms(host, s * UINT64_C(1000));
}

static void wake(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Until something happens on the loop, a second at most. */
static void block(struct fake_host *host)
{
	const struct timeval second = {.tv_sec = 1};
	struct event_base *base = tp_loop_event_base(host->worker.loop);
	struct event *limit = evtimer_new(base, wake, NULL);

	must(limit != NULL && event_add(limit, &second) == 0);
	(void)event_base_loop(base, EVLOOP_ONCE);
	event_free(limit);
}

void fake_host_wait_until(struct fake_host *host, bool (*done)(void *arg), void *arg)
{
	struct timespec start;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (fake_host_turn(host); !done(arg); fake_host_turn(host)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > WAIT_S) {
			die("nothing has come within %d s; log:\n%s", WAIT_S, fake_host_log(host));
		}
		block(host);
	}
}

static bool is_answered(void *arg)
{
	return ((const struct fake_asked *)arg)->verdict != TP_PARK;
}

void fake_host_wait(struct fake_host *host, const struct fake_asked *asked)
{
	fake_host_wait_until(host, is_answered, (void *)(uintptr_t)asked);
}

static size_t count_jobs(const struct fake_host *host)
{
	size_t busy = tp_generation_busy(host->generation, &host->worker);

	for (size_t i = 0; i < host->retired_count; i++) {
		busy += tp_generation_busy(host->retired[i], &host->worker);
	}
	return busy - tp_ticket_table_parked(host->worker.tickets);
}

/* A pool that ends has run all its jobs, so no waiting is needed. */
void fake_host_finish_jobs(struct fake_host *host)
{
	size_t rounds = 0;

	while (count_jobs(host) != 0) {
		if (rounds++ == JOB_ROUNDS) {
			die("jobs start new jobs without end");
		}
		tp_job_pool_free(&host->worker.jobs);
		must(tp_job_pool_create(JOB_THREADS, JOBS_MAX, &host->worker.jobs) == 0);
		fake_host_turn(host);
	}
}

/* --- looking -------------------------------------------------------------------------------- */

struct tp_instance *fake_host_instance(struct fake_host *host)
{
	return host->generation->instances[0];
}

struct tp_worker *fake_host_worker(struct fake_host *host)
{
	return &host->worker;
}

size_t fake_host_parked(struct fake_host *host)
{
	return tp_ticket_table_parked(host->worker.tickets);
}

uint64_t fake_host_counter(struct fake_host *host, const char *name)
{
	return tp_counter_read(tp_counter_create(fake_host_instance(host), name, ""));
}
