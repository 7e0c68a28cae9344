# plugins: those that are shipped, and the examples

include plugins/plugin.mk

plugin_sources = $(wildcard plugins/$(1)/*.c)

$(call plugin,auth_file,$(call plugin_sources,auth_file),gnutls)
$(call plugin,auth_jwt,$(call plugin_sources,auth_jwt) \
	$(call common,http_client http_fresh secret_file),libcurl gnutls jansson libevent_core)
$(call plugin,auth_rest,$(call plugin_sources,auth_rest) $(common_LOOKUP) \
	$(call common,http_client http_fresh),libcurl gnutls jansson libevent_core)
$(call plugin,auth_secret,$(call plugin_sources,auth_secret) plugins/common/secret_file.c,gnutls)
$(call plugin,event_log,$(call plugin_sources,event_log) plugins/common/event_line.c,jansson)
$(call plugin,geoip,$(call plugin_sources,geoip),libmaxminddb)
$(call plugin,ip_filter,$(call plugin_sources,ip_filter))
$(call plugin,quota,$(call plugin_sources,quota))
$(call plugin,tap,$(call plugin_sources,tap))
$(call plugin,webhook,$(call plugin_sources,webhook) plugins/common/event_line.c \
	plugins/common/secret_file.c,libcurl gnutls jansson)
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
