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

# enter NAMESPACE COMMAND...: without the mounts of "ip netns exec", which not every root has.
enter() {
	nsenter --net=/run/netns/"$1" "${@:2}"
}

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
