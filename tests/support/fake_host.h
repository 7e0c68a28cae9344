/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/plugin.h>

/*
 * A host for one plugin: the daemon's own loader, option checks, dispatch,
 * tickets, timers and job pool, with one worker (the calling thread) on a clock
 * that stands still until the test moves it. No sockets but the plugin's own.
 *
 *	struct fake_host *host = fake_host_open("ip_filter", "deny_peer = 192.0.2.0/24\n");
 *	const struct fake_asked *asked;
 *
 *	asked = fake_host_ask(host, TP_EVENT_on_turn_before_permission,
 *			      &(struct tp_before_permission){
 *				      .allocation = fake_host_allocation(host),
 *				      .peer_addr = &peer_addr,
 *				      .method = 0x008});
 *	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
 *	CU_ASSERT_EQUAL(asked->code, 403);
 *	fake_host_close(host);
 *
 * A credential provider:
 *
 *	asked = fake_host_authorize(host, "alice", "example.org", 1);
 *	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
 *	CU_ASSERT_STRING_EQUAL(asked->password, "secret");
 *
 * One that parks:
 *
 *	asked = fake_host_authorize(host, "alice", "example.org", 1);
 *	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
 *	fake_host_wait(host, asked);      (real sockets, jobs, threads answer)
 *	fake_host_advance_s(host, 5);     (or time passes: timers, deadlines)
 *	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
 *
 * What the test itself does wrong, and what a plugin leaves behind at close
 * (open descriptors), ends the program with a sentence.
 *
 * The plugin must be a shared object; the test program must be linked with
 * -Wl,--export-dynamic, so that the plugin binds to its tp_* functions. All
 * functions are for the thread that opened the host; one host at a time.
 */
struct fake_host;

#define FAKE_HOST_PROBLEM_SIZE 512
#define FAKE_HOST_DEADLINE_MS 5000 /* that a parked request has */

/* A request that was put to the plugin. It lives until fake_host_end() or close. */
struct fake_asked {
	enum tp_verdict verdict; /* TP_PARK while it waits */
	uint16_t code;           /* with TP_DENY: as the client would get it; 0: nothing is sent */
	const char *reason;      /* with TP_DENY: the plugin's phrase, "" for the registered one */
	uint32_t lifetime_s;     /* at on_turn_before_allocate: left of the payload's */
	struct tp_view response; /* at on_stun_request_success: with what the plugin added */

	/* With TP_ALLOW at on_stun_request_authorization: what was provided. */
	const char *password;      /* NULL: none */
	const uint8_t *key_md5;    /* 16 bytes, or NULL */
	const uint8_t *key_sha256; /* 32 bytes, or NULL */
	const char *user;          /* NULL: as sent */
	uint32_t valid_for_s;
	uint32_t max_allocations;
	uint32_t max_lifetime_s;
	const char *const *more_passwords;
	size_t more_password_count;
};

/**
 * Load, configure, create and start a plugin.
 *
 * @plugin:  a path with a slash, or a name: looked for as "<name>.so" in
 *           plugins/ beside the test program, then in plugins/ one folder up
 * @section: its ini section, "key = value" lines; "" for none. The instance's
 *           name is that of the file without ".so"
 */
struct fake_host *fake_host_open(const char *plugin, const char *section);

/** The same; NULL with the sentence an operator would read when it fails. */
struct fake_host *fake_host_try(const char *plugin, const char *section,
				char problem[FAKE_HOST_PROBLEM_SIZE]);

/** Requests still parked are told gone, the plugin is stopped, destroyed and unloaded. */
void fake_host_close(struct fake_host *host);

/**
 * What a reload does: make a new generation from @section, let it adopt, start
 * it, stop the old one, which goes when its last parked request has ended.
 *
 * Returns false, the running one untouched, with the sentence when it fails.
 */
bool fake_host_reload(struct fake_host *host, const char *section,
		      char problem[FAKE_HOST_PROBLEM_SIZE]);

/* --- what the next requests look like ---------------------------------------- */

/** Default: udp, 192.0.2.10:4000 to 198.51.100.1:3478. Addresses as tp_addr_parse() reads them. */
void fake_host_set_five_tuple(struct fake_host *host, enum tp_transport transport,
			      const char *client_addr, const char *server_addr);

/** tp_request_user(): default "alice"; NULL while it is not known. @user stays the caller's. */
void fake_host_set_user(struct fake_host *host, const char *user);

/** The STUN message as received, copied. Default: a bare Allocate request. */
void fake_host_set_request(struct fake_host *host, const uint8_t *bytes, size_t len);

/** An allocation of "alice" on the default five-tuple, relayed as 203.0.113.7:50000. */
const struct tp_allocation_view *fake_host_allocation(struct fake_host *host);

/* --- asking and telling -------------------------------------------------------- */

/** on_stun_request_authorization with USERNAME. @algorithm: 1 MD5, 2 SHA-256. */
const struct fake_asked *fake_host_authorize(struct fake_host *host, const char *user,
					     const char *realm, uint16_t algorithm);

/** The same with USERHASH, 32 bytes. All arguments stay the caller's while it is parked. */
const struct fake_asked *fake_host_authorize_userhash(struct fake_host *host,
						      const uint8_t *userhash, const char *realm,
						      uint16_t algorithm);

/**
 * Any event of family PROVIDER or GATE.
 *
 * @payload: the event's struct; must stay as it is while the request is parked
 */
const struct fake_asked *fake_host_ask(struct fake_host *host, enum tp_event event,
				       const void *payload);

/** on_stun_request_success for the request set, with a bare success response. */
const struct fake_asked *fake_host_success(struct fake_host *host,
					   const struct tp_allocation_view *allocation);

/** An event of family PACKET. Returns TP_PASS (relay) or TP_DENY (drop). */
enum tp_verdict fake_host_packet(struct fake_host *host, enum tp_event event, const void *payload);

/** An event of family OBSERVER. */
void fake_host_tell(struct fake_host *host, enum tp_event event, const void *payload);

/** The client goes away: a parked request is told gone. @asked is invalid afterwards. */
void fake_host_end(struct fake_host *host, const struct fake_asked *asked);

/* --- time and threads ---------------------------------------------------------- */

/** One loop turn: what is ready now, answers, timers due. */
void fake_host_turn(struct fake_host *host);

/** Let time pass in small steps, a loop turn each. */
void fake_host_advance_ms(struct fake_host *host, uint64_t ms);
void fake_host_advance_s(struct fake_host *host, uint32_t s);

/**
 * Turn until the request is no longer parked, waiting for descriptors, jobs and
 * other threads; the fake clock stands. Ends the program after ten real seconds.
 */
void fake_host_wait(struct fake_host *host, const struct fake_asked *asked);

/** The same until @done says true. */
void fake_host_wait_until(struct fake_host *host, bool (*done)(void *arg), void *arg);

/** Finish all jobs submitted so far, and what their "done" starts. */
void fake_host_finish_jobs(struct fake_host *host);

/* --- looking -------------------------------------------------------------------- */

struct tp_instance *fake_host_instance(struct fake_host *host);
struct tp_worker *fake_host_worker(struct fake_host *host);

/** Requests parked now. */
size_t fake_host_parked(struct fake_host *host);

/** The plugin's counter of that name (tp_counter_create()); 0 when there is none. */
uint64_t fake_host_counter(struct fake_host *host, const char *name);

/** Everything logged since open, DEBUG included; capped, oldest first. */
const char *fake_host_log(struct fake_host *host);
