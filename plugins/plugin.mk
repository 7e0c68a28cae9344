# One shared object per plugin: $(call plugin,NAME,SOURCES,PACKAGES)
#
#	SOURCES   the .c files
#	PACKAGES  what pkg-config calls the libraries of its own; empty for none
#
# A plugin is built with what an author elsewhere has: the headers in include/
# and nothing to link against; what several of ours share is in plugins/common/.
# $(call common,NAMES) are such sources, $(common_LOOKUP) all that a back end needs
# that looks up users. One whose library is missing is left out with a line that says so.

PKG_CONFIG ?= pkg-config

# A handler that needs no "self" has it all the same.
PLUGIN_CFLAGS = $(filter-out -fPIE,$(CFLAGS_ALL)) -fPIC -Wno-unused-parameter
PLUGIN_LDFLAGS = $(filter-out -pie,$(LDFLAGS_ALL)) -shared

common = $(1:%=plugins/common/%.c)
common_LOOKUP := $(call common,backend_peers backoff breaker lookup lookup_answer lookup_cache \
	lookup_counters lookup_expiry lookup_key lookup_question secret_file secret_option)

PLUGINS :=         # shared objects that can be built
PLUGINS_MISSING := # names of those that cannot

define plugin_build
plugin_$(1)_OBJS := $(2:%.c=$(BUILD)/%.o)
$$(plugin_$(1)_OBJS): FOLDER_CFLAGS := $(if $(3),$(shell $(PKG_CONFIG) --cflags $(3)))
# The loader refuses what others can write, whatever the umask says.
$(BUILD)/plugins/$(1).so: $$(plugin_$(1)_OBJS)
	$$(CC) $$(PLUGIN_LDFLAGS) -o $$@ $$^ $(if $(3),$(shell $(PKG_CONFIG) --libs $(3)))
	@chmod go-w $$@ $$(@D)
-include $$(plugin_$(1)_OBJS:.o=.d)
PLUGINS += $(BUILD)/plugins/$(1).so
endef

define plugin_skip
skip-plugin-$(1):
	@echo 'plugin $(1) is left out: $(PKG_CONFIG) does not find $(3)'
.PHONY: skip-plugin-$(1)
PLUGINS_MISSING += $(1)
endef

plugin_has = $(if $(1),$(shell $(PKG_CONFIG) --exists $(1) 2>/dev/null && echo yes),yes)
plugin = $(eval $(call $(if $(call plugin_has,$(3)),plugin_build,plugin_skip),$(1),$(2),$(3)))

$(BUILD)/plugins/%.o: plugins/%.c
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -Iinclude -Iplugins $(CPPFLAGS) $(FOLDER_CFLAGS) $(PLUGIN_CFLAGS) -MMD -MP -c -o $@ $<
