# bench: what the protocol costs on a network that is not there

bench_SUPPORT := $(BUILD)/tests/bench/void_net.o

$(BUILD)/tests/bench/relay $(BUILD)/tests/bench/instructions: $(BUILD)/tests/bench/%: \
		$(BUILD)/tests/bench/%.o $(bench_SUPPORT) $(call upto,turn) $(TEST_SUPPORT)
	$(CC) $(LDFLAGS_ALL) -Wl,--export-dynamic -o $@ $^ $(LIBS)

-include $(patsubst %.c,$(BUILD)/%.d,$(wildcard tests/bench/*.c))

bench-protocol: $(BUILD)/tests/bench/relay $(fixture_plugins)
	$<

# Counts compare only between builds that are alike: gcc, -O2, no sanitizer.
instructions_BUILD := $(BUILD)$(if $(SANITIZE)$(CFLAGS)$(filter-out gcc,$(CC))$(filter-out -O2,$(OPTIMIZE)),/plain)

bench-instructions check-instructions:
	@$(MAKE) --no-print-directory SANITIZE= CC=gcc OPTIMIZE=-O2 CFLAGS= BUILD=$(instructions_BUILD) \
		bench-instructions-plain

bench-instructions-plain: $(BUILD)/tests/bench/instructions $(fixture_plugins)
	@tests/bench/instructions.sh $<

bench: bench-protocol

.PHONY: bench bench-protocol bench-instructions check-instructions bench-instructions-plain

# --- beside others ------------------------------------------------------------

# The bare forwarders need liburing; without it there is no floor in the table.
forwarder := $(if $(filter yes,$(URING)),$(BUILD)/tests/bench/forwarder)

$(BUILD)/tests/bench/forwarder: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/forwarder*.c))
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -luring

# RUNS, SECONDS_EACH, SCENARIOS, BASELINE: see the script.
bench-compare: all $(forwarder)
	@BUILD=$(BUILD) tests/bench/compare.sh

bench: bench-compare
bench-compare: | bench-protocol # not at the same time

.PHONY: bench-compare
