/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ini.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/secret.h"

struct scan {
	const char *file;
	int line;
	char *problem;
	struct tp_ini *ini;
	struct tp_ini_section *section; /* NULL before the first */
};

/* Text within the file. */
struct piece {
	const char *at;
	size_t len;
};

#define PIECE_ARGS(piece) (int)((piece).len < 60 ? (piece).len : 60), (piece).at

static int fail(struct scan *scan, const char *format, ...) TP_PRINTF(2, 3);

static int fail(struct scan *scan, const char *format, ...)
{
	int used = snprintf(scan->problem, TP_PROBLEM_SIZE, "%.200s:%d: ", scan->file, scan->line);
	va_list args;

	va_start(args, format);
	vsnprintf(scan->problem + used, (size_t)(TP_PROBLEM_SIZE - used), format, args);
	va_end(args);
	return TP_EINVAL;
}

static int out_of_memory(struct scan *scan)
{
	fail(scan, "out of memory");
	return TP_ENOMEM;
}

/* --- pieces --------------------------------------------------------------- */

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

static struct piece trim(struct piece piece)
{
	while (piece.len > 0 && is_blank(piece.at[0])) {
		piece.at++;
		piece.len--;
	}
	while (piece.len > 0 && is_blank(piece.at[piece.len - 1])) {
		piece.len--;
	}
	return piece;
}

static bool is_name(struct piece piece, const char *more)
{
	for (size_t i = 0; i < piece.len; i++) {
		char byte = piece.at[i];

		if (!(byte >= 'a' && byte <= 'z') && !(byte >= '0' && byte <= '9') &&
		    strchr(more, byte) == NULL) {
			return false;
		}
	}
	return true;
}

/* One more element, zeroed, at the end of an array that doubles when full. */
static void *grow(void *array, size_t count, size_t size)
{
	if ((count & (count - 1)) == 0) {
		array = reallocarray(array, count == 0 ? 1 : 2 * count, size);
	}
	if (array != NULL) {
		memset((char *)array + count * size, 0, size);
	}
	return array;
}

/* --- sections ------------------------------------------------------------- */

static int add_section(struct scan *scan, struct piece name)
{
	struct tp_ini *ini = scan->ini;
	struct tp_ini_section *grown =
		grow(ini->sections, ini->section_count, sizeof(*ini->sections));

	if (grown == NULL) {
		return out_of_memory(scan);
	}
	ini->sections = grown;
	scan->section = &grown[ini->section_count];
	scan->section->line = scan->line;
	scan->section->name = strndup(name.at, name.len);
	if (scan->section->name == NULL) {
		return out_of_memory(scan);
	}
	ini->section_count++;
	return 0;
}

static int take_section(struct scan *scan, struct piece line)
{
	const char *end = memchr(line.at, ']', line.len);
	struct piece name = {.at = line.at + 1};

	if (end == NULL) {
		return fail(scan, "']' is missing after the name of the section");
	}
	name.len = (size_t)(end - name.at);
	if (end + 1 != line.at + line.len) {
		return fail(scan, "[%.*s]: nothing may follow on the same line", PIECE_ARGS(name));
	}
	if (name.len == 0) {
		return fail(scan, "a section needs a name");
	}
	if (!is_name(name, "_.")) {
		return fail(scan,
			    "[%.*s]: names of sections are lower-case letters, digits, '_' and '.'",
			    PIECE_ARGS(name));
	}
	for (size_t i = 0; i < scan->ini->section_count; i++) {
		const struct tp_ini_section *other = &scan->ini->sections[i];

		if (strlen(other->name) == name.len &&
		    memcmp(other->name, name.at, name.len) == 0) {
			return fail(scan, "[%s]: the section is there already, in line %d",
				    other->name, other->line);
		}
	}
	return add_section(scan, name);
}

/* --- settings ------------------------------------------------------------- */

static int take_quoted(struct scan *scan, struct piece key, struct piece *value)
{
	char quote = value->at[0];
	const char *start = value->at + 1;
	const char *end = memchr(start, quote, value->len - 1);
	struct piece rest;

	if (end == NULL) {
		return fail(scan, "[%s] %.*s: the closing %c is missing", scan->section->name,
			    PIECE_ARGS(key), quote);
	}
	rest = trim((struct piece){end + 1, (size_t)(value->at + value->len - end - 1)});
	if (rest.len > 0 && rest.at[0] != '#' && rest.at[0] != ';') {
		return fail(scan, "[%s] %.*s: text follows the closing %c", scan->section->name,
			    PIECE_ARGS(key), quote);
	}
	*value = (struct piece){start, (size_t)(end - start)};
	return 0;
}

/*
 * A comment has a blank on both sides; anything else may be part of a password.
 */
static int take_plain(struct scan *scan, struct piece key, struct piece *value)
{
	for (size_t i = 0; i < value->len; i++) {
		char byte = value->at[i];

		if (byte != '#' && byte != ';') {
			continue;
		}
		if ((i > 0 && !is_blank(value->at[i - 1])) ||
		    (i + 1 < value->len && !is_blank(value->at[i + 1]))) {
			return fail(scan,
				    "[%s] %.*s: put a value with '%c' in quotes; for a comment, "
				    "leave a blank on both sides of it",
				    scan->section->name, PIECE_ARGS(key), byte);
		}
		value->len = i;
	}
	*value = trim(*value);
	return 0;
}

static int add_setting(struct scan *scan, struct piece key, struct piece value)
{
	struct tp_ini_section *section = scan->section;
	struct tp_setting *grown =
		grow(section->settings, section->setting_count, sizeof(*section->settings));
	struct tp_setting *setting;

	if (grown == NULL) {
		return out_of_memory(scan);
	}
	section->settings = grown;
	setting = &grown[section->setting_count++];
	setting->line = scan->line;
	setting->key = strndup(key.at, key.len);
	setting->value = strndup(value.at, value.len);
	return setting->key == NULL || setting->value == NULL ? out_of_memory(scan) : 0;
}

static int check_key(struct scan *scan, struct piece key)
{
	if (scan->section == NULL) {
		return fail(scan, "%.*s: the key stands before the first [section]",
			    PIECE_ARGS(key));
	}
	if (key.len == 0) {
		return fail(scan, "[%s]: a key is missing before '='", scan->section->name);
	}
	if (!is_name(key, "_")) {
		return fail(scan, "[%s] %.*s: keys are lower-case letters, digits and '_'",
			    scan->section->name, PIECE_ARGS(key));
	}
	for (size_t i = 0; i < scan->section->setting_count; i++) {
		const struct tp_setting *other = &scan->section->settings[i];

		if (strlen(other->key) == key.len && memcmp(other->key, key.at, key.len) == 0) {
			return fail(scan, "[%s] %s: the key is there already, in line %d",
				    scan->section->name, other->key, other->line);
		}
	}
	return 0;
}

static int take_setting(struct scan *scan, struct piece line)
{
	const char *equals = memchr(line.at, '=', line.len);
	struct piece key;
	struct piece value;
	int err;

	if (equals == NULL) {
		return fail(scan, "neither \"[section]\" nor \"key = value\"");
	}
	key = trim((struct piece){line.at, (size_t)(equals - line.at)});
	value = trim((struct piece){equals + 1, (size_t)(line.at + line.len - equals - 1)});
	err = check_key(scan, key);
	if (err != 0) {
		return err;
	}
	if (value.len > 0 && (value.at[0] == '"' || value.at[0] == '\'')) {
		err = take_quoted(scan, key, &value);
	} else {
		err = take_plain(scan, key, &value);
	}
	return err == 0 ? add_setting(scan, key, value) : err;
}

/* --- lines ---------------------------------------------------------------- */

static int check_bytes(struct scan *scan, struct piece line)
{
	if (line.len > TP_INI_LINE_MAX) {
		return fail(scan, "the line is longer than %d bytes", TP_INI_LINE_MAX);
	}
	for (size_t i = 0; i < line.len; i++) {
		unsigned char byte = (unsigned char)line.at[i];

		if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
			return fail(scan, "control byte 0x%02x in the line", byte);
		}
	}
	/* iniparser would join it with the next line, comments included. */
	if (line.len > 0 && line.at[line.len - 1] == '\\') {
		return fail(scan, "a line must not end with a backslash");
	}
	return 0;
}

static int take_line(struct scan *scan, struct piece line)
{
	int err;

	if (line.len > 0 && line.at[line.len - 1] == '\r') {
		line.len--;
	}
	err = check_bytes(scan, trim(line));
	line = trim(line);
	if (err != 0 || line.len == 0 || line.at[0] == '#' || line.at[0] == ';') {
		return err;
	}
	return line.at[0] == '[' ? take_section(scan, line) : take_setting(scan, line);
}

static int check_whole(struct scan *scan, const char *text, size_t len)
{
	if (len > TP_INI_SIZE_MAX) {
		return fail(scan, "the file is longer than %d bytes", TP_INI_SIZE_MAX);
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		return fail(scan, "the file begins with a byte-order mark; save it without");
	}
	return 0;
}

int tp_ini_scan(const char *text, size_t len, const char *file, char problem[TP_PROBLEM_SIZE],
		struct tp_ini *out)
{
	struct scan scan = {.file = file, .line = 1, .problem = problem, .ini = out};
	const char *end = text + len;
	int err;

	*out = (struct tp_ini){0};
	err = check_whole(&scan, text, len);
	while (err == 0 && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *stop = newline == NULL ? end : newline;

		err = take_line(&scan, (struct piece){text, (size_t)(stop - text)});
		text = newline == NULL ? end : newline + 1;
		scan.line++;
	}
	return err;
}

void tp_ini_fini(struct tp_ini *ini)
{
	for (size_t i = 0; i < ini->section_count; i++) {
		struct tp_ini_section *section = &ini->sections[i];

		for (size_t j = 0; j < section->setting_count; j++) {
			char *value = (char *)section->settings[j].value;

			tp_secret_free_string(&value);
			free((char *)section->settings[j].key);
		}
		free(section->settings);
		free(section->name);
	}
	free(ini->sections);
	*ini = (struct tp_ini){0};
}

const struct tp_ini_section *tp_ini_section(const struct tp_ini *ini, const char *name)
{
	for (size_t i = 0; i < ini->section_count; i++) {
		if (strcmp(ini->sections[i].name, name) == 0) {
			return &ini->sections[i];
		}
	}
	return NULL;
}

const struct tp_setting *tp_ini_setting(const struct tp_ini_section *section, const char *key)
{
	for (size_t i = 0; section != NULL && i < section->setting_count; i++) {
		if (strcmp(section->settings[i].key, key) == 0) {
			return &section->settings[i];
		}
	}
	return NULL;
}
