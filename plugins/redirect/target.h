/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * A server as the operator writes it: [TRANSPORT[+TRANSPORT]...://]HOST[:PORT][*WEIGHT].
 * Without transports it takes clients of all four, with a port those of udp and tcp.
 */

#define TARGET_HOST_MAX 253 /* RFC 1035 section 3.1, as text */
#define TARGET_WEIGHT_MAX 1000
#define TARGET_PROBLEM_SIZE 320

struct target {
	char name[TARGET_HOST_MAX + 64]; /* as written, without the weight; lower case */
	char host[TARGET_HOST_MAX + 1];  /* empty: addr says it */
	struct tp_addr addr;             /* port 0; family NONE: host is to be resolved */
	uint16_t port;                   /* 0: the transport's own */
	unsigned transports;             /* 1 << enum tp_transport, or-ed */
	unsigned weight;                 /* 1 to TARGET_WEIGHT_MAX */
};

/**
 * Read one.
 *
 * @problem: a sentence about @word
 *
 * Errors: TP_EINVAL
 */
int target_parse(const char *word, struct target *out, char problem[TARGET_PROBLEM_SIZE]);

/** Where it takes clients of a transport. */
uint16_t target_port(const struct target *target, enum tp_transport transport);

bool target_takes(const struct target *target, enum tp_transport transport);
