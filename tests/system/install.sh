#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What "make install" puts down is all that an administrator and the author of a
# plugin need: the installed daemon loads a plugin that knows the installed headers only.

. "$(dirname "$0")/lib.sh"

dest=$work/dest
prefix=/usr/local

make_install() {
	MAKEFLAGS='' make -s -C "$root" BUILD="$build" install DESTDIR="$dest" PREFIX=$prefix
}
check "make install" make_install

daemon_binary=$(find "$dest$prefix" -type f -name turnpike -perm -u+x | head -n 1)
probe=$(find "$dest$prefix" -type f -name turnpike-probe | head -n 1)
check "the daemon is installed" test -x "$daemon_binary"
check "turnpike-probe is installed" test -x "$probe"
check "manual pages are installed" test -f "$dest$prefix/share/man/man1/turnpike-probe.1"
check "the configuration is installed" test -f "$dest/etc/turnpike/turnpike.conf"

# The plugin of the documentation, word for word what an author writes.
mkdir "$work/plugin"
cat >"$work/plugin/no_low_ports.c" <<'END'
#include <turnpike/plugin.h>

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	(void)self;
	if (tp_addr_port(event->client_addr) < LIMIT) {
		return tp_request_deny(request, 403, "not from this port");
	}
	return TP_PASS;
}

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
};

TP_PLUGIN("no_low_ports", "1.0", "refuse clients on low ports", .events = &events);
END

# build_plugin LIMIT: away from the source tree
build_plugin() {
	(cd "$work/plugin" && cc -shared -fPIC -Wall -Wextra -Werror -DLIMIT="$1" \
		-I"$dest$prefix/include" -o no_low_ports.so no_low_ports.c &&
		chmod 755 no_low_ports.so)
}

make_certs
write_config "$work/turnpike.conf" "plugins = $work/plugin/no_low_ports.so auth_file" </dev/null
sed -i "s|^plugin_dir = .*|plugin_dir = $dest$prefix/lib/turnpike/plugins|" "$work/turnpike.conf"

with_limit() {
	build_plugin "$1" && start_daemon "$work/turnpike.conf" || return 1
	udp=$(port_of udp 127.0.0.1)
}
login=(-u "$user" -p "$password" --timeout 3)
udp=0

check "the plugin builds and loads" with_limit 1024
check "it lets others pass" run_probe "turn:127.0.0.1:$udp" "${login[@]}"
stop_daemon

says_no() {
	exits 1 run_probe "turn:127.0.0.1:$udp" "${login[@]}" >"$work/out" &&
		grep -q "FAILED  Allocate A .*403: .*not from this port" "$work/out"
}
check "the plugin builds and loads again" with_limit 65535
check "it refuses, in its own words" says_no
stop_daemon

finish
