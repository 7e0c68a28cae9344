/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/**
 * "turnpike-probe load": generate load for a TURN server, as its clients and
 * their peers, and report what it gets through.
 *
 * @argv: argv[0] is "load"
 *
 * Returns the exit status.
 */
int tp_load_main(int argc, char **argv);
