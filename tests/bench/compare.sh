#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Turnpike beside Debian's coturn with the same settings, and beside forwarders
# that know no protocol: one worker on one core, the generator on another.
#
#	BUILD=build tests/bench/compare.sh
#
#	RUNS=5		runs of each, interleaved; the table shows medians
#	SECONDS_EACH=3	to measure in a run
#	SCENARIOS=	names to choose some, "list" to see them
#	BASELINE=	another turnpike to compare with
#	SERVER_CORE=0 GENERATOR_CORE=1

# shellcheck source=../system/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"

runs=${RUNS:-5}
seconds=${SECONDS_EACH:-3}
server_core=${SERVER_CORE:-0}
generator_core=${GENERATOR_CORE:-1}
baseline=${BASELINE:-}
forwarder=$build/tests/bench/forwarder
results=$work/results # lines: scenario subject key value

# Relayed ports, clear of those that the kernel gives to clients.
port_min=10000
port_max=32767

# --- scenarios -------------------------------------------------------------------

# name|of the forwarders: none, plain, gro|arguments of the generator
# RATE stands for a share of what the subject has reached saturated.
scenarios='channel|plain|--mode channel --allocations 100 --size 172
channel1200|plain|--mode channel --allocations 100 --size 1200
trains|gro|--mode channel --allocations 20 --size 1200 --train 10
cpu100|plain|--mode channel --allocations 100 --rate 20000
cpu10000|plain|--mode channel --allocations 10000 --rate 20000
send|none|--mode send --allocations 100 --size 172
hairpin|none|--mode hairpin --allocations 100 --size 172
binding|none|--mode binding --rate 20000
allocate|none|--mode allocate --rate 1000
tcp|none|--mode channel --allocations 100 --rate 20000
idle|none|--mode idle --allocations 10000
loss|none|--mode channel --allocations 100 --rate RATE:0.9
latency|none|--mode channel --allocations 100 --rate RATE:0.5'

# scenario|key|words|target: a ratio to coturn, or with = a value
rows='channel|per_second|ChannelData 172 B, packets/s|>= 2.70
channel|server_cpu_ns_per_packet|  the same, CPU ns a packet|
channel1200|per_second|ChannelData 1200 B, packets/s|>= 2.70
channel1200|server_cpu_ns_per_packet|  the same, CPU ns a packet|
trains|per_second|trains of 10 x 1200 B, packets/s|>= 3.50
trains|server_cpu_ns_per_packet|  the same, CPU ns a packet|
cpu100|server_cpu_ns_per_packet|100 allocations at 20,000/s, ns|<= 0.55
cpu10000|server_cpu_ns_per_packet|10,000 allocations at 20,000/s, ns|<= 0.45
send|per_second|Send and Data indications, packets/s|>= 3.00
send|server_cpu_ns_per_packet|  the same, CPU ns a packet|
hairpin|per_second|50 pairs of clients, packets/s|>= 4.00
hairpin|server_cpu_ns_per_packet|  the same, CPU ns a packet|
binding|server_cpu_ns_per_packet|Binding, ns a request|<= 0.45
allocate|server_cpu_ns_per_packet|Allocate and Refresh 0, ns a cycle|<= 0.25
tcp|server_cpu_ns_per_packet|TCP clients at 20,000/s, ns|<= 0.45
idle|server_rss_per_allocation|RSS of an idle allocation, bytes|<= 1536 =
loss|lost|lost at 90 % of saturation, packets|<= 0 =
latency|p50_us|p50 at half load, us|
latency|p99_us|p99 at half load, us|
latency|p999_us|p99.9 at half load, us|'

# --- subjects --------------------------------------------------------------------
# Each start function sets server_pid and url, or fails.

listening() {
	! alive "$server_pid" || grep -qsw ready "$server_log"
}

start_turnpike() { # BINARY TRANSPORT
	server_log=$work/turnpike.log
	rm -f "$server_log" # not to take the last one's word
	taskset -c "$server_core" "$1" -c "$work/turnpike.conf" 2>"$server_log" &
	server_pid=$!
	pids=("$server_pid")
	within 20 listening && alive "$server_pid" || return 1
	daemon_log=$server_log
	url="turn:127.0.0.1:$(port_of "$2" 127.0.0.1)?transport=$2"
}

write_turnpike_config() {
	printf '%s plain:%s\n' "$user" "$password" >"$work/users"
	chmod 600 "$work/users"
	cat >"$work/turnpike.conf" <<-END
	[turnpike]
	realm = $realm
	plugin_dir = $build/plugins
	plugins = auth_file
	workers = 1

	[listener.main]
	transport = udp tcp
	address = 127.0.0.1:0

	[relay]
	address = 127.0.0.1
	ports = $port_min-$port_max

	[peers]
	lift = loopback

	[auth]
	unauthenticated_rate = 0

	[plugin.auth_file]
	users = $work/users
	END
}

start_bench_coturn() { # TRANSPORT
	coturn_port=$(free_port)
	taskset -c "$server_core" turnserver -n --listening-ip 127.0.0.1 --relay-ip 127.0.0.1 \
		--listening-port "$coturn_port" --min-port $port_min --max-port $port_max \
		--relay-threads 1 --lt-cred-mech --user "$user:$password" --realm "$realm" \
		--allow-loopback-peers --no-tls --no-dtls --no-cli --pidfile "$work/coturn.pid" \
		--userdb "$work/coturn.db" --no-stdout-log --log-file /dev/null --simple-log \
		>/dev/null 2>&1 &
	server_pid=$!
	pids=("$server_pid")
	url="turn:127.0.0.1:$coturn_port?transport=$1"
	within 20 coturn_ready
}

# A forwarder needs many ports in a row; somewhere they are free.
start_forwarder() { # ENGINE SOCKETS [--gro]
	local i port

	server_log=$work/forwarder.log
	for ((i = 0; i < 20; i++)); do
		rm -f "$server_log"
		port=$((port_min + RANDOM % (port_max - port_min - $2)))
		taskset -c "$server_core" "$forwarder" "$1" $port "$2" ${3-} \
			>"$server_log" 2>"$work/forwarder.err" &
		server_pid=$!
		pids=("$server_pid")
		if within 10 listening && alive "$server_pid"; then
			url=udp:127.0.0.1:$port
			return 0
		fi
		stop "$server_pid"
	done
	return 1
}

# start SUBJECT SCENARIO ALLOCATIONS
start() {
	local transport=udp

	[ "$2" = tcp ] && transport=tcp
	case $1 in
	turnpike) start_turnpike "$turnpike" $transport ;;
	before) start_turnpike "$baseline" $transport ;;
	coturn) start_bench_coturn $transport ;;
	*+gro) start_forwarder "${1%+gro}" "$3" --gro ;;
	*) start_forwarder "$1" "$3" ;;
	esac
}

# --- runs ------------------------------------------------------------------------

# json KEY FILE
json() {
	sed -n "s/.*\"$1\": \(-\{0,1\}[0-9.]*\).*/\1/p" "$2" | head -n 1
}

# median SCENARIO SUBJECT KEY: nothing when there is no value
median() {
	awk -v scenario="$1" -v subject="$2" -v key="$3" \
		'$1 == scenario && $2 == subject && $3 == key { print $4 }' "$results" | sort -g |
		awk '{ value[NR] = $1 } END { if (NR != 0) print value[int((NR + 1) / 2)] }'
}

field() { # NAME NUMBER: of a scenario
	echo "$scenarios" | awk -F '|' -v name="$1" -v number="$2" '$1 == name { print $number }'
}

# run SUBJECT SCENARIO: once, and keep the figures; a failure is said and not kept
run() {
	local subject=$1 scenario=$2 args allocations rate key

	args=$(field "$scenario" 3)
	allocations=$(echo "$args" | sed -n 's/.*--allocations \([0-9]*\).*/\1/p')
	if [[ $args == *RATE:* ]]; then
		[ -n "$(median channel "$subject" per_second)" ] || run "$subject" channel
		rate=$(median channel "$subject" per_second)
		[ -n "$rate" ] || return 0
		rate=$(awk -v rate="$rate" -v share="${args##*RATE:}" \
			'BEGIN { printf "%d", rate * share }')
		args="${args%RATE:*}$rate"
	fi
	if start "$subject" "$scenario" "${allocations:-1}"; then
		# shellcheck disable=SC2086 # several words
		if timeout 120 taskset -c "$generator_core" "$probe" load $args \
			--seconds "$seconds" --server-pid "$server_pid" --json -u "$user" \
			-p "$password" "$url" >"$work/json" 2>"$work/load.log"; then
			for key in per_second lost p50_us p99_us p999_us server_cpu_ns_per_packet \
				server_rss_per_allocation; do
				echo "$scenario $subject $key $(json $key "$work/json")" |
					awk 'NF == 4' >>"$results"
			done
		else
			echo "$scenario, $subject: status $? $(tail -qn 1 "$work/load.log" "$work/json")" >&2
		fi
	else
		echo "$scenario, $subject: did not start" >&2
	fi
	stop "$server_pid"
	pids=()
}

# The engines of a scenario's floor; after the first run only the best one.
engines() { # SCENARIO RUN
	local kind suffix='' best

	kind=$(field "$1" 2)
	[ "$kind" != none ] && [ -x "$forwarder" ] || return 0
	[ "$kind" = gro ] && suffix=+gro
	best=$(floor "$1" "$(key_of "$1")")
	if [ "$2" -gt 1 ] && [ -n "$best" ]; then
		echo "${best#* }"
	else
		echo "recvfrom$suffix mmsg$suffix uring$suffix"
	fi
}

key_of() {
	echo "$rows" | awk -F '|' -v name="$1" '$1 == name { print $2; exit }'
}

# floor SCENARIO KEY: "value engine" of the best
floor() {
	local engine value order=-g

	[[ $2 == per_second ]] && order=-gr
	for engine in recvfrom mmsg uring recvfrom+gro mmsg+gro uring+gro; do
		value=$(median "$1" $engine "$2")
		[ -z "$value" ] || echo "$value $engine"
	done | sort $order | head -n 1
}

run_scenario() { # NAME
	local i subject

	for ((i = 1; i <= runs; i++)); do
		# shellcheck disable=SC2046 # several words
		for subject in turnpike ${baseline:+before} coturn $(engines "$1" $i); do
			run "$subject" "$1"
		done
	done
}

# --- table -----------------------------------------------------------------------

ratio() { # VALUE OTHER
	awk -v a="$1" -v b="$2" 'BEGIN { if (a != "" && b + 0 != 0) printf "%.2f", a / b }'
}

# verdict TARGET VALUE RATIO: "yes", "no" or nothing
verdict() {
	echo "$1" | awk -v value="$2" -v ratio="$3" '{
		found = $3 == "=" ? value : ratio
		if (NF == 0 || found == "") exit
		print ($1 == "<=" ? found + 0 <= $2 + 0 : found + 0 >= $2 + 0) ? "yes" : "no"
	}'
}

# idle_mark SCENARIO SUBJECT KEY: "*" when a saturated server had time left
idle_mark() {
	[ "$3" = per_second ] || return 0
	awk -v rate="$(median "$1" "$2" per_second)" \
		-v cpu="$(median "$1" "$2" server_cpu_ns_per_packet)" \
		'BEGIN { if (rate != "" && rate * cpu < 9e8) print "*" }'
}

print_row() { # SCENARIO KEY WORDS TARGET
	local ours theirs before

	ours=$(median "$1" turnpike "$2")
	theirs=$(median "$1" coturn "$2")
	before=$(median "$1" before "$2")
	printf '%-36s' "$3"
	if [ -n "$baseline" ]; then
		printf ' %10s %6s' "${before:--}" "$(ratio "$ours" "$before")"
	fi
	printf ' %10s%1s %10s%1s %6s  %-9s %-3s  %s\n' "${ours:--}" \
		"$(idle_mark "$1" turnpike "$2")" "${theirs:--}" "$(idle_mark "$1" coturn "$2")" \
		"$(ratio "$ours" "$theirs")" "${4% =}" \
		"$(verdict "$4" "$ours" "$(ratio "$ours" "$theirs")")" "$(floor "$1" "$2")"
}

print_table() {
	local scenario key words target

	printf '\n%-36s' "medians of $runs"
	[ -z "$baseline" ] || printf ' %10s %6s' before ratio
	printf ' %11s %11s %6s  %-9s %-3s  %s\n' turnpike coturn ratio target met 'bare floor'
	while IFS='|' read -r scenario key words target; do
		if [[ " $chosen " == *" $scenario "* ]]; then
			print_row "$scenario" "$key" "$words" "$target"
		fi
	done <<<"$rows"
	echo "* less than nine tenths of the core were in use: the generator, not the server, was the limit"
}

# --- main ------------------------------------------------------------------------

all=$(echo "$scenarios" | cut -d '|' -f 1 | tr '\n' ' ')
if [ "${SCENARIOS:-}" = list ]; then
	echo "$all"
	exit 0
fi
chosen=${SCENARIOS:-$all}
for name in $chosen; do
	[[ " $all " == *" $name "* ]] || {
		echo "no scenario $name; there are: $all" >&2
		exit 2
	}
done
if ! taskset -c "$generator_core" true 2>/dev/null; then
	echo "one core for the server and one for the generator are needed" >&2
	exit 1
fi
ulimit -n "$(ulimit -H -n)"
: >"$results"
write_turnpike_config
for name in $chosen; do
	echo "running $name" >&2
	run_scenario "$name"
done
print_table
