/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/log.h>
#include <turnpike/prefix.h>

#include "base/log.h"
#include "daemon/config_keys.h"
#include "daemon/ini.h"
#include "host/generation.h"
#include "host/schema.h"
#include "io/certs.h"
#include "io/transit.h"
#include "turn/shared.h"

#define TP_LISTENER_ADDRESSES_MAX 64
#define TP_LISTENERS_MAX 64
#define TP_CERTIFICATES_MAX 64
#define TP_PLUGINS_MAX 64
#define TP_SERVER_NAMES_MAX 64

/* The values of one section, by the options of its row. */
struct tp_config_values {
	const struct tp_config_section *section;
	struct tp_value *values;
};

/* One [listener.NAME]. Text is the configuration's. */
struct tp_listener_config {
	const char *section; /* "listener.main" */
	struct tp_config_values values;
	bool transports[TP_TRANSPORT_COUNT];
	struct {
		struct tp_addr addr;
		bool port_set; /* otherwise the transport's own */
	} addresses[TP_LISTENER_ADDRESSES_MAX];
	size_t address_count;
	size_t realm;  /* 0: that of [turnpike]; else one more than the place in realms */
	bool behavior; /* the four addresses are those of NAT behaviour discovery, by place */
	struct tp_certs *certs;        /* NULL without tls and dtls */
	struct tp_prefix_set *proxies; /* who begins with a PROXY header; NULL: nobody */
	struct tp_back_end back_end;   /* gets what is not for us; its texts are values */
	bool passes_on;                /* there is one */
	size_t queue_bytes;
	size_t max_connections;
	uint32_t handshake_timeout_ms;
	uint32_t idle_timeout_ms;
	int receive_buffer_bytes;
	int send_buffer_bytes;
};

/* allow, deny and lift of one section. */
struct tp_peer_keys {
	const struct tp_value *allow;
	const struct tp_value *deny;
	unsigned lift; /* enum tp_peer_class, or-ed */
	bool set;      /* any of them is written */
};

/* One [realm.NAME]: a realm besides that of [turnpike]. Text is the configuration's. */
struct tp_realm_config {
	const char *section; /* "realm.video" */
	struct tp_config_values values;
	struct tp_turn_options turn; /* all of them, with its own values; without the peer policy */
	struct tp_peer_keys peers;
	const char *plugins[TP_PLUGINS_MAX]; /* names in the order they are asked */
	size_t plugin_count;
};

/* An ini file, read and checked. Everything is the configuration's own. */
struct tp_config {
	unsigned references; /* of the main thread */
	char *file;
	struct tp_ini ini;
	struct tp_config_values *sections; /* those that are there once */
	size_t section_count;

	unsigned workers; /* 0: one per core */
	const char *plugin_dir;
	const char *user;    /* NULL: stay */
	const char *group;   /* NULL: the user's */
	const char *control; /* NULL: no control socket */
	bool control_set;    /* written in the file: it must work then */
	uint32_t park_deadline_ms;
	uint32_t slow_handler_ms; /* 0: no bound */
	size_t max_parked;
	const char *backend; /* NULL: the fastest */
	uint32_t rest_us;
	enum tp_log_level log_level;
	enum tp_log_format log_format;

	struct tp_turn_options turn; /* of the first realm; without the peer policy */
	struct tp_peer_keys peers;

	struct tp_realm_config *realms; /* further ones */
	size_t realm_count;

	struct tp_listener_config *listeners;
	size_t listener_count;

	struct tp_instance_config *plugins; /* of all realms, each once */
	char **plugin_names;                /* storage of their names */
	size_t plugin_count;
	const char *
		first_plugins[TP_PLUGINS_MAX]; /* of the first realm, in the order they are asked */
	size_t first_plugin_count;
};

/**
 * Read, check and convert a file; load the listeners' certificates.
 *
 * @problem: "file:line: [section] key: sentence", as far as these are known
 *
 * Owner:  free with tp_config_free()
 * Errors: TP_ENOENT, TP_EPERM, TP_EIO for the file; TP_EINVAL, TP_ERANGE,
 *         TP_ENOMEM
 */
int tp_config_load(const char *file, char problem[TP_PROBLEM_SIZE], struct tp_config **out);

/** Thread: main. */
struct tp_config *tp_config_ref(struct tp_config *config);
/**
 * Drop a reference; the last one frees, and wipes secrets. Sets the pointer to
 * NULL; NULL inside is fine. Thread: main.
 */
void tp_config_free(struct tp_config **config);

/**
 * Write a sentence about a key, with the line where it stands if it does.
 *
 * Returns @error, so that a function can return this call.
 */
int tp_config_problem(const struct tp_config *config, const char *section, const char *key,
		      char problem[TP_PROBLEM_SIZE], int error, const char *format, ...)
	TP_PRINTF(6, 7);

/** The value of a declared key. */
const struct tp_value *tp_config_value(const struct tp_config_values *values, const char *key);

/**
 * The peer policy of the file, with this host's addresses. Errors: TP_EIO,
 * TP_ENOMEM.
 */
int tp_config_peer_policy(const struct tp_config *config, struct tp_peer_policy **out);

/**
 * Has the range of relayed ports room for those that are shared? Errors:
 * TP_ERANGE.
 */
int tp_config_check_shared_ports(const struct tp_config *config, unsigned workers,
				 char problem[TP_PROBLEM_SIZE]);

/**
 * The options of all realms with their peer policies, by realm.
 *
 * @err: set, 0 when they are whole; else they have no policies
 *
 * Owner: free() them; the policies go to who takes the options
 */
struct tp_turn_options *tp_config_options(const struct tp_config *config, size_t *count, int *err);

/** The plugins of a realm: 0 for that of [turnpike]. */
struct tp_realm_plugins tp_config_realm_plugins(const struct tp_config *config, size_t realm);

/** A realm's section: "turnpike", "realm.video". */
const char *tp_config_realm_section(const struct tp_config *config, size_t realm);

/**
 * The port of a listener's address for one transport; 0: the kernel chooses.
 */
uint16_t tp_listener_port(const struct tp_listener_config *listener, size_t address,
			  enum tp_transport transport);

/**
 * Do tcp and tls, or udp and dtls, have one port on a listener's address?
 *
 * @secure: tls or dtls
 */
bool tp_listener_shares(const struct tp_listener_config *listener, size_t address,
			enum tp_transport secure);

/**
 * The next [plugin.NAME] section whose plugin is not enabled, NULL at the end.
 *
 * @at: 0 at first, moved on by each call
 */
const char *tp_config_idle_plugin(const struct tp_config *config, size_t *at);
