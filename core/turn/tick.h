/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct tp_server;

/*
 * on_server_tick: about once a second while somebody subscribes, and no timer
 * at all while nobody does.
 */

/** At first, and whenever plugins have come or gone. */
void tp_tick_begin(struct tp_server *server);

void tp_tick_end(struct tp_server *server);
