/* SPDX-License-Identifier: Apache-2.0 */
#include "io/udp_proxy.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>
#include <turnpike/prefix.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/counter.h"
#include "support/fake_net.h"
#include "support/io_fixture.h"
#include "support/suite.h"

#define HEADER_LEN 28
#define HELD_MAX 2

/* A listener behind proxies of 192.0.2.0/24. */
struct fixture {
	struct tp_loop *loop;
	struct tp_prefix_set *proxies;
	struct tp_udp_listener *listener;
	struct tp_endpoint *endpoint;
	struct tp_udp_proxy *proxy;
	struct tp_addr addr;
	struct io_peer server;
};

static struct fixture *fixture_open(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	const struct tp_socket_options socket = {.bind_addr = io_addr("198.51.100.1:3478")};
	struct tp_endpoint_handler handler;

	if (f == NULL) {
		abort();
	}
	tp_counter_reset_all();
	fake_net_reset();
	f->addr = socket.bind_addr;
	f->server.echo = true;
	f->server.forward = true;
	f->proxies = tp_prefix_set_create();
	CU_ASSERT_EQUAL_FATAL(tp_prefix_set_add(f->proxies, "192.0.2.0/24", 1), 0);
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &f->loop), 0);
	handler = io_peer_handler(&f->server);
	CU_ASSERT_EQUAL_FATAL(tp_udp_listener_open_proxied(f->loop, &socket, f->proxies, HELD_MAX,
							   &handler, &f->listener),
			      0);
	f->endpoint = tp_udp_listener_endpoint(f->listener);
	f->proxy = tp_udp_listener_proxy(f->listener);
	return f;
}

static void fixture_close(struct fixture *f)
{
	tp_udp_listener_close(&f->listener);
	tp_loop_free(&f->loop);
	tp_prefix_set_free(&f->proxies);
	fake_net_reset();
	free(f);
}

/* What a proxy sends for an IPv4 client; NULL: for itself. */
static void deliver_for(struct fixture *f, const char *proxy, const char *client, const void *bytes,
			size_t len)
{
	uint8_t datagram[200] = "\r\n\r\n\0\r\nQUIT\n\x20";
	struct tp_addr proxy_addr = io_addr(proxy);
	size_t header_len = 16;

	if (client != NULL) {
		struct tp_addr client_addr = io_addr(client);

		header_len = HEADER_LEN;
		memcpy(datagram + 12, "\x21\x12\0\x0c", 4);
		memcpy(datagram + 16, client_addr.bytes, 4);
		tp_put_u16(datagram + 24, client_addr.port);
	}
	memcpy(datagram + header_len, bytes, len);
	CU_ASSERT_TRUE(fake_net_deliver(&proxy_addr, &f->addr, datagram, header_len + len));
}

static void deliver(struct fixture *f, const char *from, const void *bytes, size_t len)
{
	struct tp_addr addr = io_addr(from);

	CU_ASSERT_TRUE(fake_net_deliver(&addr, &f->addr, bytes, len));
}

static bool last_went_to(const char *addr)
{
	const struct fake_net_datagram *last = fake_net_last_sent();
	struct tp_addr wanted = io_addr(addr);

	return last != NULL && tp_addr_equal(&last->to, &wanted);
}

static bool is_from(const struct fixture *f, const char *client)
{
	struct tp_addr wanted = io_addr(client);

	return tp_addr_equal(&f->server.five_tuple.client_addr, &wanted) &&
	       tp_addr_equal(&f->server.five_tuple.server_addr, &f->addr);
}

static struct tp_five_tuple five_tuple_of(const struct fixture *f, const char *client)
{
	return (struct tp_five_tuple){
		.client_addr = io_addr(client),
		.server_addr = f->addr,
		.transport = TP_TRANSPORT_UDP,
	};
}

/* Later, when another datagram has been handled. */
static bool later_goes_to(struct fixture *f, const char *client, const char *addr)
{
	struct tp_five_tuple five_tuple = five_tuple_of(f, client);
	struct tp_packet packet = {.data = (uint8_t *)(uintptr_t) "later", .len = 5};

	deliver(f, "203.0.113.200:1", "other", 5);
	CU_ASSERT_EQUAL(tp_endpoint_forward(f->endpoint, &five_tuple, &packet), 0);
	CU_ASSERT_TRUE(last_went_to(addr));
	CU_ASSERT_EQUAL(tp_endpoint_send(f->endpoint, &five_tuple, packet.data, 5), 0);
	return last_went_to(addr);
}

static void client_is_whom_the_proxy_names(void)
{
	struct fixture *f = fixture_open();

	deliver_for(f, "192.0.2.7:5000", "203.0.113.5:4000", "bytes", 5);
	CU_ASSERT_TRUE(is_from(f, "203.0.113.5:4000"));
	CU_ASSERT_EQUAL(f->server.len, 5);
	CU_ASSERT_EQUAL(memcmp(f->server.bytes, "bytes", 5), 0);
	CU_ASSERT_EQUAL(fake_net_sent_count(), 2); /* answered, and forwarded */
	for (size_t i = 0; i < 2; i++) {
		struct tp_addr proxy_addr = io_addr("192.0.2.7:5000");

		CU_ASSERT_TRUE(tp_addr_equal(&fake_net_sent(i)->to, &proxy_addr));
		CU_ASSERT_TRUE(tp_addr_equal(&fake_net_sent(i)->from, &f->addr));
		CU_ASSERT_EQUAL(fake_net_sent(i)->len, 5); /* without a header */
	}
	fixture_close(f);
}

static void proxy_may_speak_for_itself(void)
{
	struct fixture *f = fixture_open();

	deliver_for(f, "192.0.2.7:5000", NULL, "check", 5);
	CU_ASSERT_TRUE(is_from(f, "192.0.2.7:5000"));
	CU_ASSERT_TRUE(last_went_to("192.0.2.7:5000"));
	deliver_for(f, "192.0.2.7:5000", NULL, "", 0); /* of a health check */
	CU_ASSERT_EQUAL(f->server.message_count, 2);
	CU_ASSERT_EQUAL(f->server.len, 0);
	fixture_close(f);
}

static void proxy_without_header_is_not_heard(void)
{
	static const char cut[] = "\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02";
	static const char stream[] =
		"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc0\0\x02\x02"
		"\x0f\xa0\x0d\x96 and more";
	static const char text[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4000 3478\r\n";
	struct fixture *f = fixture_open();
	struct tp_counter *counter = tp_counter_named("io.proxy_headers_missing", "");

	deliver(f, "192.0.2.7:5000", "bytes", 5);
	deliver(f, "192.0.2.7:5000", "", 0);
	deliver(f, "192.0.2.7:5000", cut, sizeof(cut) - 1);
	deliver(f, "192.0.2.7:5000", stream, sizeof(stream) - 1);
	deliver(f, "192.0.2.7:5000", text, sizeof(text) - 1);
	CU_ASSERT_EQUAL(f->server.message_count, 0);
	CU_ASSERT_EQUAL(fake_net_sent_count(), 0);
	CU_ASSERT_EQUAL(tp_counter_read(counter), 5);
	fixture_close(f);
}

static void header_of_others_is_a_part_of_their_message(void)
{
	struct fixture *f = fixture_open();

	deliver_for(f, "203.0.113.9:5000", "203.0.113.5:4000", "bytes", 5);
	CU_ASSERT_TRUE(is_from(f, "203.0.113.9:5000"));
	CU_ASSERT_EQUAL(f->server.len, HEADER_LEN + 5);
	deliver(f, "203.0.113.9:5000", "bytes", 5); /* who is no proxy needs none */
	CU_ASSERT_TRUE(last_went_to("203.0.113.9:5000"));
	fixture_close(f);
}

static void way_back_is_forgotten_unless_held(void)
{
	struct fixture *f = fixture_open();

	for (int i = 0; i < 1000; i++) {
		deliver_for(f, "192.0.2.7:5000", "203.0.113.5:4000", "bytes", 5);
	}
	CU_ASSERT_EQUAL(tp_udp_proxy_held(f->proxy), 0);
	CU_ASSERT_TRUE(later_goes_to(f, "203.0.113.5:4000", "203.0.113.5:4000"));
	fixture_close(f);
}

static void way_back_is_kept_as_often_as_held(void)
{
	struct fixture *f = fixture_open();
	struct tp_five_tuple five_tuple = five_tuple_of(f, "203.0.113.5:4000");

	deliver_for(f, "192.0.2.7:5000", "203.0.113.5:4000", "bytes", 5);
	CU_ASSERT_EQUAL(tp_endpoint_hold(f->endpoint, &five_tuple), 0);
	CU_ASSERT_TRUE(later_goes_to(f, "203.0.113.5:4000", "192.0.2.7:5000"));
	CU_ASSERT_EQUAL(tp_endpoint_hold(f->endpoint, &five_tuple), 0);
	tp_endpoint_release(f->endpoint, &five_tuple);
	CU_ASSERT_TRUE(later_goes_to(f, "203.0.113.5:4000", "192.0.2.7:5000"));
	tp_endpoint_release(f->endpoint, &five_tuple);
	CU_ASSERT_TRUE(later_goes_to(f, "203.0.113.5:4000", "203.0.113.5:4000"));
	CU_ASSERT_EQUAL(tp_udp_proxy_held(f->proxy), 0);
	tp_endpoint_release(f->endpoint, &five_tuple); /* nothing to do */
	fixture_close(f);
}

static void way_back_follows_the_proxy(void)
{
	struct fixture *f = fixture_open();
	struct tp_five_tuple five_tuple = five_tuple_of(f, "203.0.113.5:4000");

	deliver_for(f, "192.0.2.7:5000", "203.0.113.5:4000", "bytes", 5);
	CU_ASSERT_EQUAL(tp_endpoint_hold(f->endpoint, &five_tuple), 0);
	deliver_for(f, "192.0.2.8:6000", "203.0.113.5:4000", "bytes", 5);
	CU_ASSERT_TRUE(later_goes_to(f, "203.0.113.5:4000", "192.0.2.8:6000"));
	deliver_for(f, "203.0.113.9:1", "203.0.113.5:4000", "bytes", 5); /* not trusted */
	CU_ASSERT_TRUE(later_goes_to(f, "203.0.113.5:4000", "192.0.2.8:6000"));
	fixture_close(f);
}

static void client_without_proxy_needs_no_hold(void)
{
	struct fixture *f = fixture_open();
	struct tp_five_tuple five_tuple = five_tuple_of(f, "203.0.113.5:4000");

	deliver(f, "203.0.113.5:4000", "bytes", 5);
	CU_ASSERT_EQUAL(tp_endpoint_hold(f->endpoint, &five_tuple), 0);
	CU_ASSERT_EQUAL(tp_udp_proxy_held(f->proxy), 0);
	CU_ASSERT_TRUE(later_goes_to(f, "203.0.113.5:4000", "203.0.113.5:4000"));
	tp_endpoint_release(f->endpoint, &five_tuple);
	fixture_close(f);
}

static void held_clients_have_a_ceiling(void)
{
	static const char *const clients[] = {"203.0.113.5:1", "203.0.113.5:2", "203.0.113.5:3"};
	struct fixture *f = fixture_open();
	struct tp_counter *refused = tp_counter_named("io.proxied_clients_refused", "");

	for (size_t i = 0; i < 3; i++) {
		struct tp_five_tuple five_tuple = five_tuple_of(f, clients[i]);

		deliver_for(f, "192.0.2.7:5000", clients[i], "bytes", 5);
		CU_ASSERT_EQUAL(tp_endpoint_hold(f->endpoint, &five_tuple),
				i < HELD_MAX ? 0 : TP_EFULL);
	}
	CU_ASSERT_EQUAL(tp_udp_proxy_held(f->proxy), HELD_MAX);
	CU_ASSERT_EQUAL(tp_counter_read(refused), 1);
	CU_ASSERT_TRUE(later_goes_to(f, "203.0.113.5:1", "192.0.2.7:5000"));
	fixture_close(f); /* what is held goes with the listener */
}

TEST_SUITE("udp_proxy", TEST(client_is_whom_the_proxy_names), TEST(proxy_may_speak_for_itself),
	   TEST(proxy_without_header_is_not_heard),
	   TEST(header_of_others_is_a_part_of_their_message),
	   TEST(way_back_is_forgotten_unless_held), TEST(way_back_is_kept_as_often_as_held),
	   TEST(way_back_follows_the_proxy), TEST(client_without_proxy_needs_no_hold),
	   TEST(held_clients_have_a_ceiling))
