# core/cli: the tools

PROBE_OBJS := $(patsubst %,$(BUILD)/core/cli/%.o,probe probe_options probe_report exchange \
	rest_credential turn_client turn_link turn_login load load_cycle load_fleet load_flow \
	load_histogram load_options load_payload load_process load_receiver load_report \
	load_sender load_session load_setup load_stream load_traffic load_window nat nat_main \
	nat_message nat_options nat_report nat_socket nat_stream)

$(BUILD)/turnpike-probe: $(PROBE_OBJS) $(call upto,io)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

all: $(BUILD)/turnpike-probe

CTL_OBJS := $(patsubst %,$(BUILD)/core/cli/%.o,turnpikectl_print turnpikectl_socket turnpikectl_user)

$(BUILD)/turnpikectl: $(BUILD)/core/cli/turnpikectl.o $(CTL_OBJS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -ljansson

all: $(BUILD)/turnpikectl
