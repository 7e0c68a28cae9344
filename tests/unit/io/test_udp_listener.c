/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram.h"

#include <turnpike/error.h>

#include "base/addr.h"
#include "support/fake_net.h"
#include "support/io_fixture.h"
#include "support/suite.h"

static struct io_peer peer;

static void datagram_is_a_message_of_its_five_tuple(void)
{
	struct tp_addr client_addr = io_addr("192.0.2.10:4000");
	struct tp_socket_options socket = {.bind_addr = io_addr("198.51.100.1:3478")};
	struct tp_endpoint_handler handler = io_peer_handler(&peer);
	struct tp_udp_listener *listener = NULL;
	struct tp_loop *loop = NULL;
	const struct fake_net_datagram *answer;

	fake_net_reset();
	handler.realm = 7;
	peer = (struct io_peer){.echo = true, .forward = true};
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_udp_listener_open(loop, &socket, &handler, &listener), 0);
	CU_ASSERT_TRUE(tp_addr_equal(tp_udp_listener_addr(listener), &socket.bind_addr));
	CU_ASSERT_FALSE(tp_udp_listener_endpoint(listener)->stream);
	CU_ASSERT_EQUAL(tp_udp_listener_endpoint(listener)->transport, TP_TRANSPORT_UDP);
	CU_ASSERT_EQUAL(tp_udp_listener_endpoint(listener)->realm, 7);

	CU_ASSERT_TRUE(
		fake_net_deliver_marked(&client_addr, &socket.bind_addr, "bytes", 5, 33, 0xb9));
	CU_ASSERT_EQUAL(peer.message_count, 1);
	CU_ASSERT_EQUAL(peer.five_tuple.transport, TP_TRANSPORT_UDP);
	CU_ASSERT_TRUE(tp_addr_equal(&peer.five_tuple.client_addr, &client_addr));
	CU_ASSERT_TRUE(tp_addr_equal(&peer.five_tuple.server_addr, &socket.bind_addr));
	CU_ASSERT_EQUAL(fake_net_sent_count(), 2);
	for (size_t i = 0; i < 2; i++) {
		answer = fake_net_sent(i);
		CU_ASSERT_TRUE(tp_addr_equal(&answer->to, &client_addr));
		CU_ASSERT_TRUE(tp_addr_equal(&answer->from, &socket.bind_addr));
		CU_ASSERT_EQUAL(answer->forwarded, i == 1);
		CU_ASSERT_EQUAL(answer->len, 5);
		/* RFC 8656 section 14 speaks of media only */
		CU_ASSERT_EQUAL(answer->ttl, i == 1 ? 33 : -1);
		CU_ASSERT_EQUAL(answer->tos, i == 1 ? 0xb9 : -1);
	}
	tp_endpoint_close(tp_udp_listener_endpoint(listener)); /* there is nothing to close */
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 1);
	tp_udp_listener_close(&listener);
	CU_ASSERT_PTR_NULL(listener);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	tp_udp_listener_close(&listener); /* NULL is fine */
	tp_loop_free(&loop);
	fake_net_reset();
}

static void listener_that_cannot_bind_leaves_nothing(void)
{
	struct tp_socket_options socket = {.bind_addr = io_addr("198.51.100.1:3478")};
	struct tp_endpoint_handler handler = io_peer_handler(&peer);
	struct tp_udp_listener *listener = NULL;
	struct tp_loop *loop = NULL;

	fake_net_reset();
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &loop), 0);
	fake_net_fail_opens(1, TP_EADDRINUSE);
	CU_ASSERT_EQUAL(tp_udp_listener_open(loop, &socket, &handler, &listener), TP_EADDRINUSE);
	CU_ASSERT_PTR_NULL(listener);
	tp_loop_free(&loop);
	fake_net_reset();
}

TEST_SUITE("udp_listener", TEST(datagram_is_a_message_of_its_five_tuple),
	   TEST(listener_that_cannot_bind_leaves_nothing));
