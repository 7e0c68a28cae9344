/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/control.h"

/* One function per row of tp_control_verbs, by file. */

/* control_workers_verbs.c: those that need the workers */
void tp_control_status(struct tp_control_call *call, size_t argc, char **argv);
void tp_control_sessions(struct tp_control_call *call, size_t argc, char **argv);
void tp_control_drain(struct tp_control_call *call, size_t argc, char **argv);
void tp_control_kill(struct tp_control_call *call, size_t argc, char **argv);

/* control_plugins.c */
void tp_control_plugins(struct tp_control_call *call, size_t argc, char **argv);
void tp_control_plugin_do(struct tp_control_call *call, size_t argc, char **argv);
