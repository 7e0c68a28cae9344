#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# turnpike-probe nat and coturn's client behind real address translators: a
# client, a router and the server, each in a network namespace of its own.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/networks.sh"

if ! command -v nft >/dev/null; then
	echo "skipped: needs nft"
	exit 0
fi
make_networks client server

in_client() {
	enter $client "$@"
}

connect inside $client 192.0.2.2 192.0.2.1 2001:db8:1::2 2001:db8:1::1
connect outside $server 198.51.100.10 198.51.100.1 2001:db8:2::10 2001:db8:2::1
enter $server ip address add 198.51.100.11/24 dev outside
enter $server ip address add 2001:db8:2::11/64 dev outside nodad

cat >"$work/turnpike.conf" <<END
[turnpike]
realm = $realm
workers = 2
control = $work/turnpike.conf.sock

[listener.nat]
transport = udp tcp
address = 198.51.100.10
alternate_address = 198.51.100.11:3479

[listener.nat6]
transport = udp
address = 2001:db8:2::10
alternate_address = [2001:db8:2::11]:3479
END
daemon_binary=$work/turnpike
inside_of "$server" "$daemon_binary"
start_daemon "$work/turnpike.conf"

# translate: what the router does from now on, by nft rules from standard input.
translate() {
	enter $router nft flush ruleset
	enter $router nft -f -
}

# finds NAT MAPPING FILTERING HAIRPINNING [HOST]
finds() {
	in_client timeout 60 "$probe" nat --timeout 1 --json "stun:${5-198.51.100.10}" \
		>"$work/nat.json" || return 1
	cat "$work/nat.json"
	grep -q "\"nat\":$1,\"mapping\":\"$2\",\"filtering\":\"$3\",\"hairpinning\":$4," \
		"$work/nat.json"
}

# coturn_says WORDS OPTIONS...
coturn_says() {
	local words=$1

	shift
	in_client timeout 60 turnutils_natdiscovery "$@" 198.51.100.10 >"$work/coturn.out" 2>&1 || true
	cat "$work/coturn.out"
	grep -q "$words" "$work/coturn.out"
}

independent=endpoint-independent
address=address-dependent
port="address and port-dependent"

# The kernel takes a moment to be sure of its IPv6 addresses.
reaches() {
	in_client timeout 10 "$probe" --timeout 1 "stun:$1" >/dev/null 2>&1
}
within 20 reaches 198.51.100.10
within 20 reaches '[2001:db8:2::10]'

translate </dev/null
check "a router only" finds false $independent $independent true
check "the same, IPv6" finds false $independent $independent true '[2001:db8:2::10]'
check "the same, TCP" finds false $independent unknown true '198.51.100.10?transport=tcp'

translate <<END
table inet filter {
	chain forward {
		type filter hook forward priority 0; policy drop;
		iifname "inside" accept
		meta l4proto ipv6-icmp accept
		ct state established,related accept
	}
}
END
check "a firewall that keeps state" finds false $independent "$port" true
check "the same, IPv6" finds false $independent "$port" true '[2001:db8:2::10]'

translate <<END
table ip nat {
	chain post {
		type nat hook postrouting priority 100;
		oifname "outside" masquerade
	}
}
END
check "a translator that keeps ports" finds true $independent "$port" false
check "the same, TCP" finds true $independent unknown false '198.51.100.10?transport=tcp'
check "the same, coturn's client" coturn_says "Endpoint Independent Mapping" -m

translate <<END
table ip nat {
	chain post {
		type nat hook postrouting priority 100;
		oifname "outside" masquerade fully-random
	}
}
END
check "a translator with a port for each peer" finds true "$port" "$port" false
check "the same, TCP" finds true "$port" unknown false '198.51.100.10?transport=tcp'
check "the same, coturn's client" coturn_says "Address and Port Dependent Mapping" -m

# full_cone: everything that comes for the router's address goes to the client.
full_cone() {
	cat <<-END
	table ip nat {
		chain pre {
			type nat hook prerouting priority -100;
			ip daddr 198.51.100.1 udp dport 1024-65535 dnat to 192.0.2.2
		}
		chain post {
			type nat hook postrouting priority 100;
			ip saddr 192.0.2.2 snat to 198.51.100.1
		}
	}
	END
}

full_cone | translate
check "a translator that lets all in" finds true $independent $independent true
check "the same, coturn's client" coturn_says "Endpoint Independent Filtering" -f

{
	full_cone
	cat <<-END
	table ip filter {
		set known {
			type ipv4_addr
			flags dynamic,timeout
			timeout 1m
		}
		chain forward {
			type filter hook forward priority 0; policy drop;
			iifname "inside" add @known { ip daddr } accept
			iifname "outside" ip saddr @known accept
		}
	}
	END
} | translate
check "a translator that lets known addresses in" finds true $independent $address true
check "the daemon is there" alive "$daemon_pid"

stop_daemon
finish
