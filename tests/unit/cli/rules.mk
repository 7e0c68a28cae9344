# tests/unit/cli: the tools are no layer that others stand on; their suites link like one

unit_cli_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/unit/cli/*.c))
-include $(unit_cli_OBJS:.o=.d)

$(BUILD)/tests/unit-cli: $(BUILD)/tests/unit/runner.o $(unit_cli_OBJS) \
		$(filter-out %/probe.o,$(PROBE_OBJS)) $(CTL_OBJS) $(call upto,io) $(TEST_SUPPORT)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) -lcunit

check-unit-cli: $(BUILD)/tests/unit-cli
	$<

.PHONY: check-unit-cli
