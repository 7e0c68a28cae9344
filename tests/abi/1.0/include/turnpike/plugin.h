/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>
#include <turnpike/api.h>
#include <turnpike/counter.h>
#include <turnpike/error.h>
#include <turnpike/event.h>
#include <turnpike/job.h>
#include <turnpike/log.h>
#include <turnpike/option.h>
#include <turnpike/prefix.h>
#include <turnpike/request.h>
#include <turnpike/ticket.h>
#include <turnpike/types.h>
#include <turnpike/version.h>
#include <turnpike/worker.h>

TP_BEGIN_DECLS

/*
 * ABI history
 *
 * 1.0  first
 *
 * Within a major version members are only appended to struct tp_plugin, struct
 * tp_events, struct tp_credentials and the payloads; readers test "size".
 */
#define TP_ABI_MAJOR 1
#define TP_ABI_MINOR 0

/* The one symbol a plugin exports, under the name turnpike_plugin. */
struct tp_plugin {
	uint32_t abi_major;
	uint32_t abi_minor;
	size_t size; /* sizeof(struct tp_plugin) */
	const char *name;
	const char *version;
	const char *summary;             /* one line */
	const struct tp_option *options; /* ends with a NULL name; NULL for none */
	const struct tp_events *events;

	/* Main thread, before any worker calls. Options can be read. 0, or a TP_E*
	 * with a sentence left by tp_instance_fail(). NULL: nothing to do. */
	int (*create)(struct tp_instance *self);
	/* Main thread, at a reload, after create: take over what the instance of the
	 * same name before had (caches, counters). */
	int (*adopt)(struct tp_instance *self, struct tp_instance *previous);
	/* Each worker's thread, before and after its handlers are called. */
	int (*worker_start)(struct tp_instance *self, struct tp_worker *worker);
	void (*worker_stop)(struct tp_instance *self, struct tp_worker *worker);
	/* Main thread, last; also after a create that failed. */
	void (*destroy)(struct tp_instance *self);
	/* Worker: the client of a parked request went away, or its deadline passed;
	 * the ticket is stale from now on. */
	void (*request_gone)(struct tp_instance *self, struct tp_ticket ticket);
};

#ifdef __cplusplus
#define TP_PLUGIN_LINKAGE_ extern "C"
#else
#define TP_PLUGIN_LINKAGE_ extern
#endif

/** Define the plugin: name, version, summary, then members of struct tp_plugin. */
#define TP_PLUGIN(plugin_name, plugin_version, plugin_summary, ...)                                \
	TP_PLUGIN_LINKAGE_ TP_API const struct tp_plugin turnpike_plugin;                          \
	const struct tp_plugin turnpike_plugin = {.abi_major = TP_ABI_MAJOR,                       \
						  .abi_minor = TP_ABI_MINOR,                       \
						  .size = sizeof(struct tp_plugin),                \
						  .name = plugin_name,                             \
						  .version = plugin_version,                       \
						  .summary = plugin_summary,                       \
						  __VA_ARGS__}

/** The instance's name in the ini file. Owner: the instance. Thread: any. */
TP_API const char *tp_instance_name(const struct tp_instance *self);

/** The plugin's own state. Thread: any; what it points to is the plugin's to guard. */
TP_API void *tp_instance_state(const struct tp_instance *self);
TP_API void tp_instance_set_state(struct tp_instance *self, void *state);

/**
 * Say why create, adopt or worker_start fails; the daemon prints it with file
 * and section.
 *
 * @format: a sentence without a full stop, printf-like, cut at 255 bytes
 *
 * Returns @error, so that a function can return this call.
 */
TP_API int tp_instance_fail(struct tp_instance *self, int error, const char *format, ...)
	TP_PRINTF(3, 4);

TP_END_DECLS
