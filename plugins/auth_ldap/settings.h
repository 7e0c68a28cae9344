/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>

#include <turnpike/plugin.h>

#define SETTINGS_URIS_MAX 8
#define SETTINGS_ATTRIBUTES_MAX 10

/* What the section says: read in create, then read by workers and jobs. Texts are the instance's.
 */
struct settings {
	const char *const *uris;
	size_t uri_count;
	bool starttls;
	const char *ca_file;            /* NULL: the system's */
	const char *bind_dn;            /* NULL: anonymous */
	const char *bind_password_file; /* NULL: none */
	uint64_t connect_timeout_ms;
	unsigned connections;
	atomic_uint dialling; /* jobs that connect, of all workers */

	const char *base;
	int scope;               /* LDAP_SCOPE_* */
	const char *filter;      /* NULL: by user_attribute alone */
	const char *hash_filter; /* NULL: hashes are passed over */
	const char *group_filter;
	const char *group_attribute;
	const char *group;
	int time_limit_s;

	const char *user_attribute;
	const char *password_attribute;
	const char *md5_attribute;
	const char *sha256_attribute;
	const char *allocations_attribute;
	const char *bandwidth_attribute;
	const char *lifetime_attribute;
	const char *expiry_attribute;
	const char *attributes[SETTINGS_ATTRIBUTES_MAX + 1]; /* to ask for; ends with NULL */
};

extern const char *const settings_scopes[];

/** Read and check the options. Errors: TP_EINVAL, TP_EFULL, said by tp_instance_fail(). */
int settings_read(struct tp_instance *self, struct settings *settings);
