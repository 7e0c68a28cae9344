# core: objects by layer, the daemon and the tools

define layer
$(1)_SRCS := $$(wildcard core/$(1)/*.c)
$(1)_OBJS := $$($(1)_SRCS:%.c=$$(BUILD)/%.o)
-include $$($(1)_OBJS:.o=.d)
endef
$(foreach l,$(LAYERS) cli,$(eval $(call layer,$(l))))

# Objects of a layer and all below it: $(call upto,io)
before = $(if $(filter $(1),$(firstword $(2))),,$(firstword $(2)) $(call before,$(1),$(wordlist 2,99,$(2))))
upto = $(foreach l,$(call before,$(1),$(LAYERS)) $(1),$($(l)_OBJS))

include core/cli/rules.mk
