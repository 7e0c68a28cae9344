/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dialer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/acceptor.h"
#include "io/socket.h"
#include "support/io_fixture.h"
#include "support/scratch.h"
#include "support/suite.h"

/* Somebody who listens, remembers who came, and connects from the same port. */
struct party {
	struct tp_acceptor *acceptor;
	struct tp_dialer *dialer;
	size_t accepted;
	int fd; /* the latest */
	struct tp_addr from;
	bool closes; /* inside */
	size_t done;
	int dialed;
	int problem;
};

static struct io_fixture io;

static void on_accepted(void *owner, int fd, const struct tp_addr *remote_addr)
{
	struct party *party = owner;

	party->accepted++;
	tp_socket_close(&party->fd);
	party->fd = fd;
	party->from = *remote_addr;
	if (party->closes) {
		tp_acceptor_close(&party->acceptor);
	}
}

static void on_done(void *owner, int fd)
{
	struct party *party = owner;

	party->problem = errno;
	party->done++;
	party->dialed = fd;
	tp_dialer_free(&party->dialer);
}

static int listen_at(struct party *party, const struct tp_addr *addr)
{
	const struct tp_socket_options options = {.bind_addr = *addr, .lends_port = true};

	*party = (struct party){.fd = -1, .dialed = -1};
	return tp_acceptor_open(io.loop, &options, on_accepted, party, &party->acceptor);
}

static void party_open(struct party *party, const char *address)
{
	const struct tp_addr addr = io_addr(address);

	CU_ASSERT_EQUAL_FATAL(listen_at(party, &addr), 0);
}

static void party_close(struct party *party)
{
	tp_acceptor_close(&party->acceptor);
	tp_dialer_free(&party->dialer);
	tp_socket_close(&party->fd);
	tp_socket_close(&party->dialed);
}

static int dial(struct party *from, const struct party *to)
{
	return tp_dialer_start(io.loop, tp_acceptor_addr(from->acceptor),
			       tp_acceptor_addr(to->acceptor), on_done, from, &from->dialer);
}

static void connects_from_the_port_that_is_listened_on(void)
{
	struct party party;
	struct party others[3];

	io_fixture_open(&io, NULL);
	party_open(&party, "127.0.0.1");
	for (size_t i = 0; i < 3; i++) {
		party_open(&others[i], "127.0.0.1");
		tp_socket_close(&party.dialed);
		CU_ASSERT_EQUAL_FATAL(dial(&party, &others[i]), 0);
		CU_ASSERT_EQUAL(party.done, i);
		CU_ASSERT_TRUE(io_fixture_until_count(&io, &party.done, i + 1));
		CU_ASSERT_NOT_EQUAL(party.dialed, -1);
		CU_ASSERT_TRUE(io_fixture_until_count(&io, &others[i].accepted, 1));
		CU_ASSERT_TRUE(tp_addr_equal(&others[i].from, tp_acceptor_addr(party.acceptor)));
	}
	CU_ASSERT_EQUAL_FATAL(dial(&others[0], &others[1]), 0); /* it still listens */
	CU_ASSERT_TRUE(io_fixture_until_count(&io, &others[0].done, 1));
	party_close(&party);
	for (size_t i = 0; i < 3; i++) {
		party_close(&others[i]);
	}
	io_fixture_close(&io);
}

/* Lent is not given away: nobody else listens there. */
static void nobody_else_listens_on_a_lent_port(void)
{
	struct party party;
	struct party other;

	io_fixture_open(&io, NULL);
	party_open(&party, "127.0.0.1");
	CU_ASSERT_EQUAL(listen_at(&other, tp_acceptor_addr(party.acceptor)), TP_EADDRINUSE);
	party_close(&party);
	io_fixture_close(&io);
}

static void one_connection_to_an_address(void)
{
	struct party party;
	struct party other;

	io_fixture_open(&io, NULL);
	party_open(&party, "::1");
	party_open(&other, "::1");
	CU_ASSERT_EQUAL_FATAL(dial(&party, &other), 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&io, &party.done, 1));
	CU_ASSERT_EQUAL(dial(&party, &other), TP_EADDRINUSE);
	party_close(&party);
	party_close(&other);
	io_fixture_close(&io);
}

static void nobody_there_is_no_descriptor(void)
{
	struct party party;
	struct party gone;

	io_fixture_open(&io, NULL);
	party_open(&party, "127.0.0.1");
	party_open(&gone, "127.0.0.1");
	CU_ASSERT_EQUAL_FATAL(dial(&party, &gone), 0);
	tp_dialer_free(&party.dialer); /* given up */
	io_fixture_settle(&io);
	CU_ASSERT_EQUAL(party.done, 0);
	{
		const struct tp_addr addr = *tp_acceptor_addr(gone.acceptor);

		party_close(&gone);
		CU_ASSERT_EQUAL_FATAL(tp_dialer_start(io.loop, tp_acceptor_addr(party.acceptor),
						      &addr, on_done, &party, &party.dialer),
				      0);
	}
	CU_ASSERT_TRUE(io_fixture_until_count(&io, &party.done, 1));
	CU_ASSERT_EQUAL(party.dialed, -1);
	party_close(&party);
	io_fixture_close(&io);
}

static void connects_from_anywhere_and_says_why_not(void)
{
	struct party party;
	struct party other;
	struct tp_addr addr;

	io_fixture_open(&io, NULL);
	party_open(&party, "127.0.0.1");
	party_open(&other, "127.0.0.1");
	addr = *tp_acceptor_addr(other.acceptor);
	CU_ASSERT_EQUAL_FATAL(tp_dialer_start(io.loop, NULL, &addr, on_done, &party, &party.dialer),
			      0);
	CU_ASSERT_TRUE(io_fixture_until_count(&io, &party.done, 1));
	CU_ASSERT_NOT_EQUAL(party.dialed, -1);
	CU_ASSERT_TRUE(io_fixture_until_count(&io, &other.accepted, 1));
	tp_socket_close(&party.dialed);
	party_close(&other);
	CU_ASSERT_EQUAL_FATAL(tp_dialer_start(io.loop, NULL, &addr, on_done, &party, &party.dialer),
			      0);
	CU_ASSERT_TRUE(io_fixture_until_count(&io, &party.done, 2));
	CU_ASSERT_EQUAL(party.dialed, -1);
	CU_ASSERT_EQUAL(party.problem, ECONNREFUSED);
	party_close(&party);
	io_fixture_close(&io);
}

static void connects_to_a_unix_socket(void)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct party party = {.fd = -1, .dialed = -1};
	struct scratch scratch;
	const char *path;

	io_fixture_open(&io, NULL);
	scratch_open(&scratch);
	path = scratch_path(&scratch, "there");
	memcpy(local.sun_path, path, strlen(path));
	CU_ASSERT_EQUAL(tp_dialer_start_path(io.loop, path, on_done, &party, &party.dialer),
			TP_EIO);
	CU_ASSERT_EQUAL(errno, ENOENT);
	CU_ASSERT_EQUAL_FATAL(bind(listening, (struct sockaddr *)&local, sizeof(local)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(listening, 1), 0);
	CU_ASSERT_EQUAL_FATAL(tp_dialer_start_path(io.loop, path, on_done, &party, &party.dialer),
			      0);
	CU_ASSERT_EQUAL(party.done, 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&io, &party.done, 1));
	CU_ASSERT_NOT_EQUAL(party.dialed, -1);
	party_close(&party);
	tp_socket_close(&listening);
	scratch_close(&scratch);
	io_fixture_close(&io);
}

static void path_must_fit(void)
{
	struct party party = {.fd = -1, .dialed = -1};
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];

	io_fixture_open(&io, NULL);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	CU_ASSERT_EQUAL(tp_dialer_start_path(io.loop, path, on_done, &party, &party.dialer),
			TP_EINVAL);
	CU_ASSERT_PTR_NULL(party.dialer);
	io_fixture_close(&io);
}

static void families_do_not_mix(void)
{
	struct party party;
	struct party other;

	io_fixture_open(&io, NULL);
	party_open(&party, "127.0.0.1");
	party_open(&other, "::1");
	CU_ASSERT_EQUAL(dial(&party, &other), TP_EINVAL);
	party_close(&party);
	party_close(&other);
	io_fixture_close(&io);
}

static void acceptor_may_close_inside(void)
{
	struct party party;
	struct party others[2];

	io_fixture_open(&io, NULL);
	party_open(&party, "127.0.0.1");
	party.closes = true;
	party_open(&others[0], "127.0.0.1");
	party_open(&others[1], "127.0.0.1");
	CU_ASSERT_EQUAL_FATAL(dial(&others[0], &party), 0);
	CU_ASSERT_EQUAL_FATAL(dial(&others[1], &party), 0);
	io_fixture_settle(&io);
	CU_ASSERT_EQUAL(party.accepted, 1);
	CU_ASSERT_PTR_NULL(party.acceptor);
	party_close(&party);
	party_close(&others[0]);
	party_close(&others[1]);
	io_fixture_close(&io);
}

TEST_SUITE("dialer", TEST(connects_from_the_port_that_is_listened_on),
	   TEST(nobody_else_listens_on_a_lent_port), TEST(one_connection_to_an_address),
	   TEST(nobody_there_is_no_descriptor), TEST(connects_from_anywhere_and_says_why_not),
	   TEST(connects_to_a_unix_socket), TEST(path_must_fit), TEST(families_do_not_mix),
	   TEST(acceptor_may_close_inside));
