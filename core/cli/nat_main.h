/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/**
 * "turnpike-probe nat": find out what the NAT on the way to a server does.
 *
 * @argv: argv[0] is "nat"
 *
 * Returns the exit status.
 */
int tp_nat_main(int argc, char **argv);
