/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/crash.h"

#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/observation.h"

#define STACK_SIZE 65536
#define LINE_SIZE 256

static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

#define FATAL_COUNT (sizeof(fatal) / sizeof(fatal[0]))

/* What would have been done without us. */
static struct sigaction before[FATAL_COUNT];

static _Thread_local void *own_stack;

/* Nothing but write() is safe here, so the line is put together by hand. */
static size_t put(char line[LINE_SIZE], size_t len, const char *text)
{
	while (*text != '\0' && len < LINE_SIZE - 1) {
		line[len++] = *text++;
	}
	return len;
}

static void say_where(void)
{
	char line[LINE_SIZE];
	const char *instance;
	const char *event;
	size_t len = put(line, 0, "turnpike: crashed");
	ssize_t written;

	if (tp_observation_current(&instance, &event)) {
		len = put(line, len, " in plugin ");
		len = put(line, len, instance);
		len = put(line, len, " (");
		len = put(line, len, event);
		len = put(line, len, ")");
	}
	line[len++] = '\n';
	written = write(STDERR_FILENO, line, len);
	(void)written; /* there is nobody left to tell */
}

/* It happens again, or was sent, as soon as the handler has returned. */
static void on_crash(int number, siginfo_t *info, void *machine)
{
	(void)machine;
	say_where();
	for (size_t i = 0; i < FATAL_COUNT; i++) {
		sigaction(fatal[i], &before[i], NULL);
	}
	if (info->si_code <= 0 || number == SIGABRT) {
		raise(number);
	}
}

void tp_crash_watch(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigemptyset(&action.sa_mask);
	action.sa_sigaction = on_crash;
	for (size_t i = 0; i < FATAL_COUNT; i++) {
		sigaction(fatal[i], &action, &before[i]);
	}
}

void tp_crash_stack_open(void)
{
	stack_t stack;

	/* A sanitizer has brought one. */
	if (own_stack != NULL || sigaltstack(NULL, &stack) != 0 ||
	    (stack.ss_flags & SS_DISABLE) == 0) {
		return;
	}
	own_stack = malloc(STACK_SIZE);
	if (own_stack == NULL) {
		return;
	}
	stack = (stack_t){.ss_sp = own_stack, .ss_size = STACK_SIZE};
	if (sigaltstack(&stack, NULL) != 0) {
		free(own_stack);
		own_stack = NULL;
	}
}

void tp_crash_stack_close(void)
{
	const stack_t none = {.ss_flags = SS_DISABLE, .ss_size = STACK_SIZE};

	if (own_stack != NULL) {
		sigaltstack(&none, NULL);
		free(own_stack);
		own_stack = NULL;
	}
}
