/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_inject.h"

#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/bytes.h"

#define SEND_BUFFER_BYTES (8 << 20)
#define ARRIVAL_MS 50
#define TTL 64
#define VERSION_AND_LENGTH 0x4500u /* IPv4, five words */
#define DO_NOT_FRAGMENT 0x4000u

bool tp_load_inject_covers(const struct tp_addr *addr)
{
	return addr->family == TP_FAMILY_IPV4 && addr->bytes[0] == 127;
}

/* RFC 1071 over a header whose checksum is still 0. */
static uint16_t header_checksum(const uint8_t *header)
{
	uint32_t sum = 0;

	for (int i = 0; i < 20; i += 2) {
		sum += tp_get_u16(header + i);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void tp_load_inject_write(uint8_t header[TP_LOAD_INJECT_HEADER_SIZE], const struct tp_addr *source,
			  const struct tp_addr *destination, size_t payload_len)
{
	uint8_t *udp = header + 20;

	tp_put_u16(header, VERSION_AND_LENGTH);
	tp_put_u16(header + 2, (uint16_t)(TP_LOAD_INJECT_HEADER_SIZE + payload_len));
	tp_put_u32(header + 4, DO_NOT_FRAGMENT);
	tp_put_u16(header + 8, TTL << 8 | IPPROTO_UDP);
	tp_put_u16(header + 10, 0);
	memcpy(header + 12, source->bytes, 4);
	memcpy(header + 16, destination->bytes, 4);
	tp_put_u16(header + 10, header_checksum(header));
	tp_put_u16(udp, source->port);
	tp_put_u16(udp + 2, destination->port);
	tp_put_u16(udp + 4, (uint16_t)(8 + payload_len));
	tp_put_u16(udp + 6, 0);
}

void tp_load_inject_send(int fd, struct iovec *datagrams, unsigned count)
{
	static struct sockaddr_ll loopback;
	struct mmsghdr messages[TP_LOAD_INJECT_BATCH];
	unsigned at = 0;
	int sent;

	if (loopback.sll_family == 0) {
		loopback.sll_ifindex = (int)if_nametoindex("lo");
		loopback.sll_protocol = htons(ETHERTYPE_IP);
		loopback.sll_halen = ETH_ALEN;
		loopback.sll_family = AF_PACKET;
	}
	for (unsigned i = 0; i < count; i++) {
		messages[i].msg_hdr = (struct msghdr){.msg_name = &loopback,
						      .msg_namelen = sizeof(loopback),
						      .msg_iov = &datagrams[i],
						      .msg_iovlen = 1};
	}
	while (at < count) {
		sent = sendmmsg(fd, messages + at, count - at, 0);
		at += sent > 0 ? (unsigned)sent : 1; /* what is refused is lost */
	}
}

/* The kernel takes 127.0.0.0/8 from outside its sockets only with route_localnet. */
static bool arrives(int fd)
{
	uint8_t datagram[TP_LOAD_INJECT_HEADER_SIZE + 1] = {0};
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t sa_len = sizeof(sa);
	struct iovec whole = {datagram, sizeof(datagram)};
	int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct pollfd wait = {.fd = receiver, .events = POLLIN};
	struct tp_addr addr;
	bool arrived = false;

	if (receiver >= 0 && bind(receiver, (struct sockaddr *)&sa, sizeof(sa)) == 0 &&
	    getsockname(receiver, (struct sockaddr *)&sa, &sa_len) == 0) {
		tp_addr_from_sockaddr(&addr, (struct sockaddr *)&sa);
		tp_load_inject_write(datagram, &addr, &addr, 1);
		tp_load_inject_send(fd, &whole, 1);
		arrived = poll(&wait, 1, ARRIVAL_MS) == 1;
	}
	if (receiver >= 0) {
		close(receiver);
	}
	return arrived;
}

int tp_load_inject_open(void)
{
	/* Of protocol 0: sends, and receives nothing. */
	struct sockaddr_ll loopback = {.sll_family = AF_PACKET,
				       .sll_ifindex = (int)if_nametoindex("lo")};
	int bytes = SEND_BUFFER_BYTES;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -1;
	}
	if (loopback.sll_ifindex == 0 ||
	    bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)) != 0) {
		close(fd);
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
	if (!arrives(fd)) {
		close(fd);
		return -1;
	}
	return fd;
}
