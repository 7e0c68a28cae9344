/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** Unpredictable bytes from GnuTLS; aborts when the system has none. Thread: any. */
void tp_rand_bytes(void *out, size_t len);

/** Unbiased number in 0 … @below - 1; @below > 0. Thread: any. */
uint32_t tp_rand_below(uint32_t below);
