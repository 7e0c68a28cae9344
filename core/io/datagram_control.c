/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_control.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "base/addr.h"

static void read_ipv4(const struct cmsghdr *cmsg, struct tp_packet *packet)
{
	struct in_pktinfo info;

	switch (cmsg->cmsg_type) {
	case IP_PKTINFO:
		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		memcpy(packet->local_addr.bytes, &info.ipi_spec_dst, 4);
		break;
	case IP_TTL:
		memcpy(&packet->ttl, CMSG_DATA(cmsg), sizeof(packet->ttl));
		break;
	case IP_TOS:
		packet->tos = *CMSG_DATA(cmsg);
		break;
	default:
		break;
	}
}

static void read_ipv6(const struct cmsghdr *cmsg, struct tp_packet *packet)
{
	struct in6_pktinfo info;

	switch (cmsg->cmsg_type) {
	case IPV6_PKTINFO:
		memcpy(&info, CMSG_DATA(cmsg), sizeof(info));
		memcpy(packet->local_addr.bytes, &info.ipi6_addr, 16);
		if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
			packet->local_addr.scope_id = info.ipi6_ifindex;
		}
		break;
	case IPV6_HOPLIMIT:
		memcpy(&packet->ttl, CMSG_DATA(cmsg), sizeof(packet->ttl));
		break;
	case IPV6_TCLASS:
		memcpy(&packet->tos, CMSG_DATA(cmsg), sizeof(packet->tos));
		break;
	default:
		break;
	}
}

size_t tp_control_read(struct msghdr *msg, struct tp_packet *packet)
{
	int segment_size = 0;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(msg); at != NULL; at = CMSG_NXTHDR(msg, at)) {
		if (at->cmsg_level == IPPROTO_IP) {
			read_ipv4(at, packet);
		} else if (at->cmsg_level == IPPROTO_IPV6) {
			read_ipv6(at, packet);
		} else if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_GRO) {
			memcpy(&segment_size, CMSG_DATA(at), sizeof(segment_size));
		}
	}
	return segment_size > 0 ? (size_t)segment_size : 0;
}

static void append(struct msghdr *msg, int level, int type, const void *value, size_t len)
{
	struct cmsghdr *cmsg =
		(struct cmsghdr *)(void *)((char *)msg->msg_control + msg->msg_controllen);

	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), value, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

static void append_source(struct msghdr *msg, const struct tp_addr *from)
{
	if (from->family == TP_FAMILY_IPV4) {
		struct in_pktinfo info = {.ipi_ifindex = 0};

		memcpy(&info.ipi_spec_dst, from->bytes, 4);
		append(msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_ifindex = from->scope_id};

		memcpy(&info.ipi6_addr, from->bytes, 16);
		append(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	}
}

void tp_control_write(struct msghdr *msg, void *control, const struct tp_packet *packet, bool from)
{
	bool ipv6 = packet->remote_addr.family == TP_FAMILY_IPV6;

	msg->msg_control = control;
	msg->msg_controllen = 0;
	if (from && packet->local_addr.family != TP_FAMILY_NONE &&
	    !tp_addr_is_any(&packet->local_addr)) {
		append_source(msg, &packet->local_addr);
	}
	if (packet->ttl >= 0) {
		append(msg, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_HOPLIMIT : IP_TTL,
		       &packet->ttl, sizeof(packet->ttl));
	}
	if (packet->tos >= 0) {
		append(msg, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_TCLASS : IP_TOS,
		       &packet->tos, sizeof(packet->tos));
	}
	if (msg->msg_controllen == 0) {
		msg->msg_control = NULL;
	}
}

void tp_control_write_segment_size(struct msghdr *msg, void *control, uint16_t size)
{
	msg->msg_control = control;
	append(msg, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
}

void tp_control_drop_segment_size(struct msghdr *msg)
{
	msg->msg_controllen -= CMSG_SPACE(sizeof(uint16_t));
	if (msg->msg_controllen == 0) {
		msg->msg_control = NULL;
	}
}
