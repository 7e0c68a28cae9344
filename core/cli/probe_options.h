/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

/* What turnpike-probe was asked to do. */
#define TP_PROBE_HOST_MAX 255

struct tp_probe_options {
	const char *url;
	bool turn; /* allocate and relay; otherwise Binding only */
	enum tp_transport transport;
	char host[TP_PROBE_HOST_MAX + 1]; /* a name, or an address without brackets */
	uint16_t port;
	const char *user;        /* NULL: none */
	const char *password;    /* NULL: none */
	const char *secret;      /* NULL: none */
	const char *ca_file;     /* NULL: the system's */
	const char *server_name; /* to ask for in TLS; NULL: the host */
	bool insecure;
	uint32_t count;
	size_t size;
	enum tp_family family; /* of the relayed addresses; TP_FAMILY_NONE: not asked for */
	enum tp_family reach;  /* of the server's address; TP_FAMILY_NONE: any */
	uint32_t timeout_ms;
	unsigned max_loss_percent;
	bool prefer_sha256;
	bool json;
	bool help;
	bool version;
};

/**
 * Read "turn:host:port?transport=udp" and its kin (RFC 7064, RFC 7065): schemes
 * stun, stuns, turn, turns; ports 3478 and 5349 unless written; transports udp
 * and tcp, by default udp for stun and turn, tcp for stuns and turns. "turns"
 * with udp is DTLS.
 *
 * @problem: set to a sentence when refused; static storage
 *
 * Errors: TP_EINVAL
 */
int tp_probe_url_parse(const char *url, struct tp_probe_options *options, const char **problem);

/**
 * Read the command line. Texts are borrowed from @argv.
 *
 * @problem: set to a sentence when refused, 256 bytes
 *
 * Errors: TP_EINVAL
 */
int tp_probe_options_parse(int argc, char **argv, struct tp_probe_options *options,
			   char problem[256]);

/** The text of --help. Owner: static storage. */
const char *tp_probe_usage(void);
