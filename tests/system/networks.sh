# SPDX-License-Identifier: Apache-2.0
# Network namespaces around a router, for a test alone; to be sourced after lib.sh.

router=tp-router-$$
networks=()

leave_networks() {
	local status=$? name

	set +e
	for name in "${networks[@]}"; do
		ip netns del "$name" 2>/dev/null
	done
	(exit $status)
	cleanup
}
trap leave_networks EXIT

# make_networks NAME...: those and the router's; skips the test where that is not allowed.
make_networks() {
	local name

	for name in "$router" "$@"; do
		networks+=("$name")
		if ! ip netns add "$name" 2>/dev/null; then
			echo "skipped: needs root and network namespaces"
			exit 0
		fi
	done
	nsenter --net=/run/netns/"$router" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	nsenter --net=/run/netns/"$router" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
}

# connect NAME NAMESPACE ADDRESS ROUTERS ADDRESS6 ROUTERS6: a cable to the router.
connect() {
	ip link add "$1" netns "$2" type veth peer name "$1" netns "$router"
	ip -n "$2" address add "$3/24" dev "$1"
	ip -n "$router" address add "$4/24" dev "$1"
	ip -n "$2" link set "$1" up
	ip -n "$router" link set "$1" up
	ip -n "$2" route add default via "$4"
	ip -n "$2" link set lo up
	ip -n "$2" address add "$5/64" dev "$1" nodad
	ip -n "$router" address add "$6/64" dev "$1" nodad
	ip -n "$2" -6 route add default via "$6"
}
