/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/turnpikectl_user.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static bool wants_password(const char *verb)
{
	return strcmp(verb, "add") == 0 || strcmp(verb, "passwd") == 0;
}

bool tp_ctl_is_user(char *const *words, size_t count)
{
	return count >= 1 && strcmp(words[0], "user") == 0;
}

/* --- passwords ------------------------------------------------------------------------ */

static bool read_line(FILE *from, char out[TP_CTL_PASSWORD_SIZE])
{
	size_t len;

	if (fgets(out, TP_CTL_PASSWORD_SIZE, from) == NULL) {
		return false;
	}
	len = strcspn(out, "\r\n");
	if (out[len] == '\0' && len == TP_CTL_PASSWORD_SIZE - 1) {
		return false;
	}
	out[len] = '\0';
	return true;
}

static bool ask(FILE *terminal, const char *prompt, char out[TP_CTL_PASSWORD_SIZE])
{
	bool read;

	fputs(prompt, terminal);
	fflush(terminal);
	read = read_line(terminal, out);
	fputc('\n', terminal);
	return read;
}

static const char *ask_twice(FILE *terminal, char out[TP_CTL_PASSWORD_SIZE])
{
	char again[TP_CTL_PASSWORD_SIZE];
	const char *wrong = NULL;

	if (!ask(terminal, "Password: ", out) || !ask(terminal, "Once more: ", again)) {
		wrong = "the password cannot be read, or is too long";
	} else if (strcmp(out, again) != 0) {
		wrong = "these are two passwords";
	}
	explicit_bzero(again, sizeof(again));
	return wrong;
}

/* What is typed is not shown. */
static const char *ask_terminal(char out[TP_CTL_PASSWORD_SIZE])
{
	FILE *terminal = fopen("/dev/tty", "r+");
	struct termios before;
	struct termios silent;
	const char *wrong;

	if (terminal == NULL || tcgetattr(fileno(terminal), &before) != 0) {
		if (terminal != NULL) {
			fclose(terminal);
		}
		return "there is no terminal to ask for the password";
	}
	setvbuf(terminal, NULL, _IONBF, 0);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fileno(terminal), TCSAFLUSH, &silent);
	wrong = ask_twice(terminal, out);
	tcsetattr(fileno(terminal), TCSAFLUSH, &before);
	fclose(terminal);
	return wrong;
}

static const char *read_password(char out[TP_CTL_PASSWORD_SIZE])
{
	const char *wrong = NULL;

	if (isatty(STDIN_FILENO)) {
		return ask_terminal(out);
	}
	setvbuf(stdin, NULL, _IONBF, 0);
	if (!read_line(stdin, out)) {
		wrong = "the standard input has no password, or one that is too long";
	}
	return wrong;
}

/* --- words ------------------------------------------------------------------------------ */

static void put(struct tp_ctl_user *user, char *word)
{
	user->words[user->count++] = word;
}

const char *tp_ctl_user_make(char *const *words, size_t count, struct tp_ctl_user *out)
{
	static char plugin[] = "plugin";
	static char verb[] = "do";
	static char name[] = "auth_sql";
	const char *wrong = NULL;

	memset(out, 0, sizeof(*out));
	if (count < 2 || count > 4 || (wants_password(words[1]) && count < 3)) {
		return "user add NAME [REALM], user passwd NAME [REALM], user delete NAME [REALM], "
		       "or user list [REALM]";
	}
	put(out, plugin);
	put(out, verb);
	put(out, name);
	for (size_t i = 0; i < count; i++) {
		put(out, words[i]);
		if (i == 2 && wants_password(words[1])) {
			wrong = read_password(out->password);
			put(out, out->password);
		}
	}
	return wrong;
}

void tp_ctl_user_wipe(struct tp_ctl_user *user)
{
	explicit_bzero(user, sizeof(*user));
}
