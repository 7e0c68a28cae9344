/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * "user add NAME [REALM]" and the like, which stand for what the plugin auth_sql
 * does: "plugin do auth_sql user add NAME PASSWORD [REALM]". The password does not
 * stand on the command line, where others see it.
 */

#define TP_CTL_PASSWORD_SIZE 1024
#define TP_CTL_USER_WORDS_MAX 8

struct tp_ctl_user {
	char *words[TP_CTL_USER_WORDS_MAX]; /* what is sent */
	size_t count;
	char password[TP_CTL_PASSWORD_SIZE];
};

/** Is it one of these requests? */
bool tp_ctl_is_user(char *const *words, size_t count);

/**
 * Say it to the plugin. Asks on the terminal for a password, twice; without a
 * terminal it is the first line of the standard input.
 *
 * @out: borrows @words; to be wiped
 *
 * Errors: a sentence; NULL when it succeeded
 */
const char *tp_ctl_user_make(char *const *words, size_t count, struct tp_ctl_user *out);

void tp_ctl_user_wipe(struct tp_ctl_user *user);
