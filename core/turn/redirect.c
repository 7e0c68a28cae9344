/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/redirect.h"

#include "stun/build.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/transaction.h"

/* --- anycast ----------------------------------------------------------------------- */

bool tp_redirect_allowed(const struct tp_transaction *transaction)
{
	const struct tp_turn_options *options = transaction->server->options;
	const struct tp_five_tuple *five_tuple = &transaction->request.five_tuple;

	for (size_t i = 0; i < options->anycast_count; i++) {
		if (options->anycasts[i].transport == five_tuple->transport &&
		    tp_addr_equal(&options->anycasts[i].unicast_addr, &five_tuple->server_addr)) {
			return false;
		}
	}
	return true;
}

/* Of the address that the request has come to; NULL: it is none, or nobody is served. */
static const struct tp_anycast *anycast_of(const struct tp_transaction *transaction)
{
	const struct tp_turn_options *options = transaction->server->options;
	const struct tp_five_tuple *five_tuple = &transaction->request.five_tuple;

	for (size_t i = 0; i < options->anycast_count && !transaction->server->draining; i++) {
		const struct tp_anycast *anycast = &options->anycasts[i];

		if (anycast->transport == five_tuple->transport &&
		    tp_addr_equal_ip(&anycast->addr, &five_tuple->server_addr) &&
		    (anycast->addr.port == 0 ||
		     anycast->addr.port == five_tuple->server_addr.port)) {
			return anycast;
		}
	}
	return NULL;
}

/* --- the configured servers -------------------------------------------------------- */

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

/* --- the response ------------------------------------------------------------------ */

bool tp_redirect_wanted(const struct tp_transaction *transaction)
{
	return tp_redirect_allowed(transaction) &&
	       (is_chosen(transaction) || anycast_of(transaction) != NULL ||
		alternate_server(transaction) != NULL);
}

static void write(const struct tp_transaction *transaction, struct tp_build *build,
		  const struct tp_addr *addr, const struct tp_addr *other, const char *domain)
{
	uint32_t transport = transaction->request.five_tuple.transport;

	tp_build_addr(build, TP_ATTR_ALTERNATE_SERVER, addr);
	if (other != NULL && other->family != TP_FAMILY_NONE) {
		tp_build_addr(build, TP_ATTR_ALTERNATE_SERVER, other);
	}
	if (domain != NULL && (transport == TP_TRANSPORT_TLS || transport == TP_TRANSPORT_DTLS)) {
		tp_build_string(build, TP_ATTR_ALTERNATE_DOMAIN, domain);
	}
}

void tp_redirect_write(struct tp_transaction *transaction, struct tp_build *build)
{
	const struct tp_redirection *chosen = &transaction->request.redirection;
	const struct tp_turn_options *options = transaction->realm->options;
	const struct tp_anycast *anycast = anycast_of(transaction);
	const struct tp_addr *addr;

	if (is_chosen(transaction)) {
		write(transaction, build, &chosen->alternate, &chosen->other, chosen->domain);
		return;
	}
	if (anycast != NULL) { /* the same server and certificate */
		write(transaction, build, &anycast->unicast_addr, &anycast->other_addr, NULL);
		return;
	}
	addr = alternate_server(transaction);
	if (addr != NULL) { /* else a plugin chose the code */
		const struct tp_addr *other = next_of_family(
			options, transaction->server->next_alternate_server,
			addr->family == TP_FAMILY_IPV4 ? TP_FAMILY_IPV6 : TP_FAMILY_IPV4);

		write(transaction, build, addr, other, options->alternate_domain);
		transaction->server->next_alternate_server++;
	}
}
