/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_keys.h"

#include <string.h>

#include "daemon/paths.h"

#define REQUIRED TP_OPTION_REQUIRED
#define RELOAD TP_OPTION_RELOADABLE

#define SECOND INT64_C(1000)
#define DAY (INT64_C(86400) * SECOND)
#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define U32_MAX INT64_C(4294967295)

static const char *const backends[] = {"auto", "mmsg", "plain", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const formats[] = {"text", "json", NULL};

/* clang-format off: rows */
static const struct tp_option turnpike_options[] = {
	{.name = "realm",
	 .type = TP_OPTION_STRING,
	 .flags = REQUIRED,
	 .help = "realm of the long-term credentials, usually the domain name"},
	{.name = "software",
	 .type = TP_OPTION_STRING,
	 .default_value = "turnpike",
	 .flags = RELOAD,
	 .help = "value of the SOFTWARE attribute; empty for none"},
	{.name = "plugins",
	 .type = TP_OPTION_LIST,
	 .default_value = "",
	 .flags = RELOAD,
	 .help = "plugins to enable, asked in this order: names or absolute paths"},
	{.name = "plugin_dir",
	 .type = TP_OPTION_PATH,
	 .default_value = TP_DEFAULT_PLUGIN_DIR,
	 .flags = RELOAD,
	 .help = "where plugins that are given by name are looked for"},
	{.name = "workers",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "0",
	 .min = 0,
	 .max = 256,
	 .unit = "threads",
	 .help = "worker threads; 0 for one per core the daemon may use"},
	{.name = "user",
	 .type = TP_OPTION_STRING,
	 .help = "user to become after the listeners are open, when started as root"},
	{.name = "group",
	 .type = TP_OPTION_STRING,
	 .help = "group to become; the user's own when not set"},
	{.name = "park_deadline",
	 .type = TP_OPTION_DURATION,
	 .default_value = "5s",
	 .min = 10,
	 .max = 60 * SECOND,
	 .flags = RELOAD,
	 .help = "how long a plugin may take to answer a request it has parked"},
	{.name = "max_parked",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "10000",
	 .min = 1,
	 .max = 65536,
	 .unit = "requests",
	 .help = "requests parked at a time on each worker"},
	{.name = "alternate_servers",
	 .type = TP_OPTION_LIST,
	 .default_value = "",
	 .flags = RELOAD,
	 .help = "send clients to these addresses instead (300 Try Alternate), in turn"},
	{.name = "alternate_domain",
	 .type = TP_OPTION_STRING,
	 .flags = RELOAD,
	 .help = "domain name the alternate servers have in their certificates"},
	{0},
};

static const struct tp_option auth_options[] = {
	{.name = "password_algorithms",
	 .type = TP_OPTION_LIST,
	 .default_value = "sha256 md5",
	 .flags = RELOAD,
	 .help = "key derivations offered, in order of preference: sha256, md5"},
	{.name = "userhash",
	 .type = TP_OPTION_BOOL,
	 .default_value = "yes",
	 .flags = RELOAD,
	 .help = "announce that clients may send a hash instead of the user name"},
	{.name = "nonce_lifetime",
	 .type = TP_OPTION_DURATION,
	 .default_value = "1h",
	 .min = 10 * SECOND,
	 .max = DAY,
	 .flags = RELOAD,
	 .help = "how long a nonce is accepted"},
	{.name = "unauthenticated_rate",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "2000",
	 .min = 0,
	 .max = 1000000,
	 .unit = "answers a second",
	 .flags = RELOAD,
	 .help = "answers to one source that has not authenticated, on each worker; 0 for no "
		 "limit"},
	{0},
};

static const struct tp_option relay_options[] = {
	{.name = "address",
	 .type = TP_OPTION_LIST,
	 .default_value = "",
	 .help = "IP addresses to relay on; BOUND>ADVERTISED behind a one-to-one NAT"},
	{.name = "ports",
	 .type = TP_OPTION_STRING,
	 .default_value = "49152-65535",
	 .help = "first and last relayed port"},
	{.name = "receive_buffer",
	 .type = TP_OPTION_SIZE,
	 .default_value = "0",
	 .min = 0,
	 .max = 256 * MIB,
	 .flags = RELOAD,
	 .help = "receive buffer of each relayed socket; 0 for the system's default"},
	{.name = "send_buffer",
	 .type = TP_OPTION_SIZE,
	 .default_value = "0",
	 .min = 0,
	 .max = 256 * MIB,
	 .flags = RELOAD,
	 .help = "send buffer of each relayed socket; 0 for the system's default"},
	{0},
};

static const struct tp_option limits_options[] = {
	{.name = "default_lifetime",
	 .type = TP_OPTION_DURATION,
	 .default_value = "10m",
	 .min = 10 * SECOND,
	 .max = DAY,
	 .flags = RELOAD,
	 .help = "lifetime of an allocation when the client asks for none or for less"},
	{.name = "max_lifetime",
	 .type = TP_OPTION_DURATION,
	 .default_value = "1h",
	 .min = 10 * SECOND,
	 .max = DAY,
	 .flags = RELOAD,
	 .help = "longest lifetime granted at a time"},
	{.name = "permission_lifetime",
	 .type = TP_OPTION_DURATION,
	 .default_value = "5m",
	 .min = 1 * SECOND,
	 .max = DAY,
	 .flags = RELOAD,
	 .help = "lifetime of a permission; RFC 8656 says 5 minutes"},
	{.name = "channel_lifetime",
	 .type = TP_OPTION_DURATION,
	 .default_value = "10m",
	 .min = 1 * SECOND,
	 .max = DAY,
	 .flags = RELOAD,
	 .help = "lifetime of a channel; RFC 8656 says 10 minutes"},
	{.name = "max_allocations",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "0",
	 .min = 0,
	 .max = U32_MAX,
	 .unit = "allocations",
	 .flags = RELOAD,
	 .help = "allocations at a time in all; 0 for no limit"},
	{.name = "max_allocations_per_user",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "0",
	 .min = 0,
	 .max = U32_MAX,
	 .unit = "allocations",
	 .flags = RELOAD,
	 .help = "allocations at a time of one user; 0 for no limit"},
	{.name = "max_permissions",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "64",
	 .min = 1,
	 .max = 4096,
	 .unit = "permissions",
	 .flags = RELOAD,
	 .help = "permissions at a time of one allocation"},
	{.name = "max_channels",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "32",
	 .min = 1,
	 .max = 4096,
	 .unit = "channels",
	 .flags = RELOAD,
	 .help = "channels at a time of one allocation"},
	{0},
};

static const struct tp_option peers_options[] = {
	{.name = "allow",
	 .type = TP_OPTION_PREFIXES,
	 .default_value = "",
	 .flags = RELOAD,
	 .help = "networks whose built-in denial is lifted"},
	{.name = "deny",
	 .type = TP_OPTION_PREFIXES,
	 .default_value = "",
	 .flags = RELOAD,
	 .help = "networks that nobody may relay to"},
	{.name = "lift",
	 .type = TP_OPTION_LIST,
	 .default_value = "",
	 .flags = RELOAD,
	 .help = "lift the refusal of: loopback, link_local, multicast, reserved"},
	{0},
};

static const struct tp_option io_options[] = {
	{.name = "backend",
	 .type = TP_OPTION_ENUM,
	 .choices = backends,
	 .default_value = "auto",
	 .help = "how datagrams are moved; auto takes the fastest the kernel has"},
	{0},
};

static const struct tp_option log_options[] = {
	{.name = "level",
	 .type = TP_OPTION_ENUM,
	 .choices = levels,
	 .default_value = "info",
	 .flags = RELOAD,
	 .help = "least important lines that are written"},
	{.name = "format",
	 .type = TP_OPTION_ENUM,
	 .choices = formats,
	 .default_value = "text",
	 .flags = RELOAD,
	 .help = "text, or one JSON object a line"},
	{0},
};

static const struct tp_option listener_options[] = {
	{.name = "transport",
	 .type = TP_OPTION_LIST,
	 .flags = REQUIRED,
	 .help = "any of: udp, tcp, tls, dtls"},
	{.name = "address",
	 .type = TP_OPTION_LIST,
	 .flags = REQUIRED,
	 .help = "addresses to listen on; without a port 3478, for tls and dtls 5349"},
	{.name = "certificate",
	 .type = TP_OPTION_PATH,
	 .flags = RELOAD,
	 .help = "PEM file with the certificate chain, leaf first; for tls and dtls"},
	{.name = "key",
	 .type = TP_OPTION_PATH,
	 .flags = RELOAD,
	 .help = "PEM file with the unencrypted private key; for tls and dtls"},
	{.name = "queue_size",
	 .type = TP_OPTION_SIZE,
	 .default_value = "256k",
	 .min = 64 * KIB,
	 .max = 64 * MIB,
	 .help = "output waiting for one slow tcp or tls client; beyond it media is dropped"},
	{.name = "max_connections",
	 .type = TP_OPTION_INTEGER,
	 .default_value = "10000",
	 .min = 1,
	 .max = 1000000,
	 .unit = "connections",
	 .help = "tcp and tls connections, dtls sessions, for each address and worker"},
	{.name = "handshake_timeout",
	 .type = TP_OPTION_DURATION,
	 .default_value = "10s",
	 .min = 100,
	 .max = 300 * SECOND,
	 .help = "from connecting to the first whole message, TLS and DTLS handshake included"},
	{.name = "idle_timeout",
	 .type = TP_OPTION_DURATION,
	 .default_value = "15m",
	 .min = 1 * SECOND,
	 .max = DAY,
	 .help = "close a connection or session on which nothing came for so long"},
	{.name = "receive_buffer",
	 .type = TP_OPTION_SIZE,
	 .default_value = "1M",
	 .min = 0,
	 .max = 256 * MIB,
	 .help = "receive buffer of each socket; 0 for the system's default"},
	{.name = "send_buffer",
	 .type = TP_OPTION_SIZE,
	 .default_value = "1M",
	 .min = 0,
	 .max = 256 * MIB,
	 .help = "send buffer of each socket; 0 for the system's default"},
	{0},
};

static const struct tp_option plugin_options[] = {
	{.name = "file",
	 .type = TP_OPTION_STRING,
	 .flags = RELOAD,
	 .help = "shared object when it differs from NAME: a name in plugin_dir or an absolute "
		 "path"},
	{0},
};

const struct tp_config_section tp_config_sections[] = {
	{"turnpike", "the daemon as a whole", turnpike_options},
	{"listener.", "where clients reach the server; any number, each with a name of its own",
	 listener_options},
	{"relay", "relayed transport addresses", relay_options},
	{"auth", "how clients authenticate", auth_options},
	{"limits", "lifetimes and ceilings", limits_options},
	{"peers", "which peers may be relayed to", peers_options},
	{"io", "input and output", io_options},
	{"log", "log lines, on standard error", log_options},
	{"plugin.", "options of an enabled plugin, besides those it declares itself",
	 plugin_options},
	{NULL, NULL, NULL},
};
/* clang-format on */

const struct tp_config_section *tp_config_section_find(const char *name)
{
	for (const struct tp_config_section *at = tp_config_sections; at->name != NULL; at++) {
		size_t len = strlen(at->name);
		bool family = at->name[len - 1] == '.';

		if (family ? strncmp(name, at->name, len) == 0 && name[len] != 0
			   : strcmp(name, at->name) == 0) {
			return at;
		}
	}
	return NULL;
}
