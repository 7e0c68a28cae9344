/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>
#include <turnpike/api.h>

TP_BEGIN_DECLS

/* Objects of the daemon that a plugin names but never looks into. */
struct tp_instance; /* one configured plugin: the "self" of every handler */
struct tp_request;  /* a STUN request on its way to a response */
struct tp_worker;   /* one event loop thread */
struct tp_counter;
struct tp_command; /* typed by an operator */

/* Borrowed bytes: valid for the length of the call unless said otherwise. */
struct tp_view {
	const uint8_t *data;
	size_t len;
};

/* A handler's opinion. */
enum tp_verdict {
	TP_PASS = 0,  /* no opinion */
	TP_ALLOW = 1, /* provider: here is the answer; gate: fine by me */
	TP_DENY = 2,  /* no */
	TP_PARK = 3,  /* later, through the ticket just taken */
};

/*
 * What plugins see of an allocation (RFC 8656 section 3.2). The daemon owns it
 * and keeps it current; it is read on the owning worker, from inside a handler.
 */
struct tp_allocation_view {
	uint64_t id;       /* unique in the life of the process */
	const char *user;  /* UTF-8, NUL-terminated */
	const char *realm; /* UTF-8, NUL-terminated */
	struct tp_five_tuple five_tuple;
	struct tp_addr relayed_addr;      /* advertised to the client; of two the first to be had */
	struct tp_addr relayed_addr_more; /* with ADDITIONAL-ADDRESS-FAMILY; else family NONE */
	uint64_t expires_ms;              /* on the clock of tp_worker_now_ms() */
	uint64_t created_ms;              /* on the same clock */
};

TP_END_DECLS
