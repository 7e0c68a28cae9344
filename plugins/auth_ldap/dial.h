/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <ldap.h>

#include "settings.h"

#define DIAL_PROBLEM_SIZE 320
#define DIAL_ANSWER_MAX 262144 /* bytes of one message that a server may send */

/**
 * Set up what libldap has once for all, which it cannot do on two threads at a time.
 * For create.
 *
 * Errors: TP_EINVAL when it cannot use the authorities of the settings
 */
int dial_prepare(const struct settings *settings);

/**
 * Connect to the first server that lets us in: name look-up, TCP, TLS, bind. Blocks,
 * and so is for a job: libldap looks up names, shakes hands and binds without
 * coming back in between, LDAP_OPT_CONNECT_ASYNC or not. Each step has a deadline.
 *
 * The password is read from its file each time: who changes it there need not
 * reload anything.
 *
 * @problem: a sentence for each server when none does, without secrets
 *
 * Owner: the caller, dial_hang_up(). It never blocks from now on.
 *
 * Returns NULL when none does.
 */
LDAP *dial(const struct settings *settings, char problem[DIAL_PROBLEM_SIZE]);

/** Say good-bye, without waiting. NULL inside is fine. Sets the pointer to NULL. */
void dial_hang_up(LDAP **ldap);
