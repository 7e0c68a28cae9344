/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/turn_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turnpike/error.h>
#include <turnpike/version.h>

#include "base/rand.h"
#include "cli/turn_login.h"
#include "io/loop.h"
#include "stun/attr.h"
#include "stun/build.h"
#include "stun/channel_data.h"
#include "stun/frame.h"
#include "stun/msg.h"

/* RFC 8489 section 6.2.1. */
#define RTO_MS 500
#define SENDS_MAX 7
#define LAST_WAIT_FACTOR 16

#define CHALLENGES_MAX 3 /* 401 and 438 answered for one request */
#define REQUEST_MAX 3072
#define INDICATION_MAX (TP_TURN_PAYLOAD_MAX + 64)

/* What is asked for; each attempt builds the message from it anew. */
struct turn_request {
	uint16_t method; /* 0: connecting */
	enum tp_family family;
	uint32_t lifetime_s;
	uint16_t channel;
	struct tp_addr peer_addr;
};

struct tp_turn_client {
	struct tp_loop *loop;
	struct tp_turn_client_options options;
	struct tp_turn_login login;
	struct tp_turn_link *link;
	bool link_failed;
	char problem[TP_TURN_REASON_SIZE];

	tp_turn_done_fn done; /* NULL: no request under way */
	struct turn_request request;
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	uint8_t bytes[REQUEST_MAX];
	size_t len;
	unsigned challenges;
	bool answered_with_login; /* the credentials went out with this attempt */
	unsigned sends;
	uint64_t deadline_ms;
	uint64_t sent_us;
	char discarded[128]; /* the last answer that did not verify */
	struct tp_timer timer;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void finish(struct tp_turn_client *client, struct tp_turn_result *result)
{
	tp_turn_done_fn done = client->done;

	tp_loop_cancel(client->loop, &client->timer);
	client->done = NULL;
	if (result->err == 0) {
		result->round_trip_us = now_us() - client->sent_us;
	}
	if (done != NULL) {
		done(client->options.owner, result);
	}
}

static void fail(struct tp_turn_client *client, int err, const char *reason)
{
	struct tp_turn_result result = {.err = err};

	snprintf(result.reason, sizeof(result.reason), "%s", reason);
	finish(client, &result);
}

/* --- sending --------------------------------------------------------------- */

static void transmit(struct tp_turn_client *client)
{
	bool stream = tp_turn_link_is_stream(client->link);
	uint64_t now_ms = tp_loop_now_ms(client->loop);
	uint64_t wait_ms = (uint64_t)RTO_MS << client->sends;
	uint64_t at_ms;
	int err;

	client->sent_us = now_us();
	err = tp_turn_link_send(client->link, client->bytes, client->len);
	if (err != 0) {
		snprintf(client->discarded, sizeof(client->discarded), "sending failed: %s",
			 tp_error_string(err));
	}
	client->sends++;
	if (client->sends == SENDS_MAX) {
		wait_ms = (uint64_t)RTO_MS * LAST_WAIT_FACTOR;
	}
	at_ms = stream ? client->deadline_ms : now_ms + wait_ms;
	tp_loop_arm(client->loop, &client->timer,
		    at_ms < client->deadline_ms ? at_ms : client->deadline_ms);
}

static void out_of_time(struct tp_turn_client *client)
{
	char reason[TP_TURN_REASON_SIZE];

	if (client->discarded[0] != 0) {
		snprintf(reason, sizeof(reason), "no answer that can be trusted in %.1f s: %s",
			 client->options.timeout_ms / 1000.0, client->discarded);
		fail(client, TP_EAUTH, reason);
		return;
	}
	snprintf(reason, sizeof(reason), "no answer in %.1f s",
		 client->options.timeout_ms / 1000.0);
	fail(client, TP_ETIMEOUT, reason);
}

static void on_timer(struct tp_timer *timer)
{
	struct tp_turn_client *client = tp_container_of(timer, struct tp_turn_client, timer);

	if (client->link_failed) {
		fail(client, TP_EIO, client->problem);
	} else if (client->request.method == 0 || client->sends >= SENDS_MAX ||
		   tp_loop_now_ms(client->loop) >= client->deadline_ms) {
		out_of_time(client);
	} else {
		transmit(client);
	}
}

static void write_attributes(const struct turn_request *request, struct tp_build *build)
{
	switch (request->method) {
	case TP_STUN_ALLOCATE:
		tp_build_requested_transport(build, TP_PROTOCOL_UDP);
		if (request->family != TP_FAMILY_NONE) {
			tp_build_address_family(build, TP_ATTR_REQUESTED_ADDRESS_FAMILY,
						(uint8_t)request->family);
		}
		break;
	case TP_STUN_REFRESH:
		tp_build_u32(build, TP_ATTR_LIFETIME, request->lifetime_s);
		break;
	case TP_STUN_CHANNEL_BIND:
		tp_build_channel_number(build, request->channel);
		tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &request->peer_addr);
		break;
	case TP_STUN_CREATE_PERMISSION:
		tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &request->peer_addr);
		break;
	default: /* Binding has none */
		break;
	}
}

/* A new transaction for the request under way. */
static int attempt(struct tp_turn_client *client)
{
	struct tp_build build;

	tp_rand_bytes(client->transaction_id, sizeof(client->transaction_id));
	tp_build_init(&build, client->bytes, sizeof(client->bytes), client->request.method,
		      TP_STUN_REQUEST, client->transaction_id);
	tp_build_string(&build, TP_ATTR_SOFTWARE, "turnpike-probe " TP_VERSION);
	write_attributes(&client->request, &build);
	client->answered_with_login = false;
	if (client->request.method != TP_STUN_BINDING) {
		tp_turn_login_write(&client->login, &build);
		client->answered_with_login = client->login.challenged;
	}
	tp_build_fingerprint(&build);
	client->len = tp_build_finish(&build);
	if (client->len == 0) {
		return TP_EINVAL;
	}
	client->sends = 0;
	transmit(client);
	return 0;
}

static int begin(struct tp_turn_client *client, const struct turn_request *request,
		 tp_turn_done_fn done)
{
	int err;

	if (client->done != NULL) {
		return TP_EAGAIN;
	}
	if (client->link == NULL || client->link_failed) {
		return TP_ESHUTDOWN;
	}
	client->request = *request;
	client->challenges = 0;
	client->discarded[0] = 0;
	client->deadline_ms = tp_loop_now_ms(client->loop) + client->options.timeout_ms;
	err = attempt(client);
	if (err != 0) {
		return err;
	}
	client->done = done;
	return 0;
}

/* --- receiving ------------------------------------------------------------- */

static void copy_text(char *out, size_t size, struct tp_view text)
{
	size_t len = text.len < size ? text.len : size - 1;

	memcpy(out, text.data, len);
	out[len] = 0;
}

static void read_addr(const struct tp_stun_msg *msg, uint16_t type, struct tp_addr *out)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(msg, type);

	if (attr == NULL || tp_attr_read_xor_addr(attr, msg, out) != 0) {
		*out = (struct tp_addr){0};
	}
}

static void answer_success(struct tp_turn_client *client, const struct tp_stun_msg *msg)
{
	struct tp_turn_result result = {0};
	const struct tp_stun_attr *lifetime = tp_stun_msg_find(msg, TP_ATTR_LIFETIME);
	uint16_t method = client->request.method;

	read_addr(msg, TP_ATTR_XOR_MAPPED_ADDRESS, &result.mapped_addr);
	read_addr(msg, TP_ATTR_XOR_RELAYED_ADDRESS, &result.relayed_addr);
	if (lifetime != NULL) {
		(void)tp_attr_read_u32(lifetime, &result.lifetime_s);
	}
	if ((method == TP_STUN_BINDING || method == TP_STUN_ALLOCATE) &&
	    result.mapped_addr.family == TP_FAMILY_NONE) {
		fail(client, TP_EPROTO, "the response has no proper XOR-MAPPED-ADDRESS");
	} else if (method == TP_STUN_ALLOCATE && result.relayed_addr.family == TP_FAMILY_NONE) {
		fail(client, TP_EPROTO, "the response has no proper XOR-RELAYED-ADDRESS");
	} else {
		finish(client, &result);
	}
}

static void answer_error(struct tp_turn_client *client, uint16_t code, struct tp_view reason)
{
	struct tp_turn_result result = {.err = TP_EPERM, .code = code};

	copy_text(result.reason, sizeof(result.reason), reason);
	finish(client, &result);
}

/* RFC 8489 section 9.2.5: 401 once without changing the credentials, 438 with the new nonce. */
static void answer_challenge(struct tp_turn_client *client, const struct tp_stun_msg *msg,
			     uint16_t code, struct tp_view reason)
{
	const char *problem = NULL;
	struct tp_turn_result result = {.code = code};
	int err;

	client->challenges++;
	if ((code == 401 && client->answered_with_login) || client->challenges > CHALLENGES_MAX) {
		answer_error(client, code, reason);
		return;
	}
	err = tp_turn_login_challenge(&client->login, msg, &problem);
	if (err == 0) {
		err = attempt(client);
		problem = "the request does not fit a message";
	}
	if (err != 0) {
		result.err = err;
		snprintf(result.reason, sizeof(result.reason), "%s", problem);
		finish(client, &result);
	}
}

/* RFC 8489 section 9.2.5: as if never received, or the end of it on a stream. */
static void discard(struct tp_turn_client *client, const char *what, unsigned code)
{
	if (code != 0) {
		snprintf(client->discarded, sizeof(client->discarded), "%s (error code %u)", what,
			 code);
	} else {
		snprintf(client->discarded, sizeof(client->discarded), "%s", what);
	}
	if (tp_turn_link_is_stream(client->link)) {
		fail(client, TP_EAUTH, client->discarded);
	}
}

static void receive_response(struct tp_turn_client *client, const struct tp_stun_msg *msg)
{
	const struct tp_stun_attr *error = tp_stun_msg_find(msg, TP_ATTR_ERROR_CODE);
	struct tp_view reason = {(const uint8_t *)"", 0};
	uint16_t code = 0;

	if (client->done == NULL || msg->method != client->request.method ||
	    memcmp(msg->transaction_id, client->transaction_id, sizeof(client->transaction_id)) !=
		    0) {
		return;
	}
	if (msg->message_class == TP_STUN_ERROR &&
	    (error == NULL || tp_attr_read_error_code(error, &code, &reason) != 0)) {
		discard(client, "an error response without a proper ERROR-CODE", 0);
	} else if ((code == 401 || code == 438) && client->request.method != TP_STUN_BINDING) {
		answer_challenge(client, msg, code, reason);
	} else if (client->answered_with_login && !tp_turn_login_verify(&client->login, msg)) {
		discard(client, "the integrity of the response does not verify", code);
	} else if (code != 0) {
		answer_error(client, code, reason);
	} else {
		answer_success(client, msg);
	}
}

static void receive_stun(struct tp_turn_client *client, const uint8_t *bytes, size_t len)
{
	struct tp_turn_arrival arrival = {0};
	const struct tp_stun_attr *peer;
	const struct tp_stun_attr *payload;
	struct tp_stun_msg msg;
	const char *reason;

	if (tp_stun_msg_parse(&msg, bytes, len, &reason) != 0) {
		return;
	}
	if (msg.message_class == TP_STUN_SUCCESS || msg.message_class == TP_STUN_ERROR) {
		receive_response(client, &msg);
		return;
	}
	peer = tp_stun_msg_find(&msg, TP_ATTR_XOR_PEER_ADDRESS);
	payload = tp_stun_msg_find(&msg, TP_ATTR_DATA);
	if (msg.message_class == TP_STUN_INDICATION && msg.method == TP_STUN_DATA && peer != NULL &&
	    payload != NULL && tp_attr_read_xor_addr(peer, &msg, &arrival.peer_addr) == 0) {
		arrival.payload = tp_attr_view(payload);
		client->options.arrived(client->options.owner, &arrival);
	}
}

static void on_message(void *owner, const uint8_t *bytes, size_t len)
{
	struct tp_turn_client *client = owner;
	struct tp_turn_arrival arrival = {0};
	struct tp_channel_data message;

	if (len == 0) {
		return;
	}
	switch (tp_frame_kind_of(bytes[0])) {
	case TP_FRAME_STUN:
		receive_stun(client, bytes, len);
		break;
	case TP_FRAME_CHANNEL_DATA:
		if (tp_channel_data_parse(&message, bytes, len) == 0) {
			arrival.channel = message.number;
			arrival.payload = (struct tp_view){message.payload, message.payload_len};
			client->options.arrived(client->options.owner, &arrival);
		}
		break;
	default:
		break;
	}
}

/* --- the link -------------------------------------------------------------- */

static void on_opened(void *owner)
{
	struct tp_turn_client *client = owner;
	struct tp_turn_result result = {0};

	if (client->done != NULL && client->request.method == 0) {
		finish(client, &result);
	}
}

/* Told from a timer: in here the client may not be freed. */
static void on_failed(void *owner, const char *reason)
{
	struct tp_turn_client *client = owner;

	client->link_failed = true;
	snprintf(client->problem, sizeof(client->problem), "%s", reason);
	if (client->done != NULL) {
		tp_loop_arm(client->loop, &client->timer, tp_loop_now_ms(client->loop));
	}
}

int tp_turn_client_create(struct tp_loop *loop, const struct tp_turn_client_options *options,
			  struct tp_turn_client **out)
{
	struct tp_turn_client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		return TP_ENOMEM;
	}
	client->loop = loop;
	client->options = *options;
	tp_turn_login_init(&client->login, options->user, options->password,
			   options->prefer_sha256);
	tp_timer_init(&client->timer, on_timer);
	*out = client;
	return 0;
}

void tp_turn_client_free(struct tp_turn_client **client_at)
{
	struct tp_turn_client *client = *client_at;

	if (client == NULL) {
		return;
	}
	tp_loop_cancel(client->loop, &client->timer);
	tp_turn_link_close(&client->link);
	tp_turn_login_fini(&client->login);
	free(client);
	*client_at = NULL;
}

int tp_turn_client_open(struct tp_turn_client *client, tp_turn_done_fn done)
{
	struct tp_turn_link_handler handler = {client, on_opened, on_failed, on_message};
	int err;

	if (client->done != NULL || client->link != NULL) {
		return TP_EAGAIN;
	}
	client->request = (struct turn_request){0};
	client->sent_us = now_us();
	client->deadline_ms = tp_loop_now_ms(client->loop) + client->options.timeout_ms;
	err = tp_turn_link_open(client->loop, &client->options.link, &handler, &client->link);
	if (err != 0) {
		return err;
	}
	client->done = done;
	/* A little later than the link's own limit, whose words say more. */
	tp_loop_arm(client->loop, &client->timer, client->deadline_ms + 200);
	return 0;
}

int tp_turn_client_binding(struct tp_turn_client *client, tp_turn_done_fn done)
{
	struct turn_request request = {.method = TP_STUN_BINDING};

	return begin(client, &request, done);
}

int tp_turn_client_allocate(struct tp_turn_client *client, enum tp_family family,
			    tp_turn_done_fn done)
{
	struct turn_request request = {.method = TP_STUN_ALLOCATE, .family = family};

	return begin(client, &request, done);
}

int tp_turn_client_refresh(struct tp_turn_client *client, uint32_t lifetime_s, tp_turn_done_fn done)
{
	struct turn_request request = {.method = TP_STUN_REFRESH, .lifetime_s = lifetime_s};

	return begin(client, &request, done);
}

int tp_turn_client_permit(struct tp_turn_client *client, const struct tp_addr *peer_addr,
			  tp_turn_done_fn done)
{
	struct turn_request request = {.method = TP_STUN_CREATE_PERMISSION,
				       .peer_addr = *peer_addr};

	return begin(client, &request, done);
}

int tp_turn_client_bind_channel(struct tp_turn_client *client, uint16_t channel,
				const struct tp_addr *peer_addr, tp_turn_done_fn done)
{
	struct turn_request request = {
		.method = TP_STUN_CHANNEL_BIND, .channel = channel, .peer_addr = *peer_addr};

	return begin(client, &request, done);
}

/* --- media ----------------------------------------------------------------- */

int tp_turn_client_send(struct tp_turn_client *client, const struct tp_addr *peer_addr,
			const uint8_t *payload, size_t len)
{
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	uint8_t bytes[INDICATION_MAX];
	struct tp_build build;
	size_t total;

	if (client->link == NULL || client->link_failed) {
		return TP_ESHUTDOWN;
	}
	tp_rand_bytes(transaction_id, sizeof(transaction_id));
	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_SEND, TP_STUN_INDICATION,
		      transaction_id);
	tp_build_xor_addr(&build, TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	tp_build_bytes(&build, TP_ATTR_DATA, payload, len);
	total = tp_build_finish(&build);
	if (total == 0) {
		return TP_ERANGE;
	}
	return tp_turn_link_send(client->link, bytes, total);
}

int tp_turn_client_send_channel(struct tp_turn_client *client, uint16_t channel,
				const uint8_t *payload, size_t len)
{
	uint8_t bytes[INDICATION_MAX] = {0};
	size_t total = TP_CHANNEL_DATA_HEADER_SIZE + len;

	if (client->link == NULL || client->link_failed) {
		return TP_ESHUTDOWN;
	}
	if (len > TP_TURN_PAYLOAD_MAX) {
		return TP_ERANGE;
	}
	tp_channel_data_write_header(bytes, channel, len);
	memcpy(bytes + TP_CHANNEL_DATA_HEADER_SIZE, payload, len);
	if (tp_turn_link_is_stream(client->link)) {
		total += tp_channel_data_padding(len);
	}
	return tp_turn_link_send(client->link, bytes, total);
}

const char *tp_turn_client_problem(const struct tp_turn_client *client)
{
	return client->link_failed ? client->problem : NULL;
}

const char *tp_turn_client_security(const struct tp_turn_client *client)
{
	return client->link == NULL ? "" : tp_turn_link_security(client->link);
}

const char *tp_turn_client_algorithm(const struct tp_turn_client *client)
{
	return tp_turn_login_algorithm(&client->login);
}
