/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_errors.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/errqueue.h> /* wants <time.h> */

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/datagram_fd.h"

#define READ_MAX 32 /* of one socket before others have their turn */

/* The error, and the address of the router that tells it. */
#define CONTROL_SIZE 256

static int set_wanted(const struct tp_datagram_fd *datagram, int wanted)
{
	bool ipv6 = datagram->datagram.local_addr.family == TP_FAMILY_IPV6;
	int err =
		ipv6 ? setsockopt(datagram->fd, IPPROTO_IPV6, IPV6_RECVERR, &wanted, sizeof(wanted))
		     : setsockopt(datagram->fd, IPPROTO_IP, IP_RECVERR, &wanted, sizeof(wanted));

	return err == 0 ? 0 : TP_EIO;
}

/* --- reading -------------------------------------------------------------------- */

static bool is_error(const struct cmsghdr *cmsg)
{
	return (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_RECVERR) ||
	       (cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_RECVERR);
}

/* False for what this host has found out by itself. */
static bool read_error(struct msghdr *msg, struct tp_datagram_error *out)
{
	struct sock_extended_err told;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(msg); at != NULL; at = CMSG_NXTHDR(msg, at)) {
		if (!is_error(at)) {
			continue;
		}
		memcpy(&told, CMSG_DATA(at), sizeof(told));
		out->type = told.ee_type;
		out->code = told.ee_code;
		out->mtu = told.ee_errno == EMSGSIZE ? told.ee_info : 0;
		return told.ee_origin == SO_EE_ORIGIN_ICMP || told.ee_origin == SO_EE_ORIGIN_ICMP6;
	}
	return false;
}

/* Returns false when there is none. */
static bool take_one(struct tp_datagram_errors *errors)
{
	struct tp_datagram *datagram = &errors->datagram->datagram;
	alignas(struct cmsghdr) char control[CONTROL_SIZE];
	struct tp_datagram_error error;
	struct sockaddr_storage to; /* of the datagram that the error is about */
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(errors->datagram->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
		return false;
	}
	if (msg.msg_namelen != 0 && read_error(&msg, &error)) {
		tp_addr_from_sockaddr(&error.remote_addr, (const struct sockaddr *)&to);
		errors->told(datagram->owner, datagram, &error);
	}
	return true;
}

void tp_datagram_errors_read(struct tp_datagram_fd *datagram)
{
	struct tp_datagram_errors *errors = datagram->errors;
	int count = 0;

	if (errors == NULL) {
		return;
	}
	while (count < READ_MAX && take_one(errors)) {
		count++;
	}
	if (count == READ_MAX) {
		tp_loop_request_turn(datagram->datagram.loop, &errors->soon);
	}
}

static void on_soon(struct tp_turn_hook *hook)
{
	tp_datagram_errors_read(tp_container_of(hook, struct tp_datagram_errors, soon)->datagram);
}

/* What ICMP makes the next call on a socket fail with. */
static bool is_of_another(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EPROTO:
	case EACCES:
	case EMSGSIZE:
		return true;
	default:
		return false;
	}
}

bool tp_datagram_errors_soon(struct tp_datagram_fd *datagram, int error)
{
	if (datagram->errors == NULL || !is_of_another(error)) {
		return false;
	}
	tp_loop_request_turn(datagram->datagram.loop, &datagram->errors->soon);
	return true;
}

/* --- life ----------------------------------------------------------------------- */

int tp_datagram_errors_open(struct tp_datagram_fd *datagram,
			    const struct tp_datagram_options *options, bool adopted)
{
	struct tp_datagram_errors *errors;

	if (options->error == NULL) {
		return adopted ? set_wanted(datagram, 0) : 0;
	}
	errors = malloc(sizeof(*errors));
	if (errors == NULL) {
		return TP_ENOMEM;
	}
	errors->datagram = datagram;
	errors->told = options->error;
	tp_turn_hook_init(&errors->soon, on_soon);
	datagram->errors = errors;
	return set_wanted(datagram, 1);
}

void tp_datagram_errors_close(struct tp_datagram_fd *datagram)
{
	if (datagram->errors != NULL) {
		tp_loop_cancel_hook(&datagram->errors->soon);
		free(datagram->errors);
		datagram->errors = NULL;
	}
}
