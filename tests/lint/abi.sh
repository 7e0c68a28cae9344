#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What include/turnpike says now serves every plugin that was built against an earlier
# version of the same major number: tests/abi/MAJOR.MINOR/turnpike.abi tells what that
# said. Functions and values stay; some tables may have grown at their end.
#
#	tests/lint/abi.sh | --self-test
#	tests/lint/abi.sh --dump    write that of the present version anew, for a release

. "$(dirname "$0")/lib.sh"

# Those whose readers test "size", or that the daemon alone makes: they may grow.
growing='tp_plugin tp_events tp_credentials tp_limits tp_allocation_view tp_client_view'

payloads() {
	printf '#include <turnpike/event.h>\n#define NAME(family, member, payload) @payload\n%s\n' \
		'TP_EVENT_LIST(NAME)' | "${CC:-cc}" -E -P -Iinclude -xc - | grep -o '@tp_[a-z_]*' | tr -d @
}

# version MAJOR|MINOR: the number in the header.
version() {
	sed -n "s/^#define TP_ABI_$1[[:space:]]*\([0-9][0-9]*\)$/\1/p" include/turnpike/plugin.h
}

# An object that refers to everything a plugin may use: each function, each payload, the
# entry table. What it says of them is what the headers say.
surface() {
	{
		printf '#include <turnpike/plugin.h>\n'
		printf '#define PAYLOAD(family, member, payload) const struct payload *of_##member;\n'
		printf 'TP_EVENT_LIST(PAYLOAD)\nconst struct tp_plugin *of_turnpike_plugin;\n'
		api_functions | sed 's/.*/__typeof__(\&&) of_&;/'
	} >"$work/surface.c"
	tree=$PWD
	(cd "$work" && "${CC:-cc}" -g -std=c11 -shared -fPIC -I"$tree/include" -o surface.so surface.c)
	abidw --no-show-locs --no-corpus-path --no-comp-dir-path --no-elf-needed \
		--no-architecture --out-file "$1" "$work/surface.so"
}

# From abidiff's list of changed types and symbols: what a plugin would notice.
noticed() {
	awk -v growing=" $growing $(payloads | tr '\n' ' ')" '
		/^Removed\/Changed\/Added|^Leaf changes summary|^(Functions|Variables) changes/ { next }
		/^[0-9]+ (Removed|Changed) (function|variable)s?:|^[ \t]*$/ { next }
		/^  \[[DC]\]/ { what = ""; print; next }
		/^'\''(struct|enum|union) / {
			kind = substr($1, 2); name = $2; sub(/'\''$/, "", name)
			what = kind " " name; size = 0; shown = 0
			may_grow = kind == "struct" && index(growing, " " name " ") > 0
			next
		}
		what == "" { next }
		/type size hasn.t changed$|no data member changes|^ *[0-9]+ (enumerator|data member) insertions?:$/ { next }
		/^ *[0-9]+ enumerator changes?:$/ { next }
		kind == "enum" && /^ *'\''.*::TP_[A-Z_]*_COUNT'\'' from value/ { next }
		kind == "enum" && /'\'' value '\''[0-9-]+'\''$/ { next }
		may_grow && /type size changed from/ { size = $5; if ($7 >= size) next }
		may_grow && /at offset [0-9]+ \(in bits\)$/ {
			for (i = 1; i < NF; i++) if ($i == "offset") at = $(i + 1)
			if (size > 0 && at >= size) next
		}
		!shown { print "  " what ":"; shown = 1 }
		{ print "    " $0 }'
}

compare() {
	abidiff --leaf-changes-only --no-added-syms "$1" "$work/now.abi" >"$work/changes" || true
	noticed <"$work/changes" >"$work/noticed"
	if [ -s "$work/noticed" ]; then
		echo "include/turnpike: no longer serves plugins built for interface $2:" \
			"take it back, or raise TP_ABI_MAJOR"
		cat "$work/noticed"
	fi
}

check() {
	if ! command -v abidw >/dev/null; then
		echo "abidw: not found; it is in the package abigail-tools"
		return
	fi
	major=$(version MAJOR)
	if ! surface "$work/now.abi"; then
		echo "include/turnpike: cannot be read"
		return
	fi
	if [ ! -f "tests/abi/$major.$(version MINOR)/turnpike.abi" ]; then
		echo "tests/abi/$major.$(version MINOR)/turnpike.abi: is missing;" \
			"tests/lint/abi.sh --dump makes it"
	fi
	for dump in tests/abi/"$major".*/turnpike.abi; do
		if [ -f "$dump" ]; then
			compare "$dump" "$(basename "$(dirname "$dump")")"
		fi
	done
}

# --- self-test -----------------------------------------------------------------------

# change FILE SED-COMMAND: in the planted headers; one that changes nothing is a mistake.
change() {
	fresh
	mkdir -p "$work/tree/tests"
	cp -r "$root/include" "$work/tree/include"
	cp -r "$root/tests/abi" "$work/tree/tests/abi"
	cp "$work/tree/include/turnpike/$1" "$work/before"
	sed -i "$2" "$work/tree/include/turnpike/$1"
	if cmp -s "$work/before" "$work/tree/include/turnpike/$1"; then
		echo "self-test: nothing to change in $1: $2"
		exit 1
	fi
}

breaks() {
	change "$1" "$2"
	found "include/turnpike: no longer serves plugins built for interface 1.0"
}

keeps() {
	change "$1" "$2"
	clean "$1: $2"
}

self_test() {
	keeps version.h 's/TP_VERSION "/&1/'
	keeps counter.h 's/^TP_END_DECLS$/TP_API int tp_thing_make(int size);\n&/'
	keeps event.h 's/^\tX(OBSERVER, on_server_tick, tp_server_tick)$/\tX(OBSERVER, on_server_tick, tp_server_tick) \\\n\tX(OBSERVER, on_more, tp_server_tick)/'
	keeps event.h 's/^\tTP_DISCARD_RATE = 16,/&\n\tTP_DISCARD_MORE = 99,/'
	keeps event.h 's/^\tstruct tp_traffic peer_to_client; \/\* relayed \*\//&\n\tuint64_t more;/'
	keeps ticket.h 's/^\tsize_t mac_key_len;.*/&\n\tuint64_t more;/'

	breaks counter.h '/^TP_API void tp_counter_add/d'
	breaks ticket.h 's/tp_verdict verdict, uint16_t code);$/tp_verdict verdict, int code);/'
	breaks ticket.h 's/uint32_t valid_for_s; /int32_t valid_for_s; /'
	breaks plugin.h 's/^\tconst char \*version;/\tconst char *edition;\n&/'
	breaks plugin.h 's/^\tconst char \*summary;.*/\tlong summary;/'
	breaks plugin.h '/^\tvoid (\*destroy)/d'
	breaks event.h 's/TP_DELETE_CLOSED = 2,/TP_DELETE_CLOSED = 9,/'
	breaks event.h '/X(OBSERVER, on_stun_exception, tp_exception)/d'
	breaks event.h 's/X(GATE, on_stun_request_error/X(OBSERVER, on_stun_request_error/'
	breaks event.h 's/^\tuint16_t channel; .*0x4000.*/\tuint32_t channel;/'
	breaks option.h 's/^\tunsigned flags;/&\n\tunsigned more[3];/'
	breaks types.h 's/^\tsize_t len;/&\n\tlong more;/'
	breaks addr.h 's/^\tTP_TRANSPORT_TCP = 1,/\tTP_TRANSPORT_QUIC = 1,/'

	change counter.h '/^TP_API void tp_counter_add/d'
	sed -i 's/^#define TP_ABI_MAJOR .*/#define TP_ABI_MAJOR 2/' \
		"$work/tree/include/turnpike/plugin.h"
	mkdir "$work/tree/tests/abi/2.$(version MINOR)"
	(cd "$work/tree" && surface "tests/abi/2.$(version MINOR)/turnpike.abi")
	clean "another major version"
	change plugin.h 's/^#define TP_ABI_MINOR .*/#define TP_ABI_MINOR 99/'
	found "tests/abi/1.99/turnpike.abi: is missing"
}

if [ "${1-}" = --dump ]; then
	cd "$root"
	mkdir -p "tests/abi/$(version MAJOR).$(version MINOR)"
	surface "tests/abi/$(version MAJOR).$(version MINOR)/turnpike.abi"
	exit
fi
lint "$@"
