/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/bytes.h"
#include "stun/attr.h"
#include "stun/build.h"
#include "stun/msg.h"

#define MS_NS UINT64_C(1000000)
#define RTO_NS (200 * MS_NS)
#define SENDS_MAX 5
#define SWEEP_NS (10 * MS_NS)
#define CHALLENGES_MAX 3
#define PORTS_MAX 16 /* tried in turn for an allocation */
#define REQUEST_MAX 3072
#define EVENTS_MAX 64

struct tp_load_session {
	struct tp_load_sessions *sessions;
	struct tp_load_client *client; /* NULL: free */
	size_t step;
	unsigned challenges;
	unsigned ports;
	bool with_login;
	unsigned sends;
	uint64_t begun_ns;
	uint64_t resend_ns;
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	uint8_t request[REQUEST_MAX];
	size_t request_len;
};

struct tp_load_sessions {
	struct tp_load_sessions_options options;
	uint32_t busy;
	uint32_t free_count;
	uint32_t free[TP_LOAD_SESSIONS_MAX];
	uint64_t transactions;
	uint64_t sweep_ns;
	struct tp_load_session all[TP_LOAD_SESSIONS_MAX];
};

static void finish(struct tp_load_session *session, const char *reason)
{
	struct tp_load_sessions *sessions = session->sessions;
	struct tp_load_client *client = session->client;

	client->session = NULL;
	session->client = NULL;
	sessions->free[sessions->free_count++] = (uint32_t)(session - sessions->all);
	sessions->busy--;
	sessions->options.done(sessions->options.owner, client, reason,
			       tp_load_now_ns() - session->begun_ns);
}

static uint16_t method_of(const struct tp_load_session *session)
{
	return session->sessions->options.methods[session->step];
}

static void fail(struct tp_load_session *session, const char *reason)
{
	char text[TP_LOAD_REASON_SIZE];

	snprintf(text, sizeof(text), "%s: %s", tp_stun_method_name(method_of(session)), reason);
	finish(session, text);
}

/* --- sending --------------------------------------------------------------- */

static void transmit(struct tp_load_session *session)
{
	struct tp_load_client *client = session->client;
	int err;

	session->resend_ns = tp_load_now_ns() + (RTO_NS << session->sends);
	session->sends++;
	if (client->stream == NULL) {
		(void)send(client->fd, session->request, session->request_len, MSG_DONTWAIT);
	} else if (session->sends == 1) {
		err = tp_load_stream_write(client->stream, client->fd, session->request,
					   session->request_len);
		if (err != 0) {
			fail(session, "the connection has ended");
		}
	}
}

static void write_attributes(const struct tp_load_session *session, struct tp_build *build)
{
	const struct tp_load_client *client = session->client;

	switch (method_of(session)) {
	case TP_STUN_ALLOCATE:
		tp_build_requested_transport(build, TP_PROTOCOL_UDP);
		if (client->addr.family == TP_FAMILY_IPV6) { /* that of the peers */
			tp_build_address_family(build, TP_ATTR_REQUESTED_ADDRESS_FAMILY,
						client->addr.family);
		}
		break;
	case TP_STUN_REFRESH:
		tp_build_u32(build, TP_ATTR_LIFETIME, 0);
		break;
	case TP_STUN_CHANNEL_BIND:
		tp_build_channel_number(build, client->channel);
		tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &client->peer_addr);
		break;
	case TP_STUN_CREATE_PERMISSION:
		tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &client->peer_addr);
		break;
	default: /* Binding has none */
		break;
	}
}

/* Unique is enough: nobody here forges answers. */
static void make_transaction_id(struct tp_load_session *session)
{
	uint64_t number = ++session->sessions->transactions * UINT64_C(0x9e3779b97f4a7c15);

	tp_put_u32(session->transaction_id, session->client->index);
	memcpy(session->transaction_id + 4, &number, sizeof(number));
}

static void ask(struct tp_load_session *session)
{
	const struct tp_turn_login *login = session->client->login;
	struct tp_build build;

	make_transaction_id(session);
	tp_build_init(&build, session->request, sizeof(session->request), method_of(session),
		      TP_STUN_REQUEST, session->transaction_id);
	write_attributes(session, &build);
	session->with_login = login != NULL && login->challenged;
	if (session->with_login) {
		tp_turn_login_write(login, &build);
	}
	session->request_len = tp_build_finish(&build);
	session->sends = 0;
	transmit(session);
}

static void begin(struct tp_load_sessions *sessions, struct tp_load_client *client)
{
	struct tp_load_session *session = &sessions->all[sessions->free[--sessions->free_count]];

	sessions->busy++;
	session->client = client;
	session->step = 0;
	session->challenges = 0;
	session->ports = 0;
	session->begun_ns = tp_load_now_ns();
	client->session = session;
	if (sessions->options.anew && client->login != NULL) {
		client->login->challenged = false;
	}
	ask(session);
}

/* --- receiving ------------------------------------------------------------- */

static void succeed(struct tp_load_session *session, const struct tp_stun_msg *msg)
{
	const struct tp_stun_attr *attr;

	if (method_of(session) == TP_STUN_ALLOCATE) {
		attr = tp_stun_msg_find(msg, TP_ATTR_XOR_RELAYED_ADDRESS);
		if (attr == NULL ||
		    tp_attr_read_xor_addr(attr, msg, &session->client->relayed_addr) != 0) {
			fail(session, "the response has no proper XOR-RELAYED-ADDRESS");
			return;
		}
	}
	session->step++;
	session->challenges = 0;
	if (session->step == session->sessions->options.method_count) {
		finish(session, NULL);
	} else {
		ask(session);
	}
}

static int need_login(struct tp_load_session *session)
{
	const struct tp_load_sessions_options *options = &session->sessions->options;
	struct tp_load_client *client = session->client;

	if (client->login != NULL) {
		return 0;
	}
	client->login = malloc(sizeof(*client->login));
	if (client->login == NULL) {
		return TP_ENOMEM;
	}
	tp_turn_login_init(client->login, options->user, options->password, false);
	return 0;
}

static void meet_challenge(struct tp_load_session *session, const struct tp_stun_msg *msg)
{
	const char *problem = "out of memory";

	session->challenges++;
	if (need_login(session) != 0 ||
	    tp_turn_login_challenge(session->client->login, msg, &problem) != 0) {
		fail(session, problem);
	} else {
		ask(session);
	}
}

/* An earlier load held its allocation from the same port, and the server still does. */
static void meet_mismatch(struct tp_load_session *session)
{
	session->ports++;
	session->challenges = 0;
	if (tp_load_client_reopen(session->sessions->options.fleet, session->client) != 0) {
		fail(session, "437 Allocation Mismatch, and no other port to be had");
	} else {
		ask(session);
	}
}

static void meet_error(struct tp_load_session *session, const struct tp_stun_msg *msg)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(msg, TP_ATTR_ERROR_CODE);
	struct tp_view phrase;
	uint16_t code = 0;
	char reason[64];

	if (attr == NULL || tp_attr_read_error_code(attr, &code, &phrase) != 0) {
		fail(session, "an error response without a proper ERROR-CODE");
	} else if (((code == 401 && !session->with_login) || code == 438) &&
		   session->challenges < CHALLENGES_MAX) {
		meet_challenge(session, msg);
	} else if (code == 437 && method_of(session) == TP_STUN_ALLOCATE &&
		   session->client->stream == NULL && session->ports < PORTS_MAX) {
		meet_mismatch(session);
	} else if (code == 401) {
		fail(session, "401: the server does not accept the user name or password");
	} else {
		snprintf(reason, sizeof(reason), "%u %s", code, tp_stun_reason(code));
		fail(session, reason);
	}
}

static void hear(void *owner, const uint8_t *bytes, size_t len)
{
	struct tp_load_client *client = owner;
	struct tp_load_session *session = client->session;
	struct tp_stun_msg msg;
	const char *problem;

	if (session == NULL || tp_stun_msg_parse(&msg, bytes, len, &problem) != 0 ||
	    msg.method != method_of(session) ||
	    memcmp(msg.transaction_id, session->transaction_id, sizeof(session->transaction_id)) !=
		    0) {
		return;
	}
	if (msg.message_class == TP_STUN_ERROR) {
		meet_error(session, &msg);
	} else if (msg.message_class == TP_STUN_SUCCESS &&
		   (!session->with_login || tp_turn_login_verify(client->login, &msg))) {
		succeed(session, &msg);
	}
}

static void read_datagrams(struct tp_load_client *client)
{
	uint8_t bytes[2048];
	ssize_t len;

	while ((len = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
		hear(client, bytes, (size_t)len);
	}
	if (errno == ECONNREFUSED && client->session != NULL) {
		fail(client->session, "nobody listens on the server's port");
	}
}

static void read_client(struct tp_load_client *client)
{
	if (client->stream == NULL) {
		read_datagrams(client);
	} else if (tp_load_stream_read(client->stream, client->fd, hear, client) != 0 &&
		   client->session != NULL) {
		fail(client->session, "the connection has ended");
	}
}

/* --- all of them ----------------------------------------------------------- */

static void sweep(struct tp_load_sessions *sessions)
{
	uint64_t now_ns = tp_load_now_ns();

	if (now_ns < sessions->sweep_ns) {
		return;
	}
	sessions->sweep_ns = now_ns + SWEEP_NS;
	for (uint32_t i = 0; i < sessions->options.flight; i++) {
		struct tp_load_session *session = &sessions->all[i];

		if (session->client == NULL || now_ns < session->resend_ns) {
			continue;
		}
		if (session->sends >= SENDS_MAX) {
			fail(session, "no answer");
		} else {
			transmit(session);
		}
	}
}

void tp_load_sessions_run(struct tp_load_sessions *sessions)
{
	struct tp_load_fleet *fleet = sessions->options.fleet;
	struct epoll_event events[EVENTS_MAX];
	struct tp_load_client *client;
	int count;

	while (sessions->free_count != 0) {
		client = sessions->options.next(sessions->options.owner);
		if (client == NULL) {
			break;
		}
		begin(sessions, client);
	}
	count = epoll_wait(fleet->epoll_fd, events, EVENTS_MAX, sessions->options.wait_ms);
	for (int i = 0; i < count; i++) {
		if (events[i].data.u32 < TP_LOAD_PEER_EVENT) {
			read_client(&fleet->clients[events[i].data.u32]);
		}
	}
	sweep(sessions);
}

int tp_load_sessions_create(const struct tp_load_sessions_options *options,
			    struct tp_load_sessions **out)
{
	struct tp_load_sessions *sessions = calloc(1, sizeof(*sessions));

	if (sessions == NULL) {
		return TP_ENOMEM;
	}
	sessions->options = *options;
	for (uint32_t i = options->flight; i-- > 0;) {
		sessions->all[i].sessions = sessions;
		sessions->free[sessions->free_count++] = i;
	}
	*out = sessions;
	return 0;
}

void tp_load_sessions_free(struct tp_load_sessions **sessions)
{
	if (*sessions == NULL) {
		return;
	}
	for (uint32_t i = 0; i < (*sessions)->options.flight; i++) {
		if ((*sessions)->all[i].client != NULL) {
			(*sessions)->all[i].client->session = NULL;
		}
	}
	free(*sessions);
	*sessions = NULL;
}

uint32_t tp_load_sessions_busy(const struct tp_load_sessions *sessions)
{
	return sessions->busy;
}
