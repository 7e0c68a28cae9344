/* SPDX-License-Identifier: Apache-2.0 */
#include "key_source.h"

#include <stdlib.h>

#include <turnpike/plugin.h>

#define RETRY_MS 1000      /* after a fetch that failed */
#define WANT_AGAIN_MS 2000 /* names of keys that nobody has cost no more than this */
#define FRESH_MIN_MS 10000

struct key_source {
	struct tp_instance *self;
	struct tp_worker *worker;
	struct key_source_settings settings;
	struct http_client *client;
	struct http_request *request; /* NULL: none under way */
	struct tp_worker_timer *timer;
	struct jwk_set *keys;
	uint64_t fetched_ms; /* when these came */
	uint64_t begun_ms;   /* the last fetch */
	bool failed;
	bool wanted;
	bool complained;
};

static void fetch(struct key_source *source);

static void timer_fired(struct tp_instance *self, void *arg)
{
	struct key_source *source = arg;

	(void)self;
	source->timer = NULL;
	fetch(source);
}

static void fetch_after(struct key_source *source, uint64_t ms)
{
	tp_worker_timer_cancel(&source->timer);
	source->timer =
		tp_worker_timer_start(source->self, source->worker, ms, timer_fired, source);
}

/* --- one fetch ---------------------------------------------------------------------------- */

/* One line for each time it begins to fail. */
static void failed(struct key_source *source, const char *problem, long status)
{
	uint64_t now_ms = tp_worker_now_ms(source->worker);

	if (!source->complained) {
		tp_log(source->self, TP_LOG_WARN, "no keys from %s: %s status=%ld",
		       source->settings.url, problem, status);
	}
	source->complained = true;
	source->failed = true;
	if (source->keys != NULL && now_ms - source->fetched_ms > source->settings.keep_ms) {
		tp_log(source->self, TP_LOG_ERROR, "the keys are too old and count no more");
		jwk_set_free(&source->keys);
	}
	fetch_after(source, RETRY_MS);
}

static void succeeded(struct key_source *source, struct jwk_set *keys, int64_t fresh_s)
{
	uint64_t after_ms = source->settings.refresh_ms;

	if (fresh_s >= 0 && (uint64_t)fresh_s < after_ms / 1000) {
		after_ms = (uint64_t)fresh_s * 1000;
	}
	jwk_set_free(&source->keys);
	source->keys = keys;
	source->fetched_ms = tp_worker_now_ms(source->worker);
	source->failed = false;
	source->complained = false;
	tp_log(source->self, TP_LOG_DEBUG, "keys from %s count=%zu", source->settings.url,
	       jwk_set_count(keys));
	fetch_after(source, after_ms < FRESH_MIN_MS ? FRESH_MIN_MS : after_ms);
}

static void tell(struct key_source *source)
{
	if (source->wanted) {
		source->wanted = false;
		source->settings.fetched(source->settings.arg);
	}
}

static void answered(void *arg, const struct http_answer *answer)
{
	struct key_source *source = arg;
	char problem[JWK_SET_PROBLEM_SIZE];
	struct jwk_set *keys = NULL;

	source->request = NULL;
	if (answer->status == 200) {
		keys = jwk_set_parse(answer->body, answer->len, false, problem);
	}
	if (keys != NULL) {
		succeeded(source, keys, answer->fresh_s);
	} else {
		failed(source,
		       answer->status == 0     ? answer->problem
		       : answer->status == 200 ? problem
					       : "it is not there",
		       answer->status);
	}
	tell(source);
}

static void fetch(struct key_source *source)
{
	if (source->request != NULL) {
		return;
	}
	source->begun_ms = tp_worker_now_ms(source->worker);
	source->request =
		http_client_send(source->client, source->settings.url, NULL, answered, source);
	if (source->request == NULL) {
		failed(source, "out of memory", 0);
		tell(source);
	}
}

/* --- for others --------------------------------------------------------------------------- */

struct key_source *key_source_create(struct tp_instance *self, struct tp_worker *worker,
				     const struct key_source_settings *settings)
{
	struct key_source *source = calloc(1, sizeof(*source));

	if (source == NULL) {
		return NULL;
	}
	source->self = self;
	source->worker = worker;
	source->settings = *settings;
	source->client = http_client_create(tp_worker_event_base(worker), &settings->http);
	if (source->client == NULL) {
		free(source);
		return NULL;
	}
	fetch(source);
	return source;
}

void key_source_free(struct key_source **source)
{
	if (*source != NULL) {
		tp_worker_timer_cancel(&(*source)->timer);
		http_client_free(&(*source)->client);
		jwk_set_free(&(*source)->keys);
		free(*source);
	}
	*source = NULL;
}

const struct jwk_set *key_source_keys(const struct key_source *source)
{
	return source->keys;
}

bool key_source_want(struct key_source *source)
{
	uint64_t passed_ms = tp_worker_now_ms(source->worker) - source->begun_ms;
	uint64_t pause_ms = source->failed ? RETRY_MS : WANT_AGAIN_MS;

	if (source->request == NULL && passed_ms < pause_ms) {
		fetch_after(source, pause_ms - passed_ms);
		source->wanted = source->timer != NULL;
		return source->wanted;
	}
	fetch(source);
	source->wanted = source->request != NULL;
	return source->wanted;
}

bool key_source_failed(const struct key_source *source)
{
	return source->failed;
}
