# etc: install, and the demonstration

INSTALL ?= install
SED ?= sed

# Files name the default places; what is installed names the real ones: $(call relocate,FROM,TO)
relocate = $(SED) -e 's|/usr/local/lib/turnpike/plugins|$(PLUGINDIR)|g' \
	-e 's,/usr/local/\(sbin\|include\|share\|lib/pkgconfig\|lib/libturnpike\),$(PREFIX)/\1,g' \
	-e 's|/etc/turnpike|$(SYSCONFDIR)/turnpike|g' \
	$(1) >$(2) && chmod 644 $(2)

install: all install-programs install-headers install-kit install-plugins install-man install-etc

install-programs: all
	$(INSTALL) -d '$(DESTDIR)$(PREFIX)/sbin' '$(DESTDIR)$(PREFIX)/bin'
	$(INSTALL) -m 755 $(BUILD)/turnpike $(BUILD)/turnpikectl '$(DESTDIR)$(PREFIX)/sbin'
	$(INSTALL) -m 755 $(BUILD)/turnpike-probe '$(DESTDIR)$(PREFIX)/bin'

install-headers:
	$(INSTALL) -d '$(DESTDIR)$(PREFIX)/include/turnpike'
	$(INSTALL) -m 644 include/turnpike/*.h '$(DESTDIR)$(PREFIX)/include/turnpike'

# What plugins are made and tested with elsewhere: $(call fill,FROM,TO)
abi = $(shell sed -n 's/^.define TP_ABI_$(1) //p' include/turnpike/plugin.h)
fill = $(SED) -e 's|@PREFIX@|$(PREFIX)|' -e 's|@PLUGINDIR@|$(PLUGINDIR)|' -e 's|@VERSION@|$(VERSION)|' \
	-e 's|@ABI_MAJOR@|$(call abi,MAJOR)|' -e 's|@ABI_MINOR@|$(call abi,MINOR)|' \
	-e 's|@LIBS@|$(TEST_LIBRARY_LIBS)|' $(1) >$(2) && chmod 644 $(2)

install-kit: all
	$(INSTALL) -d '$(DESTDIR)$(PREFIX)/lib/pkgconfig' '$(DESTDIR)$(PREFIX)/bin' \
		'$(DESTDIR)$(PREFIX)/share/turnpike/plugin-template'
	$(INSTALL) -m 644 $(TEST_LIBRARY) '$(DESTDIR)$(PREFIX)/lib'
	$(call fill,etc/turnpike.pc.in,'$(DESTDIR)$(PREFIX)/lib/pkgconfig/turnpike.pc')
	$(call fill,etc/turnpike-test.pc.in,'$(DESTDIR)$(PREFIX)/lib/pkgconfig/turnpike-test.pc')
	$(INSTALL) -m 755 core/cli/turnpike-plugin '$(DESTDIR)$(PREFIX)/bin'
	$(INSTALL) -m 644 etc/plugin-template/* '$(DESTDIR)$(PREFIX)/share/turnpike/plugin-template'

install-plugins: all
	$(INSTALL) -d '$(DESTDIR)$(PLUGINDIR)'
	for plugin in $(PLUGINS_SHIPPED); do \
		$(INSTALL) -m 755 "$$plugin" '$(DESTDIR)$(PLUGINDIR)' || exit 1; \
	done

# A page of section 3 is found under the name of each of its functions.
install-man:
	for page in man/*.[1-9]; do \
		folder='$(DESTDIR)$(PREFIX)/share/man/man'"$${page##*.}"; \
		$(INSTALL) -d "$$folder" && \
		$(call relocate,"$$page","$$folder/$${page##*/}") || exit 1; \
	done
	for page in man/tp_*.3; do \
		for name in $$($(SED) -n 's/^\.Nm \(tp_[a-z0-9_]*\).*/\1/p' "$$page"); do \
			[ "man/$$name.3" = "$$page" ] || ln -sf "$${page##*/}" \
				'$(DESTDIR)$(PREFIX)/share/man/man3/'"$$name.3" || exit 1; \
		done; \
	done

CONF = '$(DESTDIR)$(SYSCONFDIR)/turnpike/turnpike.conf'
EXAMPLES = '$(DESTDIR)$(PREFIX)/share/doc/turnpike/examples'

# What an administrator has written stays.
install-etc:
	$(INSTALL) -d '$(DESTDIR)$(SYSCONFDIR)/turnpike' '$(DESTDIR)$(PREFIX)/lib/systemd/system' \
		'$(DESTDIR)$(PREFIX)/lib/sysusers.d' $(EXAMPLES)
	test -e $(CONF) || { $(call relocate,etc/turnpike.conf,$(CONF)); }
	$(call relocate,etc/turnpike.service,'$(DESTDIR)$(PREFIX)/lib/systemd/system/turnpike.service')
	$(INSTALL) -m 644 etc/turnpike.sysusers '$(DESTDIR)$(PREFIX)/lib/sysusers.d/turnpike.conf'
	for example in etc/turnpike.conf etc/users.example etc/conf.d/*.conf; do \
		test ! -e "$$example" || { $(call relocate,"$$example",$(EXAMPLES)/"$${example##*/}"); } \
			|| exit 1; \
	done

run: deps
	@$(MAKE) --no-print-directory all
	@exec etc/demo.sh $(BUILD)

.PHONY: install-programs install-headers install-kit install-plugins install-man install-etc
