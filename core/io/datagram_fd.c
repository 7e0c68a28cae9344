/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_fd.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "io/datagram_errors.h"
#include "io/loop.h"

/* --- refusals -------------------------------------------------------------- */

void tp_datagram_refusals_init(struct tp_datagram_refusals *refusals)
{
	refusals->failed =
		tp_counter_named("io.datagrams_send_failed", "datagrams the kernel did not take");
	refusals->too_big = tp_counter_named("io.datagrams_too_big",
					     "datagrams not to be cut that did not fit the link");
}

void tp_datagram_refusals_count(struct tp_datagram_refusals *refusals,
				const struct tp_datagram_fd *sender, int error, unsigned count)
{
	bool too_big = error == EMSGSIZE && sender->dont_fragment;

	tp_counter_add(too_big ? refusals->too_big : refusals->failed, count);
}

/* --- life ------------------------------------------------------------------ */

static int open_fd(struct tp_datagram_fd *datagram, const struct tp_datagram_options *options)
{
	int err = 0;

	if (datagram->fd == -1) {
		err = tp_socket_open_udp(&options->socket, &datagram->fd);
	}
	datagram->datagram.local_addr = options->socket.bind_addr;
	if (err == 0 && datagram->datagram.local_addr.port == 0) {
		err = tp_socket_local_addr(datagram->fd, &datagram->datagram.local_addr);
	}
	datagram->wildcard = tp_addr_is_any(&datagram->datagram.local_addr);
	if (err == 0) {
		tp_datagram_fd_set_dont_fragment(datagram, false);
	}
	return err;
}

static int wait_readable(struct tp_datagram_fd *datagram, event_callback_fn readable)
{
	datagram->readable = event_new(tp_loop_event_base(datagram->datagram.loop), datagram->fd,
				       EV_READ | EV_PERSIST, readable, datagram);
	if (datagram->readable == NULL || event_add(datagram->readable, NULL) != 0) {
		return TP_ENOMEM;
	}
	return 0;
}

int tp_datagram_fd_init(struct tp_datagram_fd *datagram, struct tp_loop *loop,
			const struct tp_datagram_options *options, int fd,
			event_callback_fn readable)
{
	int err;

	*datagram = (struct tp_datagram_fd){
		.datagram =
			{
				.backend = tp_loop_backend(loop),
				.loop = loop,
				.owner = options->owner,
				.receive = options->receive,
			},
		.fd = fd,
		.dont_fragment = fd != -1, /* as its last owner may have left it */
		.segment_limit = UINT16_MAX,
		.drops = options->drops,
	};
	if (fd != -1) { /* those are its last owner's */
		(void)tp_socket_drops(fd, &datagram->drops_counted);
	}
	err = open_fd(datagram, options);
	if (err == 0) {
		err = tp_datagram_errors_open(datagram, options, fd != -1);
	}
	if (err == 0 && readable != NULL) {
		err = wait_readable(datagram, readable);
	}
	if (err != 0) {
		int opened = tp_datagram_fd_fini(datagram);

		if (fd == -1) {
			tp_socket_close(&opened);
		}
	}
	return err;
}

void tp_datagram_fd_count_drops(struct tp_datagram *datagram)
{
	struct tp_datagram_fd *opened = (struct tp_datagram_fd *)datagram;
	uint32_t drops;

	if (opened->drops != NULL && tp_socket_drops(opened->fd, &drops) == 0) {
		tp_counter_add(opened->drops, drops - opened->drops_counted);
		opened->drops_counted = drops;
	}
}

int tp_datagram_fd_fini(struct tp_datagram_fd *datagram)
{
	tp_datagram_fd_count_drops(&datagram->datagram);
	tp_datagram_errors_close(datagram);
	if (datagram->readable != NULL) {
		event_free(datagram->readable);
		datagram->readable = NULL;
	}
	return datagram->fd;
}

int tp_datagram_fd_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
			event_callback_fn readable, struct tp_datagram **out)
{
	struct tp_datagram_fd *opened = malloc(sizeof(*opened));
	int err;

	if (opened == NULL) {
		return TP_ENOMEM;
	}
	err = tp_datagram_fd_init(opened, loop, options, fd, readable);
	if (err != 0) {
		free(opened);
		return err;
	}
	*out = &opened->datagram;
	return 0;
}

int tp_datagram_fd_release(struct tp_datagram *datagram)
{
	struct tp_datagram_fd *opened = (struct tp_datagram_fd *)datagram;
	int fd = tp_datagram_fd_fini(opened);

	free(opened);
	return fd;
}

void tp_datagram_fd_coalesce(struct tp_datagram_fd *datagram)
{
	const int on = 1;

	/* a kernel without it delivers them one by one */
	(void)setsockopt(datagram->fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

void tp_datagram_fd_set_dont_fragment(struct tp_datagram_fd *datagram, bool wanted)
{
	if (datagram->dont_fragment != wanted) {
		(void)tp_socket_set_dont_fragment(
			datagram->fd, datagram->datagram.local_addr.family == TP_FAMILY_IPV6,
			wanted);
		datagram->dont_fragment = wanted;
	}
}
