/* SPDX-License-Identifier: Apache-2.0 */
#include "redis_settings.h"

#include <string.h>

#include "common/secret_option.h"

const char *const redis_settings_tls[] = {"off", "encrypt", "verify", NULL};

static int read_tls(struct tp_instance *self, struct redis_settings *out)
{
	const char *tls = tp_option_string(self, "tls");
	char problem[TCP_STREAM_PROBLEM_SIZE];

	if (strcmp(tls, "off") == 0 || out->host[0] == '/') {
		return 0;
	}
	out->tls = tcp_stream_tls_create(
		strcmp(tls, "verify") == 0, tp_option_string(self, "ca_file"),
		tp_option_string(self, "certificate"), tp_option_string(self, "key"), problem);
	return out->tls == NULL ? tp_instance_fail(self, TP_EINVAL, "%s", problem) : 0;
}

int redis_settings_read(struct tp_instance *self, struct redis_settings *out)
{
	int err;

	*out = (struct redis_settings){
		.host = tp_option_string(self, "host"),
		.port = (uint16_t)tp_option_integer(self, "port"),
		.user = tp_option_string(self, "user"),
		.database = (unsigned)tp_option_integer(self, "database"),
		.timeout_ms = (uint64_t)tp_option_integer(self, "deadline"),
	};
	if (out->user != NULL && !tp_option_is_set(self, "password_file")) {
		return tp_instance_fail(self, TP_EINVAL, "user: needs password_file, too");
	}
	err = secret_option_read(self, "password_file", &out->password);
	return err == 0 ? read_tls(self, out) : err;
}

void redis_settings_wipe(struct redis_settings *settings)
{
	secret_option_free(&settings->password);
	tcp_stream_tls_free(&settings->tls);
}
