/* SPDX-License-Identifier: Apache-2.0 */
#include "pcapng.h"

#include <string.h>

#define BLOCK_SECTION 0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET 6u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define LINKTYPE_RAW 101 /* begins with an IPv4 or IPv6 header */
#define OPTION_COMMENT 1
#define OPTION_PACKET_FLAGS 2
#define OPTION_NAME 2
#define FLAG_INBOUND 1u
#define FLAG_OUTBOUND 2u
#define COMMENT_MAX 200

#define IPV4_SIZE 20
#define IPV6_SIZE 40
#define UDP_SIZE 8
#define PROTOCOL_UDP 17
#define HOP_LIMIT 64
#define DONT_FRAGMENT 0x4000

struct writer {
	uint8_t *out;
	size_t len;
};

/* --- fields ----------------------------------------------------------------------------- */

static void put(struct writer *writer, const void *bytes, size_t len)
{
	memcpy(writer->out + writer->len, bytes, len);
	writer->len += len;
}

static void put_u16(struct writer *writer, uint16_t value)
{
	put(writer, &value, sizeof(value));
}

static void put_u32(struct writer *writer, uint32_t value)
{
	put(writer, &value, sizeof(value));
}

static size_t padded(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

static void put_padded(struct writer *writer, const void *bytes, size_t len)
{
	static const uint8_t zeros[4];

	put(writer, bytes, len);
	put(writer, zeros, padded(len) - len);
}

static void put_option(struct writer *writer, uint16_t code, const void *bytes, size_t len)
{
	put_u16(writer, code);
	put_u16(writer, (uint16_t)len);
	put_padded(writer, bytes, len);
}

static void put_end_of_options(struct writer *writer)
{
	put_u32(writer, 0);
}

static size_t comment_len(const char *comment)
{
	return comment == NULL ? 0 : strnlen(comment, COMMENT_MAX);
}

/* The length stands at both ends of a block. */
static void begin_block(struct writer *writer, uint32_t type)
{
	put_u32(writer, type);
	put_u32(writer, 0);
}

static void end_block(struct writer *writer, size_t begin)
{
	uint32_t len = (uint32_t)(writer->len - begin + sizeof(len));

	put_u32(writer, len);
	memcpy(writer->out + begin + 4, &len, sizeof(len));
}

/* --- the header ------------------------------------------------------------------------- */

size_t pcapng_write_header(uint8_t out[PCAPNG_HEADER_MAX], const char *comment)
{
	static const char name[] = "relayed";
	struct writer writer = {.out = out};
	size_t interface;

	begin_block(&writer, BLOCK_SECTION);
	put_u32(&writer, BYTE_ORDER_MAGIC);
	put_u16(&writer, 1); /* version 1.0 */
	put_u16(&writer, 0);
	put_u32(&writer, UINT32_MAX); /* a section of unknown length */
	put_u32(&writer, UINT32_MAX);
	put_option(&writer, OPTION_COMMENT, comment, comment_len(comment));
	put_end_of_options(&writer);
	end_block(&writer, 0);

	interface = writer.len;
	begin_block(&writer, BLOCK_INTERFACE);
	put_u16(&writer, LINKTYPE_RAW);
	put_u16(&writer, 0);
	put_u32(&writer, 0); /* packets are whole */
	put_option(&writer, OPTION_NAME, name, sizeof(name) - 1);
	put_end_of_options(&writer);
	end_block(&writer, interface);
	return writer.len;
}

/* --- IP and UDP ------------------------------------------------------------------------- */

static void set_u16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* RFC 1071: the sum so far and some more bytes; an odd last byte only at the end. */
static uint64_t add_sum(uint64_t sum, const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	for (; at + 1 < len; at += 2) {
		sum += (uint64_t)bytes[at] << 8 | bytes[at + 1];
	}
	return at < len ? sum + ((uint64_t)bytes[at] << 8) : sum;
}

static uint16_t finish_sum(uint64_t sum)
{
	while (sum >> 16 != 0) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static bool is_ipv6(const struct pcapng_packet *packet)
{
	return tp_addr_family(packet->from) == TP_FAMILY_IPV6 ||
	       tp_addr_family(packet->to) == TP_FAMILY_IPV6;
}

/* Client and peer of two families meet as IPv6: RFC 4291 section 2.5.5.2. */
static void set_ipv6(uint8_t *at, const struct tp_addr *addr)
{
	if (tp_addr_family(addr) == TP_FAMILY_IPV6) {
		memcpy(at, addr->bytes, 16);
		return;
	}
	memset(at, 0, 10);
	memset(at + 10, 0xff, 2);
	memcpy(at + 12, addr->bytes, 4);
}

/* RFC 8200 section 3. Returns the sum over the addresses. */
static uint64_t write_ipv6(uint8_t *out, const struct pcapng_packet *packet, size_t udp_len)
{
	memset(out, 0, IPV6_SIZE);
	out[0] = 6 << 4;
	set_u16(out + 4, udp_len);
	out[6] = PROTOCOL_UDP;
	out[7] = HOP_LIMIT;
	set_ipv6(out + 8, packet->from);
	set_ipv6(out + 24, packet->to);
	return add_sum(0, out + 8, 32);
}

/* RFC 791 section 3.1. Returns the sum over the addresses. */
static uint64_t write_ipv4(uint8_t *out, const struct pcapng_packet *packet, size_t udp_len)
{
	memset(out, 0, IPV4_SIZE);
	out[0] = 4 << 4 | IPV4_SIZE / 4;
	set_u16(out + 2, IPV4_SIZE + udp_len);
	set_u16(out + 6, DONT_FRAGMENT);
	out[8] = HOP_LIMIT;
	out[9] = PROTOCOL_UDP;
	memcpy(out + 12, packet->from->bytes, 4);
	memcpy(out + 16, packet->to->bytes, 4);
	set_u16(out + 10, finish_sum(add_sum(0, out, IPV4_SIZE)));
	return add_sum(0, out + 12, 8);
}

/* RFC 768: @sum is that of the addresses; a checksum of zero is sent as all ones. */
static void write_udp(uint8_t *out, const struct pcapng_packet *packet, size_t udp_len,
		      uint64_t sum)
{
	uint16_t checksum;

	set_u16(out, tp_addr_port(packet->from));
	set_u16(out + 2, tp_addr_port(packet->to));
	set_u16(out + 4, udp_len);
	set_u16(out + 6, 0);
	if (packet->payload.len != 0) {
		memcpy(out + UDP_SIZE, packet->payload.data, packet->payload.len);
	}
	checksum = finish_sum(add_sum(sum + PROTOCOL_UDP + udp_len, out, udp_len));
	set_u16(out + 6, checksum == 0 ? 0xffff : checksum);
}

/* --- packets ---------------------------------------------------------------------------- */

static size_t datagram_size(const struct pcapng_packet *packet)
{
	return (is_ipv6(packet) ? IPV6_SIZE : IPV4_SIZE) + UDP_SIZE + packet->payload.len;
}

size_t pcapng_packet_size(const struct pcapng_packet *packet)
{
	size_t comment = comment_len(packet->comment);

	if (packet->payload.len > PCAPNG_PAYLOAD_MAX) {
		return 0;
	}
	return 28 + padded(datagram_size(packet)) /* type, length, interface, time, lengths */
	       + 8                                /* flags */
	       + (comment == 0 ? 0 : 4 + padded(comment)) + 8;
}

static void put_datagram(struct writer *writer, const struct pcapng_packet *packet)
{
	static const uint8_t zeros[4];
	size_t size = datagram_size(packet);
	size_t udp_len = UDP_SIZE + packet->payload.len;
	uint8_t *out = writer->out + writer->len;
	uint64_t sum = is_ipv6(packet) ? write_ipv6(out, packet, udp_len)
				       : write_ipv4(out, packet, udp_len);

	write_udp(out + size - udp_len, packet, udp_len, sum);
	writer->len += size;
	put(writer, zeros, padded(size) - size);
}

void pcapng_write_packet(uint8_t *out, const struct pcapng_packet *packet)
{
	uint32_t flags = packet->outbound ? FLAG_OUTBOUND : FLAG_INBOUND;
	uint32_t size = (uint32_t)datagram_size(packet);
	struct writer writer = {.out = out};

	begin_block(&writer, BLOCK_PACKET);
	put_u32(&writer, 0); /* the interface */
	put_u32(&writer, (uint32_t)(packet->time_us >> 32));
	put_u32(&writer, (uint32_t)packet->time_us);
	put_u32(&writer, size);
	put_u32(&writer, size);
	put_datagram(&writer, packet);
	put_option(&writer, OPTION_PACKET_FLAGS, &flags, sizeof(flags));
	if (comment_len(packet->comment) != 0) {
		put_option(&writer, OPTION_COMMENT, packet->comment, comment_len(packet->comment));
	}
	put_end_of_options(&writer);
	end_block(&writer, 0);
}
