# Turnpike: the build. "make help" lists the targets.

VERSION := $(shell sed -n 's/^.define TP_VERSION "\(.*\)"/\1/p' include/turnpike/version.h)

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
PLUGINDIR ?= $(PREFIX)/lib/turnpike/plugins

# SANITIZE=address,undefined or SANITIZE=thread builds apart from the plain build.
SANITIZE ?=
comma := ,
BUILD ?= build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))

CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
OPTIMIZE ?= -O2
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
WERROR ?=
HARDEN := -fPIE -fstack-protector-strong $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fcf-protection
CPPFLAGS_ALL = -D_GNU_SOURCE -Icore -Iinclude $(FOLDER_CPPFLAGS) $(CPPFLAGS)
CFLAGS_ALL := -std=c11 -g $(OPTIMIZE) $(WARNINGS) $(WERROR) $(HARDEN) -fvisibility=hidden -pthread \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all) $(CFLAGS)
LDFLAGS_ALL := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed -pthread \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
LIBS := -levent_core -levent_pthreads -lgnutls -lltdl -liniparser -lz -ldl

LAYERS := base stun io host turn daemon

all: # the default target; folders add to it

.SUFFIXES:
.DELETE_ON_ERROR:
.PHONY: all help clean install run check deps deps-check

include core/rules.mk
include plugins/rules.mk
include etc/rules.mk
include man/rules.mk
include tests/rules.mk

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

help:
	@echo 'make                     build the daemon, the tools and the plugins into $(BUILD)/'
	@echo 'make run                 install what is missing, build, relay a burst, stay on 127.0.0.1:3478'
	@echo 'make check               install what is missing and run every test'
	@echo 'make check-fast          unit and plugin suites only'
	@echo 'make check-long          the long forms of the sanitizer and fuzz runs'
	@echo 'make lint                include order, exports, headers, manual pages'
	@echo 'make bench               the protocol alone, then the daemon beside coturn and beside bare forwarders'
	@echo 'make bench-instructions  user instructions per relayed packet, with a ceiling'
	@echo 'make install             DESTDIR=, PREFIX=$(PREFIX), SYSCONFDIR=$(SYSCONFDIR)'
	@echo 'make deps, deps-check    install the packages to build; to test'
	@echo 'make clean               remove $(BUILD)/'
	@echo 'SANITIZE=address,undefined or SANITIZE=thread with any of them; CC=clang as well'

clean:
	rm -rf $(BUILD)

# --- packages -----------------------------------------------------------------

DEPS_BUILD := gcc make pkg-config libc6-dev libevent-dev libgnutls28-dev libltdl-dev libiniparser-dev zlib1g-dev libjansson-dev \
	liburing-dev libmaxminddb-dev libcurl4-gnutls-dev \
	libldap-dev libsqlite3-dev libpq-dev libmariadb-dev libhiredis-dev
DEPS_CHECK := $(DEPS_BUILD) g++ clang llvm binutils libclang-rt-14-dev libcunit1-dev coturn chromium chromium-driver \
	python3-selenium openssl mandoc groff iproute2 procps curl libnss3-tools util-linux valgrind \
	abigail-tools tshark slapd ldap-utils sqlite3 postgresql mariadb-server redis-server redis-tools nghttp2-server \
	python3-cryptography nftables haproxy nginx libnginx-mod-stream

# Announce and install what dpkg does not know; silent when all is there. Servers that come along
# are not started meanwhile: the tests start their own.
define install_packages
@missing=; for p in $(1); do \
	dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
if [ -z "$$missing" ]; then exit 0; fi; \
if ! command -v apt-get >/dev/null; then \
	echo "Without apt, please install what these Debian packages hold:$$missing" >&2; exit 1; fi; \
sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
echo "Installing Debian packages:$$missing"; \
policy=/usr/sbin/policy-rc.d; \
if [ -e $$policy ]; then policy=; else \
	printf '#!/bin/sh\nexit 101\n' | $$sudo tee $$policy >/dev/null; $$sudo chmod 755 $$policy; fi; \
$$sudo apt-get update -qq && \
$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
status=$$?; [ -z "$$policy" ] || $$sudo rm -f $$policy; exit $$status
endef

deps:
	$(call install_packages,$(DEPS_BUILD))

deps-check:
	$(call install_packages,$(DEPS_CHECK))
