/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

/*
 * Sees every event, logs a line for each, and says no where "veto" tells it
 * to. Meant for looking at what a client does, and for tests.
 */

struct observe {
	bool veto[TP_EVENT_COUNT];
	struct tp_counter *seen;
	struct tp_counter *vetoed;
};

static enum tp_verdict judge(struct tp_instance *self, enum tp_event event)
{
	const struct observe *observe = tp_instance_state(self);

	tp_counter_add(observe->seen, 1);
	if (!observe->veto[event]) {
		return TP_PASS;
	}
	tp_counter_add(observe->vetoed, 1);
	return TP_DENY;
}

static void observed(struct tp_instance *self)
{
	const struct observe *observe = tp_instance_state(self);

	tp_counter_add(observe->seen, 1);
}

static const char *name_or_dash(const char *text)
{
	return text == NULL ? "-" : text;
}

static unsigned long long id_of(const struct tp_allocation_view *allocation)
{
	return allocation == NULL ? 0 : (unsigned long long)allocation->id;
}

static const char *direction_of(enum tp_direction direction)
{
	return direction == TP_CLIENT_TO_PEER ? "client-to-peer" : "peer-to-client";
}

/* --- requests ------------------------------------------------------------------ */

static enum tp_verdict authorization(struct tp_instance *self, struct tp_request *request,
				     const struct tp_request_authorization *event)
{
	char client[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO,
	       "event=on_stun_request_authorization client=%s method=%s user=%s algorithm=%u",
	       tp_addr_format(&event->five_tuple->client_addr, client),
	       name_or_dash(tp_method_name(event->method)),
	       event->username == NULL ? "(hash)" : event->username, event->algorithm);
	return judge(self, TP_EVENT_on_stun_request_authorization);
}

static enum tp_verdict success(struct tp_instance *self, struct tp_request *request,
			       const struct tp_request_success *event)
{
	char client[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO, "event=on_stun_request_success client=%s method=%s bytes=%zu",
	       tp_addr_format(&event->five_tuple->client_addr, client),
	       name_or_dash(tp_method_name(event->method)), event->response.len);
	return judge(self, TP_EVENT_on_stun_request_success);
}

static enum tp_verdict error(struct tp_instance *self, struct tp_request *request,
			     const struct tp_request_error *event)
{
	char client[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO,
	       "event=on_stun_request_error client=%s method=%s code=%u reason=%s",
	       tp_addr_format(&event->five_tuple->client_addr, client),
	       name_or_dash(tp_method_name(event->method)), event->code, event->reason);
	return judge(self, TP_EVENT_on_stun_request_error);
}

static void exception(struct tp_instance *self, const struct tp_exception *event)
{
	char client[TP_ADDR_STRING];

	observed(self);
	tp_log(self, TP_LOG_INFO, "event=on_stun_exception client=%s stage=%d bytes=%zu reason=%s",
	       tp_addr_format(&event->five_tuple->client_addr, client), (int)event->stage,
	       event->bytes.len, event->reason);
}

/* --- allocations ---------------------------------------------------------------- */

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	char client[TP_ADDR_STRING];
	char relayed[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO,
	       "event=on_turn_before_allocate client=%s user=%s relayed=%s lifetime_s=%u",
	       tp_addr_format(event->client_addr, client), event->user,
	       tp_addr_format(event->relayed_addr, relayed), event->lifetime_s);
	return judge(self, TP_EVENT_on_turn_before_allocate);
}

static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	char relayed[TP_ADDR_STRING];

	observed(self);
	tp_log(self, TP_LOG_INFO,
	       "event=on_turn_create_allocation id=%llu user=%s relayed=%s lifetime_s=%u",
	       id_of(event->allocation), event->allocation->user,
	       tp_addr_format(&event->allocation->relayed_addr, relayed), event->lifetime_s);
}

static void delete_allocation(struct tp_instance *self, const struct tp_delete_allocation *event)
{
	observed(self);
	tp_log(self, TP_LOG_INFO,
	       "event=on_turn_delete_allocation id=%llu cause=%s duration_ms=%llu "
	       "to_peer=%llu to_client=%llu",
	       id_of(event->allocation), tp_delete_cause_name(event->cause),
	       (unsigned long long)event->duration_ms,
	       (unsigned long long)event->client_to_peer.packets,
	       (unsigned long long)event->peer_to_client.packets);
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	char peer[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO, "event=on_turn_before_permission id=%llu peer=%s method=%s",
	       id_of(event->allocation), tp_addr_format(event->peer_addr, peer),
	       name_or_dash(tp_method_name(event->method)));
	return judge(self, TP_EVENT_on_turn_before_permission);
}

static enum tp_verdict before_channel(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_channel *event)
{
	char peer[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO, "event=on_turn_before_channel id=%llu channel=0x%x peer=%s",
	       id_of(event->allocation), event->channel, tp_addr_format(event->peer_addr, peer));
	return judge(self, TP_EVENT_on_turn_before_channel);
}

/* --- packets -------------------------------------------------------------------- */

static enum tp_verdict relay_indication(struct tp_instance *self,
					const struct tp_before_relay_indication *event)
{
	tp_log(self, TP_LOG_INFO, "event=on_turn_before_relay_indication id=%llu %s bytes=%zu",
	       id_of(event->allocation), direction_of(event->direction), event->payload.len);
	return judge(self, TP_EVENT_on_turn_before_relay_indication);
}

static enum tp_verdict relay_channel_data(struct tp_instance *self,
					  const struct tp_before_relay_channel_data *event)
{
	tp_log(self, TP_LOG_INFO,
	       "event=on_turn_before_relay_channel_data id=%llu %s channel=0x%x bytes=%zu",
	       id_of(event->allocation), direction_of(event->direction), event->channel,
	       event->payload.len);
	return judge(self, TP_EVENT_on_turn_before_relay_channel_data);
}

static void channel_data_discarded(struct tp_instance *self,
				   const struct tp_channel_data_discarded *event)
{
	observed(self);
	tp_log(self, TP_LOG_INFO,
	       "event=on_turn_channel_data_discarded id=%llu %s channel=0x%x bytes=%zu reason=%s",
	       id_of(event->allocation), direction_of(event->direction), event->channel, event->len,
	       tp_discard_reason_name(event->reason));
}

static void message_discarded(struct tp_instance *self, const struct tp_message_discarded *event)
{
	observed(self);
	tp_log(self, TP_LOG_INFO,
	       "event=on_turn_message_discarded id=%llu %s method=%s bytes=%zu reason=%s",
	       id_of(event->allocation), direction_of(event->direction),
	       name_or_dash(tp_method_name(event->method)), event->len,
	       tp_discard_reason_name(event->reason));
}

/* --- where to go, and for how long -------------------------------------------------- */

static enum tp_verdict redirect(struct tp_instance *self, struct tp_request *request,
				const struct tp_redirect *event)
{
	char client[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO, "event=on_turn_redirect client=%s user=%s family=%d",
	       tp_addr_format(&event->five_tuple->client_addr, client), event->user,
	       (int)event->family);
	return judge(self, TP_EVENT_on_turn_redirect);
}

static enum tp_verdict choose_relay(struct tp_instance *self, struct tp_request *request,
				    const struct tp_choose_relay *event)
{
	char client[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO,
	       "event=on_turn_choose_relay client=%s user=%s family=%d even_port=%d",
	       tp_addr_format(&event->five_tuple->client_addr, client), event->user,
	       (int)event->family, event->even_port);
	return judge(self, TP_EVENT_on_turn_choose_relay);
}

static enum tp_verdict before_refresh(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_refresh *event)
{
	tp_log(self, TP_LOG_INFO, "event=on_turn_before_refresh id=%llu lifetime_s=%u",
	       id_of(event->allocation), event->lifetime_s);
	return judge(self, TP_EVENT_on_turn_before_refresh);
}

static void refresh_allocation(struct tp_instance *self, const struct tp_refresh_allocation *event)
{
	observed(self);
	tp_log(self, TP_LOG_INFO, "event=on_turn_refresh_allocation id=%llu lifetime_s=%u",
	       id_of(event->allocation), event->lifetime_s);
}

/* --- what begins and ends within an allocation --------------------------------------- */

static void log_peer(struct tp_instance *self, enum tp_event event,
		     const struct tp_allocation_view *allocation, const struct tp_addr *peer_addr,
		     uint32_t number)
{
	char peer[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO, "event=%s id=%llu peer=%s number=0x%x", tp_event_name(event),
	       id_of(allocation), tp_addr_format(peer_addr, peer), number);
}

static void create_permission(struct tp_instance *self, const struct tp_create_permission *event)
{
	observed(self);
	log_peer(self, TP_EVENT_on_turn_create_permission, event->allocation, event->peer_addr, 0);
}

static void delete_permission(struct tp_instance *self, const struct tp_delete_permission *event)
{
	observed(self);
	log_peer(self, TP_EVENT_on_turn_delete_permission, event->allocation, event->peer_addr, 0);
}

static void create_channel(struct tp_instance *self, const struct tp_create_channel *event)
{
	observed(self);
	log_peer(self, TP_EVENT_on_turn_create_channel, event->allocation, event->peer_addr,
		 event->channel);
}

static void delete_channel(struct tp_instance *self, const struct tp_delete_channel *event)
{
	observed(self);
	log_peer(self, TP_EVENT_on_turn_delete_channel, event->allocation, event->peer_addr,
		 event->channel);
}

static enum tp_verdict before_connect(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_connect *event)
{
	log_peer(self, TP_EVENT_on_turn_before_connect, event->allocation, event->peer_addr, 0);
	return judge(self, TP_EVENT_on_turn_before_connect);
}

static void connection_attempt(struct tp_instance *self, const struct tp_connection_attempt *event)
{
	observed(self);
	log_peer(self, TP_EVENT_on_turn_connection_attempt, event->allocation, event->peer_addr,
		 event->connection_id);
}

static void peer_error(struct tp_instance *self, const struct tp_peer_error *event)
{
	observed(self);
	log_peer(self, TP_EVENT_on_turn_peer_error, event->allocation, event->peer_addr,
		 (uint32_t)event->icmp_type << 8 | event->icmp_code);
}

static void usage(struct tp_instance *self, const struct tp_usage *event)
{
	observed(self);
	tp_log(self, TP_LOG_INFO,
	       "event=on_turn_usage id=%llu interval_ms=%llu bytes=%llu,%llu over_limit=%llu "
	       "final=%d",
	       id_of(event->allocation), (unsigned long long)event->interval_ms,
	       (unsigned long long)event->client_to_peer.bytes,
	       (unsigned long long)event->peer_to_client.bytes,
	       (unsigned long long)event->over_limit.packets, event->final);
}

/* --- connections and the daemon --------------------------------------------------------- */

static enum tp_verdict client_connected(struct tp_instance *self,
					const struct tp_client_connected *event)
{
	char client[TP_ADDR_STRING];

	tp_log(self, TP_LOG_INFO,
	       "event=on_client_connected connection=%llu client=%s server_name=%s alpn=%s "
	       "security=\"%s\" certificate=%zu",
	       (unsigned long long)event->client->id,
	       tp_addr_format(&event->client->five_tuple.client_addr, client),
	       name_or_dash(event->server_name), name_or_dash(event->alpn),
	       name_or_dash(event->security), event->certificate.len);
	return judge(self, TP_EVENT_on_client_connected);
}

static void client_closed(struct tp_instance *self, const struct tp_client_closed *event)
{
	observed(self);
	tp_log(self, TP_LOG_INFO,
	       "event=on_client_closed connection=%llu duration_ms=%llu reason=%s",
	       (unsigned long long)event->client->id, (unsigned long long)event->duration_ms,
	       event->reason);
}

static void server_drain(struct tp_instance *self, const struct tp_server_drain *event)
{
	observed(self);
	tp_log(self, TP_LOG_INFO, "event=on_server_drain allocations=%llu",
	       (unsigned long long)event->allocations);
}

static void server_reload(struct tp_instance *self, const struct tp_server_reload *event)
{
	observed(self);
	tp_log(self, TP_LOG_INFO, "event=on_server_reload generation=%u", event->generation);
}

static void server_tick(struct tp_instance *self, const struct tp_server_tick *event)
{
	observed(self);
	tp_log(self, TP_LOG_DEBUG, "event=on_server_tick allocations=%llu",
	       (unsigned long long)event->allocations);
}

/* --- life ----------------------------------------------------------------------- */

#define FAMILY_PROVIDER true
#define FAMILY_GATE true
#define FAMILY_PACKET true
#define FAMILY_INLINE true
#define FAMILY_OBSERVER false
#define CAN_VETO(family, member, payload) [TP_EVENT_##member] = FAMILY_##family,

static const bool can_veto[TP_EVENT_COUNT] = {TP_EVENT_LIST(CAN_VETO)};

static bool add_veto(struct observe *observe, const char *name)
{
	for (int event = 0; event < TP_EVENT_COUNT; event++) {
		if (can_veto[event] && strcmp(tp_event_name((enum tp_event)event), name) == 0) {
			observe->veto[event] = true;
			return true;
		}
	}
	return false;
}

static int create(struct tp_instance *self)
{
	struct observe *observe = calloc(1, sizeof(*observe));
	size_t count = 0;
	const char *const *names = tp_option_list(self, "veto", &count);

	if (observe == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, observe);
	observe->seen = tp_counter_create(self, "seen", "events observed");
	observe->vetoed = tp_counter_create(self, "vetoed", "events denied");
	for (size_t i = 0; i < count; i++) {
		if (!add_veto(observe, names[i])) {
			return tp_instance_fail(self, TP_EINVAL, "veto: %s is no event to deny",
						names[i]);
		}
	}
	return 0;
}

static void destroy(struct tp_instance *self)
{
	free(tp_instance_state(self));
}

static const struct tp_option options[] = {
	{
		.name = "veto",
		.type = TP_OPTION_LIST,
		.help = "names of the events to deny, such as on_turn_before_allocate",
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorization,
	.on_stun_request_success = success,
	.on_stun_request_error = error,
	.on_stun_exception = exception,
	.on_turn_before_allocate = before_allocate,
	.on_turn_create_allocation = create_allocation,
	.on_turn_delete_allocation = delete_allocation,
	.on_turn_before_relay_indication = relay_indication,
	.on_turn_before_relay_channel_data = relay_channel_data,
	.on_turn_channel_data_discarded = channel_data_discarded,
	.on_turn_message_discarded = message_discarded,
	.on_turn_before_permission = before_permission,
	.on_turn_before_channel = before_channel,
	.on_turn_redirect = redirect,
	.on_turn_choose_relay = choose_relay,
	.on_turn_before_refresh = before_refresh,
	.on_turn_refresh_allocation = refresh_allocation,
	.on_turn_create_permission = create_permission,
	.on_turn_delete_permission = delete_permission,
	.on_turn_create_channel = create_channel,
	.on_turn_delete_channel = delete_channel,
	.on_turn_usage = usage,
	.on_turn_peer_error = peer_error,
	.on_turn_before_connect = before_connect,
	.on_turn_connection_attempt = connection_attempt,
	.on_client_connected = client_connected,
	.on_client_closed = client_closed,
	.on_server_drain = server_drain,
	.on_server_reload = server_reload,
	.on_server_tick = server_tick,
};

TP_PLUGIN("observe", "1.0", "log every event, deny those named", .options = options,
	  .events = &events, .create = create, .destroy = destroy);
