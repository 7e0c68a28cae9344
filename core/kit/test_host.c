/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/test_host.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/counter.h"
#include "host/command.h"
#include "host/post.h"
#include "host/ticket.h"
#include "io/job.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "daemon/ini.h"
#include "kit/test_log.h"

#define PARKED_MAX 1024
#define WORDS_MAX 32
#define FILE_NAME "section"

void tp_test_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("test host: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/* --- the plugin --------------------------------------------------------------------- */

static bool try_path(const char *folder, const char *below, const char *name, char out[PATH_MAX])
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/%s%s.so", folder, below, name);

	return len > 0 && (size_t)len < sizeof(path) && realpath(path, out) != NULL;
}

static void find_plugin(const char *plugin, char out[PATH_MAX])
{
	char folder[PATH_MAX];
	ssize_t len;
	char *slash;

	if (strchr(plugin, '/') != NULL) {
		if (realpath(plugin, out) == NULL) {
			tp_test_die("there is no plugin %s", plugin);
		}
		return;
	}
	len = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	tp_test_must(len > 0);
	folder[len] = '\0';
	slash = strrchr(folder, '/');
	tp_test_must(slash != NULL);
	*slash = '\0';
	if (!try_path(folder, "", plugin, out) && !try_path(folder, "plugins/", plugin, out) &&
	    !try_path(folder, "../plugins/", plugin, out)) {
		tp_test_die(
			"there is no %s.so in %s, in plugins/ there or in plugins/ one folder up",
			plugin, folder);
	}
}

static void name_instance(struct tp_test_host *host)
{
	const char *slash = strrchr(host->path, '/');
	int len;

	tp_test_must(slash != NULL);
	len = snprintf(host->name, sizeof(host->name), "%s", slash + 1);
	if (len > 3 && strcmp(host->name + len - 3, ".so") == 0) {
		host->name[len - 3] = '\0';
	}
}

/* As it would stand in the file, so that what the file's reader minds is minded here. */
static int read_section(struct tp_test_host *host, const char *settings,
			char problem[TP_TEST_PROBLEM_SIZE], struct tp_ini *ini)
{
	char *text = NULL;
	int len = asprintf(&text, "[plugin.%s]\n%s", host->name, settings);
	int err;

	tp_test_must(len > 0);
	err = tp_ini_scan(text, (size_t)len, FILE_NAME, problem, ini);
	free(text);
	if (err == 0 && ini->section_count != 1) {
		tp_test_die("the settings begin a section of their own");
	}
	return err;
}

static int make_generation(struct tp_test_host *host, const char *settings,
			   char problem[TP_TEST_PROBLEM_SIZE], struct tp_generation **out)
{
	struct tp_instance_config config = {
		.name = host->name,
		.file = host->path,
		.config_file = FILE_NAME,
	};
	struct tp_ini ini;
	int err = read_section(host, settings, problem, &ini);

	if (err == 0) {
		config.settings = ini.sections[0].settings;
		config.setting_count = ini.sections[0].setting_count;
		err = tp_generation_create(&config, 1, "/nonexistent", 1, problem, out);
	}
	tp_ini_fini(&ini);
	return err;
}

/* --- create and free ------------------------------------------------------------------ */

#define DESCRIPTORS_TRIES 200
#define DESCRIPTORS_PAUSE_NS 10000000L

static size_t count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	tp_test_must(folder != NULL);
	while (readdir(folder) != NULL) {
		count++;
	}
	closedir(folder);
	return count;
}

/* Other threads of a test, a server of its own for one, may be about to close theirs. */
static size_t descriptors_above(size_t wanted)
{
	const struct timespec pause = {.tv_nsec = DESCRIPTORS_PAUSE_NS};
	size_t count = count_descriptors();

	for (int i = 0; i < DESCRIPTORS_TRIES && count > wanted; i++) {
		(void)nanosleep(&pause, NULL);
		count = count_descriptors();
	}
	return count;
}

static void open_worker(struct tp_test_host *host)
{
	struct tp_worker *worker = &host->worker;

	worker->count = 1;
	worker->park_deadline_ms = TP_TEST_DEADLINE_MS;
	tp_test_must(tp_loop_create(&host->clock.clock, NULL, &worker->loop) == 0);
	tp_test_must(tp_mailbox_create(worker->loop, &worker->mailbox) == 0);
	tp_test_must(tp_job_pool_create(TP_TEST_JOB_THREADS, TP_TEST_JOBS_MAX, &worker->jobs) == 0);
	tp_test_must(tp_ticket_table_create(worker, PARKED_MAX, &worker->tickets) == 0);
	tp_main_mailbox_set(worker->mailbox); /* this thread is the main one, too */
	tp_worker_enter(worker);
}

static void close_worker(struct tp_test_host *host)
{
	tp_job_pool_free(&host->worker.jobs);
	tp_main_mailbox_set(NULL);
	tp_mailbox_free(&host->worker.mailbox);
	tp_ticket_table_free(&host->worker.tickets);
	tp_loop_free(&host->worker.loop);
	tp_worker_enter(NULL);
}

/* A job of a plugin that did not start holds it until the mailbox has ended. */
static void host_free(struct tp_test_host *host)
{
	close_worker(host);
	tp_generation_reap();
	tp_allocation_service_set(NULL);
	pthread_mutex_destroy(&host->objects_lock);
	tp_test_log_close();
	free(host->printed);
	free(host->request);
	free(host);
}

static struct tp_test_host *host_create(const char *plugin)
{
	struct tp_test_host *host = calloc(1, sizeof(*host));

	tp_test_must(host != NULL);
	tp_counter_reset_all();
	tp_test_log_open();
	find_plugin(plugin, host->path);
	name_instance(host);
	tp_test_clock_init(&host->clock);
	tp_test_requests_init(host);
	tp_test_objects_init(host);
	host->descriptors = count_descriptors();
	open_worker(host);
	return host;
}

struct tp_test_host *tp_test_host_try(const char *plugin, const char *section,
				      char problem[TP_TEST_PROBLEM_SIZE])
{
	struct tp_test_host *host = host_create(plugin);
	int err = make_generation(host, section, problem, &host->generation);

	if (err == 0) {
		err = tp_generation_worker_start(host->generation, &host->worker, problem);
	}
	if (err != 0) {
		tp_test_objects_fini(host);
		tp_generation_unref(&host->generation);
		host_free(host);
		return NULL;
	}
	return host;
}

struct tp_test_host *tp_test_host_create(const char *plugin, const char *section)
{
	char problem[TP_TEST_PROBLEM_SIZE];
	struct tp_test_host *host = tp_test_host_try(plugin, section, problem);

	if (host == NULL) {
		tp_test_die("%s", problem);
	}
	return host;
}

void tp_test_host_free(struct tp_test_host **out)
{
	struct tp_test_host *host = *out;
	size_t descriptors;
	size_t left;

	if (host == NULL) {
		return;
	}
	*out = NULL;
	descriptors = host->descriptors;
	tp_test_requests_fini(host);
	tp_test_objects_fini(host);
	tp_test_finish_jobs(host);
	tp_test_drop_retired(host);
	tp_test_must(host->retired_count == 0);
	tp_generation_worker_stop(host->generation, &host->worker);
	tp_generation_unref(&host->generation);
	tp_generation_reap();
	host_free(host);
	left = descriptors_above(descriptors);
	if (left > descriptors) {
		tp_test_die("the plugin leaves %zu descriptors open", left - descriptors);
	}
}

/* --- reload ----------------------------------------------------------------------------- */

void tp_test_drop_retired(struct tp_test_host *host)
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

bool tp_test_host_reload(struct tp_test_host *host, const char *section,
			 char problem[TP_TEST_PROBLEM_SIZE])
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
	tp_test_must(host->retired_count < TP_TEST_RETIRED_MAX);
	host->retired[host->retired_count++] = host->generation;
	host->generation = next;
	tp_test_objects_adopt(host);
	tp_test_on_server_reload(host, &(struct tp_server_reload){.generation = next->number});
	tp_test_drop_retired(host);
	return true;
}

/* --- looking ---------------------------------------------------------------------------- */

struct tp_instance *tp_test_instance(struct tp_test_host *host)
{
	return host->generation->instances[0];
}

struct tp_worker *tp_test_worker(struct tp_test_host *host)
{
	return &host->worker;
}

uint64_t tp_test_counter(struct tp_test_host *host, const char *name)
{
	return tp_counter_read(tp_counter_create(tp_test_instance(host), name, ""));
}

const char *tp_test_log(struct tp_test_host *host)
{
	(void)host;
	return tp_test_log_text();
}

/* --- commands ----------------------------------------------------------------------------- */

int tp_test_command(struct tp_test_host *host, const char *words, const char **printed)
{
	const char *argv[WORDS_MAX];
	char *text = strdup(words);
	char *rest = text;
	char *word;
	int argc = 0;
	int err;

	tp_test_must(text != NULL);
	while ((word = strtok_r(rest, " ", &rest)) != NULL) {
		tp_test_must(argc < WORDS_MAX);
		argv[argc++] = word;
	}
	free(host->printed);
	host->printed = NULL;
	err = tp_instance_command(tp_test_instance(host), argc, argv, &host->printed,
				  host->problem);
	free(text);
	*printed = err != 0 ? host->problem : host->printed != NULL ? host->printed : "";
	return err;
}
