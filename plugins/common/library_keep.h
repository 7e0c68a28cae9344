/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/**
 * Keep the library in memory that a function is from, for good. Some set up tables
 * when first used and never give them back: unloaded with a plugin and loaded with
 * the next one they would do so again and again. For create.
 */
void library_keep(void (*function)(void));
