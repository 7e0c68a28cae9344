/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/**
 * From now on a crash leaves a line on standard error before the process ends as
 * it would have: "turnpike: crashed in plugin NAME (EVENT)", or "turnpike:
 * crashed" when no plugin's code was running. Main thread, at start.
 */
void tp_crash_watch(void);

/*
 * A stack of its own for that handler on this thread, so that it can run when the
 * other one is full; given back by the same thread. Without memory: none.
 */
void tp_crash_stack_open(void);
void tp_crash_stack_close(void);
