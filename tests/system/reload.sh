#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The configuration and the plugins are replaced while they are in use: nobody is
# lost, nothing leaks, and what is wrong changes nothing.

. "$(dirname "$0")/lib.sh"

config=$work/turnpike.conf
reloads=100
allocations=1000
rate=5000
load_s=12
sanitized=

# With a sanitizer all takes longer, and what is freed stays for a while.
if grep -q "__asan_init\|__tsan_init" "$turnpike"; then
	sanitized=yes
	rate=2000
	load_s=30
fi

# build NAME FLAGS...: a plugin of this folder, put in place at once.
build() {
	local name=$1 out=$work/plugins/${2-$1}.so

	shift 2 || shift
	mkdir -p "$work/plugins"
	chmod 755 "$work/plugins"
	cc -shared -fPIC -O2 -Wall -Wextra -Werror -I"$root/include" "$@" \
		-o "$out.new" "$root/tests/system/$name.c"
	chmod 755 "$out.new"
	mv "$out.new" "$out"
}

build generations build1 -DBUILD=1
build generations build2 -DBUILD=2
build parks parks

# put BUILD: as a package manager does, a new file under the old name
put() {
	cp "$work/plugins/build$1.so" "$work/plugins/.new"
	mv "$work/plugins/.new" "$work/plugins/generations.so"
}

make_certs
put 1
write_config "$config" "plugins = $work/plugins/parks.so $work/plugins/generations.so auth_file" <<-END
	[plugin.generations]
	create_fails = no
	worker_fails = no

	[plugin.parks]
	for = 50ms

	[limits]
	max_lifetime = 1h

	[log]
	level = info
	END
echo 'bob plain:builder' >>"$work/users"
sed -i 's/^realm = .*/&\nworkers = 2/' "$config"
cp "$config" "$work/good.conf"
start_daemon "$config"
udp=$(port_of udp 127.0.0.1)
tls=$(port_of tls 127.0.0.1)

# member NAME: of status
member() {
	ctl --json status | /usr/bin/python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"
}

# set KEY VALUE: in the configuration
set_key() {
	sed -i "s|^$1 = .*|$1 = $2|" "$config"
}

restore() {
	cp "$work/good.conf" "$config"
}

# --- what is wrong changes nothing --------------------------------------------------

# refused SENTENCE: a reload is, with the sentence, and the generation stays.
refused() {
	local before after

	before=$(member generation)
	exits 1 ctl reload >"$work/out" 2>&1 || return 1
	cat "$work/out"
	after=$(member generation)
	grep -qF -- "$1" "$work/out" && grep -qF -- "not reloaded, all is as before: " "$daemon_log" &&
		[ "$before" = "$after" ] && [ "$(ctl plugin do generations)" = "build 1" ] &&
		run_probe "turn:127.0.0.1:$udp" -u bob -p builder --count 5 --timeout 3
}

line=$(grep -n '^max_lifetime' "$config" | cut -d: -f1)
set_key max_lifetime 1parsec
check "a wrong value is refused with its line" refused "$config:$line: [limits] max_lifetime: "
restore
sed -i 's/^\[limits\]/[limit]/' "$config"
check "an unknown section as well" refused "[limit]: unknown section"
restore
mv "$config" "$work/away.conf"
check "a file that is not there as well" refused "$config: No such file"
mv "$work/away.conf" "$config"
set_key create_fails yes
check "a plugin that fails in create is named" refused "generations: create of "
restore
set_key worker_fails yes
check "so is one that starts on some workers only" refused "does not start on worker 1"
restore
printf 'no shared object' >"$work/plugins/.new"
chmod 755 "$work/plugins/.new"
mv "$work/plugins/.new" "$work/plugins/generations.so"
check "and one whose file is broken" refused "$work/plugins/generations.so: "
put 1
chmod 666 "$work/plugins/generations.so"
check "and one that anybody could write" refused "generations.so: "
put 1
: >"$work/cert.bad"
cp "$work/cert.pem" "$work/cert.good"
cp "$work/cert.bad" "$work/cert.pem"
check "and a certificate that is none" refused "[listener.secure] certificate: "
cp "$work/cert.good" "$work/cert.pem"
check "nothing of it is left behind" test "$(member leaving_generations)" = 0

# --- what is right takes effect ------------------------------------------------------

loads_anew() {
	put 2 && ctl reload && [ "$(ctl plugin do generations)" = "build 2" ]
}
check "a rebuilt plugin is really loaded anew" loads_anew

one_plugin() {
	put 1 && set_key for 20ms && set_key max_lifetime 1parsec || return 1
	exits 1 ctl plugin reload generations || return 1
	restore
	set_key level debug
	ctl plugin reload generations && [ "$(ctl plugin do generations)" = "build 1" ] &&
		[ "$(ctl log level)" = "level: info" ]
}
check "one plugin is, without the rest of the file" one_plugin
restore
check "an unknown one is not" exits 1 ctl plugin reload nobody

log_level() {
	set_key level debug && ctl reload && [ "$(ctl log level)" = "level: debug" ] &&
		restore && ctl reload && [ "$(ctl log level)" = "level: info" ]
}
check "the log level follows the file" log_level

lifetime() {
	set_key max_lifetime 610s && ctl reload &&
		run_probe load -u bob -p builder --allocations 1 --seconds 1 --rate 100 \
			"turn:127.0.0.1:$udp" &&
		restore && ctl reload
}
check "options of the protocol follow the file" lifetime

peers() {
	sed -i 's/^lift = loopback/lift =/' "$config" && ctl reload || return 1
	exits 1 run_probe load -u bob -p builder --allocations 2 --seconds 1 --rate 100 \
		"turn:127.0.0.1:$udp" || return 1
	restore && ctl reload && run_probe load -u bob -p builder --allocations 2 --seconds 1 \
		--rate 100 "turn:127.0.0.1:$udp"
}
check "so does the peer policy" peers

needs_restart() {
	sed -i 's/^workers = .*/workers = 3/; s/^realm = .*/realm = other.example.org/' "$config"
	ctl reload | tee "$work/out"
	grep -q "\[turnpike\] workers: .*needs a restart" "$work/out" &&
		grep -q "\[turnpike\] realm: .*needs a restart" "$work/out" &&
		grep -q "workers: .*needs a restart" "$daemon_log" &&
		run_probe "turn:127.0.0.1:$udp" -u bob -p builder --count 5 --timeout 3
}
check "a key that needs a restart is named and stays" needs_restart
restore

serial() {
	openssl s_client -connect "127.0.0.1:$tls" -alpn stun.turn </dev/null 2>/dev/null |
		openssl x509 -noout -serial
}
certificates() {
	local before after

	before=$(serial) && make_certs && ctl reload && after=$(serial) || return 1
	echo "$before $after"
	[ "$before" != "$after" ]
}
check "certificates are read again" certificates

hup() {
	local before

	before=$(grep -c "reloaded generation=" "$daemon_log")
	kill -HUP "$daemon_pid"
	within 10 eval '[ "$(grep -c "reloaded generation=" "$daemon_log")" -gt '"$before"' ]'
}
check "SIGHUP reloads, too" hup

# --- parked requests -----------------------------------------------------------------

parked_survive() {
	set_key for 1500ms && ctl reload || return 1
	run_probe "turn:127.0.0.1:$udp" -u "$user" -p "$password" --count 5 --timeout 20 \
		>"$work/parked.out" 2>&1 &
	local pid=$!
	within 10 eval 'ctl --json plugins | grep -q "\"parked_now\":[1-9]"' || return 1
	restore && put 2 && ctl reload || return 1
	[ "$(member leaving_generations)" -ge 1 ] || return 1
	wait $pid || { cat "$work/parked.out"; return 1; }
	within 10 eval '[ "$(member leaving_generations)" = 0 ]'
}
check "a parked request ends with the plugins it began with" parked_survive

# --- under load ------------------------------------------------------------------------

resident_kib() {
	awk '/^VmRSS/ { print $2 }' "/proc/$daemon_pid/status"
}
descriptors() {
	find "/proc/$daemon_pid/fd" -type l | wc -l
}

# reload_often COUNT: with the other build each time
reload_often() {
	local i

	for ((i = 0; i < $1; i++)); do
		put $((i % 2 + 1)) && ctl reload >/dev/null || return 1
	done
}
under_load() {
	local before_kib after_kib before_fds after_fds pid generation

	run_probe load -u bob -p builder --allocations "$allocations" --rate "$rate" \
		--seconds $load_s --json "turn:127.0.0.1:$udp" >"$work/load.out" 2>&1 &
	pid=$!
	within 20 eval '[ "$(member allocations)" -ge '"$allocations"' ]' || return 1
	reload_often 10 || return 1
	before_kib=$(resident_kib)
	before_fds=$(descriptors)
	generation=$(member generation)
	reload_often $((reloads - 10)) || return 1
	[ "$(member generation)" = $((generation + reloads - 10)) ] || return 1
	within 10 eval '[ "$(member leaving_generations)" = 0 ]' || return 1
	after_kib=$(resident_kib)
	after_fds=$(descriptors)
	[ "$(member allocations)" -ge "$allocations" ] || return 1
	kill -0 $pid || { echo "the load was over before the reloads"; return 1; }
	wait $pid || { cat "$work/load.out"; return 1; }
	echo "resident $before_kib KiB, then $after_kib; descriptors $before_fds, then $after_fds"
	tail -n 1 "$work/load.out" >"$work/load.json"
	cat "$work/load.json"
	[ "$after_fds" = "$before_fds" ] && { [ -n "$sanitized" ] || [ $((after_kib - before_kib)) -lt 2048 ]; }
}
check "$reloads reloads while $allocations allocations relay: nothing is lost or leaks" under_load
tail -n 2 "$work/case.log" | sed 's/^/          /'

no_packet_lost() {
	cat "$work/load.json"
	/usr/bin/python3 - "$work/load.json" <<-'END'
		import json, sys
		r = json.load(open(sys.argv[1]))
		assert r["failed"] == 0 and r["corrupt"] == 0 and r["sent"] > 10000
		assert r["lost"] == 0
	END
}
check "no packet is lost either" no_packet_lost

# --- a plugin that takes its time --------------------------------------------------------

# media OUT: how long packets of others take
media() {
	run_probe load -u bob -p builder --allocations 20 --rate 1000 --seconds 4 --json \
		"turn:127.0.0.1:$udp" >"$1" 2>&1
}
p99() {
	/usr/bin/python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).readlines()[-1])["p99_us"])' "$1"
}
logins() {
	local i all=() status=0

	for i in 1 2 3 4 5 6 7 8; do
		run_probe load -u "$user" -p "$password" --mode idle --allocations 125 --seconds 1 \
			--json "turn:127.0.0.1:$udp" </dev/null >"$work/login.$i" 2>&1 &
		all+=($!)
	done
	for i in "${all[@]}"; do
		wait "$i" || status=1
	done
	cat "$work"/login.*
	return $status
}
parking() {
	local pid

	media "$work/quiet" || return 1
	media "$work/busy" &
	pid=$!
	sleep 1.5
	logins || return 1
	wait $pid || return 1
	echo "p99 of others' packets: $(p99 "$work/quiet") us before, $(p99 "$work/busy") us while 1000 logins are parked for 50 ms"
	# 50 ms is what it would be if anybody waited for the plugin.
	[ -n "$sanitized" ] || /usr/bin/python3 -c 'import sys; assert float(sys.argv[1]) < 25000' "$(p99 "$work/busy")"
}
check "1000 logins parked for 50 ms each: all succeed, others do not wait" parking
tail -n 1 "$work/case.log" | sed 's/^/          /'

stop_daemon
finish
