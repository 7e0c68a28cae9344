/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gnutls/dtls.h>

#include "base/counter.h"
#include "base/map.h"
#include "io/datagram.h"
#include "io/dtls.h"
#include "io/loop.h"
#include "io/tls.h"
#include "io/udp_proxy.h"

#define TP_DTLS_RECORD_MAX 16384

/*
 * Where a ClientHello carries the client's random (RFC 6347 sections 4.1,
 * 4.2.2; RFC 5246 7.4.1.2).
 */
#define TP_DTLS_RANDOM_OFFSET 27
#define TP_DTLS_RANDOM_SIZE 32

/*
 * What sessions share. One that was made for an outgoing session has no other
 * and goes with it. Counted: the owner, each session.
 */
struct tp_dtls_listener {
	struct tp_loop *loop;
	struct tp_endpoint_handler handler;
	struct tp_dtls_options options;
	struct tp_udp_listener *udp;  /* whose datagram it is; NULL: our own */
	struct tp_udp_proxy *proxy;   /* likewise; NULL: none */
	struct tp_datagram *datagram; /* NULL when closed */
	unsigned references;
	bool accepting;
	struct tp_map sessions; /* by five-tuple */
	struct tp_counter *refused;
	struct tp_counter *hello_verifies;
	struct tp_counter *malformed;
	struct tp_counter *send_failed;
};

enum tp_dtls_state {
	TP_DTLS_HANDSHAKE,
	TP_DTLS_OPEN,
	TP_DTLS_CLOSED, /* freed when nobody is inside */
};

/* As in struct tp_packet. */
struct tp_dtls_marks {
	int ttl;
	int tos;
};
#define TP_DTLS_NO_MARKS ((struct tp_dtls_marks){-1, -1})

struct tp_dtls_session {
	struct tp_endpoint endpoint;
	struct tp_dtls_listener *listener; /* a reference */
	struct tp_five_tuple five_tuple;
	enum tp_dtls_state state;
	bool server;
	struct tp_tls tls;
	uint8_t client_random[TP_DTLS_RANDOM_SIZE]; /* of a server's session */
	unsigned inside;                            /* calls on the stack that still need it */
	struct tp_turn_hook begin; /* a client's handshake, once the caller has its endpoint */
	struct tp_timer retransmit;
	struct tp_timer timer;
	uint64_t heard_ms;                /* when a record of the peer's came last */
	const struct tp_packet *incoming; /* what GnuTLS reads next; NULL: nothing */
	struct tp_dtls_marks heard;       /* of the datagram that came last */
	struct tp_dtls_marks outgoing;    /* of those that GnuTLS sends now */
};

/**
 * A session in the listener's table. It has not begun to shake hands.
 *
 * @server_name: of a client, as in tp_dtls_connect()
 *
 * Errors: TP_EFULL, TP_ENOMEM, TP_EIO
 */
int tp_dtls_session_create(struct tp_dtls_listener *listener,
			   const struct tp_five_tuple *five_tuple, bool server,
			   const char *server_name, struct tp_dtls_session **out);

/**
 * A datagram of the peer's; NULL: just go on. The session may be gone
 * afterwards.
 */
void tp_dtls_session_receive(struct tp_dtls_session *session, const struct tp_packet *packet);

void tp_dtls_session_close(struct tp_dtls_session *session);

void tp_dtls_listener_unref(struct tp_dtls_listener *listener);
