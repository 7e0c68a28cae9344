/* SPDX-License-Identifier: Apache-2.0 */
#include "poster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <turnpike/plugin.h>

#include "common/secret_file.h"

#define HMAC_SIZE 32
#define SECRET_MAX 1024
#define RESPONSE_MAX 65536 /* of an answer whose body nobody reads */
#define HEADER_SIZE (SECRET_MAX + 64)

struct secret {
	char text[SECRET_MAX];
	size_t len; /* 0: none */
};

struct poster {
	CURL *curl;
	struct secret token;
	struct secret secret;
	size_t received;
	char error[CURL_ERROR_SIZE];
};

/* --- what is sent --------------------------------------------------------------------------- */

/* HMAC-SHA256 of the time, a dot and the body, so that an old one cannot be sent again. */
static bool sign(const struct poster *poster, const struct batch *batch, int64_t wall_s,
		 char out[2 * HMAC_SIZE + 1])
{
	uint8_t mac[HMAC_SIZE];
	gnutls_hmac_hd_t hmac;
	char prefix[32];
	int len = snprintf(prefix, sizeof(prefix), "%" PRId64 ".", wall_s);
	bool done;

	if (gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, poster->secret.text, poster->secret.len) !=
	    0) {
		return false;
	}
	done = gnutls_hmac(hmac, prefix, (size_t)len) == 0 &&
	       gnutls_hmac(hmac, batch->body, batch->len) == 0;
	gnutls_hmac_deinit(hmac, mac);
	for (size_t i = 0; i < sizeof(mac); i++) {
		snprintf(out + 2 * i, 3, "%02x", mac[i]);
	}
	return done;
}

/* What fails leaves the list NULL. */
static void add_header(struct curl_slist **headers, const char *header)
{
	struct curl_slist *longer = *headers == NULL ? NULL : curl_slist_append(*headers, header);

	if (longer == NULL) {
		curl_slist_free_all(*headers);
	}
	*headers = longer;
}

static void add_token(const struct poster *poster, struct curl_slist **headers)
{
	char header[HEADER_SIZE];

	if (poster->token.len != 0) {
		snprintf(header, sizeof(header), "Authorization: Bearer %s", poster->token.text);
		add_header(headers, header);
		explicit_bzero(header, sizeof(header));
	}
}

static void add_signature(const struct poster *poster, const struct batch *batch, int64_t wall_s,
			  struct curl_slist **headers)
{
	char hex[2 * HMAC_SIZE + 1];
	char header[HEADER_SIZE];

	if (poster->secret.len == 0) {
		return;
	}
	if (!sign(poster, batch, wall_s, hex)) {
		curl_slist_free_all(*headers);
		*headers = NULL;
		return;
	}
	snprintf(header, sizeof(header), "Turnpike-Signature: t=%" PRId64 ",v1=%s", wall_s, hex);
	add_header(headers, header);
}

/* NULL when out of memory. */
static struct curl_slist *make_headers(const struct poster *poster, const struct batch *batch,
				       int64_t wall_s)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char header[HEADER_SIZE];

	snprintf(header, sizeof(header), "Turnpike-Batch: %s", batch->id);
	add_header(&headers, header);
	add_header(&headers, "Expect:"); /* nobody waits for 100 (Continue) */
	add_token(poster, &headers);
	add_signature(poster, batch, wall_s, &headers);
	return headers;
}

static void free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *header = headers; header != NULL; header = header->next) {
		explicit_bzero(header->data, strlen(header->data));
	}
	curl_slist_free_all(headers);
}

/* --- what comes back ------------------------------------------------------------------------- */

static size_t received(char *bytes, size_t size, size_t count, void *arg)
{
	struct poster *poster = arg;

	poster->received += size * count;
	return poster->received > RESPONSE_MAX ? 0 : size * count;
}

/* 413 and the like are about this batch; all else may pass, even a wrong token. */
static enum post_outcome outcome_of(long status)
{
	if (status >= 200 && status < 300) {
		return POST_DELIVERED;
	}
	return status == 400 || status == 413 || status == 422 ? POST_REFUSED : POST_FAILED;
}

static void judge(struct poster *poster, CURLcode code, struct post_result *result)
{
	curl_off_t wait_s = 0;
	long status = 0;

	curl_easy_getinfo(poster->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && status != 0)) {
		result->outcome = outcome_of(status);
		curl_easy_getinfo(poster->curl, CURLINFO_RETRY_AFTER, &wait_s);
		result->wait_ms = wait_s > 0 ? (uint64_t)wait_s * 1000 : 0;
		snprintf(result->sentence, sizeof(result->sentence), "status %ld", status);
		return;
	}
	result->outcome = POST_FAILED;
	snprintf(result->sentence, sizeof(result->sentence), "%s",
		 poster->error[0] != '\0' ? poster->error : curl_easy_strerror(code));
}

void poster_post(struct poster *poster, const struct batch *batch, int64_t wall_s,
		 uint64_t timeout_ms, struct post_result *result)
{
	struct curl_slist *headers = make_headers(poster, batch, wall_s);
	CURL *curl = poster->curl;

	*result = (struct post_result){.outcome = POST_FAILED, .sentence = "out of memory"};
	if (headers == NULL) {
		return;
	}
	poster->received = 0;
	poster->error[0] = '\0';
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, batch->body);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)batch->len);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	judge(poster, curl_easy_perform(curl), result);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
	free_headers(headers);
}

/* --- life ------------------------------------------------------------------------------------- */

static bool is_token(const char *text)
{
	for (; *text > ' ' && *text < 0x7f; text++) {
	}
	return *text == '\0';
}

static int take_line(struct tp_instance *self, const char *option, const struct secret_file *file,
		     struct secret *out)
{
	const char *path = tp_option_string(self, option);

	if (file->count != 1) {
		return tp_instance_fail(self, TP_EINVAL, "%s: %s has %zu lines instead of one",
					option, path, file->count);
	}
	out->len = strlen(file->lines[0]);
	if (out->len >= sizeof(out->text)) {
		return tp_instance_fail(self, TP_EINVAL, "%s: the line in %s is too long", option,
					path);
	}
	memcpy(out->text, file->lines[0], out->len + 1);
	if (file->readable_by_all) {
		tp_log(self, TP_LOG_WARN, "%s can be read by everybody: chmod 640", path);
	}
	return 0;
}

static int read_secret(struct tp_instance *self, const char *option, struct secret *out)
{
	char problem[SECRET_FILE_PROBLEM_SIZE];
	struct secret_file *file;
	int err;

	if (!tp_option_is_set(self, option)) {
		return 0;
	}
	file = calloc(1, sizeof(*file));
	if (file == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	err = secret_file_read(tp_option_string(self, option), file, problem);
	if (err != 0) {
		tp_instance_fail(self, err, "%s: %s", option, problem);
	} else {
		err = take_line(self, option, file, out);
		secret_file_wipe(file);
	}
	free(file);
	return err;
}

static int read_secrets(struct tp_instance *self, struct poster *poster)
{
	int err = read_secret(self, "token_file", &poster->token);

	if (err == 0 && !is_token(poster->token.text)) {
		return tp_instance_fail(self, TP_EINVAL,
					"token_file: %s has blanks or control characters in it",
					tp_option_string(self, "token_file"));
	}
	return err != 0 ? err : read_secret(self, "secret_file", &poster->secret);
}

static int set_url(struct tp_instance *self, CURL *curl)
{
	const char *url = tp_option_string(self, "url");

	if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) {
		return tp_instance_fail(self, TP_EINVAL, "url: %s is no https or http URL", url);
	}
	if (strncmp(url, "http://", 7) == 0 && tp_option_is_set(self, "token_file")) {
		tp_log(self, TP_LOG_WARN, "the token goes to %s unencrypted", url);
	}
	if (curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	return 0;
}

/* No redirects: whoever answers shall not say where else the events go. */
static int set_options(struct tp_instance *self, struct poster *poster)
{
	const char *ca_file = tp_option_string(self, "ca_file");
	CURL *curl = poster->curl;
	int err = set_url(self, curl);

	if (err != 0) {
		return err;
	}
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_POST, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "turnpike/" TP_VERSION);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, poster->error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, received);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, poster);
	if (ca_file != NULL && curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file) != CURLE_OK) {
		return tp_instance_fail(self, TP_EINVAL, "ca_file: %s cannot be used", ca_file);
	}
	return 0;
}

int poster_create(struct tp_instance *self, struct poster **out)
{
	struct poster *poster = calloc(1, sizeof(*poster));
	int err;

	if (poster == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(poster);
		return tp_instance_fail(self, TP_ENOMEM, "libcurl does not start");
	}
	poster->curl = curl_easy_init();
	if (poster->curl == NULL) {
		err = tp_instance_fail(self, TP_ENOMEM, "out of memory");
	} else {
		err = set_options(self, poster);
	}
	err = err != 0 ? err : read_secrets(self, poster);
	if (err != 0) {
		poster_free(&poster);
	}
	*out = poster;
	return err;
}

void poster_free(struct poster **poster)
{
	if (*poster != NULL) {
		curl_easy_cleanup((*poster)->curl);
		curl_global_cleanup();
		explicit_bzero(*poster, sizeof(**poster));
		free(*poster);
	}
	*poster = NULL;
}
