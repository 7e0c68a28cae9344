/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What was logged while a test host was there. */

/** Keep lines of all levels from now on, none so far. */
void tp_test_log_open(void);
/** Let lines go where they went before. */
void tp_test_log_close(void);
/** A copy of what was kept, valid until the next call. */
const char *tp_test_log_text(void);
