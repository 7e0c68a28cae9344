/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/turnpikectl_print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define CELL_MAX 256
#define COLUMNS_MAX 16

/* A column of a table: member "a" of each row, or "a.b" of a member. */
struct column {
	const char *title;
	const char *member;
	enum {
		TEXT,
		NUMBER,
		MICROSECONDS,
		SOME_TEXT, /* left out when no row has it */
		SOME_WORDS,
		SOME_NUMBER,
	} kind;
};

/* --- text --------------------------------------------------------------------------- */

/* Nothing that a terminal would take for an order: C0, DEL, and C1 in UTF-8. */
static void put_safely(FILE *out, const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
		if (*c < 0x20 || *c == 0x7f) {
			fputc('?', out);
		} else if (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) {
			fputc('?', out);
			c++;
		} else {
			fputc(*c, out);
		}
	}
}

static int width_of(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++) {
		width += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return width;
}

static const json_t *member_of(const json_t *row, const char *member)
{
	const char *dot = strchr(member, '.');
	char first[64];

	if (dot == NULL) {
		return json_object_get(row, member);
	}
	snprintf(first, sizeof(first), "%.*s", (int)(dot - member), member);
	return json_object_get(json_object_get(row, first), dot + 1);
}

static void join_words(const json_t *words, char cell[CELL_MAX])
{
	const json_t *word;
	size_t len = 0;
	size_t at;

	cell[0] = '\0';
	json_array_foreach(words, at, word)
	{
		len += (size_t)snprintf(cell + len, CELL_MAX - len, "%s%s", at == 0 ? "" : " ",
					json_is_string(word) ? json_string_value(word) : "-");
		if (len >= CELL_MAX) {
			return;
		}
	}
}

static void cell_of(const json_t *row, const struct column *column, char cell[CELL_MAX])
{
	const json_t *value = member_of(row, column->member);

	if (column->kind == SOME_WORDS) {
		join_words(value, cell);
	} else if (column->kind == MICROSECONDS) {
		snprintf(cell, CELL_MAX, "%.1f", (double)json_integer_value(value) / 1000);
	} else if (json_is_integer(value)) {
		snprintf(cell, CELL_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	} else {
		snprintf(cell, CELL_MAX, "%s",
			 json_is_string(value) ? json_string_value(value) : "-");
	}
}

/* --- tables ------------------------------------------------------------------------- */

static bool is_there(const json_t *rows, const struct column *column)
{
	const json_t *row;
	size_t at;

	json_array_foreach(rows, at, row)
	{
		if (member_of(row, column->member) != NULL) {
			return true;
		}
	}
	return false;
}

static bool is_right(const struct column *column)
{
	return column->kind == NUMBER || column->kind == MICROSECONDS ||
	       column->kind == SOME_NUMBER;
}

static size_t choose(const json_t *rows, const struct column *columns,
		     struct column chosen[COLUMNS_MAX])
{
	size_t count = 0;

	for (; columns->title != NULL; columns++) {
		if (columns->kind < SOME_TEXT || is_there(rows, columns)) {
			chosen[count++] = *columns;
		}
	}
	return count;
}

static void measure(const json_t *rows, const struct column *columns, size_t count,
		    int widths[COLUMNS_MAX])
{
	const json_t *row;
	size_t at;

	for (size_t i = 0; i < count; i++) {
		widths[i] = width_of(columns[i].title);
		json_array_foreach(rows, at, row)
		{
			char cell[CELL_MAX];
			int width;

			cell_of(row, &columns[i], cell);
			width = width_of(cell);
			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
}

static void put_cell(FILE *out, const char *text, int width, bool right, bool last)
{
	int pad = width - width_of(text);

	if (right) {
		fprintf(out, "%*s", pad, "");
	}
	put_safely(out, text);
	if (!right && !last) {
		fprintf(out, "%*s", pad, "");
	}
	fputs(last ? "\n" : "  ", out);
}

/* @columns: ends with a NULL title */
static void put_table(FILE *out, const json_t *rows, const struct column *all)
{
	struct column columns[COLUMNS_MAX];
	int widths[COLUMNS_MAX];
	size_t count = choose(rows, all, columns);
	const json_t *row;
	size_t at;

	if (json_array_size(rows) == 0) {
		return;
	}
	measure(rows, columns, count, widths);
	for (size_t i = 0; i < count; i++) {
		put_cell(out, columns[i].title, widths[i], is_right(&columns[i]), i + 1 == count);
	}
	json_array_foreach(rows, at, row)
	{
		for (size_t i = 0; i < count; i++) {
			char cell[CELL_MAX];

			cell_of(row, &columns[i], cell);
			put_cell(out, cell, widths[i], is_right(&columns[i]), i + 1 == count);
		}
	}
}

/* --- answers ------------------------------------------------------------------------ */

static void put_sessions(FILE *out, const json_t *sessions)
{
	static const struct column columns[] = {
		{"ID", "id", NUMBER},
		{"USER", "user", TEXT},
		{"REALM", "realm", TEXT},
		{"VIA", "transport", TEXT},
		{"CLIENT", "client", TEXT},
		{"RELAYED", "relayed", TEXT},
		{"PEERS", "permissions", NUMBER},
		{"CHANNELS", "channels", NUMBER},
		{"TCP", "data_connections", SOME_NUMBER},
		{"AGE", "age_s", NUMBER},
		{"EXPIRES", "expires_in_s", NUMBER},
		{"TO PEER", "client_to_peer.packets", NUMBER},
		{"BYTES", "client_to_peer.bytes", NUMBER},
		{"TO CLIENT", "peer_to_client.packets", NUMBER},
		{"BYTES", "peer_to_client.bytes", NUMBER},
		{NULL, NULL, TEXT},
	};

	put_table(out, sessions, columns);
	fprintf(out, "%zu sessions\n", json_array_size(sessions));
}

/* One row for each event of each instance. */
static json_t *flatten_events(const json_t *plugins)
{
	json_t *rows = json_array();
	const json_t *plugin;
	size_t at;

	json_array_foreach(plugins, at, plugin)
	{
		json_t *events = json_object_get(plugin, "events");
		const char *name;
		json_t *event;

		json_object_foreach(events, name, event)
		{
			json_t *row = json_copy(event);

			(void)json_object_set(row, "instance", json_object_get(plugin, "instance"));
			(void)json_object_set_new(row, "event", json_string(name));
			(void)json_array_append_new(rows, row);
		}
	}
	return rows;
}

static void put_plugins(FILE *out, const json_t *plugins)
{
	static const struct column columns[] = {
		{"INSTANCE", "instance", TEXT},
		{"PLUGIN", "plugin", TEXT},
		{"VERSION", "version", TEXT},
		{"ABI", "abi", TEXT},
		{"GENERATION", "generation", NUMBER},
		{"PARKED", "parked_now", NUMBER},
		{"REALMS", "realms", SOME_WORDS},
		{"FILE", "file", TEXT},
		{NULL, NULL, TEXT},
	};
	static const struct column event_columns[] = {
		{"INSTANCE", "instance", TEXT},     {"EVENT", "event", TEXT},
		{"CALLS", "calls", NUMBER},         {"PASS", "pass", NUMBER},
		{"ALLOW", "allow", NUMBER},         {"DENY", "deny", NUMBER},
		{"PARK", "park", NUMBER},           {"PARKED", "parked_now", NUMBER},
		{"WRONG", "wrong", NUMBER},         {"MISSED", "missed", NUMBER},
		{"STALE", "stale", NUMBER},         {"SLOW", "slow", NUMBER},
		{"P50 us", "p50_ns", MICROSECONDS}, {"P99 us", "p99_ns", MICROSECONDS},
		{"MAX us", "max_ns", MICROSECONDS}, {NULL, NULL, TEXT},
	};
	json_t *events = flatten_events(plugins);

	put_table(out, plugins, columns);
	if (json_array_size(events) != 0) {
		fputc('\n', out);
	}
	put_table(out, events, event_columns);
	json_decref(events);
	if (json_array_size(plugins) == 0) {
		fputs("no plugins\n", out);
	}
}

static void put_listeners(FILE *out, const json_t *listeners)
{
	static const struct column columns[] = {
		{"LISTENER", "section", TEXT},
		{"VIA", "transport", TEXT},
		{"ADDRESS", "address", TEXT},
		{"REALM", "realm", SOME_TEXT},
		{NULL, NULL, TEXT},
	};

	fputc('\n', out);
	put_table(out, listeners, columns);
}

static void put_realms(FILE *out, const json_t *realms)
{
	static const struct column columns[] = {
		{"SECTION", "section", TEXT},
		{"REALM", "realm", TEXT},
		{"ALLOCATIONS", "allocations", NUMBER},
		{NULL, NULL, TEXT},
	};

	fputc('\n', out);
	put_table(out, realms, columns);
}

static void put_counters(FILE *out, const json_t *counters)
{
	const char *name;
	json_t *counter;
	int width = 0;

	json_object_foreach((json_t *)(uintptr_t)counters, name, counter)
	{
		width = width_of(name) > width ? width_of(name) : width;
	}
	json_object_foreach((json_t *)(uintptr_t)counters, name, counter)
	{
		fprintf(out, "%-*s %20" JSON_INTEGER_FORMAT "  ", width, name,
			json_integer_value(json_object_get(counter, "value")));
		put_safely(out, json_string_value(json_object_get(counter, "help")));
		fputc('\n', out);
	}
}

static void put_verbs(FILE *out, const json_t *verbs)
{
	const json_t *verb;
	size_t at;

	json_array_foreach(verbs, at, verb)
	{
		fprintf(out, "%s %s\n\t%s\n", json_string_value(json_object_get(verb, "verb")),
			json_string_value(json_object_get(verb, "arguments")),
			json_string_value(json_object_get(verb, "help")));
	}
}

static void put_notes(FILE *out, const json_t *notes)
{
	const json_t *note;
	size_t at;

	json_array_foreach(notes, at, note)
	{
		put_safely(out, json_string_value(note));
		fputc('\n', out);
	}
}

/* What a plugin prints may have lines. */
static void put_output(FILE *out, const json_t *output)
{
	const char *text = json_string_value(output);

	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, "\n\t");
		char part[CELL_MAX];

		len = len < sizeof(part) ? len : sizeof(part) - 1;
		memcpy(part, text, len);
		part[len] = '\0';
		put_safely(out, part);
		text += len;
		if (*text == '\n' || *text == '\t') {
			fputc(*text++, out);
		}
	}
}

static void put_scalar(FILE *out, const char *name, const json_t *value)
{
	if (json_is_string(value)) {
		fprintf(out, "%s: ", name);
		put_safely(out, json_string_value(value));
		fputc('\n', out);
	} else if (json_is_integer(value)) {
		fprintf(out, "%s: %" JSON_INTEGER_FORMAT "\n", name, json_integer_value(value));
	} else if (json_is_boolean(value)) {
		fprintf(out, "%s: %s\n", name, json_is_true(value) ? "yes" : "no");
	}
}

static void put_silent(FILE *out, const json_t *workers)
{
	const json_t *worker;
	size_t at;

	json_array_foreach(workers, at, worker)
	{
		fprintf(out, "worker %" JSON_INTEGER_FORMAT " has not answered in time\n",
			json_integer_value(worker));
	}
}

void tp_ctl_print(const json_t *answer, FILE *out)
{
	static const struct {
		const char *member;
		void (*put)(FILE *out, const json_t *value);
	} known[] = {
		{"listeners", put_listeners}, {"sessions", put_sessions},
		{"plugins", put_plugins},     {"counters", put_counters},
		{"verbs", put_verbs},         {"needs_restart", put_notes},
		{"output", put_output},       {"silent_workers", put_silent},
		{"realms", put_realms},
	};
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)answer, name, value)
	{
		size_t at = 0;

		while (at < sizeof(known) / sizeof(known[0]) &&
		       strcmp(known[at].member, name) != 0) {
			at++;
		}
		if (at < sizeof(known) / sizeof(known[0]) && !json_is_integer(value)) {
			known[at].put(out, value);
		} else if (strcmp(name, "cut") != 0 || json_is_true(value)) {
			put_scalar(out, name, value);
		}
	}
}
