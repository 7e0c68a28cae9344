/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct tp_loop;

/* SIGTERM, SIGINT, SIGHUP and SIGUSR1 as events of the main loop. */
struct tp_signals;

/**
 * Hold them back, on this thread and those it starts: before the first of those,
 * so that none of them is ever interrupted.
 */
void tp_signals_block(void);

/**
 * @raised: called on the loop with the number of the signal
 *
 * Errors: TP_ENOMEM, TP_EIO
 */
int tp_signals_open(struct tp_loop *loop, void (*raised)(void *owner, int number), void *owner,
		    struct tp_signals **out);

/** Sets the pointer to NULL; NULL inside is fine. */
void tp_signals_close(struct tp_signals **signals);

/** From here on another SIGTERM or SIGINT ends the process at once. */
void tp_signals_let_end(void);
