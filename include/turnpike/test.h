/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/plugin.h>

TP_BEGIN_DECLS

/*
 * A host for the test of one plugin: the daemon's own loader, option checks,
 * event chains, tickets, timers and jobs, with one worker, which is the calling
 * thread, on a clock that stands still until the test moves it. No daemon, and no
 * sockets but the plugin's own.
 *
 *	struct tp_test_host *host = tp_test_host_create("build/ip_filter.so",
 *							"peer_deny = 192.0.2.0/24\n");
 *	const struct tp_test_asked *asked;
 *
 *	asked = tp_test_on_turn_before_permission(
 *		host, &(struct tp_before_permission){
 *			      .allocation = tp_test_allocation(host),
 *			      .peer_addr = &peer_addr,
 *			      .method = 0x008});
 *	assert(asked->verdict == TP_DENY && asked->code == 403);
 *	tp_test_host_free(&host);
 *
 * A test program is linked with what "pkg-config --libs turnpike-test" prints. What
 * the test itself does wrong, and descriptors that the plugin leaves open, end the
 * program with a sentence. All functions are for the thread that created the host,
 * one host at a time; the plugin may have as many threads as it likes.
 */
struct tp_test_host;

#define TP_TEST_PROBLEM_SIZE 512
#define TP_TEST_DEADLINE_MS 5000 /* that a parked request has */

/*
 * What came of an event. That of a provider or a gate lives until tp_test_cancel()
 * or the end of the host and is kept current while the request is parked; that of
 * another event until the next one.
 */
struct tp_test_asked {
	enum tp_verdict verdict; /* TP_PARK while it waits */
	uint16_t code;           /* with TP_DENY: as the client would get it; 0: nothing is sent */
	const char *reason;      /* with TP_DENY: the plugin's phrase, "" for the registered one */
	struct tp_view response; /* of a success or error gate: with what the plugin added */

	/* At on_turn_before_allocate; lifetime_s also at on_turn_before_refresh. */
	uint32_t lifetime_s;     /* left of the payload's */
	struct tp_limits limits; /* of tp_request_limit(); 0: none */

	/* With TP_ALLOW at on_stun_request_authorization: copies of what was provided. */
	const char *password;      /* NULL: none */
	const uint8_t *key_md5;    /* 16 bytes; NULL: none */
	const uint8_t *key_sha256; /* 32 bytes; NULL: none */
	const uint8_t *mac_key;    /* NULL: none */
	size_t mac_key_len;
	const char *user; /* NULL: as sent */
	uint32_t valid_for_s;
	uint32_t max_allocations;
	uint32_t max_lifetime_s;
	uint64_t max_bits_per_s;
	uint64_t max_packets_per_s;
	const char *const *more_passwords;
	size_t more_password_count;

	/* With TP_ALLOW at on_turn_redirect. */
	struct tp_addr alternate;
	const char *alternate_domain;   /* NULL: none */
	struct tp_addr alternate_other; /* of the other family; family NONE: none */

	/* With TP_ALLOW at on_turn_choose_relay. */
	struct tp_addr relay; /* family NONE: any */
	uint16_t port_min;    /* both 0: the whole range */
	uint16_t port_max;
};

/**
 * Load, configure, create and start a plugin.
 *
 * @plugin:  a path with a slash; or a name, looked for as "<name>.so" beside the
 *           test program, in plugins/ there and in plugins/ one folder up
 * @section: its section of the ini file, "key = value" lines; "" for none. In
 *           sentences about it line 1 is [plugin.NAME]. The instance's name is
 *           that of the file without ".so"
 *
 * Owner: free with tp_test_host_free()
 */
TP_API struct tp_test_host *tp_test_host_create(const char *plugin, const char *section);

/** The same; NULL with the sentence that an operator would read when it fails. */
TP_API struct tp_test_host *tp_test_host_try(const char *plugin, const char *section,
					     char problem[TP_TEST_PROBLEM_SIZE]);

/**
 * End the host: requests still parked are told gone, allocations and clients lose
 * their state, the plugin is stopped, destroyed and unloaded. Sets the pointer to
 * NULL; NULL inside is fine.
 */
TP_API void tp_test_host_free(struct tp_test_host **host);

/**
 * What a reload does: make a new generation from @section, let it adopt, start
 * it, stop the old one, which goes when its last parked request has ended.
 *
 * Returns false, the running one untouched, with the sentence when it fails.
 */
TP_API bool tp_test_host_reload(struct tp_test_host *host, const char *section,
				char problem[TP_TEST_PROBLEM_SIZE]);

/* --- what the next requests look like ---------------------------------------- */

/** Default: udp, 192.0.2.10:4000 to 198.51.100.1:3478. Addresses as tp_addr_parse() reads them. */
TP_API void tp_test_set_five_tuple(struct tp_test_host *host, enum tp_transport transport,
				   const char *client_addr, const char *server_addr);

/** tp_request_user(): default "alice"; NULL while it is not known. @user stays the caller's. */
TP_API void tp_test_set_user(struct tp_test_host *host, const char *user);

/** The STUN message as received, copied. Default: a bare Allocate request. */
TP_API void tp_test_set_request(struct tp_test_host *host, const void *bytes, size_t len);

/* --- events ---------------------------------------------------------------------- */

/**
 * Raise an event. Each has a function of its own for it, too, which takes a payload
 * of the right type: tp_test_on_turn_before_allocate() and so on.
 *
 * @payload: the event's struct; must stay as it is while the request is parked
 *
 * Owner: the host
 */
TP_API const struct tp_test_asked *tp_test_fire(struct tp_test_host *host, enum tp_event event,
						const void *payload);

#define TP_TEST_FIRE_(family, member, payload)                                                     \
	static inline const struct tp_test_asked *tp_test_##member(struct tp_test_host *host,      \
								   const struct payload *event)    \
	{                                                                                          \
		return tp_test_fire(host, TP_EVENT_##member, event);                               \
	}
TP_EVENT_LIST(TP_TEST_FIRE_)
#undef TP_TEST_FIRE_

/** on_stun_request_authorization with USERNAME. @algorithm: 1 MD5, 2 SHA-256. */
TP_API const struct tp_test_asked *tp_test_authorize(struct tp_test_host *host, const char *user,
						     const char *realm, uint16_t algorithm);

/** The same with USERHASH, 32 bytes. All arguments stay the caller's while it is parked. */
TP_API const struct tp_test_asked *tp_test_authorize_userhash(struct tp_test_host *host,
							      const uint8_t *userhash,
							      const char *realm,
							      uint16_t algorithm);

/** on_stun_request_success for the request set, with a bare success response. */
TP_API const struct tp_test_asked *tp_test_success(struct tp_test_host *host,
						   const struct tp_allocation_view *allocation);

/** on_stun_request_error for the request set, with a bare error response of that code. */
TP_API const struct tp_test_asked *tp_test_error(struct tp_test_host *host, uint16_t code);

/** The client goes away: a parked request is told gone. @asked is invalid afterwards. */
TP_API void tp_test_cancel(struct tp_test_host *host, const struct tp_test_asked *asked);

/** Requests parked now. */
TP_API size_t tp_test_parked(struct tp_test_host *host);

/* --- time and threads ------------------------------------------------------------ */

/** One loop turn: what is ready now, answers, posted calls, timers due. */
TP_API void tp_test_turn(struct tp_test_host *host);

/** Let time pass in small steps, a loop turn each. */
TP_API void tp_test_advance_ms(struct tp_test_host *host, uint64_t ms);

/**
 * Turn until the request is no longer parked, waiting for descriptors, jobs and
 * other threads; the clock stands. Ends the program after ten real seconds.
 */
TP_API void tp_test_wait(struct tp_test_host *host, const struct tp_test_asked *asked);

/** The same until @done says true. */
TP_API void tp_test_wait_until(struct tp_test_host *host, bool (*done)(void *arg), void *arg);

/** Finish all jobs submitted so far, and what their "done" starts. */
TP_API void tp_test_finish_jobs(struct tp_test_host *host);

/* --- looking --------------------------------------------------------------------- */

TP_API struct tp_instance *tp_test_instance(struct tp_test_host *host);
TP_API struct tp_worker *tp_test_worker(struct tp_test_host *host);

/** The plugin's counter of that name (tp_counter_create()); 0 when there is none. */
TP_API uint64_t tp_test_counter(struct tp_test_host *host, const char *name);

/** Everything logged since the host began, DEBUG included; 64 KiB, oldest first. */
TP_API const char *tp_test_log(struct tp_test_host *host);

/**
 * What "turnpikectl plugin do NAME WORDS" does.
 *
 * @words:   separated by blanks
 * @printed: what the plugin printed, or the sentence of why it failed
 *
 * Owner:  @printed is the host's, until the next command
 * Errors: TP_ENOENT when the plugin has no commands, or what it returned
 */
TP_API int tp_test_command(struct tp_test_host *host, const char *words, const char **printed);

/* --- allocations and clients ------------------------------------------------------- */

/**
 * An allocation that is there from the beginning, and anew when it has ended: of
 * "alice", over udp from 192.0.2.10:4000, relayed as 203.0.113.7:50000.
 */
TP_API const struct tp_allocation_view *tp_test_allocation(struct tp_test_host *host);

/**
 * A further one, for ten minutes; raises on_turn_create_allocation. Addresses as
 * tp_addr_parse() reads them.
 */
TP_API const struct tp_allocation_view *tp_test_allocation_create(struct tp_test_host *host,
								  const char *user,
								  const char *client_addr,
								  const char *relayed_addr);

/**
 * End an allocation: raises on_turn_delete_allocation, then releases what the plugin
 * attached. Those that the plugin kills end in the next turn. @allocation is invalid
 * afterwards.
 */
TP_API void tp_test_allocation_end(struct tp_test_host *host,
				   const struct tp_allocation_view *allocation,
				   enum tp_delete_cause cause);

/** Is it there? @id: of struct tp_allocation_view. */
TP_API bool tp_test_allocation_exists(struct tp_test_host *host, uint64_t id);

/** What tp_allocation_limit() was last called with; 0: never. */
TP_API struct tp_limits tp_test_allocation_limits(struct tp_test_host *host,
						  const struct tp_allocation_view *allocation);

/**
 * A connection, which tp_client_of() finds from now on. on_client_connected is for
 * the test to raise, with a certificate and names as it likes.
 */
TP_API const struct tp_client_view *tp_test_client_create(struct tp_test_host *host,
							  enum tp_transport transport,
							  const char *client_addr,
							  const char *server_addr);

/**
 * End a connection: raises on_client_closed, then releases what the plugin attached.
 * @client is invalid afterwards.
 */
TP_API void tp_test_client_end(struct tp_test_host *host, const struct tp_client_view *client,
			       const char *reason);

TP_END_DECLS
