/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "config_file.h"
#include "daemon/config_changes.h"
#include "support/suite.h"
#include "turn/peer_policy.h"

#define HEAD "[turnpike]\nrealm = example.org\n"
#define LISTENER "[listener.a]\ntransport = udp\naddress = 127.0.0.1:0\n"
#define REALM(keys) HEAD LISTENER "[realm.video]\n" keys

static void mistakes_are_named_with_file_line_section_and_key(void)
{
	static const struct {
		const char *text;
		const char *sentence; /* behind the file's name */
	} cases[] = {
		{REALM("relm = x\n"),
		 ":7: [realm.video] relm: unknown key; did you mean \"realm\"?"},
		{HEAD LISTENER "[relm.x]\n",
		 ":6: [relm.x]: unknown section; did you mean [realm.NAME]?"},
		{HEAD LISTENER "[realm]\n",
		 ":6: [realm]: unknown section; did you mean [realm.NAME]?"},
		{REALM("realm =\n"), ":7: [realm.video] realm: is empty"},
		{REALM("realm = example.org\n"),
		 ":7: [realm.video] realm: \"example.org\" is the realm of [turnpike], too"},
		{REALM("realm = b\n[realm.b]\n"),
		 ": [realm.b] realm: \"b\" is the realm of [realm.video], too"},
		{REALM("server_names = turn.example.org -.. x\n"),
		 ":7: [realm.video] server_names: \"-..\" is no domain name, with or without "
		 "\"*.\" in front"},
		{REALM("server_names = a.*.example.org\n"),
		 ":7: [realm.video] server_names: \"a.*.example.org\" is no domain name, with or "
		 "without \"*.\" in front"},
		{REALM("server_names = *.\n"),
		 ":7: [realm.video] server_names: \"*.\" is no domain name, with or without "
		 "\"*.\" in front"},
		{REALM("server_names = a.example.org A.example.org\n"),
		 ":7: [realm.video] server_names: \"A.example.org\" belongs to [realm.video] "
		 "already"},
		{REALM("server_names = *.example.org\n[realm.b]\nserver_names = *.Example.org\n"),
		 ":9: [realm.b] server_names: \"*.Example.org\" belongs to [realm.video] already"},
		{REALM("max_lifetime = 5m\n"),
		 ":7: [realm.video] max_lifetime: is shorter than default_lifetime"},
		{REALM("default_lifetime = 1500ms\n"),
		 ":7: [realm.video] default_lifetime: 1500ms is not within 10000 to 86400000 ms"},
		{REALM("default_lifetime = 10500ms\n"),
		 ":7: [realm.video] default_lifetime: is not a whole number of seconds"},
		{REALM("password_algorithms = sha1\n"),
		 ":7: [realm.video] password_algorithms: \"sha1\" is neither sha256 nor md5"},
		{REALM("alternate_servers = nobody\n"),
		 ":7: [realm.video] alternate_servers: \"nobody\" is no address of a server"},
		{REALM("lift = everything\n"),
		 ":7: [realm.video] lift: \"everything\" is none of loopback, link_local, "
		 "multicast, reserved"},
		{REALM("plugins = a b a\n"), ":7: [realm.video] plugins: \"a\" is there twice"},
		{REALM("plugins = a/b\n"),
		 ":7: [realm.video] plugins: \"a/b\" is neither the name of a plugin (lower-case "
		 "letters, digits, '_') nor an absolute path to one"},
		{HEAD "plugins = /one/a.so\n" LISTENER "[realm.video]\nplugins = /two/a.so\n",
		 ":8: [realm.video] plugins: \"a\" is another file in another realm"},
		{HEAD LISTENER "realm = video\n",
		 ":6: [listener.a] realm: there is no [realm.video]"},
		{REALM("software = x\n"), ":7: [realm.video] software: unknown key"},
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

static void realms_have_a_ceiling(void)
{
	char text[4096] = HEAD LISTENER;
	struct config_file file;

	for (unsigned i = 1; i < TP_REALMS_MAX; i++) {
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "[realm.r%u]\n", i);
	}
	config_file_open(&file, text);
	CU_ASSERT_EQUAL(file.error, 0);
	config_file_close(&file);
	strcat(text, "[realm.more]\n");
	config_file_open(&file, text);
	CU_ASSERT_EQUAL(file.error, TP_EFULL);
	CU_ASSERT_STRING_EQUAL(config_file_problem(&file),
			       ":69: [realm.more]: more than 63 realms");
	config_file_close(&file);
}

static void what_is_not_written_is_as_in_all_realms(void)
{
	struct tp_realm_config *realm;
	struct config_file file;

	config_file_open(&file, HEAD "alternate_servers = 192.0.2.1\nalternate_domain = d\n"
				     "[auth]\nuserhash = yes\npassword_algorithms = md5\n"
				     "[limits]\ndefault_lifetime = 11m\nmax_lifetime = 2h\n"
				     "max_allocations = 7\nmax_allocations_per_user = 3\n" LISTENER
				     "[realm.video]\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	CU_ASSERT_EQUAL_FATAL(file.config->realm_count, 1);
	realm = &file.config->realms[0];
	CU_ASSERT_STRING_EQUAL(realm->turn.realm, "video");
	CU_ASSERT_EQUAL(realm->turn.alternate_server_count, 1);
	CU_ASSERT_STRING_EQUAL(realm->turn.alternate_domain, "d");
	CU_ASSERT_TRUE(realm->turn.userhash);
	CU_ASSERT_EQUAL(realm->turn.password_algorithm_count, 1);
	CU_ASSERT_EQUAL(realm->turn.default_lifetime_s, 660);
	CU_ASSERT_EQUAL(realm->turn.max_lifetime_s, 7200);
	CU_ASSERT_EQUAL(realm->turn.max_allocations, 7);
	CU_ASSERT_EQUAL(realm->turn.max_allocations_per_user, 3);
	CU_ASSERT_EQUAL(realm->turn.server_name_count, 0);
	CU_ASSERT_FALSE(realm->peers.set);
	CU_ASSERT_EQUAL(realm->plugin_count, 0);
	config_file_close(&file);
}

static void what_is_written_is_the_realms_alone(void)
{
	struct tp_realm_config *realm;
	struct config_file file;

	config_file_open(&file, HEAD
			 "alternate_servers = 192.0.2.1\nalternate_domain = d\n"
			 "[auth]\nuserhash = yes\n"
			 "[limits]\nmax_allocations = 7\n" LISTENER
			 "[realm.video]\nrealm = video.example.org\n"
			 "server_names = turn.example.org *.example.net\n"
			 "alternate_servers =\nalternate_domain =\nuserhash = no\n"
			 "password_algorithms = sha256\ndefault_lifetime = 1m\n"
			 "max_lifetime = 2m\nmax_allocations = 0\n"
			 "max_allocations_per_user = 4\nallow = 10.0.0.0/8\nlift = loopback\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	realm = &file.config->realms[0];
	CU_ASSERT_STRING_EQUAL(realm->turn.realm, "video.example.org");
	CU_ASSERT_EQUAL_FATAL(realm->turn.server_name_count, 2);
	CU_ASSERT_STRING_EQUAL(realm->turn.server_names[1], "*.example.net");
	CU_ASSERT_EQUAL(realm->turn.alternate_server_count, 0);
	CU_ASSERT_PTR_NULL(realm->turn.alternate_domain);
	CU_ASSERT_FALSE(realm->turn.userhash);
	CU_ASSERT_EQUAL(realm->turn.password_algorithm_count, 1);
	CU_ASSERT_EQUAL(realm->turn.default_lifetime_s, 60);
	CU_ASSERT_EQUAL(realm->turn.max_lifetime_s, 120);
	CU_ASSERT_EQUAL(realm->turn.max_allocations, 0);
	CU_ASSERT_EQUAL(realm->turn.max_allocations_per_user, 4);
	CU_ASSERT_TRUE(realm->peers.set);
	CU_ASSERT_EQUAL(realm->peers.lift, TP_PEER_LOOPBACK);
	CU_ASSERT_EQUAL(file.config->turn.alternate_server_count, 1);
	CU_ASSERT_TRUE(file.config->turn.userhash);
	CU_ASSERT_EQUAL(file.config->turn.max_allocations, 7);
	CU_ASSERT_EQUAL(file.config->turn.max_lifetime_s, 3600);
	config_file_close(&file);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* A key that is in two sections is the same key. */
static void keys_in_place_of_others_take_the_same_values(void)
{
	static const char *const sections[] = {"turnpike", "auth", "limits", "peers"};
	const struct tp_option *own = tp_config_section_find("realm.x")->options;
	unsigned found = 0;

	for (; own->name != NULL; own++) {
		for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
			const struct tp_option *other =
				tp_config_section_find(sections[i])->options;

			while (other->name != NULL && strcmp(other->name, own->name) != 0) {
				other++;
			}
			if (other->name != NULL) {
				CU_ASSERT_EQUAL(own->type, other->type);
				CU_ASSERT_EQUAL(own->min, other->min);
				CU_ASSERT_EQUAL(own->max, other->max);
				CU_ASSERT_TRUE(same_text(own->unit, other->unit));
				CU_ASSERT_PTR_NULL(own->default_value);
				found++;
			}
		}
	}
	CU_ASSERT_EQUAL(found, 13);
}

static void expect_names(struct tp_realm_plugins plugins, const char *names)
{
	CU_ASSERT_EQUAL_FATAL(plugins.count, strlen(names));
	for (size_t i = 0; i < plugins.count; i++) {
		CU_ASSERT_EQUAL(plugins.names[i][0], names[i]);
	}
}

static void each_plugin_is_there_once_whoever_names_it(void)
{
	struct config_file file;
	size_t at = 0;

	config_file_open(&file,
			 HEAD "plugins = a b\n" LISTENER
			      "[realm.video]\nplugins = c b\n[realm.z]\nplugins = b /x/d.so\n"
			      "[plugin.c]\nk = v\n[plugin.d]\nk = v\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	CU_ASSERT_EQUAL(file.config->plugin_count, 4);
	expect_names(tp_config_realm_plugins(file.config, 0), "ab");
	expect_names(tp_config_realm_plugins(file.config, 1), "cb");
	expect_names(tp_config_realm_plugins(file.config, 2), "bd");
	CU_ASSERT_PTR_NULL(tp_config_idle_plugin(file.config, &at));
	config_file_close(&file);
}

static void a_listener_finds_its_realm(void)
{
	struct config_file file;

	config_file_open(&file, HEAD LISTENER "[realm.x]\n[realm.video]\n"
					      "[listener.b]\ntransport = tcp\n"
					      "address = 127.0.0.1:0\nrealm = video\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	CU_ASSERT_EQUAL(file.config->listeners[0].realm, 0);
	CU_ASSERT_EQUAL(file.config->listeners[1].realm, 2);
	CU_ASSERT_STRING_EQUAL(tp_config_realm_section(file.config, 2), "realm.video");
	CU_ASSERT_STRING_EQUAL(tp_config_realm_section(file.config, 0), "turnpike");
	config_file_close(&file);
}

static enum tp_peer_ruling ruling(const struct tp_peer_policy *policy, const char *peer)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(peer, &addr), 0);
	return tp_peer_policy_rule(policy, &addr);
}

static void one_key_makes_a_peer_policy_of_its_own(void)
{
	struct tp_turn_options *options;
	struct config_file file;
	size_t count;
	int err;

	config_file_open(&file, HEAD LISTENER "[peers]\nallow = 10.1.0.0/16\n[realm.x]\n"
					      "[realm.video]\ndeny = 8.8.8.8\n");
	CU_ASSERT_EQUAL_FATAL(file.error, 0);
	options = tp_config_options(file.config, &count, &err);
	CU_ASSERT_EQUAL_FATAL(err, 0);
	CU_ASSERT_EQUAL(count, 3);
	CU_ASSERT_EQUAL(ruling(options[0].peer_policy, "10.1.0.1"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(ruling(options[0].peer_policy, "8.8.8.8"), TP_PEER_ALLOWED);
	CU_ASSERT_PTR_NULL(options[1].peer_policy);
	CU_ASSERT_EQUAL(ruling(options[2].peer_policy, "10.1.0.1"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(ruling(options[2].peer_policy, "8.8.8.8"), TP_PEER_REFUSED);
	for (size_t i = 0; i < count; i++) {
		tp_peer_policy_free(&options[i].peer_policy);
	}
	free(options);
	config_file_close(&file);
}

/* --- read again ----------------------------------------------------------- */

static void realms_are_put_into_the_order_of_the_start(void)
{
	struct config_file started;
	struct config_file fresh;
	char problem[TP_PROBLEM_SIZE];

	config_file_open(&started, HEAD LISTENER "[realm.a]\n[realm.b]\n[realm.c]\n");
	config_file_open(&fresh, HEAD LISTENER "[realm.c]\nplugins = c\n[realm.a]\nplugins = a\n"
					       "[realm.b]\nplugins = b\n");
	CU_ASSERT_EQUAL_FATAL(tp_config_align_realms(started.config, fresh.config, problem), 0);
	expect_names(tp_config_realm_plugins(fresh.config, 1), "a");
	expect_names(tp_config_realm_plugins(fresh.config, 2), "b");
	expect_names(tp_config_realm_plugins(fresh.config, 3), "c");
	config_file_close(&started);
	config_file_close(&fresh);
}

static void realms_that_come_or_go_are_refused(void)
{
	static const struct {
		const char *started;
		const char *fresh;
		const char *sentence;
	} cases[] = {
		{HEAD LISTENER, HEAD LISTENER "[realm.a]\n", "[realm.a] is new"},
		{HEAD LISTENER "[realm.a]\n", HEAD LISTENER, "[realm.a] is gone"},
		{HEAD LISTENER "[realm.a]\n[realm.b]\n", HEAD LISTENER "[realm.b]\n[realm.c]\n",
		 "[realm.c] is new"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config_file started;
		struct config_file fresh;
		char problem[TP_PROBLEM_SIZE];

		config_file_open(&started, cases[i].started);
		config_file_open(&fresh, cases[i].fresh);
		CU_ASSERT_EQUAL(tp_config_align_realms(started.config, fresh.config, problem),
				TP_EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].sentence));
		config_file_close(&started);
		config_file_close(&fresh);
	}
}

static void hear(void *arg, const char *sentence)
{
	char *heard = arg;

	strncat(heard, sentence + strcspn(sentence, ":"), 500);
}

static void names_and_listeners_of_realms_need_a_restart(void)
{
	struct config_file started;
	struct config_file fresh;
	char heard[2048] = "";

	config_file_open(&started, HEAD LISTENER "[realm.a]\nrealm = a\nplugins = x\n");
	config_file_open(&fresh, HEAD LISTENER
			 "realm = a\n[realm.a]\nrealm = b\nplugins = y\nserver_names = n\n"
			 "max_allocations = 1\n");
	tp_config_restarts(started.config, fresh.config, hear, heard);
	CU_ASSERT_STRING_EQUAL(
		heard, ":6: [listener.a] realm: has changed and needs a restart; it is as before"
		       ":8: [realm.a] realm: has changed and needs a restart; it is as before");
	config_file_close(&started);
	config_file_close(&fresh);
}

TEST_SUITE("config_realm", TEST(mistakes_are_named_with_file_line_section_and_key),
	   TEST(realms_have_a_ceiling), TEST(what_is_not_written_is_as_in_all_realms),
	   TEST(what_is_written_is_the_realms_alone),
	   TEST(keys_in_place_of_others_take_the_same_values),
	   TEST(each_plugin_is_there_once_whoever_names_it), TEST(a_listener_finds_its_realm),
	   TEST(one_key_makes_a_peer_policy_of_its_own),
	   TEST(realms_are_put_into_the_order_of_the_start),
	   TEST(realms_that_come_or_go_are_refused),
	   TEST(names_and_listeners_of_realms_need_a_restart));
