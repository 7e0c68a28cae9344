/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_fd.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/loop.h"

static int open_fd(struct tp_datagram_fd *opened, const struct tp_datagram_options *options, int fd)
{
	int err = 0;

	opened->fd = fd;
	if (fd == -1) {
		err = tp_socket_open_udp(&options->socket, &opened->fd);
	}
	if (err == 0) {
		err = tp_socket_local_addr(opened->fd, &opened->datagram.local_addr);
	}
	opened->wildcard = tp_addr_is_any(&opened->datagram.local_addr);
	return err;
}

int tp_datagram_fd_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
			event_callback_fn readable, struct tp_datagram **out)
{
	struct tp_datagram_fd *opened = calloc(1, sizeof(*opened));
	int err;

	if (opened == NULL) {
		return TP_ENOMEM;
	}
	opened->datagram.backend = tp_loop_backend(loop);
	opened->datagram.loop = loop;
	opened->datagram.owner = options->owner;
	opened->datagram.receive = options->receive;
	err = open_fd(opened, options, fd);
	if (err != 0) {
		goto out;
	}
	err = TP_ENOMEM;
	opened->readable = event_new(tp_loop_event_base(loop), opened->fd, EV_READ | EV_PERSIST,
				     readable, opened);
	if (opened->readable == NULL || event_add(opened->readable, NULL) != 0) {
		goto out;
	}
	*out = &opened->datagram;
	return 0;
out:
	if (opened->readable != NULL) {
		event_free(opened->readable);
	}
	if (fd == -1) {
		tp_socket_close(&opened->fd);
	}
	free(opened);
	return err;
}

int tp_datagram_fd_release(struct tp_datagram *datagram)
{
	struct tp_datagram_fd *opened = (struct tp_datagram_fd *)datagram;
	int fd = opened->fd;

	event_free(opened->readable);
	free(opened);
	return fd;
}

void tp_datagram_fd_set_dont_fragment(struct tp_datagram_fd *datagram, bool wanted)
{
	bool ipv6 = datagram->datagram.local_addr.family == TP_FAMILY_IPV6;
	int value;

	if (datagram->dont_fragment == wanted) {
		return;
	}
	if (ipv6) {
		value = wanted ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT;
		setsockopt(datagram->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &value, sizeof(value));
	} else {
		value = wanted ? IP_PMTUDISC_PROBE : IP_PMTUDISC_DONT;
		setsockopt(datagram->fd, IPPROTO_IP, IP_MTU_DISCOVER, &value, sizeof(value));
	}
	datagram->dont_fragment = wanted;
}
