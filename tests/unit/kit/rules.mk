# tests/unit/kit: the host of plugin tests, linked as authors elsewhere link it

unit_kit_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/unit/kit/*.c))
-include $(unit_kit_OBJS:.o=.d)

$(BUILD)/tests/unit-kit: $(BUILD)/tests/unit/runner.o $(unit_kit_OBJS) $(TEST_LIBRARY)
	$(CC) $(LDFLAGS_ALL) -Wl,--export-dynamic -o $@ $^ $(LIBS) -lcunit

check-unit-kit: $(BUILD)/tests/unit-kit $(fixture_plugins)
	$<

check-unit: check-unit-kit
.PHONY: check-unit-kit
