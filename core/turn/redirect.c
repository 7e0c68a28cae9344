/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/redirect.h"

#include "stun/build.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/transaction.h"

static const struct tp_addr *next_of_family(const struct tp_turn_options *options, unsigned start,
					    uint8_t family)
{
	for (size_t i = 0; i < options->alternate_server_count; i++) {
		const struct tp_addr *addr =
			&options->alternate_servers[(start + i) % options->alternate_server_count];

		if (addr->family == family) {
			return addr;
		}
	}
	return NULL;
}

static const struct tp_addr *alternate_server(const struct tp_transaction *transaction)
{
	return next_of_family(transaction->realm->options,
			      transaction->server->next_alternate_server,
			      transaction->request.five_tuple.client_addr.family);
}

static bool is_chosen(const struct tp_transaction *transaction)
{
	return transaction->request.redirection.alternate.family != TP_FAMILY_NONE;
}

bool tp_redirect_wanted(const struct tp_transaction *transaction)
{
	return is_chosen(transaction) || alternate_server(transaction) != NULL;
}

static void write(const struct tp_transaction *transaction, struct tp_build *build,
		  const struct tp_addr *addr, const char *domain)
{
	uint32_t transport = transaction->request.five_tuple.transport;

	tp_build_addr(build, TP_ATTR_ALTERNATE_SERVER, addr);
	if (domain != NULL && (transport == TP_TRANSPORT_TLS || transport == TP_TRANSPORT_DTLS)) {
		tp_build_string(build, TP_ATTR_ALTERNATE_DOMAIN, domain);
	}
}

void tp_redirect_write(struct tp_transaction *transaction, struct tp_build *build)
{
	const struct tp_redirection *chosen = &transaction->request.redirection;
	const struct tp_addr *addr;

	if (is_chosen(transaction)) {
		write(transaction, build, &chosen->alternate, chosen->domain);
		return;
	}
	addr = alternate_server(transaction);
	if (addr != NULL) { /* else a plugin chose the code */
		write(transaction, build, addr, transaction->realm->options->alternate_domain);
		transaction->server->next_alternate_server++;
	}
}
