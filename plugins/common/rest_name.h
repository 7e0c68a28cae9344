/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Names and passwords that a web service makes from a secret
 * (draft-uberti-behave-turn-rest-00): the name is an expiry in seconds since 1970,
 * alone or before or behind a separator and any text; the password is
 * base64(HMAC-SHA1(secret, name)).
 */

#define REST_PASSWORD_SIZE 32 /* base64 of 20 bytes is 28 */

/** -1 for a name without an expiry. */
int64_t rest_name_expiry(const char *name, char separator);

/** To be wiped. Returns false when the library fails. */
bool rest_name_password(const char *name, const char *secret, char out[REST_PASSWORD_SIZE]);
