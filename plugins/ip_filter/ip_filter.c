/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "rule_file.h"

/*
 * Which clients may allocate and which peers they may reach, by IP network.
 * The longest network wins; at equal length deny wins. With an allow list, who
 * is on none of the lists is refused; without one, let through.
 */

struct rules {
	struct tp_prefix_set *networks; /* marks of rule_file.h */
	bool has_allow;
};

struct ip_filter {
	struct rules clients;
	struct rules peers;
	struct tp_counter *clients_refused;
	struct tp_counter *peers_refused;
};

/* --- judging -------------------------------------------------------------------- */

/* The IPv4 address in an IPv4-mapped IPv6 address. */
static bool mapped_ipv4(const struct tp_addr *addr, struct tp_addr *inner)
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	if (tp_addr_family(addr) != TP_FAMILY_IPV6 ||
	    memcmp(addr->bytes, prefix, sizeof(prefix)) != 0) {
		return false;
	}
	*inner = (struct tp_addr){.family = TP_FAMILY_IPV4, .port = addr->port};
	memcpy(inner->bytes, addr->bytes + 12, 4);
	return true;
}

static bool rules_pass_one(const struct rules *rules, const struct tp_addr *addr)
{
	switch (tp_prefix_set_find(rules->networks, addr)) {
	case RULE_ALLOW:
		return true;
	case RULE_DENY:
		return false;
	default:
		return !rules->has_allow;
	}
}

/* A mapped address is judged as the IPv4 address it is, and a deny of its IPv6 form counts, too. */
static bool rules_pass(const struct rules *rules, const struct tp_addr *addr)
{
	struct tp_addr inner;

	if (!mapped_ipv4(addr, &inner)) {
		return rules_pass_one(rules, addr);
	}
	return rules_pass_one(rules, &inner) &&
	       tp_prefix_set_find(rules->networks, addr) != RULE_DENY;
}

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	const struct ip_filter *filter = tp_instance_state(self);

	if (rules_pass(&filter->clients, event->client_addr)) {
		return TP_PASS;
	}
	tp_counter_add(filter->clients_refused, 1);
	return tp_request_deny(request, 403, NULL);
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	const struct ip_filter *filter = tp_instance_state(self);

	if (rules_pass(&filter->peers, event->peer_addr)) {
		return TP_PASS;
	}
	tp_counter_add(filter->peers_refused, 1);
	return tp_request_deny(request, 403, NULL);
}

/* --- life ------------------------------------------------------------------------ */

static int add_list(struct tp_instance *self, struct rules *rules, const char *option,
		    unsigned mark)
{
	size_t count = 0;
	const char *const *networks = tp_option_list(self, option, &count);

	for (size_t i = 0; i < count; i++) {
		int err = tp_prefix_set_add(rules->networks, networks[i], mark);

		if (err != 0) {
			return tp_instance_fail(self, err, "%s: %s: %s", option, networks[i],
						tp_error_string(err));
		}
	}
	return 0;
}

static int add_file(struct tp_instance *self, struct rules *rules, const char *option,
		    unsigned mark)
{
	const char *path = tp_option_string(self, option);
	char problem[RULE_FILE_PROBLEM_SIZE];
	int err;

	if (path == NULL) {
		return 0;
	}
	err = rule_file_read(path, rules->networks, mark, problem);
	return err == 0 ? 0 : tp_instance_fail(self, err, "%s: %s", option, problem);
}

/* @names: options for the allow list, its file, the deny list, its file. */
static int rules_init(struct tp_instance *self, struct rules *rules, const char *const names[4])
{
	int err = 0;

	rules->networks = tp_prefix_set_create();
	if (rules->networks == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	rules->has_allow = tp_option_is_set(self, names[0]) || tp_option_is_set(self, names[1]);
	for (int i = 0; i < 4 && err == 0; i++) {
		unsigned mark = i < 2 ? RULE_ALLOW : RULE_DENY;

		err = i % 2 == 0 ? add_list(self, rules, names[i], mark)
				 : add_file(self, rules, names[i], mark);
	}
	return err;
}

static int create(struct tp_instance *self)
{
	static const char *const client_names[] = {"client_allow", "client_allow_file",
						   "client_deny", "client_deny_file"};
	static const char *const peer_names[] = {"peer_allow", "peer_allow_file", "peer_deny",
						 "peer_deny_file"};
	struct ip_filter *filter = calloc(1, sizeof(*filter));
	int err;

	if (filter == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, filter);
	filter->clients_refused =
		tp_counter_create(self, "clients_refused", "allocations refused by client address");
	filter->peers_refused =
		tp_counter_create(self, "peers_refused", "permissions refused by peer address");
	err = rules_init(self, &filter->clients, client_names);
	if (err == 0) {
		err = rules_init(self, &filter->peers, peer_names);
	}
	return err;
}

static void destroy(struct tp_instance *self)
{
	struct ip_filter *filter = tp_instance_state(self);

	if (filter != NULL) {
		tp_prefix_set_free(&filter->clients.networks);
		tp_prefix_set_free(&filter->peers.networks);
		free(filter);
	}
}

#define LIST(option_name, option_help)                                                             \
	{                                                                                          \
		.name = option_name, .type = TP_OPTION_PREFIXES, .help = option_help,              \
		.flags = TP_OPTION_RELOADABLE,                                                     \
	}
#define LIST_FILE(option_name, option_help)                                                        \
	{                                                                                          \
		.name = option_name, .type = TP_OPTION_PATH, .help = option_help,                  \
		.flags = TP_OPTION_RELOADABLE,                                                     \
	}

static const struct tp_option options[] = {
	LIST("client_allow", "networks whose clients may allocate"),
	LIST_FILE("client_allow_file", "file with more of them, one a line"),
	LIST("client_deny", "networks whose clients may not allocate"),
	LIST_FILE("client_deny_file", "file with more of them, one a line"),
	LIST("peer_allow", "networks of peers that may be reached"),
	LIST_FILE("peer_allow_file", "file with more of them, one a line"),
	LIST("peer_deny", "networks of peers that may not be reached"),
	LIST_FILE("peer_deny_file", "file with more of them, one a line"),
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
	.on_turn_before_permission = before_permission,
};

TP_PLUGIN("ip_filter", TP_VERSION, "allow and deny clients and peers by IP network",
	  .options = options, .events = &events, .create = create, .destroy = destroy);
