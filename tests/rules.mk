# tests: unit suites by layer; further kinds add themselves below

test_support_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/support/*.c))
TEST_SUPPORT := $(BUILD)/tests/support.a
-include $(test_support_OBJS:.o=.d)

$(BUILD)/tests/%.o: FOLDER_CPPFLAGS := -Itests -DTEST_PLUGIN_DIR='"$(abspath $(BUILD)/tests/plugins)"'

$(TEST_SUPPORT): $(test_support_OBJS)
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

include tests/fixtures/rules.mk
include tests/abi/rules.mk

define unit
unit_$(1)_OBJS := $$(patsubst %.c,$$(BUILD)/%.o,$$(wildcard tests/unit/$(1)/*.c))
-include $$(unit_$(1)_OBJS:.o=.d)
$$(BUILD)/tests/unit-$(1): $$(BUILD)/tests/unit/runner.o $$(unit_$(1)_OBJS) $$(call upto,$(1)) \
		$$(if $$(filter host,$(1)),$$(kit_OBJS)) $$(TEST_SUPPORT)
	$$(CC) $$(LDFLAGS_ALL) -Wl,--export-dynamic -o $$@ $$^ $$(LIBS) -lcunit
check-unit-$(1): $$(BUILD)/tests/unit-$(1) $$(if $$(filter host turn daemon,$(1)),$$(fixture_plugins))
	$$<
.PHONY: check-unit-$(1)
endef
unit_LAYERS := $(foreach l,$(LAYERS),$(if $(wildcard tests/unit/$(l)/*.c),$(l)))
$(foreach l,$(unit_LAYERS),$(eval $(call unit,$(l))))

check-unit: $(unit_LAYERS:%=check-unit-%) check-unit-cli
.PHONY: check-unit

include tests/unit/cli/rules.mk
include tests/unit/kit/rules.mk
include tests/plugins/rules.mk
include tests/system/rules.mk
include tests/fuzz/rules.mk
include tests/bench/rules.mk
include tests/lint/rules.mk

# --- make check ---------------------------------------------------------------

CHECK_SUITES := check-unit check-plugins
CHECK_STEPS := 'lint' '$(CHECK_SUITES)' 'SANITIZE=address,undefined $(CHECK_SUITES)' \
	'SANITIZE=thread $(CHECK_SUITES)' 'CC=clang BUILD=build/clang WERROR=-Werror $(CHECK_SUITES)' \
	'check-instructions' 'check-fuzz' 'check-system'

check: deps-check
	@MAKE='$(MAKE)' tests/check.sh $(CHECK_STEPS)

check-fast: deps-check
	@MAKE='$(MAKE)' tests/check.sh 'lint' '$(CHECK_SUITES)'

check-long: deps-check
	@MAKE='$(MAKE)' tests/check.sh 'SANITIZE=address,undefined $(CHECK_SUITES) check-system' \
		'SANITIZE=thread $(CHECK_SUITES) check-system' 'check-fuzz-long'

.PHONY: check-fast check-long
