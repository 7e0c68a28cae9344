/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/codes.h"

#include <stddef.h>

const char *tp_stun_method_name(uint16_t method)
{
	switch (method) {
	case TP_STUN_BINDING:
		return "Binding";
	case TP_STUN_ALLOCATE:
		return "Allocate";
	case TP_STUN_REFRESH:
		return "Refresh";
	case TP_STUN_SEND:
		return "Send";
	case TP_STUN_DATA:
		return "Data";
	case TP_STUN_CREATE_PERMISSION:
		return "CreatePermission";
	case TP_STUN_CHANNEL_BIND:
		return "ChannelBind";
	case TP_STUN_CONNECT:
		return "Connect";
	case TP_STUN_CONNECTION_BIND:
		return "ConnectionBind";
	case TP_STUN_CONNECTION_ATTEMPT:
		return "ConnectionAttempt";
	default:
		return NULL;
	}
}

const char *tp_stun_attribute_name(uint16_t type)
{
	switch (type) {
	case TP_ATTR_MAPPED_ADDRESS:
		return "MAPPED-ADDRESS";
	case TP_ATTR_CHANGE_REQUEST:
		return "CHANGE-REQUEST";
	case TP_ATTR_USERNAME:
		return "USERNAME";
	case TP_ATTR_MESSAGE_INTEGRITY:
		return "MESSAGE-INTEGRITY";
	case TP_ATTR_ERROR_CODE:
		return "ERROR-CODE";
	case TP_ATTR_UNKNOWN_ATTRIBUTES:
		return "UNKNOWN-ATTRIBUTES";
	case TP_ATTR_CHANNEL_NUMBER:
		return "CHANNEL-NUMBER";
	case TP_ATTR_LIFETIME:
		return "LIFETIME";
	case TP_ATTR_XOR_PEER_ADDRESS:
		return "XOR-PEER-ADDRESS";
	case TP_ATTR_DATA:
		return "DATA";
	case TP_ATTR_REALM:
		return "REALM";
	case TP_ATTR_NONCE:
		return "NONCE";
	case TP_ATTR_XOR_RELAYED_ADDRESS:
		return "XOR-RELAYED-ADDRESS";
	case TP_ATTR_REQUESTED_ADDRESS_FAMILY:
		return "REQUESTED-ADDRESS-FAMILY";
	case TP_ATTR_EVEN_PORT:
		return "EVEN-PORT";
	case TP_ATTR_REQUESTED_TRANSPORT:
		return "REQUESTED-TRANSPORT";
	case TP_ATTR_DONT_FRAGMENT:
		return "DONT-FRAGMENT";
	case TP_ATTR_ACCESS_TOKEN:
		return "ACCESS-TOKEN";
	case TP_ATTR_MESSAGE_INTEGRITY_SHA256:
		return "MESSAGE-INTEGRITY-SHA256";
	case TP_ATTR_PASSWORD_ALGORITHM:
		return "PASSWORD-ALGORITHM";
	case TP_ATTR_USERHASH:
		return "USERHASH";
	case TP_ATTR_XOR_MAPPED_ADDRESS:
		return "XOR-MAPPED-ADDRESS";
	case TP_ATTR_RESERVATION_TOKEN:
		return "RESERVATION-TOKEN";
	case TP_ATTR_PRIORITY:
		return "PRIORITY";
	case TP_ATTR_USE_CANDIDATE:
		return "USE-CANDIDATE";
	case TP_ATTR_PADDING:
		return "PADDING";
	case TP_ATTR_RESPONSE_PORT:
		return "RESPONSE-PORT";
	case TP_ATTR_CONNECTION_ID:
		return "CONNECTION-ID";
	case TP_ATTR_ADDITIONAL_ADDRESS_FAMILY:
		return "ADDITIONAL-ADDRESS-FAMILY";
	case TP_ATTR_ADDRESS_ERROR_CODE:
		return "ADDRESS-ERROR-CODE";
	case TP_ATTR_PASSWORD_ALGORITHMS:
		return "PASSWORD-ALGORITHMS";
	case TP_ATTR_ALTERNATE_DOMAIN:
		return "ALTERNATE-DOMAIN";
	case TP_ATTR_ICMP:
		return "ICMP";
	case TP_ATTR_SOFTWARE:
		return "SOFTWARE";
	case TP_ATTR_ALTERNATE_SERVER:
		return "ALTERNATE-SERVER";
	case TP_ATTR_TRANSACTION_TRANSMIT_COUNTER:
		return "TRANSACTION_TRANSMIT_COUNTER";
	case TP_ATTR_FINGERPRINT:
		return "FINGERPRINT";
	case TP_ATTR_ICE_CONTROLLED:
		return "ICE-CONTROLLED";
	case TP_ATTR_ICE_CONTROLLING:
		return "ICE-CONTROLLING";
	case TP_ATTR_RESPONSE_ORIGIN:
		return "RESPONSE-ORIGIN";
	case TP_ATTR_OTHER_ADDRESS:
		return "OTHER-ADDRESS";
	case TP_ATTR_THIRD_PARTY_AUTHORIZATION:
		return "THIRD-PARTY-AUTHORIZATION";
	case TP_ATTR_MOBILITY_TICKET:
		return "MOBILITY-TICKET";
	default:
		return NULL;
	}
}

/* RFC 8489 section 14.8, RFC 8656 section 19; RFC 6062, 8016, 8445. */
const char *tp_stun_reason(uint16_t code)
{
	switch (code) {
	case 300:
		return "Try Alternate";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthenticated";
	case 403:
		return "Forbidden";
	case 405:
		return "Mobility Forbidden";
	case 420:
		return "Unknown Attribute";
	case 437:
		return "Allocation Mismatch";
	case 438:
		return "Stale Nonce";
	case 440:
		return "Address Family not Supported";
	case 441:
		return "Wrong Credentials";
	case 442:
		return "Unsupported Transport Protocol";
	case 443:
		return "Peer Address Family Mismatch";
	case 446:
		return "Connection Already Exists";
	case 447:
		return "Connection Timeout or Failure";
	case 486:
		return "Allocation Quota Reached";
	case 487:
		return "Role Conflict";
	case 500:
		return "Server Error";
	case 508:
		return "Insufficient Capacity";
	default:
		return "Error";
	}
}
