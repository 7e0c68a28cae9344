/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/void_net.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "stun/build.h"
#include "stun/channel_data.h"

static int void_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		     struct tp_datagram **out)
{
	struct tp_datagram *datagram = calloc(1, sizeof(*datagram));

	(void)fd;
	if (datagram == NULL) {
		return TP_ENOMEM;
	}
	*datagram = (struct tp_datagram){
		.backend = tp_loop_backend(loop),
		.loop = loop,
		.local_addr = options->socket.bind_addr,
		.owner = options->owner,
		.receive = options->receive,
	};
	*out = datagram;
	return 0;
}

static void void_close(struct tp_datagram *datagram)
{
	free(datagram);
}

static int void_send(struct tp_datagram *datagram, const struct tp_packet *packet, bool stable)
{
	(void)datagram;
	(void)packet;
	(void)stable;
	return 0;
}

const struct tp_datagram_backend void_net_backend = {
	.name = "void",
	.open = void_open,
	.close = void_close,
	.send = void_send,
};

static int swallow(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
		   const uint8_t *bytes, size_t len)
{
	(void)endpoint;
	(void)five_tuple;
	(void)bytes;
	(void)len;
	return 0;
}

static int swallow_packet(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			  struct tp_packet *packet)
{
	(void)endpoint;
	(void)five_tuple;
	(void)packet;
	return 0;
}

void void_net_open(struct bare_server *bare, const char *plugin_dir)
{
	static const struct tp_endpoint_ops swallowing = {
		.send = swallow,
		.forward = swallow_packet,
	};

	bare_server_open(bare, &void_net_backend, plugin_dir);
	bare->endpoint.endpoint.ops = &swallowing;
}

void void_net_channel_data(struct void_net_message *message)
{
	*message = (struct void_net_message){
		.len = TP_CHANNEL_DATA_HEADER_SIZE + VOID_NET_PAYLOAD,
	};
	tp_channel_data_write_header(message->bytes, 0x4000, VOID_NET_PAYLOAD);
}

void void_net_send_indication(struct void_net_message *message, const struct tp_addr *peer_addr)
{
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	static const uint8_t payload[VOID_NET_PAYLOAD];
	struct tp_build build;

	tp_build_init(&build, message->bytes, sizeof(message->bytes), TP_STUN_SEND,
		      TP_STUN_INDICATION, transaction_id);
	tp_build_xor_addr(&build, TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	tp_build_bytes(&build, TP_ATTR_DATA, payload, sizeof(payload));
	message->len = tp_build_finish(&build);
	tp_assert(message->len != 0);
}
