# core: objects by layer, the daemon and the tools

# URING=no builds without io_uring, as does a system without liburing.
URING ?= $(if $(shell pkg-config --exists 'liburing >= 2.3' && echo yes),yes,no)
ifeq ($(URING),yes)
CPPFLAGS_ALL += -DTP_HAVE_URING
LIBS += -luring
endif
LIBS += -ljansson
NOT_IN_LAYERS := core/daemon/main.c $(if $(filter yes,$(URING)),,core/io/datagram_uring.c core/io/ring.c)

define layer
$(1)_SRCS := $$(filter-out $$(NOT_IN_LAYERS),$$(wildcard core/$(1)/*.c))
$(1)_OBJS := $$($(1)_SRCS:%.c=$$(BUILD)/%.o)
-include $$($(1)_OBJS:.o=.d)
endef
$(foreach l,$(LAYERS) cli kit,$(eval $(call layer,$(l))))

# Objects of a layer and all below it: $(call upto,io)
before = $(if $(filter $(1),$(firstword $(2))),,$(firstword $(2)) $(call before,$(1),$(wordlist 2,99,$(2))))
upto = $(foreach l,$(call before,$(1),$(LAYERS)) $(1),$($(l)_OBJS))

# The daemon's objects know where things will be installed; they follow a change of PREFIX.
$(BUILD)/core/daemon/%.o: FOLDER_CPPFLAGS = -DTP_SYSCONFDIR='"$(SYSCONFDIR)"' -DTP_PLUGINDIR='"$(PLUGINDIR)"'
$(daemon_OBJS) $(BUILD)/core/daemon/main.o: $(BUILD)/paths
$(BUILD)/paths: always
	@mkdir -p $(@D)
	@echo '$(SYSCONFDIR) $(PLUGINDIR)' | cmp -s - $@ || echo '$(SYSCONFDIR) $(PLUGINDIR)' >$@
.PHONY: always

# Plugins bind to the daemon's TP_API symbols, hence --export-dynamic; -fvisibility=hidden keeps
# the rest in. Objects, not archives: what only plugins call is there all the same.
$(BUILD)/turnpike: $(BUILD)/core/daemon/main.o $(call upto,daemon)
	$(CC) $(LDFLAGS_ALL) -Wl,--export-dynamic -o $@ $^ $(LIBS)
-include $(BUILD)/core/daemon/main.d

all: $(BUILD)/turnpike

include core/cli/rules.mk
include core/kit/rules.mk
