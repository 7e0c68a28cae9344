/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <turnpike/addr.h>

#include "cli/probe_options.h"

/* What "turnpike-probe load" was asked to do. */
#define TP_LOAD_ALLOCATIONS_MAX 60000
#define TP_LOAD_SIZE_MAX 8192
#define TP_LOAD_TRAIN_MAX 64
#define TP_LOAD_TRAIN_BYTES_MAX 60000
#define TP_LOAD_SECONDS_MAX 240 /* permissions last for 300 (RFC 8656 section 9) */

enum tp_load_target {
	TP_LOAD_TARGET_TURN,
	TP_LOAD_TARGET_FORWARDER, /* udp: relays without a protocol */
	TP_LOAD_TARGET_SINK,      /* sink: only takes */
};

enum tp_load_mode {
	TP_LOAD_CHANNEL,
	TP_LOAD_SEND,
	TP_LOAD_HAIRPIN,
	TP_LOAD_BINDING,
	TP_LOAD_ALLOCATE,
	TP_LOAD_IDLE,
};

struct tp_load_options {
	const char *url;
	enum tp_load_target target;
	enum tp_transport transport; /* UDP or TCP */
	char host[TP_PROBE_HOST_MAX + 1];
	uint16_t port;
	const char *user;     /* NULL: none */
	const char *password; /* NULL: none */
	const char *secret;   /* NULL: none */
	enum tp_load_mode mode;
	uint32_t allocations;
	size_t size;   /* of the payload in bytes */
	uint32_t rate; /* packets, requests or cycles a second in all; 0: as many as go through */
	uint32_t seconds;
	uint32_t train;   /* packets in a row from one sender to one destination */
	bool up;          /* client to peer */
	bool down;        /* peer to client */
	pid_t server_pid; /* 0: not asked for */
	bool json;
	bool help;
};

/** "channel", "send", … Owner: static storage. */
const char *tp_load_mode_name(enum tp_load_mode mode);

/**
 * Read the command line, of which argv[0] is "load". Texts are borrowed from
 * @argv.
 *
 * @problem: set to a sentence when refused, 256 bytes
 *
 * Errors: TP_EINVAL
 */
int tp_load_options_parse(int argc, char **argv, struct tp_load_options *options,
			  char problem[256]);

/** The text of --help. Owner: static storage. */
const char *tp_load_usage(void);
