#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A dual allocation (RFC 8656 section 7.2): media of peers of both families.

. "$(dirname "$0")/lib.sh"

make_certs
write_config "$work/turnpike.conf" </dev/null
start_daemon "$work/turnpike.conf"
check "peers of both families" \
	"$root/tests/system/dual.py" "$(port_of udp 127.0.0.1)" "$user" "$password"
stop_daemon
finish
