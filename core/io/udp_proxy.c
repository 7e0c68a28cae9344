/* SPDX-License-Identifier: Apache-2.0 */
#include "io/udp_proxy.h"

#include <stdlib.h>

#include <turnpike/error.h>
#include <turnpike/prefix.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/map.h"
#include "io/proxy_header.h"

/* Both ends as the client and we know them. No padding. */
struct ends {
	struct tp_addr client_addr;
	struct tp_addr server_addr;
};

struct way {
	struct ends ends;
	struct tp_addr proxy_addr;
	unsigned holds;
};

struct tp_udp_proxy {
	const struct tp_prefix_set *proxies;
	struct way latest;  /* of the datagram being handled; family NONE: not of a proxy */
	struct tp_map held; /* by ends */
	struct tp_counter *no_header;
	struct tp_counter *refused;
};

int tp_udp_proxy_create(const struct tp_prefix_set *proxies, size_t held_max,
			struct tp_udp_proxy **out)
{
	struct tp_udp_proxy *proxy = calloc(1, sizeof(*proxy));

	if (proxy == NULL) {
		return TP_ENOMEM;
	}
	proxy->proxies = proxies;
	tp_map_init(&proxy->held, sizeof(struct ends), held_max);
	proxy->no_header = tp_counter_named("io.proxy_headers_missing",
					    "datagrams of trusted proxies without a PROXY header");
	proxy->refused = tp_counter_named("io.proxied_clients_refused",
					  "clients behind proxies beyond the most a listener has");
	*out = proxy;
	return 0;
}

void tp_udp_proxy_free(struct tp_udp_proxy **where)
{
	struct tp_udp_proxy *proxy = *where;
	struct way *way;

	if (proxy == NULL) {
		return;
	}
	while ((way = tp_map_drain(&proxy->held)) != NULL) {
		free(way);
	}
	tp_map_fini(&proxy->held);
	free(proxy);
	*where = NULL;
}

/* --- in ------------------------------------------------------------------- */

/* A proxy may have another port now, or another proxy the client. */
static void note(struct tp_udp_proxy *proxy, const struct tp_packet *packet,
		 const struct tp_addr *proxy_addr)
{
	struct way *held;

	proxy->latest.ends.client_addr = packet->remote_addr;
	proxy->latest.ends.server_addr = packet->local_addr;
	proxy->latest.proxy_addr = *proxy_addr;
	held = tp_map_find(&proxy->held, &proxy->latest.ends);
	if (held != NULL) {
		held->proxy_addr = *proxy_addr;
	}
}

bool tp_udp_proxy_unwrap(struct tp_udp_proxy *proxy, struct tp_packet *packet)
{
	struct tp_addr proxy_addr = packet->remote_addr;
	struct tp_addr client_addr;
	long header_len;

	proxy->latest.proxy_addr.family = TP_FAMILY_NONE;
	if (tp_prefix_set_find(proxy->proxies, &proxy_addr) == 0) {
		return true;
	}
	header_len = tp_proxy_header_parse_datagram(packet->data, packet->len, &client_addr);
	if (header_len < 0) {
		tp_counter_add(proxy->no_header, 1);
		return false;
	}
	packet->data += header_len;
	packet->len -= (size_t)header_len;
	if (client_addr.family != TP_FAMILY_NONE) {
		packet->remote_addr = client_addr;
		note(proxy, packet, &proxy_addr);
	}
	return true;
}

/* --- who is held ---------------------------------------------------------- */

static struct ends ends_of(const struct tp_addr *client_addr, const struct tp_addr *server_addr)
{
	return (struct ends){.client_addr = *client_addr, .server_addr = *server_addr};
}

static bool is_latest(const struct tp_udp_proxy *proxy, const struct ends *ends)
{
	return proxy->latest.proxy_addr.family != TP_FAMILY_NONE &&
	       tp_addr_equal(&proxy->latest.ends.client_addr, &ends->client_addr) &&
	       tp_addr_equal(&proxy->latest.ends.server_addr, &ends->server_addr);
}

static int keep_latest(struct tp_udp_proxy *proxy)
{
	struct way *way = malloc(sizeof(*way));
	int err;

	if (way == NULL) {
		return TP_ENOMEM;
	}
	*way = proxy->latest;
	way->holds = 1;
	err = tp_map_insert(&proxy->held, &way->ends, way);
	if (err != 0) {
		tp_counter_add(proxy->refused, err == TP_EFULL);
		free(way);
	}
	return err;
}

int tp_udp_proxy_hold(struct tp_udp_proxy *proxy, const struct tp_five_tuple *five_tuple)
{
	const struct ends ends = ends_of(&five_tuple->client_addr, &five_tuple->server_addr);
	struct way *way = tp_map_find(&proxy->held, &ends);

	if (way != NULL) {
		way->holds++;
		return 0;
	}
	return is_latest(proxy, &ends) ? keep_latest(proxy) : 0;
}

void tp_udp_proxy_release(struct tp_udp_proxy *proxy, const struct tp_five_tuple *five_tuple)
{
	const struct ends ends = ends_of(&five_tuple->client_addr, &five_tuple->server_addr);
	struct way *way = tp_map_find(&proxy->held, &ends);

	if (way != NULL && --way->holds == 0) {
		tp_map_remove(&proxy->held, &ends);
		free(way);
	}
}

size_t tp_udp_proxy_held(const struct tp_udp_proxy *proxy)
{
	return proxy->held.count;
}

/* --- out ------------------------------------------------------------------ */

struct tp_addr tp_udp_proxy_way(const struct tp_udp_proxy *proxy, const struct tp_addr *client_addr,
				const struct tp_addr *server_addr)
{
	struct ends ends;
	const struct way *way;

	if (proxy == NULL) {
		return *client_addr;
	}
	ends = ends_of(client_addr, server_addr);
	if (is_latest(proxy, &ends)) {
		return proxy->latest.proxy_addr;
	}
	way = tp_map_find(&proxy->held, &ends);
	return way != NULL ? way->proxy_addr : *client_addr;
}
