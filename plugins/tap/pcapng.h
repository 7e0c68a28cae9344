/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>
#include <turnpike/types.h>

/*
 * Blocks of a pcapng file (draft-ietf-opsawg-pcapng) in the byte order of this
 * machine: a section with one interface of raw IP packets, and UDP datagrams
 * between client and peer as they would look without a relay.
 */

#define PCAPNG_HEADER_MAX 512
#define PCAPNG_PAYLOAD_MAX 65507 /* of a UDP datagram */

struct pcapng_packet {
	uint64_t time_us; /* since 1970-01-01 UTC */
	const struct tp_addr *from;
	const struct tp_addr *to;
	struct tp_view payload;
	bool outbound;       /* client to peer */
	const char *comment; /* short; NULL: none */
};

/** The begin of a file. @comment: cut at 200 bytes. Returns bytes written. */
size_t pcapng_write_header(uint8_t out[PCAPNG_HEADER_MAX], const char *comment);

/** Bytes that a packet takes; 0 for one that is no UDP datagram. */
size_t pcapng_packet_size(const struct pcapng_packet *packet);

/** @out: pcapng_packet_size() bytes */
void pcapng_write_packet(uint8_t *out, const struct pcapng_packet *packet);
