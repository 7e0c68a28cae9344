/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/test_log.h"

#include <pthread.h>
#include <string.h>

#include "base/log.h"

#define LOG_SIZE 65536

/* Lines come from any thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char text[LOG_SIZE];
static size_t text_len;

static void keep_line(const char *line, size_t len, void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	if (len < sizeof(text) - text_len) {
		memcpy(text + text_len, line, len);
		text_len += len;
		text[text_len] = '\0';
	}
	pthread_mutex_unlock(&lock);
}

void tp_test_log_open(void)
{
	text_len = 0;
	text[0] = '\0';
	tp_log_set_level(TP_LOG_DEBUG);
	tp_log_set_sink(keep_line, NULL);
}

void tp_test_log_close(void)
{
	tp_log_set_sink(NULL, NULL);
	tp_log_set_level(TP_LOG_INFO);
}

const char *tp_test_log_text(void)
{
	static char copy[LOG_SIZE];

	pthread_mutex_lock(&lock);
	memcpy(copy, text, text_len + 1);
	pthread_mutex_unlock(&lock);
	return copy;
}
