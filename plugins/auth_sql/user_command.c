/* SPDX-License-Identifier: Apache-2.0 */
#include "user_command.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/user_key.h"

#define BUSY_MS 1000       /* for another program that writes */
#define NAME_MAX_BYTES 508 /* RFC 8489 section 14.3 */

/* coturn's, so that turnadmin(1) can work on the file, too. */
static const char schema[] =
	"BEGIN;"
	"CREATE TABLE turnusers_lt (realm varchar(127) default '', name varchar(512),"
	" hmackey char(128), PRIMARY KEY (realm, name));"
	"CREATE TABLE turn_secret (realm varchar(127) default '', value varchar(256),"
	" PRIMARY KEY (realm, value));"
	"CREATE TABLE allowed_peer_ip (realm varchar(127) default '', ip_range varchar(256),"
	" PRIMARY KEY (realm, ip_range));"
	"CREATE TABLE denied_peer_ip (realm varchar(127) default '', ip_range varchar(256),"
	" PRIMARY KEY (realm, ip_range));"
	"CREATE TABLE turn_origin_to_realm (origin varchar(127), realm varchar(127),"
	" PRIMARY KEY (origin));"
	"CREATE TABLE turn_realm_option (realm varchar(127) default '', opt varchar(32),"
	" value varchar(128), PRIMARY KEY (realm, opt));"
	"CREATE TABLE oauth_key (kid varchar(128), ikm_key varchar(256),"
	" timestamp bigint default 0, lifetime integer default 0,"
	" as_rs_alg varchar(64) default '', realm varchar(127) default '', PRIMARY KEY (kid));"
	"CREATE TABLE admin_user (name varchar(32), realm varchar(127), password varchar(127),"
	" PRIMARY KEY (name));"
	"COMMIT;";

/* --- the file ------------------------------------------------------------------------ */

static int fail(struct tp_instance *self, const struct sql_settings *settings, sqlite3 *db)
{
	return tp_instance_fail(self, TP_EIO, "%s: %s", settings->database, sqlite3_errmsg(db));
}

static int open_file(struct tp_instance *self, const struct sql_settings *settings, sqlite3 **db)
{
	if (sqlite3_open_v2(settings->database, db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
		int err = fail(self, settings, *db);

		sqlite3_close(*db);
		*db = NULL;
		return err;
	}
	sqlite3_busy_timeout(*db, BUSY_MS);
	return 0;
}

/* Empty, for our user and group alone; SQLite takes it for a data base without tables. */
static int make_file(struct tp_instance *self, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	if (fd < 0) {
		return tp_instance_fail(self, TP_EIO, "%s: %s", path, strerror(errno));
	}
	close(fd);
	return 0;
}

int user_command_prepare(struct tp_instance *self, const struct sql_settings *settings)
{
	sqlite3 *db;
	int err;

	if (access(settings->database, F_OK) == 0) {
		return 0;
	}
	err = make_file(self, settings->database);
	err = err == 0 ? open_file(self, settings, &db) : err;
	if (err != 0) {
		return err;
	}
	if (sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK) {
		err = fail(self, settings, db);
	}
	sqlite3_close(db);
	return err;
}

/* --- statements ---------------------------------------------------------------------- */

/* Run one to its end, or to its first row; NULL after tp_instance_fail(). To be finalized. */
static sqlite3_stmt *start(struct tp_instance *self, const struct sql_settings *settings,
			   sqlite3 *db, const char *text, const char *const *params)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK) {
		fail(self, settings, db);
		return NULL;
	}
	for (int i = 0; i < sqlite3_bind_parameter_count(statement); i++) {
		if (sqlite3_bind_text(statement, i + 1, params[i], -1, SQLITE_TRANSIENT) !=
		    SQLITE_OK) {
			fail(self, settings, db);
			sqlite3_finalize(statement);
			return NULL;
		}
	}
	return statement;
}

/* A statement that changes a row: TP_ENOENT when there is none. */
static int change(struct tp_instance *self, const struct sql_settings *settings, sqlite3 *db,
		  const char *text, const char *const *params)
{
	sqlite3_stmt *statement = start(self, settings, db, text, params);
	int err = 0;

	if (statement == NULL) {
		return TP_EIO;
	}
	if (sqlite3_step(statement) != SQLITE_DONE) {
		err = sqlite3_extended_errcode(db) == SQLITE_CONSTRAINT_PRIMARYKEY
			      ? tp_instance_fail(self, TP_EEXIST,
						 "there is a user %s of realm %s already",
						 params[0], params[1])
			      : fail(self, settings, db);
	} else if (sqlite3_changes(db) == 0) {
		err = tp_instance_fail(self, TP_ENOENT, "there is no user %s of realm %s",
				       params[0], params[1]);
	}
	sqlite3_finalize(statement);
	return err;
}

/* --- users --------------------------------------------------------------------------- */

/* @argv: NAME REALM PASSWORD */
static int set_key(struct tp_instance *self, const struct sql_settings *settings, sqlite3 *db,
		   const char *text, const char *const *argv)
{
	bool sha256 = strcmp(tp_option_string(self, "key_algorithm"), "sha256") == 0;
	char hex[USER_KEY_HEX_SIZE];
	const char *params[] = {argv[0], argv[1], hex};
	struct user_key key;
	int err;

	if (argv[2][0] == '\0') {
		return tp_instance_fail(self, TP_EINVAL, "the password is empty");
	}
	if (!user_key_make(argv[0], argv[1], argv[2], sha256, &key)) {
		return tp_instance_fail(self, TP_EIO, "the key cannot be made");
	}
	user_key_format(&key, hex);
	err = change(self, settings, db, text, params);
	explicit_bzero(hex, sizeof(hex));
	explicit_bzero(&key, sizeof(key));
	return err;
}

static int add(struct tp_instance *self, const struct sql_settings *settings, sqlite3 *db,
	       struct tp_command *command, const char *const *argv)
{
	return set_key(self, settings, db,
		       "INSERT INTO turnusers_lt (name, realm, hmackey) VALUES (?1, ?2, ?3)", argv);
}

static int passwd(struct tp_instance *self, const struct sql_settings *settings, sqlite3 *db,
		  struct tp_command *command, const char *const *argv)
{
	return set_key(self, settings, db,
		       "UPDATE turnusers_lt SET hmackey = ?3 WHERE name = ?1 AND realm = ?2", argv);
}

static int delete_user(struct tp_instance *self, const struct sql_settings *settings, sqlite3 *db,
		       struct tp_command *command, const char *const *argv)
{
	return change(self, settings, db, "DELETE FROM turnusers_lt WHERE name = ?1 AND realm = ?2",
		      argv);
}

static int list(struct tp_instance *self, const struct sql_settings *settings, sqlite3 *db,
		struct tp_command *command, const char *const *argv)
{
	const char *params[] = {argv[0]};
	sqlite3_stmt *statement =
		start(self, settings, db,
		      "SELECT name, realm FROM turnusers_lt WHERE ?1 IS NULL OR realm = ?1"
		      " ORDER BY realm, name",
		      params);
	int code;
	int err = 0;

	if (statement == NULL) {
		return TP_EIO;
	}
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		tp_command_print(command, "%s %s\n", sqlite3_column_text(statement, 0),
				 sqlite3_column_text(statement, 1));
	}
	if (code != SQLITE_DONE) {
		err = fail(self, settings, db);
	}
	sqlite3_finalize(statement);
	return err;
}

/* --- words --------------------------------------------------------------------------- */

static const struct verb {
	const char *name;
	bool has_name;
	bool has_password;
	int (*run)(struct tp_instance *self, const struct sql_settings *settings, sqlite3 *db,
		   struct tp_command *command, const char *const *argv);
} verbs[] = {
	{"add", true, true, add},
	{"passwd", true, true, passwd},
	{"delete", true, false, delete_user},
	{"list", false, false, list},
};

/* Behind them a realm may stand. */
static int words_of(const struct verb *verb)
{
	return 2 + verb->has_name + verb->has_password;
}

static const struct verb *find(int argc, const char *const *argv)
{
	if (argc < 2 || strcmp(argv[0], "user") != 0) {
		return NULL;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(verbs[i].name, argv[1]) == 0 && argc >= words_of(&verbs[i]) &&
		    argc <= words_of(&verbs[i]) + 1) {
			return &verbs[i];
		}
	}
	return NULL;
}

static int check_name(struct tp_instance *self, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > NAME_MAX_BYTES || !user_name_is_utf8(name)) {
		return tp_instance_fail(self, TP_EINVAL,
					"a name has 1 to %d bytes of UTF-8 (RFC 8489 section 14.3)",
					NAME_MAX_BYTES);
	}
	return 0;
}

int user_command(struct tp_instance *self, const struct sql_settings *settings,
		 struct tp_command *command, int argc, const char *const *argv, bool *changed)
{
	const struct verb *verb = find(argc, argv);
	const char *words[3]; /* NAME REALM PASSWORD; or REALM */
	const char *realm;
	sqlite3 *db;
	int err;

	if (verb == NULL) {
		return tp_instance_fail(self, TP_EINVAL,
					"user add NAME PASSWORD [REALM], user passwd NAME PASSWORD "
					"[REALM], user delete NAME [REALM], or user list [REALM]");
	}
	realm = argc > words_of(verb) ? argv[argc - 1] : tp_option_string(self, "realm");
	if (realm == NULL && verb->has_name) {
		return tp_instance_fail(self, TP_EINVAL, "of which realm? Name it, or set realm");
	}
	words[0] = argc <= 2 ? NULL : argv[2]; /* without a realm all are listed */
	words[1] = realm;
	words[2] = verb->has_password ? argv[3] : NULL;
	err = verb->has_name ? check_name(self, words[0]) : 0;
	err = err == 0 ? open_file(self, settings, &db) : err;
	if (err != 0) {
		return err;
	}
	err = verb->run(self, settings, db, command, words);
	*changed = err == 0 && verb->has_name;
	sqlite3_close(db);
	return err;
}
