/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_parts.h"

#include <string.h>
#include <sys/un.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/client_hello.h"

/* Where a listener passes on what is not for us. */

static bool listens_on(const struct tp_listener_config *listener, const struct tp_addr *addr)
{
	static const enum tp_transport streams[] = {TP_TRANSPORT_TCP, TP_TRANSPORT_TLS};

	for (size_t a = 0; a < listener->address_count; a++) {
		const struct tp_addr *own = &listener->addresses[a].addr;

		for (size_t t = 0; t < 2; t++) {
			if (listener->transports[streams[t]] &&
			    tp_listener_port(listener, a, streams[t]) == addr->port &&
			    tp_addr_equal_ip(own, addr)) {
				return true;
			}
		}
	}
	return false;
}

/* NULL: nothing is wrong. */
static const char *take_place(struct tp_listener_config *listener, const char *text)
{
	struct tp_back_end *back_end = &listener->back_end;

	if (!listener->transports[TP_TRANSPORT_TCP] && !listener->transports[TP_TRANSPORT_TLS]) {
		return "needs tcp or tls";
	}
	if (text[0] == '/') {
		back_end->path = text;
		return strlen(text) < sizeof(((struct sockaddr_un *)0)->sun_path)
			       ? NULL
			       : "is longer than the path of a UNIX socket can be";
	}
	if (tp_addr_parse(text, &back_end->addr) != 0 || back_end->addr.port == 0) {
		return "is neither an IP address with a port nor an absolute path";
	}
	return listens_on(listener, &back_end->addr) ? "is this listener's own address" : NULL;
}

/* Clients' names are compared in lower case. */
static const char *take_names(struct tp_listener_config *listener, const struct tp_value *value)
{
	for (size_t i = 0; i < value->word_count; i++) {
		for (char *at = value->words[i]; *at != '\0'; at++) {
			if (*at >= 'A' && *at <= 'Z') {
				*at = (char)(*at - 'A' + 'a');
			}
		}
		if (strlen(value->words[i]) >= TP_SERVER_NAME_SIZE) {
			return "holds a name that is too long";
		}
	}
	listener->back_end.server_names = (const char *const *)value->words;
	listener->back_end.server_name_count = value->word_count;
	return NULL;
}

int tp_config_take_back_end(struct tp_config *config, struct tp_listener_config *listener,
			    char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *place = tp_config_value(&listener->values, "pass_to");
	const struct tp_value *names = tp_config_value(&listener->values, "server_names");
	const struct tp_value *header = tp_config_value(&listener->values, "pass_proxy_header");
	const char *key = "pass_to";
	const char *fault;

	listener->passes_on = place->set && place->string[0] != '\0';
	listener->back_end.proxy_header = header->integer != 0;
	if (!listener->passes_on) {
		key = names->word_count > 0 ? "server_names" : "pass_proxy_header";
		return names->word_count == 0 && header->integer == 0
			       ? 0
			       : tp_config_problem(config, listener->section, key, problem,
						   TP_EINVAL, "needs pass_to");
	}
	fault = take_place(listener, place->string);
	if (fault == NULL) {
		key = "server_names";
		fault = take_names(listener, names);
	}
	return fault == NULL ? 0
			     : tp_config_problem(config, listener->section, key, problem, TP_EINVAL,
						 "%s", fault);
}
