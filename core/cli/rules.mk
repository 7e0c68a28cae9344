# core/cli: the tools

PROBE_OBJS := $(patsubst %,$(BUILD)/core/cli/%.o,probe probe_options probe_report exchange \
	rest_credential turn_client turn_link turn_login)

$(BUILD)/turnpike-probe: $(PROBE_OBJS) $(call upto,io)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

all: $(BUILD)/turnpike-probe
