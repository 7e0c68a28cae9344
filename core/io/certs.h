/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * Server certificate chains and keys, shared by all workers and counted: a
 * session keeps those it began with.
 */
struct tp_certs;

/**
 * Load PEM files.
 *
 * @certificate: chain, leaf first; @key: private key, unencrypted
 * @problem:     set to a sentence naming the file, when it failed; 256 bytes
 *
 * Errors: TP_ENOENT, TP_EPERM, TP_EINVAL (no certificate, no key, they do not
 *         match), TP_ENOMEM
 */
int tp_certs_load(const char *certificate, const char *key, char problem[256],
		  struct tp_certs **out);

/**
 * One more pair for a server: clients that ask for one of its names (SNI) get it,
 * others the first that was loaded. Before the certificates are used; on error
 * they are as before. As tp_certs_load().
 */
int tp_certs_add(struct tp_certs *certs, const char *certificate, const char *key,
		 char problem[256]);

/**
 * Client side: verify servers against this PEM file, or the system's when NULL;
 * or not at all.
 */
int tp_certs_client(const char *ca_file, bool verify, char problem[256], struct tp_certs **out);

/** Thread: any. */
struct tp_certs *tp_certs_ref(struct tp_certs *certs);
/** Thread: any. Sets the pointer to NULL; NULL inside is fine. */
void tp_certs_unref(struct tp_certs **certs);
