# plugins: those that are shipped, and the examples

include plugins/plugin.mk

plugin_sources = $(wildcard plugins/$(1)/*.c)

# What those with coturn's data share.
common_REALM := $(call common,realm_guard realm_policy realm_tally rest_name user_key host_name)

# auth_sql has SQLite in any case, and servers as their libraries are there.
auth_sql_packages := sqlite3 gnutls libevent_core
auth_sql_sources := $(common_LOOKUP) $(common_REALM) $(filter-out %/pg_conn.c %/sql_postgresql.c \
	%/sql_mysql.c,$(call plugin_sources,auth_sql))
# 1 name of the server, 2 package, 3 macro, 4 sources
define auth_sql_server
ifeq ($(call plugin_has,$(2)),yes)
auth_sql_packages += $(2)
auth_sql_sources += $(4:%=plugins/auth_sql/%)
$$(BUILD)/plugins/auth_sql/sql.o: PLUGIN_CFLAGS += -D$(3)
else
skip-auth_sql-$(1):
	@echo 'plugin auth_sql goes without $(1): $(PKG_CONFIG) does not find $(2)'
.PHONY: skip-auth_sql-$(1)
plugins: skip-auth_sql-$(1)
endif
endef
$(eval $(call auth_sql_server,postgresql,libpq,HAVE_POSTGRESQL,pg_conn.c sql_postgresql.c))
$(eval $(call auth_sql_server,mysql,libmariadb,HAVE_MYSQL,sql_mysql.c))

$(call plugin,auth_file,$(call plugin_sources,auth_file) plugins/common/file_watch.c,gnutls)
$(call plugin,auth_jwt,$(call plugin_sources,auth_jwt) \
	$(call common,http_client http_fresh secret_file),libcurl gnutls jansson libevent_core)
$(call plugin,auth_rest,$(call plugin_sources,auth_rest) $(common_LOOKUP) \
	$(call common,http_client http_fresh),libcurl gnutls jansson libevent_core)
$(call plugin,auth_ldap,$(call plugin_sources,auth_ldap) $(common_LOOKUP) \
	$(call common,library_keep),ldap libevent_core)
$(call plugin,auth_oauth,$(call plugin_sources,auth_oauth) \
	$(call common,file_watch secret_file),gnutls)
$(call plugin,auth_secret,$(call plugin_sources,auth_secret) plugins/common/secret_file.c,gnutls)
$(call plugin,auth_sql,$(auth_sql_sources),$(auth_sql_packages))
$(call plugin,event_log,$(call plugin_sources,event_log) plugins/common/event_line.c,jansson)
$(call plugin,geoip,$(call plugin_sources,geoip) plugins/common/file_watch.c,libmaxminddb)
$(call plugin,ip_filter,$(call plugin_sources,ip_filter))
$(call plugin,quota,$(call plugin_sources,quota))
$(call plugin,redirect,$(call plugin_sources,redirect) $(call common,tcp_stream),\
	gnutls libevent_core)
$(call plugin,redis,$(call plugin_sources,redis) $(common_LOOKUP) $(common_REALM) \
	$(call common,redis_conn redis_reader tcp_stream),hiredis gnutls libevent_core)
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
