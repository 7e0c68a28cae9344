/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How the public headers mark what the daemon exports. A plugin links against
 * nothing: the loader binds these symbols to the running daemon.
 */

#ifdef __cplusplus
#define TP_BEGIN_DECLS extern "C" {
#define TP_END_DECLS }
#else
#define TP_BEGIN_DECLS
#define TP_END_DECLS
#endif

#define TP_API __attribute__((visibility("default")))
#define TP_PRINTF(at, first) __attribute__((format(printf, at, first)))
