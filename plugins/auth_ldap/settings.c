/* SPDX-License-Identifier: Apache-2.0 */
#include "settings.h"

#include <string.h>
#include <unistd.h>

#include <ldap.h>

#include "common/secret_file.h"
#include "filter.h"

const char *const settings_scopes[] = {"sub", "one", "base", NULL};

static int scope_of(const char *word)
{
	if (strcmp(word, "base") == 0) {
		return LDAP_SCOPE_BASE;
	}
	return strcmp(word, "one") == 0 ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_SUBTREE;
}

static void read_all(struct tp_instance *self, struct settings *settings)
{
	settings->uris = tp_option_list(self, "uris", &settings->uri_count);
	settings->starttls = tp_option_bool(self, "starttls");
	settings->ca_file = tp_option_string(self, "ca_file");
	settings->bind_dn = tp_option_string(self, "bind_dn");
	settings->bind_password_file = tp_option_string(self, "bind_password_file");
	settings->connect_timeout_ms = (uint64_t)tp_option_integer(self, "connect_timeout");
	settings->connections = (unsigned)tp_option_integer(self, "connections");
	settings->base = tp_option_string(self, "base");
	settings->scope = scope_of(tp_option_string(self, "scope"));
	settings->filter = tp_option_string(self, "filter");
	settings->hash_filter = tp_option_string(self, "hash_filter");
	settings->group_filter = tp_option_string(self, "group_filter");
	settings->group_attribute = tp_option_string(self, "group_attribute");
	settings->group = tp_option_string(self, "group");
	settings->time_limit_s = (int)((tp_option_integer(self, "deadline") + 999) / 1000);
	settings->user_attribute = tp_option_string(self, "user_attribute");
	settings->password_attribute = tp_option_string(self, "password_attribute");
	settings->md5_attribute = tp_option_string(self, "md5_attribute");
	settings->sha256_attribute = tp_option_string(self, "sha256_attribute");
	settings->allocations_attribute = tp_option_string(self, "allocations_attribute");
	settings->bandwidth_attribute = tp_option_string(self, "bandwidth_attribute");
	settings->lifetime_attribute = tp_option_string(self, "lifetime_attribute");
	settings->expiry_attribute = tp_option_string(self, "expiry_attribute");
}

/* RFC 4512 section 2.5: a short name, an OID, options behind a semicolon. */
static bool is_attribute(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-.;";

	return name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

static int list_attributes(struct tp_instance *self, struct settings *settings)
{
	const char *const wanted[] = {
		settings->user_attribute,      settings->password_attribute,
		settings->md5_attribute,       settings->sha256_attribute,
		settings->group_attribute,     settings->allocations_attribute,
		settings->bandwidth_attribute, settings->lifetime_attribute,
		settings->expiry_attribute,
	};
	size_t count = 0;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		if (wanted[i] == NULL) {
			continue;
		}
		if (!is_attribute(wanted[i])) {
			return tp_instance_fail(self, TP_EINVAL, "%s is no name of an attribute",
						wanted[i]);
		}
		settings->attributes[count++] = wanted[i];
	}
	return 0;
}

static int check_uri(struct tp_instance *self, const char *uri, bool starttls)
{
	LDAPURLDesc *parts = NULL;
	bool known = ldap_url_parse(uri, &parts) == LDAP_URL_SUCCESS &&
		     (strcmp(parts->lud_scheme, "ldap") == 0 ||
		      strcmp(parts->lud_scheme, "ldaps") == 0 ||
		      strcmp(parts->lud_scheme, "ldapi") == 0);
	bool open = known && strcmp(parts->lud_scheme, "ldap") == 0 && !starttls;
	int err = 0;

	if (!known) {
		err = tp_instance_fail(self, TP_EINVAL,
				       "uris: %s is no URI of ldap, ldaps or ldapi", uri);
	} else if (starttls && strcmp(parts->lud_scheme, "ldap") != 0) {
		err = tp_instance_fail(self, TP_EINVAL, "starttls = yes is for ldap, not for %s",
				       uri);
	} else if (open) {
		tp_log(self, TP_LOG_WARN, "%s is not encrypted: set starttls = yes", uri);
	}
	ldap_free_urldesc(parts);
	return err;
}

static int check_uris(struct tp_instance *self, const struct settings *settings)
{
	int err = 0;

	if (settings->uri_count > SETTINGS_URIS_MAX) {
		return tp_instance_fail(self, TP_EFULL, "uris: more than %d", SETTINGS_URIS_MAX);
	}
	for (size_t i = 0; i < settings->uri_count && err == 0; i++) {
		err = check_uri(self, settings->uris[i], settings->starttls);
	}
	return err;
}

static int check_filter(struct tp_instance *self, const char *option, const char *text,
			const char *needed)
{
	const char *problem = text == NULL ? NULL : filter_check(text, needed);

	return problem == NULL ? 0 : tp_instance_fail(self, TP_EINVAL, "%s: %s", option, problem);
}

static int check_filters(struct tp_instance *self, const struct settings *settings)
{
	int err = check_filter(self, "filter", settings->filter, "%u");

	if (err == 0) {
		err = check_filter(self, "hash_filter", settings->hash_filter, "%h");
	}
	if (err == 0) {
		err = check_filter(self, "group_filter", settings->group_filter, "");
	}
	if (err == 0 && (settings->group == NULL) != (settings->group_attribute == NULL)) {
		err = tp_instance_fail(self, TP_EINVAL, "group and group_attribute go together");
	}
	return err;
}

/* Both are read again for each connection; what is wrong now is wrong then. */
static int check_files(struct tp_instance *self, const struct settings *settings)
{
	char problem[SECRET_FILE_PROBLEM_SIZE];
	struct secret_file file;
	int err = 0;

	if (settings->ca_file != NULL && access(settings->ca_file, R_OK) != 0) {
		return tp_instance_fail(self, TP_ENOENT, "ca_file: %s cannot be read",
					settings->ca_file);
	}
	if ((settings->bind_dn == NULL) != (settings->bind_password_file == NULL)) {
		return tp_instance_fail(self, TP_EINVAL,
					"bind_dn and bind_password_file go together");
	}
	if (settings->bind_password_file == NULL) {
		return 0;
	}
	err = secret_file_read(settings->bind_password_file, &file, problem);
	if (err != 0) {
		return tp_instance_fail(self, err, "bind_password_file: %s", problem);
	}
	if (file.readable_by_all) {
		tp_log(self, TP_LOG_WARN, "%s can be read by everybody: chmod 640",
		       settings->bind_password_file);
	}
	if (file.count != 1) {
		err = tp_instance_fail(self, TP_EINVAL,
				       "bind_password_file: %zu secrets, where one is wanted",
				       file.count);
	}
	secret_file_wipe(&file);
	return err;
}

int settings_read(struct tp_instance *self, struct settings *settings)
{
	int err;

	read_all(self, settings);
	if (settings->password_attribute == NULL && settings->md5_attribute == NULL &&
	    settings->sha256_attribute == NULL) {
		return tp_instance_fail(self, TP_EINVAL,
					"none of password_attribute, md5_attribute and "
					"sha256_attribute is set");
	}
	err = list_attributes(self, settings);
	if (err == 0) {
		err = check_uris(self, settings);
	}
	if (err == 0) {
		err = check_filters(self, settings);
	}
	if (err == 0) {
		err = check_files(self, settings);
	}
	return err;
}
