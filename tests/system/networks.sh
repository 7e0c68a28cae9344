# SPDX-License-Identifier: Apache-2.0
# Network namespaces around a router, for a test alone; to be sourced after lib.sh.
# Each is held by a process, by whose id it is known, and ends with it.

separate() {
	[ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# make_network NAME: sets the variable of that name; skips the test where it is not allowed.
make_network() {
	if ! unshare --net true 2>/dev/null; then
		echo "skipped: needs root and network namespaces"
		exit 0
	fi
	unshare --net sleep 600 &
	pids+=($!)
	within 5 separate $!
	printf -v "$1" %s $!
}

# enter NAMESPACE COMMAND...
enter() {
	nsenter --net="/proc/$1/ns/net" "${@:2}"
}

# inside_of NAMESPACE FILE: write a program that runs the daemon there.
inside_of() {
	printf '#!/bin/sh\nexec nsenter --net=/proc/%s/ns/net %s "$@"\n' "$1" "$turnpike" >"$2"
	chmod 755 "$2"
}

# make_networks NAME...: those and "router".
make_networks() {
	local network

	for network in router "$@"; do
		make_network "$network"
	done
	enter "$router" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	enter "$router" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

# connect NAME NAMESPACE ADDRESS ROUTERS ADDRESS6 ROUTERS6: a cable to the router.
connect() {
	ip link add "$1" netns "$2" type veth peer name "$1" netns "$router"
	enter "$2" ip address add "$3/24" dev "$1"
	enter "$router" ip address add "$4/24" dev "$1"
	enter "$2" ip link set "$1" up
	enter "$router" ip link set "$1" up
	enter "$2" ip route add default via "$4"
	enter "$2" ip link set lo up
	enter "$2" ip address add "$5/64" dev "$1" nodad
	enter "$router" ip address add "$6/64" dev "$1" nodad
	enter "$2" ip -6 route add default via "$6"
}
