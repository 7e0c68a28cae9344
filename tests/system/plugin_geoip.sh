#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# geoip in a real daemon: a country is refused, and the database changes.

. "$(dirname "$0")/lib.sh"

if [ ! -f "$build/plugins/geoip.so" ]; then
	echo "geoip is not built"
	finish
	exit 0
fi
make_certs
config=$work/turnpike.conf
cc -D_GNU_SOURCE -I"$root/tests" -o "$work/mmdb" -xc - "$root/tests/plugins/mmdb_writer.c" <<-'END'
	#include <stdio.h>

	#include "plugins/mmdb_writer.h"

	/* mmdb NETWORK COUNTRY NUMBER ... >FILE */
	int main(int argc, char **argv)
	{
		static struct mmdb_writer writer;
		static unsigned char bytes[MMDB_SIZE_MAX];

		mmdb_writer_init(&writer);
		for (int i = 1; i + 2 < argc; i += 3) {
			unsigned number = 0;

			sscanf(argv[i + 2], "%u", &number);
			mmdb_writer_add(&writer, argv[i], argv[i + 1], number);
		}
		return fwrite(bytes, 1, mmdb_writer_finish(&writer, bytes), stdout) == 0;
	}
	END

# database COUNTRY NUMBER: of 127.0.0.0/8; put in place at once
database() {
	"$work/mmdb" 127.0.0.0/8 "$1" "$2" 192.0.2.0/24 DE 64496 >"$work/new.mmdb"
	mv "$work/new.mmdb" "$work/db.mmdb"
}

configured() {
	write_config "$config" "plugins = geoip auth_file" <<-END
	[plugin.geoip]
	country_database = $work/db.mmdb
	as_database = $work/db.mmdb
	reload_interval = 1s
	$1
	END
}

database DE 64496
configured "client_deny_countries = DE"
start_daemon "$config"
udp=$(port_of udp 127.0.0.1)
tcp=$(port_of tcp 127.0.0.1)

probe_by() {
	run_probe -4 --timeout 2 --count 5 -u "$user" -p "$password" "$@"
}

# meets PATTERN ARGS...: the probe fails, with those words.
meets() {
	local pattern=$1

	shift
	exits 1 probe_by "$@" >"$work/probe.log"
	cat "$work/probe.log"
	grep -Eq "^FAILED.*$pattern" "$work/probe.log"
}

check "a client of the country is refused" meets 403 "turn:127.0.0.1:$udp"
check "its connection is closed at once" exits 1 probe_by "turn:127.0.0.1:$tcp?transport=tcp"
refusals() {
	ctl counters | grep -E "plugin.geoip.clients_refused +[2-9]"
}
check "both are counted" refusals

database AT 64497
check "the database says otherwise: it gets in" within 15 probe_by "turn:127.0.0.1:$udp"
check "by TCP, too" probe_by "turn:127.0.0.1:$tcp?transport=tcp"
echo "cut short" >"$work/db.mmdb"
broken() {
	grep -q "the database stays as it was" "$daemon_log"
}
check "a broken one is named in the log" within 10 broken
check "and changes nothing" probe_by "turn:127.0.0.1:$udp"
database AT 64497

configured "client_allow_as = AS64497
peer_deny_as = AS64497"
check "rules are read again" ctl reload
check "a peer of the network cannot be reached" meets "CreatePermission.*403|403" "turn:127.0.0.1:$udp"
configured "client_allow_as = AS64496"
check "other rules" ctl reload
check "who is on no list stays out" meets 403 "turn:127.0.0.1:$udp"
configured "client_allow_countries = D"
check "rules with a mistake" exits 1 ctl reload
check "change nothing" meets 403 "turn:127.0.0.1:$udp"

stop_daemon
finish
