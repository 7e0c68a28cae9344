/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/attr.h"
#include "stun/build.h"
#include "stun/integrity.h"
#include "stun/msg.h"

/*
 * A TURN client as bytes: makes the requests a test sends and reads what comes
 * back. It knows nothing of how they travel.
 */
struct turn_client {
	const char *user;
	const char *password;
	char realm[128];
	char nonce[128];
	uint16_t algorithm;  /* 0: none of the two attributes, MD5 key */
	uint16_t offered[8]; /* PASSWORD-ALGORITHMS as received */
	size_t offered_count;
	bool sha256;   /* MESSAGE-INTEGRITY-SHA256 */
	bool userhash; /* USERHASH in place of USERNAME */
	bool fingerprint;
	uint32_t transaction; /* number of the last one */
	struct tp_build build;
	uint8_t bytes[4096];
	size_t len;
};

void turn_client_init(struct turn_client *client, const char *user, const char *password);

/** Begin a request with the next transaction id; attributes go to client->build. */
struct tp_build *turn_client_begin(struct turn_client *client, uint16_t method);
struct tp_build *turn_client_begin_indication(struct turn_client *client, uint16_t method);

/** Add credentials when realm and nonce are known, integrity, fingerprint; bytes and len are set.
 */
void turn_client_sign(struct turn_client *client);

/** No credentials; bytes and len are set. */
void turn_client_finish(struct turn_client *client);

/** Take realm, nonce and algorithms out of a 401 or 438. */
void turn_client_learn(struct turn_client *client, const struct tp_stun_msg *response);

/** The key for the credentials as they stand. */
struct tp_key turn_client_key(const struct turn_client *client);

/** Error code of a response; 0 for success. */
uint16_t turn_client_code(const struct tp_stun_msg *response);
