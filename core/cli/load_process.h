/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * What the system says about another process, from /proc.
 */

/** CPU time of all its living threads in ns; 0 when it cannot be read. */
uint64_t tp_load_process_cpu_ns(pid_t pid);

/** Resident memory in bytes; 0 when it cannot be read. */
uint64_t tp_load_process_rss(pid_t pid);
