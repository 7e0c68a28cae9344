#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# turnpike-protocol(7) tells the truth: each requirement has a verdict, each that is kept a
# test, and the tests are there; and each section of an RFC that is cited anywhere exists,
# as far as rfc_sections knows the RFC.
#
#	tests/lint/protocol.sh [--self-test]

. "$(dirname "$0")/lib.sh"

page=man/turnpike-protocol.7

# Cases, as LAYER/SUITE/CASE, and scripts, as system/NAME.sh.
tests_there() {
	for source in tests/unit/*/test_*.c tests/plugins/*.c; do
		[ -f "$source" ] || continue
		layer=$(basename "$(dirname "$source")")
		tr -d '\n' <"$source" | sed -n 's/.*TEST_SUITE("\([a-z0-9_]*\)"/\1 /p' | tr ',' '\n' |
			sed -n -e '1s/^\([a-z0-9_]*\).*/suite \1/p' \
				-e 's/.*TEST(\([a-z0-9_]*\)).*/case \1/p' |
			awk -v layer="$layer" '
			$1 == "suite" { suite = $2 }
			$1 == "case" { print layer "/" suite "/" $2 }'
	done
	for script in tests/system/*.sh; do
		[ ! -f "$script" ] || echo "system/$(basename "$script")"
	done
}

check_page() {
	tests_there >"$work/there"
	awk -v sections="$root/tests/lint/rfc_sections" -v tests="$work/there" '
	function problem(what) {
		printf "%s:%d: %s\n", FILENAME, FNR, what
	}
	function row_ends() {
		if (!row) {
			return
		}
		if (verdict == "kept" && !shown) {
			printf "%s:%d: kept, but no test shows it\n", FILENAME, row
		}
		if (!said) {
			printf "%s:%d: a row without words\n", FILENAME, row
		}
		row = 0
	}
	BEGIN {
		while ((getline line <sections) > 0) {
			count = split(line, part, " ")
			known[part[1]] = line ~ /^[0-9]/
			for (i = 2; i <= count; i++) {
				section[part[1], part[i]] = 1
			}
		}
		while ((getline line <tests) > 0) {
			there[line] = 1
		}
	}
	/^\.Sh / {
		row_ends()
		rfc = ""
	}
	/^\.Sh RFC [0-9]+/ {
		rfc = $3
		sub(/[^0-9].*/, "", rfc)
		if (!known[rfc]) {
			problem("the sections of RFC " rfc " are not in rfc_sections")
		}
	}
	rfc == "" {
		next
	}
	/^\.Ss / {
		row_ends()
		if (known[rfc] && !((rfc, $2) in section)) {
			problem("RFC " rfc " has no section " $2)
		}
		next
	}
	/^\.It / {
		row_ends()
		row = FNR
		said = shown = 0
		verdict = $0
		sub(/^\.It [^ ]*,? */, "", verdict)
		if ($2 !~ /^(MUST|SHOULD|rule),$/) {
			problem("neither MUST nor SHOULD nor a rule: " $2)
		}
		if (verdict !~ /^(kept|not kept|client.s part|not applicable)$/) {
			problem("no verdict: " verdict)
		}
		next
	}
	/^\.El/ {
		row_ends()
		next
	}
	/^\.Dl / {
		shown = 1
		gsub(/\\:/, "") # where a line may break
		if (!($2 in there)) {
			problem("there is no test " $2)
		}
		next
	}
	/^[^.]/ {
		said = 1
	}
	END {
		row_ends()
	}' "$page"
}

# "RFC 8489 section 5", "sections 5, 6 and 7 to 9": in one line or broken over two.
check_citations() {
	grep -rlwE --include='*.[ch1-9]' --include='*.sh' --exclude=protocol.sh RFC core include \
		plugins tests man | sort | while read -r file; do
		tr '\n' ' ' <"$file" | sed -e 's|[[:space:]]*[*][[:space:]]| |g' \
			-e 's|[[:space:]][[:space:]]*| |g' |
			grep -oE 'RFC [0-9]+,? sections? [0-9.]+((,| and| to| or|, and) [0-9.]+)*' |
			sed "s|^|$file: |" || true
	done | awk -v sections="$root/tests/lint/rfc_sections" '
	BEGIN {
		while ((getline line <sections) > 0) {
			count = split(line, part, " ")
			for (i = 2; i <= count; i++) {
				section[part[1], part[i]] = 1
			}
			known[part[1]] = 1
		}
	}
	{
		file = $1
		rfc = $3
		sub(/,$/, "", rfc)
		for (i = 5; rfc in known && i <= NF; i++) {
			number = $i
			gsub(/[.,]+$/, "", number)
			if (number ~ /^[0-9]/ && !((rfc, number) in section)) {
				printf "%s RFC %s has no section %s\n", file, rfc, number
			}
		}
	}'
}

check() {
	check_page
	check_citations
}

plant_good() {
	fresh
	plant man/turnpike-protocol.7 <<-'END'
		.Sh DESCRIPTION
		.It MUST
		.Sh RFC 8489: STUN
		.Ss 6.3.1.1 Responses
		.Bl -tag -width Ds
		.It MUST, kept
		It has a code.
		.Dl turn/thing/\:has_a_code
		.Dl system/thing.sh
		.It SHOULD, not kept
		It would be dear.
		.El
		.Sh SEE ALSO
		END
	plant tests/unit/turn/test_thing.c <<-'END'
		TEST_SUITE("thing", TEST(has_a_name),
			   TEST(has_a_code));
		END
	plant tests/system/thing.sh <<-'END'
		END
	plant core/thing.c <<-'END'
		/*
		 * RFC 8489
		 * sections 14.3, 14.9 and 18.2; RFC 9999 section 77.
		 */
		END
	mkdir "$work/tree/include" "$work/tree/plugins"
}

# changed FILE SED-COMMAND: in a good tree.
changed() {
	plant_good
	sed -i "$2" "$work/tree/$1"
}

self_test() {
	plant_good
	clean "a page in order"

	changed man/turnpike-protocol.7 's/has_a_code/has_no_code/'
	found 'man/turnpike-protocol.7:8: there is no test turn/thing/has_no_code'
	changed man/turnpike-protocol.7 's/thing.sh/other.sh/'
	found 'man/turnpike-protocol.7:9: there is no test system/other.sh'
	changed man/turnpike-protocol.7 '/^.Dl/d'
	found 'man/turnpike-protocol.7:6: kept, but no test shows it'
	changed man/turnpike-protocol.7 's/not kept/perhaps/'
	found 'man/turnpike-protocol.7:10: no verdict: perhaps'
	changed man/turnpike-protocol.7 's/SHOULD/COULD/'
	found 'man/turnpike-protocol.7:10: neither MUST nor SHOULD nor a rule: COULD,'
	changed man/turnpike-protocol.7 '/dear/d'
	found 'man/turnpike-protocol.7:10: a row without words'
	changed man/turnpike-protocol.7 's/6.3.1.1/6.3.1.7/'
	found 'man/turnpike-protocol.7:4: RFC 8489 has no section 6.3.1.7'
	changed man/turnpike-protocol.7 's/RFC 8489/RFC 1/'
	found 'man/turnpike-protocol.7:3: the sections of RFC 1 are not in rfc_sections'
	changed core/thing.c 's/14.9/14.99/'
	found 'core/thing.c: RFC 8489 has no section 14.99'
	changed core/thing.c 's/18.2/18.22/'
	found 'core/thing.c: RFC 8489 has no section 18.22'
}

lint "$@"
