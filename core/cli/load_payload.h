/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the load generator sends: a header that says which packet this is, with
 * a checksum over it and the length, and a body that follows from the checksum.
 * So a single wrong byte anywhere is seen.
 *
 *	index, 4 bytes, big-endian | kind, 1 | zero, 3 | sequence, 8 | sent_ns, 8 | checksum, 8
 */
#define TP_LOAD_PAYLOAD_MIN 32

enum tp_load_kind {
	TP_LOAD_UP = 0,    /* client to peer, or client to client */
	TP_LOAD_DOWN = 1,  /* peer to client */
	TP_LOAD_PRIME = 2, /* shows a bare forwarder the sender's address */
};

struct tp_load_packet {
	uint32_t index; /* of the allocation that sends or is sent to */
	uint8_t kind;   /* enum tp_load_kind */
	uint64_t sequence;
	uint64_t sent_ns; /* CLOCK_MONOTONIC */
};

/** @len: at least TP_LOAD_PAYLOAD_MIN. */
void tp_load_payload_write(uint8_t *bytes, size_t len, const struct tp_load_packet *packet);

/** False for too few bytes and for any that is not as it was written. */
bool tp_load_payload_read(const uint8_t *bytes, size_t len, struct tp_load_packet *packet);
