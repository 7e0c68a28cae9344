/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_client.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "common/http_fresh.h"

#define HEADERS_MAX 65536 /* bytes of an answer's header lines */
#define TOKEN_LINE_SIZE 8192

struct http_request {
	struct http_client *client;
	struct http_request *next;
	struct http_request **back; /* what points to this one */
	CURL *curl;
	struct curl_slist *headers;
	char *sent; /* NULL with GET */
	char *body; /* body_max bytes and a NUL, once something came */
	size_t len;
	size_t header_len;
	struct http_fresh fresh;
	const char *own_problem; /* why we have stopped it; NULL: we have not */
	char problem[CURL_ERROR_SIZE];
	http_done_fn done;
	void *arg;
};

struct http_client {
	struct event_base *base;
	struct http_settings settings;
	CURLM *multi;
	struct event *timer;
	struct http_request *first;
};

/* --- libcurl on the loop ------------------------------------------------------------------ */

static void request_free(struct http_request *request);

static const char *problem_of(const struct http_request *request, CURLcode code)
{
	if (request->own_problem != NULL) {
		return request->own_problem;
	}
	return request->problem[0] != '\0' ? request->problem : curl_easy_strerror(code);
}

static void finish(struct http_request *request, CURLcode code)
{
	struct http_answer answer = {
		.body = request->body == NULL ? "" : request->body,
		.len = request->len,
		.fresh_s = http_fresh_left_s(&request->fresh),
	};
	http_done_fn done = request->done;
	void *arg = request->arg;

	if (code == CURLE_OK) {
		curl_easy_getinfo(request->curl, CURLINFO_RESPONSE_CODE, &answer.status);
	} else {
		answer.problem = problem_of(request, code);
		answer.len = 0;
		answer.body = "";
	}
	done(arg, &answer);
	request_free(request);
}

/* What ends here is taken off first, so that "done" may cancel and send what it likes. */
static void collect(struct http_client *client)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(client->multi, &left)) != NULL) {
		CURLcode code = message->data.result;
		CURL *curl = message->easy_handle;
		char *request;

		if (message->msg == CURLMSG_DONE &&
		    curl_easy_getinfo(curl, CURLINFO_PRIVATE, &request) == CURLE_OK) {
			curl_multi_remove_handle(client->multi, curl);
			finish((struct http_request *)(void *)request, code);
		}
	}
}

static void socket_ready(evutil_socket_t fd, short what, void *arg)
{
	struct http_client *client = arg;
	int running;
	int mask = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) |
		   ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);

	curl_multi_socket_action(client->multi, fd, mask, &running);
	collect(client);
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct http_client *client = arg;
	int running;

	(void)fd;
	(void)what;
	curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(client);
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_client *client = arg;
	struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};

	(void)multi;
	if (timeout_ms < 0) {
		event_del(client->timer);
	} else {
		event_add(client->timer, &timeout);
	}
	return 0;
}

static int watch(CURL *curl, curl_socket_t fd, int what, void *arg, void *assigned)
{
	struct http_client *client = arg;
	struct event *event = assigned;
	short wanted = EV_PERSIST;

	(void)curl;
	if (event != NULL) {
		event_free(event);
		curl_multi_assign(client->multi, fd, NULL);
	}
	if (what == CURL_POLL_REMOVE) {
		return 0;
	}
	wanted |= (what & CURL_POLL_IN) != 0 ? EV_READ : 0;
	wanted |= (what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0;
	event = event_new(client->base, fd, wanted, socket_ready, client);
	if (event == NULL || event_add(event, NULL) != 0) {
		if (event != NULL) {
			event_free(event);
		}
		return -1; /* libcurl gives up all that is under way */
	}
	curl_multi_assign(client->multi, fd, event);
	return 0;
}

/* --- answers ------------------------------------------------------------------------------ */

static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_request *request = arg;
	size_t len = size * count;

	request->header_len += len;
	if (request->header_len > HEADERS_MAX) {
		request->own_problem = "the answer has too many header lines";
		return 0;
	}
	if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) { /* one more after 1xx */
		http_fresh_begin(&request->fresh);
	}
	http_fresh_line(&request->fresh, bytes, len);
	return len;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_request *request = arg;
	size_t max = request->client->settings.body_max;
	size_t len = size * count;

	if (request->body == NULL) {
		request->body = malloc(max + 1);
	}
	if (request->body == NULL || len > max - request->len) {
		request->own_problem =
			request->body == NULL ? "out of memory" : "the answer is too long";
		return 0;
	}
	memcpy(request->body + request->len, bytes, len);
	request->len += len;
	request->body[request->len] = '\0';
	return len;
}

static int tell_address(void *arg, char *address, char *own, int port, int own_port)
{
	const struct http_settings *settings = arg;

	(void)own;
	(void)port;
	(void)own_port;
	settings->connected(settings->connected_arg, address);
	return CURL_PREREQFUNC_OK;
}

/* --- requests ----------------------------------------------------------------------------- */

static void request_free(struct http_request *request)
{
	*request->back = request->next;
	if (request->next != NULL) {
		request->next->back = request->back;
	}
	curl_easy_cleanup(request->curl);
	for (struct curl_slist *header = request->headers; header != NULL; header = header->next) {
		explicit_bzero(header->data, strlen(header->data));
	}
	curl_slist_free_all(request->headers);
	if (request->sent != NULL) {
		explicit_bzero(request->sent, strlen(request->sent));
	}
	if (request->body != NULL) {
		explicit_bzero(request->body, request->len);
	}
	free(request->sent);
	free(request->body);
	free(request);
}

static bool add_header(struct http_request *request, const char *line)
{
	struct curl_slist *longer = curl_slist_append(request->headers, line);

	if (longer == NULL) {
		return false;
	}
	request->headers = longer;
	return true;
}

static bool add_headers(struct http_request *request)
{
	const char *token = request->client->settings.token;
	char line[TOKEN_LINE_SIZE];
	bool done = add_header(request, "Accept: application/json");

	if (done && request->sent != NULL) {
		done = add_header(request, "Content-Type: application/json") &&
		       add_header(request, "Expect:"); /* nobody waits for 100 (Continue) */
	}
	if (done && token != NULL) {
		int len = snprintf(line, sizeof(line), "Authorization: Bearer %s", token);

		done = len > 0 && (size_t)len < sizeof(line) && add_header(request, line);
		explicit_bzero(line, sizeof(line));
	}
	return done;
}

static bool set_tls(CURL *curl, const struct http_settings *settings)
{
	CURLcode code = CURLE_OK;

	if (settings->ca_file != NULL) {
		code |= curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca_file);
		code |= curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	if (settings->certificate_file != NULL) {
		code |= curl_easy_setopt(curl, CURLOPT_SSLCERT, settings->certificate_file);
		code |= curl_easy_setopt(curl, CURLOPT_SSLKEY,
					 settings->key_file != NULL ? settings->key_file
								    : settings->certificate_file);
	}
	return code == CURLE_OK;
}

static bool set_transfer(struct http_request *request, const char *url)
{
	const struct http_settings *settings = &request->client->settings;
	CURL *curl = request->curl;
	CURLcode code = CURLE_OK;

	code |= curl_easy_setopt(curl, CURLOPT_URL, url);
	code |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	code |= curl_easy_setopt(curl, CURLOPT_PROXY, "");
	code |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "turnpike");
	code |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, request->headers);
	if (request->sent != NULL) {
		code |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->sent);
	}
	code |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* A slow name server must not hold up the loop when a request is given up. */
	code |= curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
	code |= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
				 (long)settings->connect_timeout_ms);
	code |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)settings->timeout_ms);
	code |= curl_easy_setopt(curl, CURLOPT_PRIVATE, request);
	code |= curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request->problem);
	code |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	code |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, request);
	code |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	code |= curl_easy_setopt(curl, CURLOPT_WRITEDATA, request);
	if (settings->connected != NULL) {
		code |= curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, tell_address);
		code |= curl_easy_setopt(curl, CURLOPT_PREREQDATA, settings);
	}
	/* These may be unknown to a libcurl that was built without. */
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(curl, CURLOPT_PIPEWAIT, strncmp(url, "https:", 6) == 0 ? 1L : 0L);
	return code == CURLE_OK && set_tls(curl, settings);
}

static struct http_request *request_create(struct http_client *client, const char *body)
{
	struct http_request *request = calloc(1, sizeof(*request));

	if (request == NULL) {
		return NULL;
	}
	request->client = client;
	request->next = client->first;
	request->back = &client->first;
	if (client->first != NULL) {
		client->first->back = &request->next;
	}
	client->first = request;
	http_fresh_begin(&request->fresh);
	request->curl = curl_easy_init();
	request->sent = body == NULL ? NULL : strdup(body);
	return request;
}

struct http_request *http_client_send(struct http_client *client, const char *url, const char *body,
				      http_done_fn done, void *arg)
{
	struct http_request *request = request_create(client, body);

	if (request == NULL) {
		return NULL;
	}
	request->done = done;
	request->arg = arg;
	if (request->curl == NULL || (body != NULL && request->sent == NULL) ||
	    !add_headers(request) || !set_transfer(request, url) ||
	    curl_multi_add_handle(client->multi, request->curl) != CURLM_OK) {
		request_free(request);
		return NULL;
	}
	return request;
}

void http_request_cancel(struct http_request **request)
{
	if (*request != NULL) {
		curl_multi_remove_handle((*request)->client->multi, (*request)->curl);
		request_free(*request);
	}
	*request = NULL;
}

/* --- life --------------------------------------------------------------------------------- */

/*
 * The library stays in memory to the end: a thread of its own, which looks up a
 * name and was given up, may run for longer than the plugin is loaded.
 */
static void pin_library(void)
{
	Dl_info info;

	if (dladdr((void *)(uintptr_t)curl_easy_init, &info) != 0) {
		(void)!dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
	}
}

static bool set_multi(struct http_client *client)
{
	CURLM *multi = client->multi;
	long connections = (long)client->settings.connections;
	CURLMcode code = CURLM_OK;

	code |= curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
	code |= curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
	code |= curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
	code |= curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
	code |= curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections);
	code |= curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections);
	return code == CURLM_OK;
}

struct http_client *http_client_create(struct event_base *base,
				       const struct http_settings *settings)
{
	struct http_client *client = calloc(1, sizeof(*client));

	if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(client);
		return NULL;
	}
	pin_library();
	client->base = base;
	client->settings = *settings;
	client->multi = curl_multi_init();
	client->timer = evtimer_new(base, timer_fired, client);
	if (client->multi == NULL || client->timer == NULL || !set_multi(client)) {
		http_client_free(&client);
	}
	return client;
}

void http_client_free(struct http_client **client)
{
	if (*client == NULL) {
		return;
	}
	while ((*client)->first != NULL) {
		struct http_request *request = (*client)->first;

		http_request_cancel(&request);
	}
	if ((*client)->multi != NULL) {
		curl_multi_cleanup((*client)->multi); /* calls "watch" and "set_timer" */
	}
	if ((*client)->timer != NULL) {
		event_free((*client)->timer);
	}
	free(*client);
	*client = NULL;
}

/* --- URLs --------------------------------------------------------------------------------- */

char *http_url_escape(const uint8_t *bytes, size_t len)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-._~";
	char *out = len > SIZE_MAX / 4 ? NULL : malloc(3 * len + 1);
	size_t at = 0;

	if (out == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\0' && strchr(unreserved, bytes[i]) != NULL) {
			out[at++] = (char)bytes[i];
		} else {
			at += (size_t)snprintf(out + at, 4, "%%%02X", bytes[i]);
		}
	}
	out[at] = '\0';
	return out;
}
