# plugins: those that are shipped, and the examples

include plugins/plugin.mk

plugin_sources = $(wildcard plugins/$(1)/*.c)

$(call plugin,auth_file,$(call plugin_sources,auth_file),gnutls)
$(call plugin,auth_secret,$(call plugin_sources,auth_secret),gnutls)
$(call plugin,event_log,$(call plugin_sources,event_log),jansson)
$(call plugin,ip_filter,$(call plugin_sources,ip_filter))
PLUGINS_SHIPPED := $(PLUGINS)

# What an author reads first; built and tested like the others, of no use to an installation.
$(call plugin,hello,plugins/example/hello.c)
$(call plugin,observe,plugins/example/observe.c)
$(call plugin,payload_watcher,plugins/example/payload_watcher.c)
$(call plugin,slow_answer,plugins/example/slow_answer.c)
$(call plugin,time_of_day,plugins/example/time_of_day.c)
$(call plugin,user_limit,plugins/example/user_limit.c)

plugins: $(PLUGINS) $(PLUGINS_MISSING:%=skip-plugin-%)
all: plugins

.PHONY: plugins
