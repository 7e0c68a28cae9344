/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_errors.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
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

enum origin {
	ORIGIN_OTHER,
	ORIGIN_ICMP,
	ORIGIN_LINK, /* this host: larger than its link takes */
};

static enum origin origin_of(const struct sock_extended_err *told)
{
	switch (told->ee_origin) {
	case SO_EE_ORIGIN_ICMP:
	case SO_EE_ORIGIN_ICMP6:
		return ORIGIN_ICMP;
	case SO_EE_ORIGIN_LOCAL:
		return told->ee_errno == EMSGSIZE ? ORIGIN_LINK : ORIGIN_OTHER;
	default:
		return ORIGIN_OTHER;
	}
}

static enum origin read_error(struct msghdr *msg, struct tp_datagram_error *out)
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
		return origin_of(&told);
	}
	return ORIGIN_OTHER;
}

/* What a router would say; the kernel does not know the port of IPv4. */
static void complete(const struct tp_datagram_errors *errors, struct tp_datagram_error *error)
{
	bool ipv6 = error->remote_addr.family == TP_FAMILY_IPV6;

	error->type = ipv6 ? ICMP6_PACKET_TOO_BIG : ICMP_DEST_UNREACH;
	error->code = ipv6 ? 0 : ICMP_FRAG_NEEDED;
	if (error->remote_addr.port == 0 &&
	    tp_addr_equal_ip(&error->remote_addr, &errors->refused)) {
		error->remote_addr.port = errors->refused.port;
	}
}

static bool same_error(const struct tp_datagram_error *a, const struct tp_datagram_error *b)
{
	return tp_addr_equal(&a->remote_addr, &b->remote_addr) && a->mtu == b->mtu;
}

/*
 * @last: what the kernel has said of its own link, for it says so of each try
 *
 * Returns false when there is none.
 */
static bool take_one(struct tp_datagram_errors *errors, struct tp_datagram_error *last)
{
	struct tp_datagram *datagram = &errors->datagram->datagram;
	alignas(struct cmsghdr) char control[CONTROL_SIZE];
	struct tp_datagram_error error;
	struct sockaddr_storage to; /* of the datagram that the error is about */
	enum origin origin;
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(errors->datagram->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
		return false;
	}
	origin = msg.msg_namelen != 0 ? read_error(&msg, &error) : ORIGIN_OTHER;
	if (origin == ORIGIN_OTHER) {
		return true;
	}
	tp_addr_from_sockaddr(&error.remote_addr, (const struct sockaddr *)&to);
	if (origin == ORIGIN_LINK) {
		complete(errors, &error);
		if (same_error(&error, last)) {
			return true;
		}
		*last = error;
	}
	errors->told(datagram->owner, datagram, &error);
	return true;
}

void tp_datagram_errors_read(struct tp_datagram_fd *datagram)
{
	struct tp_datagram_errors *errors = datagram->errors;
	struct tp_datagram_error last = {.remote_addr.family = TP_FAMILY_NONE};
	int count = 0;

	if (errors == NULL) {
		return;
	}
	while (count < READ_MAX && take_one(errors, &last)) {
		count++;
	}
	if (count == READ_MAX) {
		tp_loop_request_turn(datagram->datagram.loop, &errors->soon);
	} else {
		errors->refused.family = TP_FAMILY_NONE;
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

static void note_refused(struct tp_datagram_errors *errors, const struct tp_addr *to)
{
	if (errors->refused.family == TP_FAMILY_NONE) {
		errors->refused = *to;
	} else if (!tp_addr_equal(&errors->refused, to)) {
		errors->refused.port = 0;
	}
}

bool tp_datagram_errors_soon(struct tp_datagram_fd *datagram, int error, const struct tp_addr *to)
{
	if (datagram->errors == NULL || !is_of_another(error)) {
		return false;
	}
	if (error == EMSGSIZE) {
		note_refused(datagram->errors, to);
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
	errors->refused.family = TP_FAMILY_NONE;
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
