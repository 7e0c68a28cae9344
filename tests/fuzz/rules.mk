# fuzz targets: tests/fuzz/fuzz_<x>.c with seeds in tests/fuzz/corpus/<x>/
#
# A target links the objects of one layer and all below it, and what else it
# names. For fuzz_<x>.c these say so:
#
#	FUZZ_LAYER_<x> := turn                  (stun when nothing is said)
#	FUZZ_SRCS_<x>  := plugins/p/source.c    (more sources)
#	FUZZ_LIBS_<x>  := -lsomething           (more libraries)

FUZZ_SECONDS ?= 5
FUZZ_CC := clang
FUZZ_BUILD := $(BUILD)/fuzz
FUZZ_SANITIZE := address,undefined
FUZZ_CFLAGS := -std=c11 -g -O1 $(WARNINGS) $(WERROR) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZE) -pthread

FUZZ_LAYER_control := base
FUZZ_SRCS_control := core/daemon/control_line.c

FUZZ_SRCS_client_hello := core/io/client_hello.c

FUZZ_SRCS_proxy_header := core/io/proxy_header.c

FUZZ_LAYER_mobility := turn

FUZZ_LAYER_server := turn
FUZZ_SRCS_server := $(patsubst %,tests/support/%.c,bare_server fake_clock fake_net turn_client)

FUZZ_LAYER_user_file := base
FUZZ_SRCS_user_file := $(addprefix plugins/auth_file/,user.c user_file.c user_table.c userhash_index.c)

fuzz_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_TARGETS := $(fuzz_NAMES:%=$(FUZZ_BUILD)/fuzz_%)

$(FUZZ_BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(CPPFLAGS_ALL) -Itests $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

define fuzz
fuzz_$(1)_OBJS := $(FUZZ_BUILD)/tests/fuzz/fuzz_$(1).o \
	$$(FUZZ_SRCS_$(1):%.c=$(FUZZ_BUILD)/%.o) \
	$$(patsubst $(BUILD)/%,$(FUZZ_BUILD)/%,$$(call upto,$$(or $$(FUZZ_LAYER_$(1)),stun)))
-include $$(fuzz_$(1)_OBJS:.o=.d)
$(FUZZ_BUILD)/fuzz_$(1): $$(fuzz_$(1)_OBJS)
	$(FUZZ_CC) -fsanitize=fuzzer,$(FUZZ_SANITIZE) -pthread -Wl,--as-needed \
		-o $$@ $$^ $$(FUZZ_LIBS_$(1)) $(LIBS)
endef
$(foreach n,$(fuzz_NAMES),$(eval $(call fuzz,$(n))))

fuzz: $(FUZZ_TARGETS)

check-fuzz-long: FUZZ_SECONDS = 600
check-fuzz check-fuzz-long: $(FUZZ_TARGETS)
	tests/fuzz/run.sh $(FUZZ_BUILD) $(FUZZ_SECONDS) $(fuzz_NAMES)

.PHONY: fuzz check-fuzz check-fuzz-long
