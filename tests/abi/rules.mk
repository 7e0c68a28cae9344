# Plugins of earlier interfaces: built against the headers of then, and binaries of then

abi_plugins := $(BUILD)/tests/plugins/first_1_0.so

$(BUILD)/tests/plugins/first_1_0.so: tests/abi/1.0/first.c
	@mkdir -p $(@D)
	@chmod go-w $(@D)
	$(CC) -D_GNU_SOURCE -Itests/abi/1.0/include $(filter-out -fPIE,$(CFLAGS_ALL)) -fPIC -shared -MMD -MP -o $@ $<
	@chmod go-w $@

ifeq ($(shell uname -m),x86_64)
abi_plugins += $(BUILD)/tests/plugins/first_1_0_binary.so
$(BUILD)/tests/plugins/first_1_0_binary.so: tests/abi/1.0/first-x86_64.so
	@mkdir -p $(@D)
	@chmod go-w $(@D)
	@install -m 644 $< $@
endif

fixture_plugins += $(abi_plugins)

-include $(BUILD)/tests/plugins/first_1_0.d
