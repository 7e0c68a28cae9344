/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "config_file.h"
#include "support/suite.h"
#include "turn/peer_policy.h"

#define HEAD "[turnpike]\nrealm = turn.example.org\n"
#define LISTENER "[listener.main]\ntransport = udp\naddress = 127.0.0.1\n"

/* A file that loads, with more lines in [turnpike] or at its end. */
#define IN_TURNPIKE(lines) HEAD lines LISTENER
#define AT_END(lines) HEAD LISTENER lines

#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123456789"

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

/* --- what is refused ------------------------------------------------------ */

static void mistakes_are_named_with_file_line_section_and_key(void)
{
	static const struct {
		const char *text;
		const char *sentence; /* behind the file's name */
	} cases[] = {
		{"", ": [turnpike] realm: is required and missing"},
		{IN_TURNPIKE("relm = x\n"),
		 ":3: [turnpike] relm: unknown key; did you mean \"realm\"?"},
		{AT_END("[relais]\n"), ":6: [relais]: unknown section; did you mean [relay]?"},
		{AT_END("[lisener.x]\n"),
		 ":6: [lisener.x]: unknown section; did you mean [listener.NAME]?"},
		{AT_END("[listener]\n"),
		 ":6: [listener]: unknown section; did you mean [listener.NAME]?"},
		{AT_END("[zzz]\n"), ":6: [zzz]: unknown section"},
		{"[turnpike]\nrealm =\n" LISTENER, ":2: [turnpike] realm: is empty"},
		{"[turnpike]\nrealm = a#b\n" LISTENER,
		 ":2: [turnpike] realm: put a value with '#' in quotes; for a comment, leave a "
		 "blank on both sides of it"},
		{IN_TURNPIKE("workers = many\n"),
		 ":3: [turnpike] workers: \"many\" is no decimal number"},
		{IN_TURNPIKE("workers = 257\n"),
		 ":3: [turnpike] workers: 257 is not within 0 to 256 threads"},
		{IN_TURNPIKE("group = nogroup\n"), ":3: [turnpike] group: needs a user"},
		{IN_TURNPIKE("alternate_servers = 192.0.2.1 nobody\n"),
		 ":3: [turnpike] alternate_servers: \"nobody\" is no address of a server"},
		{IN_TURNPIKE("alternate_servers = 0.0.0.0:3478\n"),
		 ":3: [turnpike] alternate_servers: \"0.0.0.0:3478\" is no address of a server"},
		{IN_TURNPIKE("plugins = a b a\n"), ":3: [turnpike] plugins: \"a\" is there twice"},
		{IN_TURNPIKE("plugins = ../symbol\n"),
		 ":3: [turnpike] plugins: \"../symbol\" is neither the name of a plugin "
		 "(lower-case "
		 "letters, digits, '_') nor an absolute path to one"},
		{IN_TURNPIKE("plugins = /tmp/x.so\n[plugin.x]\nfile = y\n"),
		 ":5: [plugin.x] file: stands beside a path in \"plugins\""},
		{IN_TURNPIKE("plugins = x\n[plugin.x]\nfile =\n"), ":5: [plugin.x] file: is empty"},
		{AT_END("[auth]\npassword_algorithms = sha256 sha1\n"),
		 ":7: [auth] password_algorithms: \"sha1\" is neither sha256 nor md5"},
		{AT_END("[auth]\npassword_algorithms = md5 md5\n"),
		 ":7: [auth] password_algorithms: names \"md5\" twice"},
		{AT_END("[auth]\npassword_algorithms = md5 sha256 md5\n"),
		 ":7: [auth] password_algorithms: names \"md5\" twice"},
		{AT_END("[auth]\nnonce_lifetime = 60500ms\n"),
		 ":7: [auth] nonce_lifetime: is not a whole number of seconds"},
		{AT_END("[relay]\naddress = 10.0.0.1.2\n"),
		 ":7: [relay] address: \"10.0.0.1.2\" is neither an IP address nor "
		 "BOUND>ADVERTISED"},
		{AT_END("[relay]\naddress = 192.0.2.1:5000\n"),
		 ":7: [relay] address: \"192.0.2.1:5000\" has a port; ports have a key of their "
		 "own"},
		{AT_END("[relay]\naddress = 0.0.0.0\n"),
		 ":7: [relay] address: \"0.0.0.0\" is no single address"},
		{AT_END("[relay]\naddress = 10.0.0.5>2001:db8::1\n"),
		 ":7: [relay] address: \"10.0.0.5>2001:db8::1\" mixes IPv4 and IPv6"},
		{AT_END("[relay]\naddress = 192.0.2.1 192.0.2.1\n"),
		 ":7: [relay] address: \"192.0.2.1\" is there twice"},
		{AT_END("[relay]\nports = 65535-49152\n"),
		 ":7: [relay] ports: \"65535-49152\" is no range FIRST-LAST within 1024 to 65535"},
		{AT_END("[relay]\nports = 80-90\n"),
		 ":7: [relay] ports: \"80-90\" is no range FIRST-LAST within 1024 to 65535"},
		{AT_END("[relay]\nports = 2000-3000x\n"),
		 ":7: [relay] ports: \"2000-3000x\" is no range FIRST-LAST within 1024 to 65535"},
		{AT_END("[limits]\nmax_lifetime = 5m\n"),
		 ":7: [limits] max_lifetime: is shorter than default_lifetime"},
		{AT_END("[limits]\ndefault_lifetime = 2d\n"),
		 ":7: [limits] default_lifetime: 2d is not within 10000 to 86400000 ms"},
		{AT_END("[peers]\nallow = 10.0.0.0/33\n"),
		 ":7: [peers] allow: \"10.0.0.0/33\" is no IP network"},
		{AT_END("[peers]\nlift = looopback\n"),
		 ":7: [peers] lift: \"looopback\" is none of loopback, link_local, multicast, "
		 "reserved"},
		{AT_END("[io]\nbackend = plane\n"),
		 ":7: [io] backend: \"plane\" is not one of the choices; did you mean \"plain\"?"},
		{HEAD, ": no [listener.NAME]: there is nothing to listen on"},
		{HEAD "[listener.a]\ntransport = udp\n",
		 ": [listener.a] address: is required and missing"},
		{HEAD "[listener.a]\ntransport = udp sctp\naddress = 127.0.0.1\n",
		 ":4: [listener.a] transport: \"sctp\" is none of udp, tcp, tls, dtls"},
		{HEAD "[listener.a]\ntransport = udp udp\naddress = 127.0.0.1\n",
		 ":4: [listener.a] transport: names \"udp\" twice"},
		{HEAD "[listener.a]\ntransport =\naddress = 127.0.0.1\n",
		 ":4: [listener.a] transport: is empty"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 300.0.0.1:0\n",
		 ":5: [listener.a] address: \"300.0.0.1:0\" is no IP address with a port"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1:70000\n",
		 ":5: [listener.a] address: \"127.0.0.1:70000\" is no IP address with a port"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "alternate_address = 127.0.0.2:3479\nproxy_protocol = 192.0.2.1\n",
		 ":7: [listener.a] proxy_protocol: does not go with alternate_address"},
		{HEAD "[listener.a]\ntransport = tcp\naddress = 127.0.0.1\n"
		      "proxy_protocol = 192.0.2.1/33\n",
		 ":6: [listener.a] proxy_protocol: \"192.0.2.1/33\" is no IP network"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "pass_to = 127.0.0.1:8080\n",
		 ":6: [listener.a] pass_to: needs tcp or tls"},
		{HEAD "[listener.a]\ntransport = tcp\naddress = 127.0.0.1\n"
		      "pass_to = localhost:80\n",
		 ":6: [listener.a] pass_to: is neither an IP address with a port nor an absolute "
		 "path"},
		{HEAD "[listener.a]\ntransport = tcp\naddress = 127.0.0.1\n"
		      "pass_to = 127.0.0.1\n",
		 ":6: [listener.a] pass_to: is neither an IP address with a port nor an absolute "
		 "path"},
		{HEAD "[listener.a]\ntransport = tcp\naddress = 127.0.0.1\n"
		      "pass_to = 127.0.0.1:3478\n",
		 ":6: [listener.a] pass_to: is this listener's own address"},
		{HEAD "[listener.a]\ntransport = tcp\naddress = 127.0.0.1\n"
		      "pass_to = /" LONG_NAME LONG_NAME "\n",
		 ":6: [listener.a] pass_to: is longer than the path of a UNIX socket can be"},
		{HEAD "[listener.a]\ntransport = tls\naddress = 127.0.0.1\n"
		      "server_names = turn.example.org\n",
		 ":6: [listener.a] server_names: needs pass_to"},
		{HEAD "[listener.a]\ntransport = tls\naddress = 127.0.0.1\n"
		      "pass_proxy_header = yes\n",
		 ":6: [listener.a] pass_proxy_header: needs pass_to"},
		{HEAD "[listener.a]\ntransport = udp\naddress =\n",
		 ":5: [listener.a] address: holds 0 addresses instead of 1 to 64"},
		{HEAD "[listener.a]\ntransport = tcp tls\naddress = 127.0.0.1\n"
		      "alternate_address = 127.0.0.2:3479\n",
		 ":6: [listener.a] alternate_address: needs udp, tcp or tls as \"transport\", "
		 "tcp and tls in two sections"},
		{HEAD "[listener.a]\ntransport = udp dtls\naddress = 127.0.0.1\n"
		      "alternate_address = 127.0.0.2:3479\n",
		 ":6: [listener.a] alternate_address: needs udp, tcp or tls as \"transport\", "
		 "tcp and tls in two sections"},
		{HEAD "[listener.a]\ntransport = udp tls\naddress = 127.0.0.1\n"
		      "alternate_address = 127.0.0.2:3479\n",
		 ":6: [listener.a] alternate_address: needs a port that is not that of "
		 "\"address\", and neither is 0"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1 127.0.0.3\n"
		      "alternate_address = 127.0.0.2:3479\n",
		 ":6: [listener.a] alternate_address: needs exactly one \"address\""},
		{HEAD "[listener.a]\ntransport = udp\naddress = 0.0.0.0\n"
		      "alternate_address = 127.0.0.2:3479\n",
		 ":6: [listener.a] alternate_address: needs two single addresses, none of which is "
		 "a wildcard"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "alternate_address = [::1]:3479\n",
		 ":6: [listener.a] alternate_address: needs another IP address than \"address\", "
		 "of the same family"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "alternate_address = 127.0.0.1:3479\n",
		 ":6: [listener.a] alternate_address: needs another IP address than \"address\", "
		 "of the same family"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "alternate_address = 127.0.0.2:3478\n",
		 ":6: [listener.a] alternate_address: needs a port that is not that of "
		 "\"address\", and neither is 0"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "alternate_address = 127.0.0.2\n",
		 ":6: [listener.a] alternate_address: needs a port that is not that of "
		 "\"address\", and neither is 0"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1:0\n"
		      "alternate_address = 127.0.0.2:3479\n",
		 ":6: [listener.a] alternate_address: needs a port that is not that of "
		 "\"address\", and neither is 0"},
		{AT_END("[listener.b]\ntransport = udp\naddress = 127.0.0.2\n"
			"alternate_address = 127.0.0.1:3479\n"),
		 ":8: [listener.b] address: 127.0.0.1:3478 is listened on twice, see "
		 "[listener.main]; udp and dtls, or tcp and tls, can share a port in one section "
		 "only"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "redirect_to = here\n",
		 ":6: [listener.a] redirect_to: \"here\" is no single IP address"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "redirect_to = ::\n",
		 ":6: [listener.a] redirect_to: \"::\" is no single IP address"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "redirect_to = 127.0.0.2 127.0.0.3\n",
		 ":6: [listener.a] redirect_to: \"127.0.0.3\" is a second address of its family"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1 0.0.0.0:9\n"
		      "redirect_to = 127.0.0.2\n",
		 ":6: [listener.a] redirect_to: needs an \"address\" without wildcards"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1 ::1\n"
		      "redirect_to = 127.0.0.2\n",
		 ":6: [listener.a] redirect_to: needs an address of each family that "
		 "\"address\" has"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1:0\n"
		      "redirect_to = 127.0.0.2\n",
		 ":6: [listener.a] redirect_to: needs a port, as \"address\" has one of the "
		 "kernel's choice"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "redirect_to = 127.0.0.1\n",
		 ":6: [listener.a] redirect_to: 127.0.0.1:3478 is redirected itself"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1:0\n"
		      "redirect_to = 127.0.0.1:3478\n",
		 ":6: [listener.a] redirect_to: 127.0.0.1:3478 is redirected itself"},
		{HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1\n"
		      "redirect_to = 127.0.0.2\n"
		      "[listener.b]\ntransport = udp\naddress = 127.0.0.2\n"
		      "redirect_to = 127.0.0.3\n",
		 ":10: [listener.b] redirect_to: 127.0.0.2:3478 is redirected itself"},
		{HEAD "[listener.a]\ntransport = tls\naddress = 127.0.0.1\n",
		 ": [listener.a] certificate: is required for tls and dtls"},
		{HEAD "[listener.a]\ntransport = dtls\naddress = 127.0.0.1\ncertificate = /c\n",
		 ": [listener.a] key: is required for tls and dtls"},
		{HEAD "[listener.a]\ntransport = tls\naddress = 127.0.0.1\n"
		      "certificate = /c /d\nkey = /k\n",
		 ":7: [listener.a] key: holds 1 files and certificate 2; they go in pairs"},
		{HEAD "[listener.a]\ntransport = tls\naddress = 127.0.0.1\n"
		      "certificate = /c d\nkey = /k /l\n",
		 ":6: [listener.a] certificate: \"d\" is no absolute path"},
		{AT_END("[listener.b]\ntransport = udp\naddress = 127.0.0.1:3478\n"),
		 ":8: [listener.b] address: 127.0.0.1:3478 is listened on twice, see "
		 "[listener.main]; udp and dtls, or tcp and tls, can share a port in one section "
		 "only"},
		{AT_END("[listener.b]\ntransport = dtls\naddress = 127.0.0.1:3478\n"
			"certificate = /c\nkey = /k\n"),
		 ":8: [listener.b] address: 127.0.0.1:3478 is listened on twice, see "
		 "[listener.main]; udp and dtls, or tcp and tls, can share a port in one section "
		 "only"},
		{HEAD "[listener.a]\ntransport = udp\naddress = [::1]:3478 [::1]\n",
		 ":5: [listener.a] address: [::1]:3478 is listened on twice, see [listener.a]; "
		 "udp and dtls, or tcp and tls, can share a port in one section only"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_file file;

		config_file_open(&file, cases[i].text);
		CU_ASSERT_NOT_EQUAL(file.error, 0);
		CU_ASSERT_STRING_EQUAL(config_file_problem(&file), cases[i].sentence);
		if (strcmp(config_file_problem(&file), cases[i].sentence) != 0) {
			printf("case %zu: %s\n", i, file.problem);
		}
		config_file_close(&file);
	}
}

static void what_is_no_file_is_named(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_config *config = NULL;

	CU_ASSERT_EQUAL(tp_config_load("/nowhere/t.conf", problem, &config), TP_ENOENT);
	CU_ASSERT_STRING_EQUAL(problem, "/nowhere/t.conf: No such file or directory");
	CU_ASSERT_EQUAL(tp_config_load("/tmp", problem, &config), TP_EINVAL);
	CU_ASSERT_STRING_EQUAL(problem, "/tmp: is no file");
	CU_ASSERT_EQUAL(tp_config_load("/dev/zero", problem, &config), TP_EINVAL);
	CU_ASSERT_STRING_EQUAL(problem, "/dev/zero: is no file");
	CU_ASSERT_PTR_NULL(config);
}

static void a_certificate_that_is_not_there_is_named(void)
{
	struct config_file file;

	config_file_open(&file, HEAD "[listener.a]\ntransport = tls\naddress = 127.0.0.1\n"
				     "certificate = /nowhere/cert.pem\nkey = /nowhere/key.pem\n");
	CU_ASSERT_EQUAL(file.error, TP_ENOENT);
	CU_ASSERT_PTR_EQUAL(strstr(config_file_problem(&file), ":6: [listener.a] certificate: "),
			    config_file_problem(&file));
	CU_ASSERT_PTR_NOT_NULL(strstr(file.problem, "/nowhere/cert.pem"));
	config_file_close(&file);
}

static void sockets_of_different_kinds_may_share_a_port(void)
{
	struct config_file file;

	config_file_open(&file,
			 AT_END("[listener.b]\ntransport = tcp\naddress = 127.0.0.1:3478\n"));
	CU_ASSERT_EQUAL(file.error, 0);
	config_file_close(&file);
	config_file_open(&file, HEAD "[listener.a]\ntransport = udp\naddress = 127.0.0.1:0\n"
				     "[listener.b]\ntransport = udp\naddress = 127.0.0.1:0\n");
	CU_ASSERT_EQUAL(file.error, 0); /* the kernel chooses two */
	config_file_close(&file);
}

/* iniparser and the scan read the same, whatever the quotes. */
static void quoted_values_pass_iniparser_unharmed(void)
{
	static const char *const values[] = {
		"a#b;c", "  spaces  ", "x = y", "it's", "[s]", "\\", "%s", "h\xc3\xa9",
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct config_file file;
		char text[300];

		snprintf(text, sizeof(text), IN_TURNPIKE("plugins = x\n[plugin.x]\nk = \"%s\"\n"),
			 values[i]);
		config_file_open(&file, text);
		CU_ASSERT_EQUAL_FATAL(file.error, 0);
		CU_ASSERT_STRING_EQUAL(file.config->plugins[0].settings[0].value, values[i]);
		config_file_close(&file);
	}
}

/* --- what is accepted ----------------------------------------------------- */

static void defaults_are_those_of_the_protocol(void)
{
	struct tp_turn_options wanted;
	struct config_file file;
	const struct tp_turn_options *turn;

	tp_turn_options_init(&wanted);
	config_file_open(&file, IN_TURNPIKE(""));
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	turn = &file.config->turn;
	CU_ASSERT_STRING_EQUAL(turn->realm, "turn.example.org");
	CU_ASSERT_EQUAL(turn->relay_count, 0);
	CU_ASSERT_EQUAL(turn->port_min, wanted.port_min);
	CU_ASSERT_EQUAL(turn->port_max, wanted.port_max);
	CU_ASSERT_EQUAL(turn->default_lifetime_s, wanted.default_lifetime_s);
	CU_ASSERT_EQUAL(turn->max_lifetime_s, wanted.max_lifetime_s);
	CU_ASSERT_EQUAL(turn->permission_lifetime_s, wanted.permission_lifetime_s);
	CU_ASSERT_EQUAL(turn->channel_lifetime_s, wanted.channel_lifetime_s);
	CU_ASSERT_EQUAL(turn->nonce_lifetime_s, wanted.nonce_lifetime_s);
	CU_ASSERT_EQUAL(turn->max_allocations, wanted.max_allocations);
	CU_ASSERT_EQUAL(turn->max_allocations_per_user, wanted.max_allocations_per_user);
	CU_ASSERT_EQUAL(turn->max_permissions, wanted.max_permissions);
	CU_ASSERT_EQUAL(turn->max_channels, wanted.max_channels);
	CU_ASSERT_EQUAL(turn->usage_interval_s, wanted.usage_interval_s);
	CU_ASSERT_EQUAL(turn->password_algorithm_count, wanted.password_algorithm_count);
	CU_ASSERT_EQUAL(turn->password_algorithms[0], wanted.password_algorithms[0]);
	CU_ASSERT_EQUAL(turn->password_algorithms[1], wanted.password_algorithms[1]);
	CU_ASSERT_EQUAL(turn->userhash, wanted.userhash);
	CU_ASSERT_EQUAL(turn->unauthenticated_rate, wanted.unauthenticated_rate);
	CU_ASSERT_EQUAL(turn->relay_receive_buffer_bytes, wanted.relay_receive_buffer_bytes);
	CU_ASSERT_EQUAL(turn->relay_icmp, wanted.relay_icmp);
	CU_ASSERT_EQUAL(turn->carry_marks, wanted.carry_marks);
	CU_ASSERT_EQUAL(turn->shared_ports, 0);
	CU_ASSERT_FALSE(turn->relay_tcp);
	CU_ASSERT_EQUAL(turn->max_data_connections, wanted.max_data_connections);
	CU_ASSERT_EQUAL(turn->mobility, wanted.mobility);
	CU_ASSERT_EQUAL(turn->alternate_server_count, 0);
	CU_ASSERT_PTR_NULL(turn->alternate_domain);
	CU_ASSERT_PTR_NULL(file.config->user);
	CU_ASSERT_PTR_NULL(file.config->backend);
	CU_ASSERT_EQUAL(file.config->workers, 0);
	CU_ASSERT_EQUAL(file.config->log_level, TP_LOG_INFO);
	CU_ASSERT_EQUAL(file.config->log_format, TP_LOG_TEXT);
	CU_ASSERT_EQUAL(file.config->peers.lift, 0);
	config_file_close(&file);
}

static void shared_ports_must_fit_the_range(void)
{
	struct config_file file;
	char problem[TP_PROBLEM_SIZE];

	config_file_open(&file, AT_END("[relay]\nports = 50000-50007\nshared_ports = 4\n"));
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	CU_ASSERT_EQUAL(tp_config_check_shared_ports(file.config, 1, problem), 0);
	CU_ASSERT_EQUAL(tp_config_check_shared_ports(file.config, 2, problem), 0);
	CU_ASSERT_EQUAL(tp_config_check_shared_ports(file.config, 3, problem), TP_ERANGE);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, ":8: [relay] shared_ports: 4 for each of 3 workers "
					       "are 12, and \"ports\" has 8"));
	config_file_close(&file);
}

static void every_key_arrives_where_it_belongs(void)
{
	static const char text[] =
		"[turnpike]\n"
		"realm = r\nsoftware = \"\"\nworkers = 4\nuser = nobody\ngroup = nogroup\n"
		"plugin_dir = /opt/plugins\npark_deadline = 250ms\nslow_handler = 70ms\nmax_parked "
		"= 7\n"
		"alternate_servers = 192.0.2.1, [2001:db8::1]:5000\n"
		"alternate_domain = alt.example.org\n"
		"[auth]\n"
		"password_algorithms = md5\nuserhash = yes\nnonce_lifetime = 90\n"
		"unauthenticated_rate = 0\n"
		"[relay]\n"
		"address = 10.0.0.5>203.0.113.7 2001:db8::7\nports = 50000-50100\n"
		"receive_buffer = 64k\nsend_buffer = 1M\nicmp = yes\ncarry_marks = yes\n"
		"shared_ports = 8\ntcp = yes\n"
		"mobility = yes\n"
		"[limits]\n"
		"default_lifetime = 60\nmax_lifetime = 2m\npermission_lifetime = 30s\n"
		"channel_lifetime = 40s\nmax_allocations = 1000\nmax_allocations_per_user = 3\n"
		"max_permissions = 5\nmax_channels = 6\nmax_data_connections = 7\nusage_interval = "
		"7s\n"
		"[peers]\nlift = loopback, multicast\n"
		"[io]\nbackend = plain\n"
		"[log]\nlevel = debug\nformat = json\n"
		"[listener.a]\ntransport = tcp\naddress = 127.0.0.1:0\nqueue_size = 128k\n"
		"max_connections = 9\nhandshake_timeout = 3s\nidle_timeout = 1m\n"
		"receive_buffer = 0\nsend_buffer = 2M\nproxy_protocol = 192.0.2.0/24 2001:db8::1\n"
		"pass_to = 192.0.2.80:8443\npass_proxy_header = yes\n";
	struct config_file file;
	const struct tp_config *config;
	const struct tp_turn_options *turn;
	const struct tp_listener_config *listener;
	struct tp_addr addr;

	config_file_open(&file, text);
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	config = file.config;
	turn = &config->turn;
	listener = &config->listeners[0];
	CU_ASSERT_STRING_EQUAL(turn->software, "");
	CU_ASSERT_EQUAL(config->workers, 4);
	CU_ASSERT_STRING_EQUAL(config->user, "nobody");
	CU_ASSERT_STRING_EQUAL(config->group, "nogroup");
	CU_ASSERT_STRING_EQUAL(config->plugin_dir, "/opt/plugins");
	CU_ASSERT_EQUAL(config->park_deadline_ms, 250);
	CU_ASSERT_EQUAL(config->slow_handler_ms, 70);
	CU_ASSERT_EQUAL(config->max_parked, 7);
	CU_ASSERT_EQUAL(turn->alternate_server_count, 2);
	addr = addr_of("192.0.2.1:3478");
	CU_ASSERT_TRUE(tp_addr_equal(&turn->alternate_servers[0], &addr));
	addr = addr_of("[2001:db8::1]:5000");
	CU_ASSERT_TRUE(tp_addr_equal(&turn->alternate_servers[1], &addr));
	CU_ASSERT_STRING_EQUAL(turn->alternate_domain, "alt.example.org");
	CU_ASSERT_EQUAL(turn->password_algorithm_count, 1);
	CU_ASSERT_EQUAL(turn->password_algorithms[0], TP_PASSWORD_MD5);
	CU_ASSERT_TRUE(turn->userhash);
	CU_ASSERT_EQUAL(turn->nonce_lifetime_s, 90);
	CU_ASSERT_EQUAL(turn->unauthenticated_rate, 0);
	CU_ASSERT_EQUAL(turn->relay_count, 2);
	addr = addr_of("10.0.0.5");
	CU_ASSERT_TRUE(tp_addr_equal(&turn->relay[0].bind_addr, &addr));
	addr = addr_of("203.0.113.7");
	CU_ASSERT_TRUE(tp_addr_equal(&turn->relay[0].advertised_addr, &addr));
	CU_ASSERT_TRUE(tp_addr_equal(&turn->relay[1].bind_addr, &turn->relay[1].advertised_addr));
	CU_ASSERT_EQUAL(turn->port_min, 50000);
	CU_ASSERT_EQUAL(turn->port_max, 50100);
	CU_ASSERT_EQUAL(turn->shared_ports, 8);
	CU_ASSERT_EQUAL(turn->relay_receive_buffer_bytes, 65536);
	CU_ASSERT_TRUE(turn->relay_icmp);
	CU_ASSERT_TRUE(turn->carry_marks);
	CU_ASSERT_TRUE(turn->relay_tcp);
	CU_ASSERT_TRUE(turn->mobility);
	CU_ASSERT_EQUAL(turn->relay_send_buffer_bytes, 1048576);
	CU_ASSERT_EQUAL(turn->default_lifetime_s, 60);
	CU_ASSERT_EQUAL(turn->max_lifetime_s, 120);
	CU_ASSERT_EQUAL(turn->permission_lifetime_s, 30);
	CU_ASSERT_EQUAL(turn->channel_lifetime_s, 40);
	CU_ASSERT_EQUAL(turn->max_allocations, 1000);
	CU_ASSERT_EQUAL(turn->max_allocations_per_user, 3);
	CU_ASSERT_EQUAL(turn->max_permissions, 5);
	CU_ASSERT_EQUAL(turn->max_channels, 6);
	CU_ASSERT_EQUAL(turn->max_data_connections, 7);
	CU_ASSERT_EQUAL(turn->usage_interval_s, 7);
	CU_ASSERT_EQUAL(config->peers.lift, TP_PEER_LOOPBACK | TP_PEER_MULTICAST);
	CU_ASSERT_STRING_EQUAL(config->backend, "plain");
	CU_ASSERT_EQUAL(config->log_level, TP_LOG_DEBUG);
	CU_ASSERT_EQUAL(config->log_format, TP_LOG_JSON);
	CU_ASSERT_STRING_EQUAL(listener->section, "listener.a");
	CU_ASSERT_EQUAL(listener->queue_bytes, 131072);
	CU_ASSERT_EQUAL(listener->max_connections, 9);
	CU_ASSERT_EQUAL(listener->handshake_timeout_ms, 3000);
	CU_ASSERT_EQUAL(listener->idle_timeout_ms, 60000);
	CU_ASSERT_EQUAL(listener->receive_buffer_bytes, 0);
	CU_ASSERT_EQUAL(listener->send_buffer_bytes, 2097152);
	addr = addr_of("192.0.2.80:8443");
	CU_ASSERT_TRUE(listener->passes_on && listener->back_end.proxy_header);
	CU_ASSERT_TRUE(tp_addr_equal(&listener->back_end.addr, &addr));
	CU_ASSERT_PTR_NULL(listener->back_end.path);
	CU_ASSERT_EQUAL(tp_prefix_set_count(listener->proxies), 2);
	addr = addr_of("192.0.2.9");
	CU_ASSERT_EQUAL(tp_prefix_set_find(listener->proxies, &addr), 1);
	config_file_close(&file);
}

/* RFC 5780 section 6: the same two ports on two IP addresses. */
static void an_alternate_address_makes_four_of_one(void)
{
	static const char *const wanted[] = {"192.0.2.1:3478", "192.0.2.1:3479", "192.0.2.2:3478",
					     "192.0.2.2:3479"};
	const struct tp_listener_config *listener;
	struct config_file file;

	config_file_open(&file, HEAD "[listener.a]\ntransport = udp\naddress = 192.0.2.1\n"
				     "alternate_address = 192.0.2.2:3479\n"
				     "[listener.b]\ntransport = udp\naddress = 192.0.2.3\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	listener = &file.config->listeners[0];
	CU_ASSERT_TRUE(listener->behavior);
	CU_ASSERT_EQUAL_FATAL(listener->address_count, 4);
	for (size_t i = 0; i < 4; i++) {
		struct tp_addr addr =
			tp_addr_with_port(&listener->addresses[i].addr,
					  tp_listener_port(listener, i, TP_TRANSPORT_UDP));
		struct tp_addr want = addr_of(wanted[i]);

		CU_ASSERT_TRUE(tp_addr_equal(&addr, &want));
	}
	CU_ASSERT_FALSE(file.config->listeners[1].behavior);
	CU_ASSERT_EQUAL(file.config->listeners[1].address_count, 1);
	config_file_close(&file);
}

static void connections_have_four_addresses_too(void)
{
	static const char *const wanted[] = {"192.0.2.1:3478", "192.0.2.1:3479", "192.0.2.2:3478",
					     "192.0.2.2:3479"};
	const struct tp_turn_options *turn;
	struct config_file file;

	config_file_open(&file, HEAD "[listener.a]\ntransport = udp tcp\naddress = 192.0.2.1\n"
				     "alternate_address = 192.0.2.2:3479\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	turn = &file.config->turn;
	CU_ASSERT_EQUAL_FATAL(turn->stream_behavior_count, 1);
	CU_ASSERT_EQUAL(turn->stream_behaviors[0].transport, TP_TRANSPORT_TCP);
	for (size_t i = 0; i < 4; i++) {
		struct tp_addr want = addr_of(wanted[i]);

		CU_ASSERT_TRUE(tp_addr_equal(&turn->stream_behaviors[0].addrs[i], &want));
	}
	config_file_close(&file);
}

static void behaviors_of_connections_have_a_ceiling(void)
{
	char text[4096] = HEAD;
	struct config_file file;

	for (int i = 0; i <= TP_STREAM_BEHAVIORS_MAX; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "[listener.l%d]\ntransport = tcp\naddress = 192.0.2.%d:1\n"
			 "alternate_address = 198.51.100.%d:2\n",
			 i, i + 1, i + 1);
	}
	config_file_open(&file, text);
	CU_ASSERT_EQUAL(file.error, TP_EFULL);
	CU_ASSERT_PTR_NOT_NULL(strstr(file.problem, "more than 16 sections with tcp or tls"));
	config_file_close(&file);
}

/* RFC 8155: from each anycast address to the unicast one, with the port of the transport. */
static void anycast_addresses_have_unicast_ones(void)
{
	static const struct {
		const char *addr;
		enum tp_transport transport;
		const char *unicast_addr;
		const char *other_addr;
	} wanted[] = {
		{"192.0.0.10:3478", TP_TRANSPORT_UDP, "192.0.2.1:3478", "[2001:db8::1]:99"},
		{"192.0.0.10:3478", TP_TRANSPORT_TCP, "192.0.2.1:3478", "[2001:db8::1]:99"},
		{"[2001:1::2]:7", TP_TRANSPORT_UDP, "[2001:db8::1]:99", "192.0.2.1:7"},
		{"[2001:1::2]:7", TP_TRANSPORT_TCP, "[2001:db8::1]:99", "192.0.2.1:7"},
		{"192.0.0.11", TP_TRANSPORT_UDP, "192.0.2.2:5", NULL},
	};
	const struct tp_turn_options *turn;
	struct config_file file;

	config_file_open(&file, HEAD "[listener.a]\ntransport = udp tcp\n"
				     "address = 192.0.0.10 [2001:1::2]:7\n"
				     "redirect_to = 192.0.2.1 [2001:db8::1]:99\n"
				     "[listener.b]\ntransport = udp\naddress = 192.0.0.11:0\n"
				     "redirect_to = 192.0.2.2:5\n"
				     "[listener.c]\ntransport = udp\naddress = 192.0.2.1\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	turn = &file.config->turn;
	CU_ASSERT_EQUAL_FATAL(turn->anycast_count, sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < turn->anycast_count; i++) {
		const struct tp_anycast *anycast = &turn->anycasts[i];
		struct tp_addr addr = addr_of(wanted[i].addr);
		struct tp_addr unicast = addr_of(wanted[i].unicast_addr);
		struct tp_addr other = {.family = TP_FAMILY_NONE};

		if (wanted[i].other_addr != NULL) {
			other = addr_of(wanted[i].other_addr);
		}
		CU_ASSERT_TRUE(tp_addr_equal(&anycast->addr, &addr));
		CU_ASSERT_EQUAL(anycast->transport, wanted[i].transport);
		CU_ASSERT_TRUE(tp_addr_equal(&anycast->unicast_addr, &unicast));
		CU_ASSERT_TRUE(tp_addr_equal(&anycast->other_addr, &other));
	}
	config_file_close(&file);
}

static void anycast_addresses_have_a_ceiling(void)
{
	char text[4096] = HEAD "[listener.a]\ntransport = udp tcp\naddress =";
	struct config_file file;

	for (int i = 1; i <= TP_ANYCASTS_MAX / 2 + 1; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " 192.0.0.%d", i);
	}
	strcat(text, "\nredirect_to = 192.0.2.1\n");
	config_file_open(&file, text);
	CU_ASSERT_EQUAL(file.error, TP_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(file.problem, "too many addresses and transports"));
	config_file_close(&file);
}

static void a_listener_without_port_has_the_transports_own(void)
{
	struct config_file file;
	const struct tp_listener_config *listener;

	config_file_open(&file, HEAD "[listener.a]\ntransport = udp\n"
				     "address = 127.0.0.1 ::1 [::1]:0 127.0.0.1:0 127.0.0.1:99\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	listener = &file.config->listeners[0];
	CU_ASSERT_EQUAL(tp_listener_port(listener, 0, TP_TRANSPORT_UDP), 3478);
	CU_ASSERT_EQUAL(tp_listener_port(listener, 1, TP_TRANSPORT_TCP), 3478);
	CU_ASSERT_EQUAL(tp_listener_port(listener, 0, TP_TRANSPORT_TLS), 5349);
	CU_ASSERT_EQUAL(tp_listener_port(listener, 1, TP_TRANSPORT_DTLS), 5349);
	CU_ASSERT_EQUAL(tp_listener_port(listener, 2, TP_TRANSPORT_UDP), 0);
	CU_ASSERT_EQUAL(tp_listener_port(listener, 3, TP_TRANSPORT_UDP), 0);
	CU_ASSERT_EQUAL(tp_listener_port(listener, 4, TP_TRANSPORT_TLS), 99);
	config_file_close(&file);
}

static void plugins_keep_their_order_and_settings(void)
{
	struct config_file file;
	const struct tp_instance_config *plugins;
	size_t at = 0;

	config_file_open(&file, IN_TURNPIKE("plugins = second /opt/x/third.so first\n"
					    "[plugin.first]\nusers = /u\nfile = other\nk = v\n"
					    "[plugin.unused]\nk = v\n"));
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	CU_ASSERT_EQUAL_FATAL(file.config->plugin_count, 3);
	plugins = file.config->plugins;
	CU_ASSERT_STRING_EQUAL(plugins[0].name, "second");
	CU_ASSERT_STRING_EQUAL(plugins[0].file, "second");
	CU_ASSERT_EQUAL(plugins[0].setting_count, 0);
	CU_ASSERT_STRING_EQUAL(plugins[1].name, "third");
	CU_ASSERT_STRING_EQUAL(plugins[1].file, "/opt/x/third.so");
	CU_ASSERT_STRING_EQUAL(plugins[2].name, "first");
	CU_ASSERT_STRING_EQUAL(plugins[2].file, "other");
	CU_ASSERT_EQUAL_FATAL(plugins[2].setting_count, 2); /* "file" is the daemon's */
	CU_ASSERT_STRING_EQUAL(plugins[2].settings[0].key, "users");
	CU_ASSERT_EQUAL(plugins[2].settings[0].line, 5);
	CU_ASSERT_STRING_EQUAL(plugins[2].settings[1].key, "k");
	CU_ASSERT_STRING_EQUAL(tp_config_idle_plugin(file.config, &at), "plugin.unused");
	CU_ASSERT_PTR_NULL(tp_config_idle_plugin(file.config, &at));
	config_file_close(&file);
}

static enum tp_peer_ruling ruling(const struct tp_peer_policy *policy, const char *peer)
{
	const struct tp_addr addr = addr_of(peer);

	return tp_peer_policy_rule(policy, &addr);
}

static void the_peer_policy_follows_the_file(void)
{
	struct tp_peer_policy *policy = NULL;
	struct config_file file;

	config_file_open(&file, AT_END("[relay]\naddress = 10.0.0.5>9.9.9.7\n"
				       "[peers]\nallow = 10.0.0.0/8\ndeny = 10.1.0.0/16 8.8.8.8\n"
				       "lift = link_local\n"));
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	CU_ASSERT_EQUAL_FATAL(tp_config_peer_policy(file.config, &policy), 0);
	CU_ASSERT_EQUAL(ruling(policy, "10.2.0.1"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(ruling(policy, "10.1.0.1"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(ruling(policy, "8.8.8.8"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(ruling(policy, "8.8.8.9"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(ruling(policy, "169.254.0.1"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(ruling(policy, "127.0.0.1"), TP_PEER_REFUSED);
	/*
	 * Ours, as bound and as advertised: other clients' relayed ports only.
	 */
	CU_ASSERT_EQUAL(ruling(policy, "10.0.0.5"), TP_PEER_RELAYED_ONLY);
	CU_ASSERT_EQUAL(ruling(policy, "9.9.9.7"), TP_PEER_RELAYED_ONLY);
	tp_peer_policy_free(&policy);
	config_file_close(&file);
}

TEST_SUITE("config", TEST(mistakes_are_named_with_file_line_section_and_key),
	   TEST(what_is_no_file_is_named), TEST(a_certificate_that_is_not_there_is_named),
	   TEST(sockets_of_different_kinds_may_share_a_port),
	   TEST(quoted_values_pass_iniparser_unharmed), TEST(defaults_are_those_of_the_protocol),
	   TEST(shared_ports_must_fit_the_range), TEST(every_key_arrives_where_it_belongs),
	   TEST(a_listener_without_port_has_the_transports_own),
	   TEST(an_alternate_address_makes_four_of_one), TEST(connections_have_four_addresses_too),
	   TEST(behaviors_of_connections_have_a_ceiling), TEST(anycast_addresses_have_unicast_ones),
	   TEST(anycast_addresses_have_a_ceiling), TEST(plugins_keep_their_order_and_settings),
	   TEST(the_peer_policy_follows_the_file));
