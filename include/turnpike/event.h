/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>
#include <turnpike/api.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

/*
 * The events, in the order of the handler table. New ones are only appended.
 *
 *	X(family, member, payload)
 *
 * PROVIDER  asked in the configured order; the first TP_ALLOW or TP_DENY ends it
 * GATE      all are asked; one TP_DENY ends it, TP_ALLOW stops nobody
 * PACKET    a gate per relayed packet: no request, no parking
 * INLINE    the same for what is neither packet nor request; since 1.1
 * OBSERVER  told; returns nothing
 *
 * turnpike-events(7) describes each.
 */
#define TP_EVENT_LIST(X)                                                                           \
	X(PROVIDER, on_stun_request_authorization, tp_request_authorization)                       \
	X(GATE, on_stun_request_success, tp_request_success)                                       \
	X(GATE, on_stun_request_error, tp_request_error)                                           \
	X(OBSERVER, on_stun_exception, tp_exception)                                               \
	X(GATE, on_turn_before_allocate, tp_before_allocate)                                       \
	X(OBSERVER, on_turn_create_allocation, tp_create_allocation)                               \
	X(OBSERVER, on_turn_delete_allocation, tp_delete_allocation)                               \
	X(PACKET, on_turn_before_relay_indication, tp_before_relay_indication)                     \
	X(PACKET, on_turn_before_relay_channel_data, tp_before_relay_channel_data)                 \
	X(OBSERVER, on_turn_channel_data_discarded, tp_channel_data_discarded)                     \
	X(OBSERVER, on_turn_message_discarded, tp_message_discarded)                               \
	X(GATE, on_turn_before_permission, tp_before_permission)                                   \
	X(GATE, on_turn_before_channel, tp_before_channel)                                         \
	/* since 1.1 */                                                                            \
	X(PROVIDER, on_turn_redirect, tp_redirect)                                                 \
	X(PROVIDER, on_turn_choose_relay, tp_choose_relay)                                         \
	X(GATE, on_turn_before_refresh, tp_before_refresh)                                         \
	X(OBSERVER, on_turn_refresh_allocation, tp_refresh_allocation)                             \
	X(OBSERVER, on_turn_create_permission, tp_create_permission)                               \
	X(OBSERVER, on_turn_delete_permission, tp_delete_permission)                               \
	X(OBSERVER, on_turn_create_channel, tp_create_channel)                                     \
	X(OBSERVER, on_turn_delete_channel, tp_delete_channel)                                     \
	X(OBSERVER, on_turn_usage, tp_usage)                                                       \
	X(OBSERVER, on_turn_peer_error, tp_peer_error)                                             \
	X(GATE, on_turn_before_connect, tp_before_connect)                                         \
	X(OBSERVER, on_turn_connection_attempt, tp_connection_attempt)                             \
	X(INLINE, on_client_connected, tp_client_connected)                                        \
	X(OBSERVER, on_client_closed, tp_client_closed)                                            \
	X(OBSERVER, on_server_drain, tp_server_drain)                                              \
	X(OBSERVER, on_server_reload, tp_server_reload)                                            \
	X(OBSERVER, on_server_tick, tp_server_tick)

#define TP_EVENT_ENUM_(family, member, payload) TP_EVENT_##member,
enum tp_event { TP_EVENT_LIST(TP_EVENT_ENUM_) TP_EVENT_COUNT };
#undef TP_EVENT_ENUM_

enum tp_direction {
	TP_CLIENT_TO_PEER = 0,
	TP_PEER_TO_CLIENT = 1,
};

/*
 * Payloads. Everything in them is borrowed for the call; for a request that is
 * parked it stays valid until the request has ended.
 */

/* Credentials are wanted: the nonce was ours, integrity is not yet checked. */
struct tp_request_authorization {
	const struct tp_five_tuple *five_tuple;
	uint16_t method;         /* STUN method number */
	uint16_t algorithm;      /* 1 MD5, 2 SHA-256 (RFC 8489 section 18.5) */
	const char *username;    /* NULL when the client sent USERHASH */
	const uint8_t *userhash; /* 32 bytes, SHA-256 of "username:realm"; NULL with USERNAME */
	const char *realm;
};

/* A success response is built and about to be sent. */
struct tp_request_success {
	const struct tp_five_tuple *five_tuple;
	uint16_t method;
	struct tp_view response; /* as built so far, before integrity and fingerprint */
	const struct tp_allocation_view *allocation; /* NULL when the method has none */
};

/* An error response is built and about to be sent. */
struct tp_request_error {
	const struct tp_five_tuple *five_tuple;
	uint16_t method;
	uint16_t code; /* 300 to 699 */
	const char *reason;
	struct tp_view response;
	const struct tp_allocation_view *allocation; /* NULL when there is none */
};

enum tp_exception_stage {
	TP_STAGE_PARSE = 0,  /* the bytes are no message */
	TP_STAGE_VERIFY = 1, /* integrity did not match */
	TP_STAGE_HANDLE = 2, /* out of memory */
	TP_STAGE_WRITE = 3,  /* a response could not be built or sent */
};

struct tp_exception {
	const struct tp_five_tuple *five_tuple;
	enum tp_exception_stage stage;
	const char *reason;   /* a few words */
	struct tp_view bytes; /* the message or what came of it; may be empty */
};

/* The relayed transport address is reserved; the allocation is not yet there. */
struct tp_before_allocate {
	const struct tp_five_tuple *five_tuple;
	const struct tp_addr *client_addr; /* that of the five-tuple */
	const char *user;
	const char *realm;
	const struct tp_addr *relayed_addr; /* as it will be advertised */
	uint32_t lifetime_s;                /* as it will be granted */
	uint8_t requested_transport;        /* IP protocol number: 17 UDP, 6 TCP */
};

struct tp_create_allocation {
	const struct tp_allocation_view *allocation;
	uint32_t lifetime_s;
};

enum tp_delete_cause {
	TP_DELETE_REFRESH = 0,  /* the client sent Refresh with lifetime 0 */
	TP_DELETE_EXPIRED = 1,  /* its lifetime ran out */
	TP_DELETE_CLOSED = 2,   /* its TCP or TLS connection or DTLS session ended */
	TP_DELETE_KILLED = 3,   /* an operator or a plugin ended it */
	TP_DELETE_SHUTDOWN = 4, /* the daemon stops */
};

struct tp_traffic {
	uint64_t packets;
	uint64_t bytes; /* of payload */
};

struct tp_delete_allocation {
	const struct tp_allocation_view *allocation;
	enum tp_delete_cause cause;
	uint64_t duration_ms;
	struct tp_traffic client_to_peer; /* relayed */
	struct tp_traffic peer_to_client; /* relayed */
};

struct tp_before_relay_indication {
	const struct tp_allocation_view *allocation;
	enum tp_direction direction; /* Send is client to peer, Data is peer to client */
	const struct tp_addr *peer_addr;
	struct tp_view payload;
};

struct tp_before_relay_channel_data {
	const struct tp_allocation_view *allocation;
	enum tp_direction direction;
	uint16_t channel; /* 0x4000 to 0x4fff */
	const struct tp_addr *peer_addr;
	struct tp_view payload;
};

/* Why a message was dropped without a response. New ones are only appended. */
enum tp_discard_reason {
	TP_DISCARD_SHORT = 0,             /* fewer bytes than the header says */
	TP_DISCARD_CHANNEL_RANGE = 1,     /* channel number outside 0x4000 to 0x4fff */
	TP_DISCARD_NO_ALLOCATION = 2,     /* no allocation on this five-tuple */
	TP_DISCARD_CHANNEL_UNBOUND = 3,   /* never bound */
	TP_DISCARD_CHANNEL_EXPIRED = 4,   /* bound once, not refreshed */
	TP_DISCARD_NO_PERMISSION = 5,     /* no permission for the peer */
	TP_DISCARD_PEER_REFUSED = 6,      /* peer policy: port 0, own address, … */
	TP_DISCARD_VETO = 7,              /* a plugin said no */
	TP_DISCARD_MALFORMED = 8,         /* a mandatory attribute is missing or wrong */
	TP_DISCARD_UNKNOWN_ATTRIBUTE = 9, /* comprehension-required and unknown */
	TP_DISCARD_METHOD = 10,           /* method or class not served here */
	TP_DISCARD_QUEUE_FULL = 11,       /* the client, another worker or the kernel is too slow */
	TP_DISCARD_FAMILY = 12,    /* peer address of another family than the relayed address */
	TP_DISCARD_TOO_BIG = 13,   /* does not fit what carries it */
	TP_DISCARD_DRAINING = 14,  /* the daemon stops */
	TP_DISCARD_PARKED = 15,    /* a retransmission of a request that waits for a plugin */
	TP_DISCARD_RATE = 16,      /* too many unauthenticated requests of one source */
	TP_DISCARD_LIMIT = 17,     /* over the allocation's limits; since 1.1 */
	TP_DISCARD_HOP_LIMIT = 18, /* its TTL has run out here; since 1.1 */
	/* on a relayed port that allocations share; since 1.1 */
	TP_DISCARD_PEER_TAKEN = 19,     /* another allocation relays to that peer */
	TP_DISCARD_PEER_UNCLAIMED = 20, /* from a peer that is no allocation's, or of several */
	TP_DISCARD_CLAIMS_FULL = 21,    /* the allocation has too many peers, or there are in all */
};

struct tp_channel_data_discarded {
	const struct tp_five_tuple *five_tuple;      /* NULL from a peer whose client is gone */
	const struct tp_allocation_view *allocation; /* NULL when there is none */
	enum tp_direction direction;
	uint16_t channel; /* 0 when not known */
	enum tp_discard_reason reason;
	size_t len; /* of the dropped message */
};

struct tp_message_discarded {
	const struct tp_five_tuple *five_tuple;
	const struct tp_allocation_view *allocation; /* NULL when there is none */
	enum tp_direction direction;
	uint16_t method; /* 0 when not known */
	enum tp_discard_reason reason;
	size_t len;
};

/* A peer address of CreatePermission, ChannelBind or Connect, past the daemon's own peer policy. */
struct tp_before_permission {
	const struct tp_allocation_view *allocation;
	const struct tp_addr *peer_addr; /* port 0 with CreatePermission */
	uint16_t method;
};

struct tp_before_channel {
	const struct tp_allocation_view *allocation;
	uint16_t channel;
	const struct tp_addr *peer_addr;
};

/* --- since 1.1 ------------------------------------------------------------------ */

/*
 * An Allocate request that would be served: shall the client go elsewhere? Answer with
 * tp_request_redirect(). All pass: the daemon's own [alternate_server], if any,
 * else it is served here.
 */
struct tp_redirect {
	const struct tp_five_tuple *five_tuple;
	const char *user;
	const char *realm;
	enum tp_family family; /* of the relayed address asked for */
	bool draining;         /* the daemon takes no new allocations: 508 when all pass */
};

/* Which relayed address and ports? Answer with tp_request_choose_relay(). */
struct tp_choose_relay {
	const struct tp_five_tuple *five_tuple;
	const char *user;
	const char *realm;
	enum tp_family family;
	bool even_port; /* EVEN-PORT was asked for */
};

struct tp_before_refresh {
	const struct tp_allocation_view *allocation;
	uint32_t lifetime_s; /* as it will be granted; 0: the client ends it */
};

struct tp_refresh_allocation {
	const struct tp_allocation_view *allocation;
	uint32_t lifetime_s;
};

/* Installed, not refreshed; not for every channel on the address. */
struct tp_create_permission {
	const struct tp_allocation_view *allocation;
	const struct tp_addr *peer_addr; /* port 0 */
};

/* Ran out, or its allocation ends. */
struct tp_delete_permission {
	const struct tp_allocation_view *allocation;
	const struct tp_addr *peer_addr; /* port 0 */
};

struct tp_create_channel {
	const struct tp_allocation_view *allocation;
	uint16_t channel;
	const struct tp_addr *peer_addr;
};

struct tp_delete_channel {
	const struct tp_allocation_view *allocation;
	uint16_t channel;
	const struct tp_addr *peer_addr;
};

/*
 * What an allocation has relayed since its last report. The last one comes right
 * before on_turn_delete_allocation, however short the time; the sum of all is
 * what that event tells.
 */
struct tp_usage {
	const struct tp_allocation_view *allocation;
	uint64_t interval_ms;
	struct tp_traffic client_to_peer;
	struct tp_traffic peer_to_client;
	struct tp_traffic over_limit; /* dropped for its limits, both ways */
	bool final;
};

/* ICMP (or ICMPv6) told of a datagram that was sent to a peer. */
struct tp_peer_error {
	const struct tp_allocation_view *allocation;
	const struct tp_addr *peer_addr;
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint32_t icmp_info; /* next-hop MTU with "too big", else 0 */
};

/* RFC 6062 Connect. */
struct tp_before_connect {
	const struct tp_allocation_view *allocation;
	const struct tp_addr *peer_addr;
};

/* RFC 6062: a peer has connected to the relayed address. */
struct tp_connection_attempt {
	const struct tp_allocation_view *allocation;
	const struct tp_addr *peer_addr;
	uint32_t connection_id;
};

/*
 * A TCP, TLS or DTLS connection, for as long as it lasts: the handle of
 * tp_client_state().
 */
struct tp_client_view {
	uint64_t id; /* unique in the life of the process */
	struct tp_five_tuple five_tuple;
	uint64_t connected_ms; /* on the clock of tp_worker_now_ms() */
	const char *realm;     /* UTF-8: the listener's, or that of the name in TLS */
};

/* Its handshake is done. TP_DENY closes it. */
struct tp_client_connected {
	const struct tp_client_view *client;
	const char *server_name;    /* SNI; NULL: none */
	const char *alpn;           /* as negotiated; NULL: none */
	const char *security;       /* "TLS1.3 …"; NULL without TLS */
	struct tp_view certificate; /* the client's own, DER; empty: none */
};

struct tp_client_closed {
	const struct tp_client_view *client;
	const char *reason; /* a few words */
	uint64_t duration_ms;
};

/* The daemon takes no new allocations and waits for the others to end. */
struct tp_server_drain {
	uint64_t allocations; /* of this worker */
};

/* This generation of plugins has taken over on this worker. */
struct tp_server_reload {
	unsigned generation;
};

/* About once a second on each worker. */
struct tp_server_tick {
	uint64_t now_ms;      /* as tp_worker_now_ms() */
	uint64_t allocations; /* of this worker */
};

/* Handler table: set what you want, leave the rest NULL. */
#define TP_HANDLER_PROVIDER_(member, payload)                                                      \
	enum tp_verdict (*member)(struct tp_instance * self, struct tp_request * request,          \
				  const struct payload *event);
#define TP_HANDLER_GATE_(member, payload) TP_HANDLER_PROVIDER_(member, payload)
#define TP_HANDLER_PACKET_(member, payload)                                                        \
	enum tp_verdict (*member)(struct tp_instance * self, const struct payload *event);
#define TP_HANDLER_INLINE_(member, payload) TP_HANDLER_PACKET_(member, payload)
#define TP_HANDLER_OBSERVER_(member, payload)                                                      \
	void (*member)(struct tp_instance * self, const struct payload *event);
#define TP_HANDLER_(family, member, payload) TP_HANDLER_##family##_(member, payload)

struct tp_events {
	size_t size; /* sizeof(struct tp_events) */
	TP_EVENT_LIST(TP_HANDLER_)
};

#undef TP_HANDLER_
#undef TP_HANDLER_PROVIDER_
#undef TP_HANDLER_GATE_
#undef TP_HANDLER_PACKET_
#undef TP_HANDLER_INLINE_
#undef TP_HANDLER_OBSERVER_

/** "on_turn_before_allocate"; NULL for a number out of range. Owner: static storage. Thread: any.
 */
TP_API const char *tp_event_name(enum tp_event event);

/** "no permission"; "unknown" for a number out of range. Owner: static storage. Thread: any. */
TP_API const char *tp_discard_reason_name(enum tp_discard_reason reason);

/** "refresh", "expired", … Owner: static storage. Thread: any. */
TP_API const char *tp_delete_cause_name(enum tp_delete_cause cause);

/** "Allocate"; NULL for an unknown method. Owner: static storage. Thread: any. */
TP_API const char *tp_method_name(uint16_t method);

TP_END_DECLS
