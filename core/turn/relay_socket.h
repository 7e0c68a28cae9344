/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

struct tp_allocation;
struct tp_datagram;
struct tp_relay_address;
struct tp_relay_choice;
struct tp_server;
struct tp_shared;
struct tp_shared_relay;

/*
 * A relayed transport address: a bound socket of its own on a random port of
 * the configured range. The kernel knows which ports are free; the map of live
 * ports is told. Until an allocation takes it over, what arrives is dropped.
 * Or a part in such a socket, where allocations share: see turn/shared_relay.h.
 */
struct tp_relay_socket {
	struct tp_datagram *datagram;   /* NULL: none */
	struct tp_addr advertised_addr; /* for XOR-RELAYED-ADDRESS */
	size_t address;                 /* index of the relay address */
};

/**
 * @family: of the relayed address
 * @even:   an even port (RFC 8656 section 7.2, EVEN-PORT)
 * @choice: what a plugin has chosen of the configured addresses and ports; NULL: any
 * @next:   NULL, or gets the socket of the port above, too
 *
 * Returns 0 or the error code for the client: 440 when no address of the
 * family is configured, 508 when no port, descriptor or memory is left, or the
 * choice is none of ours.
 */
uint16_t tp_relay_socket_open(struct tp_server *server, enum tp_family family, bool even,
			      const struct tp_relay_choice *choice, struct tp_relay_socket *out,
			      struct tp_relay_socket *next);

/** Is the address one that is meant? The ports are not looked at. */
bool tp_relay_choice_is_for(const struct tp_relay_choice *choice,
			    const struct tp_relay_address *relay);

/** The socket of @shared, on that port; closed while the server knows of no shared ones. */
int tp_relay_socket_open_shared(struct tp_shared_relay *shared, size_t address, uint16_t port);

/** It is the allocation's from now on: moved to @out, what arrives for it goes to @allocation. */
void tp_relay_socket_take(struct tp_relay_socket *out, struct tp_relay_socket *socket,
			  struct tp_allocation *allocation);

/** Close and mark the port free, or give the part back; nothing for an empty one. */
void tp_relay_socket_close(struct tp_server *server, struct tp_relay_socket *socket);

/**
 * Give up the bound descriptor, for another worker to adopt; the port stays
 * live. -1 when that is impossible, as for a shared one: then the port is free.
 */
int tp_relay_socket_release(struct tp_server *server, struct tp_relay_socket *socket);

/** What was released becomes a socket of this worker's. Without datagram, port free, on error. */
void tp_relay_socket_adopt(struct tp_server *server, struct tp_relay_socket *socket, int fd);

/* A relayed port in use. */
struct tp_relay_location {
	unsigned worker; /* that has the socket */
	size_t address;  /* index of the relay address */
	uint16_t port;
};

/** Which of our relayed sockets gets what is sent to @addr, advertised or bound; false: none. */
bool tp_relay_socket_locate(const struct tp_shared *shared, const struct tp_addr *addr,
			    struct tp_relay_location *out);

/** Is the IP address one that we relay on, as advertised or as bound? The port is not looked at. */
bool tp_relay_socket_is_ours(const struct tp_shared *shared, const struct tp_addr *addr);

/** Is this one of our relayed addresses, as advertised or as bound, and its port in use? */
bool tp_relay_socket_is_live(const struct tp_shared *shared, const struct tp_addr *addr);

/** Where to send so that it arrives: an advertised address of ours becomes the bound one. */
struct tp_addr tp_relay_socket_wire_addr(const struct tp_shared *shared,
					 const struct tp_addr *peer_addr);

/** The reverse, for what was received: a bound address of ours becomes the advertised one. */
struct tp_addr tp_relay_socket_peer_addr(const struct tp_shared *shared,
					 const struct tp_addr *wire_addr);
