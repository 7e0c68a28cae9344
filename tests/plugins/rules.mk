# tests/plugins: each shipped plugin and each example, on the host that authors elsewhere have

plugin_tests := $(filter-out $(PLUGINS_MISSING:%=tests/plugins/test_%.c),$(wildcard tests/plugins/*.c))
plugin_test_OBJS := $(plugin_tests:%.c=$(BUILD)/%.o)
$(plugin_test_OBJS): override CPPFLAGS += -Iplugins
-include $(plugin_test_OBJS:.o=.d)

# Plugins bind to the program's tp_* functions, as they do to the daemon's.
$(BUILD)/tests/check-plugins: $(BUILD)/tests/unit/runner.o $(plugin_test_OBJS) $(call upto,host) \
		$(kit_OBJS) $(common_LOOKUP:%.c=$(BUILD)/%.o) \
		$(common_REALM:%.c=$(BUILD)/%.o) $(TEST_SUPPORT)
	$(CC) $(LDFLAGS_ALL) -Wl,--export-dynamic -o $@ $^ $(LIBS) -lcunit

check-plugins: $(BUILD)/tests/check-plugins plugins $(fixture_plugins)
	$<

.PHONY: check-plugins
