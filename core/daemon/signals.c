/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "io/watch.h"

struct tp_signals {
	int fd;
	struct tp_watch *watch;
	void (*raised)(void *owner, int number);
	void *owner;
};

static sigset_t handled(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	return set;
}

void tp_signals_block(void)
{
	const sigset_t set = handled();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void on_readable(void *owner)
{
	struct tp_signals *signals = owner;
	struct signalfd_siginfo signal;

	if (read(signals->fd, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
		signals->raised(signals->owner, (int)signal.ssi_signo);
	}
}

int tp_signals_open(struct tp_loop *loop, void (*raised)(void *owner, int number), void *owner,
		    struct tp_signals **out)
{
	struct tp_signals *signals = calloc(1, sizeof(*signals));
	const sigset_t set = handled();
	int err = TP_EIO;

	if (signals == NULL) {
		return TP_ENOMEM;
	}
	signals->raised = raised;
	signals->owner = owner;
	signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals->fd != -1) {
		err = tp_watch_create(loop, signals->fd, TP_WATCH_READABLE, on_readable, signals,
				      &signals->watch);
	}
	if (err != 0) {
		tp_signals_close(&signals);
		return err;
	}
	*out = signals;
	return 0;
}

void tp_signals_close(struct tp_signals **where)
{
	struct tp_signals *signals = *where;

	if (signals == NULL) {
		return;
	}
	tp_watch_free(&signals->watch);
	if (signals->fd != -1) {
		close(signals->fd);
	}
	free(signals);
	*where = NULL;
}

void tp_signals_let_end(void)
{
	const sigset_t set = handled();

	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
