/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/types.h>

#include "cli/turn_link.h"

struct tp_loop;

/*
 * A TURN client on a loop (RFC 8656): one link, one allocation, one request at
 * a time, nothing that blocks. Each request ends in exactly one call of the
 * function given with it, always from the loop; until then another request is
 * refused with TP_EAGAIN. Nothing is refreshed by itself.
 */
struct tp_turn_client;

/* Most bytes of payload in one Send indication or ChannelData message here. */
#define TP_TURN_PAYLOAD_MAX 8192
#define TP_TURN_REASON_SIZE 256

/* How a request ended. */
struct tp_turn_result {
	int err;       /* 0; TP_ETIMEOUT, TP_EAUTH, TP_EPROTO, TP_EIO, TP_ESHUTDOWN … */
	uint16_t code; /* of an error response, else 0 */
	/* The server's words with TP_EPERM and a code, otherwise ours; may hold any bytes. */
	char reason[TP_TURN_REASON_SIZE];
	struct tp_addr mapped_addr;  /* of Binding and Allocate */
	struct tp_addr relayed_addr; /* of Allocate */
	uint32_t lifetime_s;         /* of Allocate and Refresh */
	uint64_t round_trip_us;      /* of the last exchange; of connecting for open */
};

/* What came from a peer; borrowed for the call. */
struct tp_turn_arrival {
	uint16_t channel;         /* 0 for a Data indication */
	struct tp_addr peer_addr; /* family NONE with a channel */
	struct tp_view payload;
};

typedef void (*tp_turn_done_fn)(void *owner, const struct tp_turn_result *result);

struct tp_turn_client_options {
	struct tp_turn_link_options link;
	const char *user;     /* borrowed as long as the client lives; NULL: none */
	const char *password; /* the same */
	bool prefer_sha256;
	uint32_t timeout_ms; /* of one request, retransmissions included */
	void *owner;
	void (*arrived)(void *owner, const struct tp_turn_arrival *arrival);
};

/** Owner: free with tp_turn_client_free(). Errors: TP_ENOMEM. */
int tp_turn_client_create(struct tp_loop *loop, const struct tp_turn_client_options *options,
			  struct tp_turn_client **out);

/**
 * Close the link and forget everything; the server keeps the allocation until
 * it ends. Not from inside a callback of the client. No callback comes any
 * more. Sets the pointer to NULL; NULL inside is fine.
 */
void tp_turn_client_free(struct tp_turn_client **client);

/*
 * Requests. They return 0 when on their way, else TP_EAGAIN with another one
 * under way, TP_ESHUTDOWN without a link, or why nothing could be sent.
 */

/** Connect, TLS or DTLS handshake included. */
int tp_turn_client_open(struct tp_turn_client *client, tp_turn_done_fn done);
/** Binding without credentials (RFC 8489 section 2). */
int tp_turn_client_binding(struct tp_turn_client *client, tp_turn_done_fn done);
/** Allocate; @family: TP_FAMILY_NONE asks for none by name (RFC 8656 section 18.9). */
int tp_turn_client_allocate(struct tp_turn_client *client, enum tp_family family,
			    tp_turn_done_fn done);
/** Refresh; 0 ends the allocation. */
int tp_turn_client_refresh(struct tp_turn_client *client, uint32_t lifetime_s,
			   tp_turn_done_fn done);
int tp_turn_client_permit(struct tp_turn_client *client, const struct tp_addr *peer_addr,
			  tp_turn_done_fn done);
int tp_turn_client_bind_channel(struct tp_turn_client *client, uint16_t channel,
				const struct tp_addr *peer_addr, tp_turn_done_fn done);

/** A Send indication. Errors: TP_ERANGE for too long a payload, TP_ESHUTDOWN, TP_EFULL, TP_EIO. */
int tp_turn_client_send(struct tp_turn_client *client, const struct tp_addr *peer_addr,
			const uint8_t *payload, size_t len);
/** A ChannelData message. Errors as above. */
int tp_turn_client_send_channel(struct tp_turn_client *client, uint16_t channel,
				const uint8_t *payload, size_t len);

/** Why the link ended; NULL while it is there. Owner: the client. */
const char *tp_turn_client_problem(const struct tp_turn_client *client);

/** As tp_turn_link_security(). */
const char *tp_turn_client_security(const struct tp_turn_client *client);
/** Password algorithm in use: "MD5" or "SHA-256". Owner: static storage. */
const char *tp_turn_client_algorithm(const struct tp_turn_client *client);
