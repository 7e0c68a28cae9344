/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "io/loop.h"
#include "support/bare_server.h"
#include "support/turn_client.h"

/*
 * A whole server with one allocation, fed a conversation: each step is a byte
 * that says what, a byte of length and that many bytes.
 */

enum step {
	CLIENT_BYTES,   /* as they are */
	CLIENT_REQUEST, /* attributes of a request that is given good credentials */
	CLIENT_STREAM,  /* as they are, over another transport */
	PEER_BYTES,
	TIME, /* seconds */
	STEPS,
};

static struct bare_server bare;
static struct tp_five_tuple five_tuple;
static struct turn_client client;

static void client_sends(const uint8_t *bytes, size_t len)
{
	bare_server_client_sends(&bare, &five_tuple, bytes, len);
}

/* The first byte is the method, the rest attributes as they are. */
static void client_requests(const uint8_t *bytes, size_t len)
{
	struct tp_build *build;

	if (len == 0) {
		return;
	}
	client.nonce[0] = '\0';
	turn_client_begin(&client, TP_STUN_REFRESH);
	turn_client_finish(&client);
	client_sends(client.bytes, client.len);
	if (fake_endpoint_last(&bare.endpoint) != NULL) {
		const struct fake_message *last = fake_endpoint_last(&bare.endpoint);
		struct tp_stun_msg msg;
		const char *reason;

		if (tp_stun_msg_parse(&msg, last->bytes, last->len, &reason) == 0) {
			turn_client_learn(&client, &msg);
		}
	}
	build = turn_client_begin(&client, bytes[0] % 16);
	memcpy(build->bytes + build->len, bytes + 1, len - 1);
	build->len += (len - 1) / 4 * 4;
	turn_client_sign(&client);
	client_sends(client.bytes, client.len);
}

static void take_step(enum step step, const uint8_t *bytes, size_t len,
		      const struct tp_addr *relayed_addr)
{
	switch (step) {
	case CLIENT_BYTES:
		client_sends(bytes, len);
		break;
	case CLIENT_REQUEST:
		client_requests(bytes, len);
		break;
	case CLIENT_STREAM:
		bare.endpoint.endpoint.stream = !bare.endpoint.endpoint.stream;
		client_sends(bytes, len);
		break;
	case PEER_BYTES:
		fake_net_deliver(&bare.peer_addr, relayed_addr, bytes, len);
		break;
	default:
		fake_clock_advance_s(&bare.clock, len);
		break;
	}
	tp_loop_turn(bare.worker.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tp_addr relayed_addr;

	bare_server_open(&bare, &fake_net_backend, NULL);
	turn_client_init(&client, "alice", "secret");
	strcpy(client.realm, "example.org");
	five_tuple = bare.five_tuple;
	relayed_addr = bare_server_allocate(&bare)->view.relayed_addr;
	while (size >= 2) {
		size_t len = data[1];
		enum step step = (enum step)(data[0] % STEPS);

		data += 2;
		size -= 2;
		if (len > size) {
			len = size;
		}
		take_step(step, data, len, &relayed_addr);
		data += len;
		size -= len;
	}
	bare_server_close(&bare);
	return 0;
}
