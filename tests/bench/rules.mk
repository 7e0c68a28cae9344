# bench: what the protocol costs on a network that is not there

$(BUILD)/tests/bench/relay: $(BUILD)/tests/bench/relay.o $(call upto,turn) $(TEST_SUPPORT)
	$(CC) $(LDFLAGS_ALL) -Wl,--export-dynamic -o $@ $^ $(LIBS)

bench-protocol: $(BUILD)/tests/bench/relay $(fixture_plugins)
	$<

bench: bench-protocol

.PHONY: bench bench-protocol
