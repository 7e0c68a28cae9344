#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A shipped plugin is complete when five things exist: its folder, its manual page,
# its example section, its test, and its row in the README; and the build knows it.
#
#	tests/lint/plugins.sh [--self-test]

. "$(dirname "$0")/lib.sh"

# lacks PLUGIN FILE
lacks() {
	if [ ! -f "$2" ]; then
		echo "plugins/$1: there is no $2"
	fi
}

# The example section shows each option, commented out or not, and no other key.
check_example() {
	example=etc/conf.d/$1.conf
	if [ ! -f "$example" ]; then
		return
	fi
	if ! grep -qx "\[plugin\.$1\]" "$example"; then
		echo "$example: there is no section [plugin.$1]"
	fi
	plugin_options "$1" >"$work/options"
	sed -n 's/^#\{0,1\}\([a-z0-9_]*\)[[:space:]]*=.*/\1/p' "$example" | sort -u >"$work/keys"
	comm -23 "$work/options" "$work/keys" | sed "s|^|$example: lacks the option |"
	comm -13 "$work/options" "$work/keys" | sed "s|^|$example: there is no option |"
}

check_plugin() {
	lacks "$1" "man/turnpike-$1.5"
	lacks "$1" "etc/conf.d/$1.conf"
	lacks "$1" "tests/plugins/test_$1.c"
	if ! grep -Eq "^[[:space:]]*$1[[:space:]].*turnpike-$1\(5\)" README; then
		echo "README: has no row for $1 that names turnpike-$1(5)"
	fi
	if ! grep -q "call plugin,$1," plugins/rules.mk; then
		echo "plugins/rules.mk: does not build $1"
	fi
	check_example "$1"
}

# orphans KIND: names from standard input that are no shipped plugins.
orphans() {
	shipped_plugins >"$work/shipped"
	sort -u | comm -13 "$work/shipped" - | sed "s|.*|$1: there is no plugin &|"
}

check() {
	for plugin in $(shipped_plugins); do
		check_plugin "$plugin"
	done
	find etc/conf.d -name '*.conf' | sed 's|.*/||; s/\.conf$//' | orphans etc/conf.d
	find tests/plugins -name 'test_*.c' ! -name test_examples.c |
		sed 's|.*/test_||; s/\.c$//' | orphans tests/plugins
	grep -oE 'turnpike-[a-z0-9_]+\(5\)' README | sed 's/turnpike-//; s/(5)//' | orphans README
}

plant_good() {
	fresh
	printf 'static const struct tp_option options[] = {\n\t{.name = "users"},\n};\n' |
		plant plugins/p/p.c
	echo '$(call plugin,p,plugins/p/p.c)' | plant plugins/rules.mk
	echo '.Sh OPTIONS' | plant man/turnpike-p.5
	printf '# users\n[plugin.p]\n#users = /etc/turnpike/users\n' | plant etc/conf.d/p.conf
	echo '/* */' | plant tests/plugins/test_p.c
	echo '  p      users from a file   turnpike-p(5)' | plant README
}

# without FILE: in a good tree.
without() {
	plant_good
	rm "$work/tree/$1"
}

self_test() {
	plant_good
	clean "a complete plugin"

	without man/turnpike-p.5
	found 'plugins/p: there is no man/turnpike-p.5'
	without etc/conf.d/p.conf
	found 'plugins/p: there is no etc/conf.d/p.conf'
	without tests/plugins/test_p.c
	found 'plugins/p: there is no tests/plugins/test_p.c'
	plant_good
	echo nothing | plant README
	found 'README: has no row for p'
	plant_good
	echo nothing | plant plugins/rules.mk
	found 'plugins/rules.mk: does not build p'
	plant_good
	printf '[plugin.q]\nuser = a\n' | plant etc/conf.d/p.conf
	found 'etc/conf.d/p.conf: there is no section [plugin.p]'
	found 'etc/conf.d/p.conf: lacks the option users'
	found 'etc/conf.d/p.conf: there is no option user'
	rm -r "$work/tree/plugins/p"
	mkdir "$work/tree/plugins/q"
	found 'etc/conf.d: there is no plugin p'
	found 'tests/plugins: there is no plugin p'
}

lint "$@"
