/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/api.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

struct tp_ticket {
	uint64_t id; /* worker, slot and generation; 0 is never valid */
};

/* So many further passwords may be tried, for instance while a secret is changed. */
#define TP_MORE_PASSWORDS_MAX 8

/* Bytes. */
#define TP_MAC_KEY_MIN 16
#define TP_MAC_KEY_MAX 32

/*
 * What a provider supplies for a user. Give the password, or the key of the
 * algorithm in use, or both keys; or "mac_key" and none of them. All is copied, and
 * wiped when no longer needed.
 *
 * What "mac_key" allows lasts no longer than valid_for_s, allocations included; a
 * token with another user name carries on what an earlier one has allocated.
 */
struct tp_credentials {
	size_t size;               /* sizeof(struct tp_credentials) */
	const char *password;      /* UTF-8, as RFC 8265 OpaqueString; or NULL */
	const uint8_t *key_md5;    /* 16 bytes, MD5 of "user:realm:password"; or NULL */
	const uint8_t *key_sha256; /* 32 bytes, SHA-256 of the same; or NULL */
	const char *user;          /* the name, when the client sent USERHASH; else NULL keeps it */
	uint32_t valid_for_s;      /* the same allocation asks again after this; 0: each time */
	uint32_t max_allocations;  /* at a time for this user; 0: the daemon's limit */
	uint32_t max_lifetime_s;   /* of this user's allocations; 0: the daemon's limit */
	const char *const *more_passwords; /* tried in turn when "password" does not fit; or NULL */
	size_t more_password_count;        /* at most TP_MORE_PASSWORDS_MAX */
	uint64_t max_bits_per_s;    /* of each allocation and direction; 0: no limit; since 1.1 */
	uint64_t max_packets_per_s; /* the same */
	const uint8_t *mac_key;     /* of an access token, RFC 7635: the integrity key as it is */
	size_t mac_key_len;         /* TP_MAC_KEY_MIN to TP_MAC_KEY_MAX; since 1.1 */
};

/**
 * Answer a request that a handler parked.
 *
 * The first answer counts. A later one, or one for a request that has ended
 * meanwhile, is dropped and counted as stale.
 *
 * @ticket:  from tp_request_park(); a value, copy it freely
 * @verdict: TP_PASS (go on with the next handler), TP_ALLOW or TP_DENY;
 *           TP_ALLOW at on_stun_request_authorization is tp_ticket_provide()'s
 * @code:    STUN error code to send with TP_DENY, 0 for the event's own; else 0
 *
 * Units:  code in decimal, class times 100 plus number, 300 to 699
 * Owner:  keeps nothing of the caller's
 * Thread: any; the owning worker acts on it in its next loop turn
 * Errors: TP_EINVAL for another verdict or code, TP_ESTALE when the ticket is
 *         known to have ended, TP_ESHUTDOWN when stopping, TP_EFULL when too
 *         many answers wait to be taken up, TP_ENOMEM
 * RFC:    8489 section 14.8
 */
TP_API int tp_ticket_answer(struct tp_ticket ticket, enum tp_verdict verdict, uint16_t code);

/**
 * Answer a parked on_stun_request_authorization with credentials.
 *
 * Thread, errors: as tp_ticket_answer()
 */
TP_API int tp_ticket_provide(struct tp_ticket ticket, const struct tp_credentials *credentials);

/**
 * Answer a parked request with TP_DENY and words of your own.
 *
 * @reason: copied, cut at 127 bytes; NULL for the registered phrase
 *
 * Thread, errors: as tp_ticket_answer()
 * Since: 1.1
 */
TP_API int tp_ticket_deny(struct tp_ticket ticket, uint16_t code, const char *reason);

TP_END_DECLS
