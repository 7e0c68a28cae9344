#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual pages have what the code has: each function of the plugin interface,
# each event with its family, its payload's members and the values they may have, each
# option of a plugin; and none that is gone.
#
#	tests/lint/man.sh [--self-test]

. "$(dirname "$0")/lib.sh"

# differences PAGE KIND WANTED FOUND: files of sorted names.
differences() {
	comm -23 "$3" "$4" | sed "s|^|$1: lacks the $2 |"
	comm -13 "$3" "$4" | sed "s|^|$1: there is no $2 |"
}

# Blanks only where two words meet.
normalised() {
	sed -e 's/[[:space:]]*\([^A-Za-z0-9_[:space:]]\)[[:space:]]*/\1/g' \
		-e 's/[[:space:]][[:space:]]*/ /g'
}

# synopses: as api_declarations, with the page in front; and names the page does not begin with.
synopses() {
	for page in man/tp_*.3; do
		[ -f "$page" ] || continue
		awk -v page="$page" -v names="$work/unnamed" '
		function text() {
			sub(/^\.F[a-z] /, "")
			gsub(/"/, "")
			return $0
		}
		/^\.Sh / { section = $2 }
		section == "NAME" && /^\.Nm / { named[$2] = 1 }
		section != "SYNOPSIS" { next }
		/^\.In / { header = $2; sub(/^turnpike\//, "", header) }
		/^\.Ft / { type = text() }
		/^\.Fo / { name = $2; arguments = "" }
		/^\.Fa / { arguments = arguments (arguments == "" ? "" : ", ") text() }
		/^\.Fc/ {
			print page, header, name, type " " name "(" arguments ")"
			if (!(name in named)) {
				print page ": its NAME lacks " name >>names
			}
		}' "$page"
	done
}

# Each function has a page of section 3 that begins with its name and declares it as
# its header does; and no page has a function that is gone.
check_functions() {
	: >"$work/unnamed"
	api_declarations | normalised >"$work/declared"
	synopses | normalised >"$work/shown"
	cat "$work/unnamed"
	awk '
	{ header = FNR == NR ? $1 : $2; name = FNR == NR ? $2 : $3; declaration = $0 }
	FNR == NR {
		sub(/^[^ ]* [^ ]* /, "", declaration)
		wanted[name] = declaration
		home[name] = header
		next
	}
	{
		sub(/^[^ ]* [^ ]* [^ ]* /, "", declaration)
		shown[name] = 1
		if (name in wanted && (wanted[name] != declaration || home[name] != header)) {
			printf "%s: %s is declared otherwise in %s: %s\n", $1, name, home[name],
			       wanted[name]
		}
	}
	END {
		for (name in wanted) {
			if (!(name in shown)) {
				printf "include/turnpike/%s: no page shows %s\n", home[name], name
			}
		}
	}' "$work/declared" "$work/shown" | sort
	cut -d' ' -f2 "$work/declared" >"$work/wanted"
	for page in man/*.[1-9]; do
		grep -nE '\bF[no] tp_[a-z0-9_]*[a-z0-9]\b' "$page" |
			grep -oE '^[0-9]+:|tp_[a-z0-9_]*[a-z0-9]\b' |
			awk -v page="$page" -v names="$work/wanted" '
			BEGIN { while ((getline name <names) > 0) { known[name] = 1 } }
			/:$/ { line = $0; next }
			!($0 in known) { print page ":" line " there is no function " $0 }'
	done
}

# The header first, then the page.
check_events() {
	awk '
	function problem(what) {
		printf "man/turnpike-events.7: %s\n", what
	}
	function has(event, macro, name) {
		return text[event] ~ (macro " " name "([ ,;.)]|\n)")
	}

	# --- event.h ---
	FNR == NR && /^[ \t]*X\([A-Z]+, on_[a-z_]+, tp_[a-z_]+\)/ {
		gsub(/[ \tX()\\]/, "")
		split($0, row, ",")
		family[row[2]] = tolower(row[1])
		payload[row[2]] = row[3]
		next
	}
	FNR == NR && /^struct tp_[a-z_]+ \{/ {
		structure = $2
		next
	}
	FNR == NR && /^}/ {
		structure = ""
	}
	FNR == NR && structure != "" && /;/ {
		sub(/;.*/, "")
		sub(/.*[ *]/, "")
		members[structure] = members[structure] " " $0
		next
	}
	FNR == NR && /^[ \t]*TP_(DISCARD|DELETE|STAGE)_[A-Z_]+ =/ {
		value[$1] = 1
		next
	}
	FNR == NR {
		next
	}

	# --- the page ---
	/^\.S[sh] / {
		event = $1 == ".Ss" ? $2 : ""
		if (event ~ /^on_/) {
			seen[event] = 1
			if (!(event in family)) {
				problem("there is no event " event)
			}
		}
	}
	{
		text[event] = text[event] $0 "\n"
		all = all $0 "\n"
	}
	END {
		for (event in family) {
			if (!(event in seen)) {
				problem("lacks the event " event)
				continue
			}
			if (text[event] !~ ("\\.It Family\n" family[event] "\n")) {
				problem(event ": is of family " family[event])
			}
			if (text[event] !~ ("\\.Vt \"struct " payload[event] "\"\n")) {
				problem(event ": has payload struct " payload[event])
			}
			count = split(members[payload[event]], member, " ")
			if (count == 0) {
				problem(event ": has a payload without members")
			}
			for (i = 1; i <= count; i++) {
				if (!has(event, "Fa", member[i]) && !has(event, ",", member[i])) {
					problem(event ": lacks the member " member[i])
				}
			}
		}
		for (name in value) {
			if (all !~ (name "\n")) {
				problem("lacks the value " name)
			}
		}
	}' include/turnpike/event.h man/turnpike-events.7 | sort
}

check_options() {
	for plugin in $(shipped_plugins); do
		page=man/turnpike-$plugin.5
		if [ ! -f "$page" ]; then
			continue # plugins.sh says so
		fi
		plugin_options "$plugin" >"$work/wanted"
		sed -n '/^\.Sh OPTIONS/,/^\.El/s/^\.It Sy \([a-z0-9_]*\)$/\1/p' "$page" |
			sort >"$work/found_names"
		differences "$page" option "$work/wanted" "$work/found_names"
	done
}

check() {
	check_functions
	check_events
	check_options
}

plant_good() {
	fresh
	plant include/turnpike/plugin.h <<-'END'
		#define TP_API __attribute__((visibility("default")))
		/* Makes *one* thing; see tp_thing_name(). */
		TP_API int tp_thing_make(int size,
					 void (*done)(void *arg)) TP_PRINTF(1, 2);
		TP_API const char *tp_thing_name(void);
		END
	plant include/turnpike/event.h <<-'END'
		 	X(GATE, on_thing, tp_thing)
		struct tp_thing {
			const char *user;
			int lifetime_s; /* of it; all */
		};
		enum tp_delete_cause {
			TP_DELETE_DONE = 0,
		END
	plant man/turnpike-plugin.7 <<-'END'
		.Fn tp_thing_make ,
		.It Fn tp_thing_name , Fn tp_thing_make
		END
	plant man/tp_thing.3 <<-'END'
		.Sh NAME
		.Nm tp_thing_make ,
		.Nm tp_thing_name
		.Sh SYNOPSIS
		.In turnpike/plugin.h
		.Ft int
		.Fo tp_thing_make
		.Fa "int size"
		.Fa "void (*done)(void *arg)"
		.Fc
		.Ft "const char *"
		.Fo tp_thing_name
		.Fa void
		.Fc
		END
	plant man/turnpike-events.7 <<-'END'
		.Ss on_thing
		.It Family
		gate
		.Vt "struct tp_thing"
		.It Fa user , lifetime_s
		.It Dv TP_DELETE_DONE
		END
	plant plugins/p/p.c <<-'END'
		#include <nowhere.h>
		#define OPTION(option) {.name = option}
		static const struct tp_option options[] = {
			OPTION("users"),
			{
				.name = "delay",
			},
		};
		TP_PLUGIN(.name = "p");
		END
	plant man/turnpike-p.5 <<-'END'
		.Sh OPTIONS
		.It Sy users
		.It Sy delay
		.El
		END
}

# changed FILE SED-COMMAND: in a good tree.
changed() {
	plant_good
	sed -i "$2" "$work/tree/$1"
}

self_test() {
	plant_good
	clean "pages that have what the code has"

	changed man/tp_thing.3 '11,$d'
	found 'include/turnpike/plugin.h: no page shows tp_thing_name'
	changed man/tp_thing.3 's/int size/long size/'
	found 'man/tp_thing.3: tp_thing_make is declared otherwise in plugin.h: '
	changed man/tp_thing.3 's/plugin.h/other.h/'
	found 'man/tp_thing.3: tp_thing_name is declared otherwise in plugin.h: '
	changed man/tp_thing.3 's/^.Nm tp_thing_name/.Nm tp_thing/'
	found 'man/tp_thing.3: its NAME lacks tp_thing_name'
	changed man/turnpike-plugin.7 's/tp_thing_make/tp_thing_break/'
	found 'man/turnpike-plugin.7:2: there is no function tp_thing_break'
	changed man/turnpike-events.7 's/on_thing/on_other/'
	found 'man/turnpike-events.7: lacks the event on_thing'
	found 'man/turnpike-events.7: there is no event on_other'
	changed man/turnpike-events.7 's/^gate/packet/'
	found 'man/turnpike-events.7: on_thing: is of family gate'
	changed man/turnpike-events.7 's/lifetime_s/lifetime_ms/'
	found 'man/turnpike-events.7: on_thing: lacks the member lifetime_s'
	changed man/turnpike-events.7 '/TP_DELETE/d'
	found 'man/turnpike-events.7: lacks the value TP_DELETE_DONE'
	changed man/turnpike-p.5 '/users/d'
	found 'man/turnpike-p.5: lacks the option users'
	changed man/turnpike-p.5 's/delay/delays/'
	found 'man/turnpike-p.5: there is no option delays'
	found 'man/turnpike-p.5: lacks the option delay'
}

lint "$@"
