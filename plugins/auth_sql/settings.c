/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <string.h>

#include "common/secret_option.h"

const char *const settings_drivers[] = {"sqlite", "postgresql", "mysql", NULL};
const char *const settings_tls[] = {"off", "encrypt", "verify", NULL}; /* as enum sql_tls */

/* --- queries ------------------------------------------------------------------------- */

/* coturn's tables: turnadmin(1), and schema.sql of the same package. */
static const struct {
	const char *option;
	const char *text;
	const char *numbered;
} queries[SQL_STATEMENT_COUNT] = {
	[SQL_USER] = {"query_user",
		      "SELECT name, hmackey FROM turnusers_lt WHERE name = ? AND realm = ?",
		      "SELECT name, hmackey FROM turnusers_lt WHERE name = $1 AND realm = $2"},
	[SQL_SECRET] = {"query_secret", "SELECT realm, value FROM turn_secret", NULL},
	[SQL_ALLOWED] = {"query_allowed", "SELECT realm, ip_range FROM allowed_peer_ip", NULL},
	[SQL_DENIED] = {"query_denied", "SELECT realm, ip_range FROM denied_peer_ip", NULL},
	[SQL_OPTION] = {"query_option", "SELECT realm, opt, value FROM turn_realm_option", NULL},
};

static const char *query_of(struct tp_instance *self, const struct sql_backend_ops *ops,
			    enum sql_statement statement)
{
	const char *own = tp_option_string(self, queries[statement].option);

	if (own == NULL) {
		return ops->numbered_params && queries[statement].numbered != NULL
			       ? queries[statement].numbered
			       : queries[statement].text;
	}
	return statement != SQL_USER && strcmp(own, "none") == 0 ? NULL : own;
}

/* --- options ------------------------------------------------------------------------- */

static unsigned choice_of(const struct tp_instance *self, const char *option,
			  const char *const *choices)
{
	const char *value = tp_option_string(self, option);
	unsigned at = 0;

	while (strcmp(choices[at], value) != 0) {
		at++;
	}
	return at;
}

static int check_file(struct tp_instance *self)
{
	if (tp_option_is_set(self, "host")) {
		return tp_instance_fail(self, TP_EINVAL, "host: SQLite has a file and no server");
	}
	if (tp_option_string(self, "database")[0] != '/') {
		return tp_instance_fail(self, TP_EINVAL,
					"database: with SQLite, the absolute path of a file");
	}
	return 0;
}

static int check_server(struct tp_instance *self)
{
	if (!tp_option_is_set(self, "host")) {
		return tp_instance_fail(self, TP_EINVAL, "host: which one?");
	}
	if (tp_option_string(self, "database")[0] == '/') {
		return tp_instance_fail(self, TP_EINVAL,
					"database: the name of one on the server, no path");
	}
	return 0;
}

int settings_read(struct tp_instance *self, const struct sql_backend_ops **ops,
		  struct sql_settings *out)
{
	const char *driver = tp_option_string(self, "driver");
	char *password = NULL;
	int err;

	*ops = sql_backend_find(driver);
	if (*ops == NULL) {
		return tp_instance_fail(self, TP_EINVAL,
					"driver: this plugin was built without %s, for want of its "
					"library",
					driver);
	}
	err = (*ops)->is_file ? check_file(self) : check_server(self);
	err = err == 0 ? secret_option_read(self, "password_file", &password) : err;
	*out = (struct sql_settings){
		.database = tp_option_string(self, "database"),
		.host = tp_option_string(self, "host"),
		.port = (uint16_t)tp_option_integer(self, "port"),
		.user = tp_option_string(self, "user"),
		.password = password,
		.tls = (enum sql_tls)choice_of(self, "tls", settings_tls),
		.ca_file = tp_option_string(self, "ca_file"),
		.certificate_file = tp_option_string(self, "certificate"),
		.key_file = tp_option_string(self, "key"),
		.connections = (unsigned)tp_option_integer(self, "connections"),
		.timeout_ms = (uint64_t)tp_option_integer(self, "deadline"),
	};
	for (int i = 0; i < SQL_STATEMENT_COUNT; i++) {
		out->statements[i] = query_of(self, *ops, (enum sql_statement)i);
	}
	return err;
}

void settings_wipe(struct sql_settings *settings)
{
	secret_option_free(&settings->password);
}
