# core/kit: what the test of a plugin elsewhere is linked with

# Settings are read as those of the daemon are.
kit_OBJS += $(BUILD)/core/daemon/ini.o

# One object in the archive, whole: plugins need functions that the test does not call.
# What is not for plugins and tests stays inside.
TEST_LIBRARY := $(BUILD)/libturnpike-test.a
TEST_LIBRARY_LIBS = $(filter-out -liniparser -ljansson,$(LIBS)) -pthread \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE))

$(BUILD)/turnpike-test.o: $(call upto,host) $(kit_OBJS)
	$(CC) -r -nostdlib -o $@ $^
	objcopy --localize-hidden $@

$(TEST_LIBRARY): $(BUILD)/turnpike-test.o
	@rm -f $@
	$(AR) rcs $@ $<

all: $(TEST_LIBRARY)
