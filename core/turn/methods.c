/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/methods.h"

#include <stddef.h>

#include "stun/codes.h"

static const struct tp_method *const methods[] = {
	&tp_method_binding,           &tp_method_allocate,     &tp_method_refresh,
	&tp_method_create_permission, &tp_method_channel_bind, &tp_method_connect,
	&tp_method_connection_bind,
};

const struct tp_method *tp_method_find(uint16_t number)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (methods[i]->number == number) {
			return methods[i];
		}
	}
	return NULL;
}

bool tp_method_knows_attribute(uint16_t type)
{
	switch (type) {
	case TP_ATTR_MAPPED_ADDRESS:
	case TP_ATTR_USERNAME:
	case TP_ATTR_MESSAGE_INTEGRITY:
	case TP_ATTR_ERROR_CODE:
	case TP_ATTR_UNKNOWN_ATTRIBUTES:
	case TP_ATTR_CHANNEL_NUMBER:
	case TP_ATTR_LIFETIME:
	case TP_ATTR_XOR_PEER_ADDRESS:
	case TP_ATTR_DATA:
	case TP_ATTR_REALM:
	case TP_ATTR_NONCE:
	case TP_ATTR_XOR_RELAYED_ADDRESS:
	case TP_ATTR_REQUESTED_ADDRESS_FAMILY:
	case TP_ATTR_EVEN_PORT:
	case TP_ATTR_REQUESTED_TRANSPORT:
	case TP_ATTR_DONT_FRAGMENT:
	case TP_ATTR_ACCESS_TOKEN:
	case TP_ATTR_MESSAGE_INTEGRITY_SHA256:
	case TP_ATTR_PASSWORD_ALGORITHM:
	case TP_ATTR_USERHASH:
	case TP_ATTR_XOR_MAPPED_ADDRESS:
	case TP_ATTR_RESERVATION_TOKEN:
	case TP_ATTR_CONNECTION_ID:
		return true;
	default:
		return false;
	}
}
