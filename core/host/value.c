/* SPDX-License-Identifier: Apache-2.0 */
#include "host/schema.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <turnpike/error.h>
#include <turnpike/prefix.h>

#include "base/secret.h"
#include "host/problem.h"

#define WORDS_MAX 4096
#define SHOWN 80 /* bytes of a value that a sentence repeats */
#define BLANKS " \t,"

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit no_units[] = {{"", 1}, {NULL, 0}};
static const struct unit duration_units[] = {
	{"", 1000},     {"ms", 1},       {"s", 1000}, {"m", 60000},
	{"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit size_units[] = {
	{"", 1}, {"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {NULL, 0},
};
static const struct unit rate_units[] = {
	{"", 1}, {"k", 1000}, {"M", 1000000}, {"G", 1000000000}, {NULL, 0},
};

static int parse_bool(const char *text, struct tp_value *out, char problem[TP_PROBLEM_SIZE])
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0) {
			out->integer = (int64_t)(i % 2);
			return 0;
		}
	}
	return tp_problem(problem, TP_EINVAL, "\"%.*s\" is neither yes nor no", SHOWN, text);
}

/* --- numbers -------------------------------------------------------------------- */

static const struct unit *find_unit(const struct unit *units, const char *text)
{
	for (; units->name != NULL; units++) {
		if (strcmp(units->name, text) == 0) {
			return units;
		}
	}
	return NULL;
}

/* Decimal digits, "-" in front where @negative, then nothing but a unit. */
static int parse_number(const char *text, bool negative, const struct unit *units, int64_t *out)
{
	const struct unit *unit;
	bool minus = negative && text[0] == '-';
	int64_t number = 0;

	text += minus;
	if (!isdigit((unsigned char)text[0])) {
		return TP_EINVAL;
	}
	for (; isdigit((unsigned char)text[0]); text++) {
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, text[0] - '0', &number)) {
			return TP_ERANGE;
		}
	}
	unit = find_unit(units, text);
	if (unit == NULL) {
		return TP_EINVAL;
	}
	if (__builtin_mul_overflow(number, unit->factor, &number)) {
		return TP_ERANGE;
	}
	*out = minus ? -number : number;
	return 0;
}

static bool has_range(const struct tp_option *option)
{
	return option->min != 0 || option->max != 0;
}

static int out_of_range(const struct tp_option *option, const char *text,
			char problem[TP_PROBLEM_SIZE])
{
	const char *unit = option->type == TP_OPTION_DURATION ? "ms"
			   : option->type == TP_OPTION_SIZE   ? "bytes"
			   : option->type == TP_OPTION_RATE   ? "bit/s"
			   : option->unit != NULL             ? option->unit
							      : "";
	if (!has_range(option)) {
		return tp_problem(problem, TP_ERANGE, "%.*s is too great", SHOWN, text);
	}
	return tp_problem(problem, TP_ERANGE, "%.*s is not within %lld to %lld%s%s", SHOWN, text,
			  (long long)option->min, (long long)option->max,
			  unit[0] == '\0' ? "" : " ", unit);
}

static int parse_quantity(const struct tp_option *option, const char *text,
			  const struct unit *units, const char *wanted, struct tp_value *out,
			  char problem[TP_PROBLEM_SIZE])
{
	int err = parse_number(text, option->type == TP_OPTION_INTEGER, units, &out->integer);

	if (err == TP_EINVAL) {
		return tp_problem(problem, err, "\"%.*s\" is no %s", SHOWN, text, wanted);
	}
	if (err != 0 ||
	    (has_range(option) && (out->integer < option->min || out->integer > option->max))) {
		return out_of_range(option, text, problem);
	}
	return 0;
}

/* --- text ------------------------------------------------------------------------- */

static int keep_string(const char *text, struct tp_value *out, char problem[TP_PROBLEM_SIZE])
{
	out->string = strdup(text);
	return out->string != NULL ? 0 : tp_problem(problem, TP_ENOMEM, "out of memory");
}

static int parse_secret(const char *text, struct tp_value *out, char problem[TP_PROBLEM_SIZE])
{
	if (text[0] == '\0') {
		return tp_problem(problem, TP_EINVAL, "is empty");
	}
	return keep_string(text, out, problem);
}

static int parse_path(const char *text, struct tp_value *out, char problem[TP_PROBLEM_SIZE])
{
	if (text[0] != '/') {
		return tp_problem(problem, TP_EINVAL, "\"%.*s\" is no absolute path", SHOWN, text);
	}
	return keep_string(text, out, problem);
}

static int parse_enum(const struct tp_option *option, const char *text, struct tp_value *out,
		      char problem[TP_PROBLEM_SIZE])
{
	const char *nearest;
	size_t count = 0;

	for (; option->choices[count] != NULL; count++) {
		if (strcmp(option->choices[count], text) == 0) {
			out->integer = (int64_t)count;
			return keep_string(text, out, problem);
		}
	}
	nearest = tp_nearest(text, option->choices, count);
	if (nearest != NULL) {
		return tp_problem(problem, TP_EINVAL,
				  "\"%.*s\" is not one of the choices; did you mean \"%s\"?", SHOWN,
				  text, nearest);
	}
	return tp_problem(problem, TP_EINVAL,
			  "\"%.*s\" is not one of the choices; the first of them is \"%s\"", SHOWN,
			  text, count != 0 ? option->choices[0] : "");
}

static int parse_address(const char *text, struct tp_value *out, char problem[TP_PROBLEM_SIZE])
{
	if (tp_addr_parse(text, &out->addr) != 0) {
		return tp_problem(problem, TP_EINVAL, "\"%.*s\" is no IP address", SHOWN, text);
	}
	return 0;
}

/* --- lists ------------------------------------------------------------------------ */

static size_t count_words(const char *text)
{
	size_t count = 0;

	for (text += strspn(text, BLANKS); text[0] != '\0'; text += strspn(text, BLANKS)) {
		text += strcspn(text, BLANKS);
		count++;
	}
	return count;
}

static int parse_list(const char *text, struct tp_value *out, char problem[TP_PROBLEM_SIZE])
{
	size_t count = count_words(text);

	if (count > WORDS_MAX) {
		return tp_problem(problem, TP_ERANGE, "holds more than %d words", WORDS_MAX);
	}
	out->words = calloc(count + 1, sizeof(*out->words));
	if (out->words == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	while (out->word_count < count) {
		size_t len;

		text += strspn(text, BLANKS);
		len = strcspn(text, BLANKS);
		out->words[out->word_count] = strndup(text, len);
		if (out->words[out->word_count] == NULL) {
			return tp_problem(problem, TP_ENOMEM, "out of memory");
		}
		out->word_count++;
		text += len;
	}
	return 0;
}

static int check_prefixes(const struct tp_value *value, char problem[TP_PROBLEM_SIZE])
{
	struct tp_prefix_set *set = tp_prefix_set_create();
	int err = set == NULL ? TP_ENOMEM : 0;

	for (size_t i = 0; err == 0 && i < value->word_count; i++) {
		err = tp_prefix_set_add(set, value->words[i], 1);
		if (err == TP_EINVAL) {
			tp_problem(problem, err, "\"%.*s\" is no IP network", SHOWN,
				   value->words[i]);
		}
	}
	tp_prefix_set_free(&set);
	return err == TP_ENOMEM ? tp_problem(problem, err, "out of memory") : err;
}

static int parse_prefixes(const char *text, struct tp_value *out, char problem[TP_PROBLEM_SIZE])
{
	int err = parse_list(text, out, problem);

	return err != 0 ? err : check_prefixes(out, problem);
}

/* --- any -------------------------------------------------------------------------- */

static int parse(const struct tp_option *option, const char *text, struct tp_value *out,
		 char problem[TP_PROBLEM_SIZE])
{
	switch (option->type) {
	case TP_OPTION_BOOL:
		return parse_bool(text, out, problem);
	case TP_OPTION_INTEGER:
		return parse_quantity(option, text, no_units, "decimal number", out, problem);
	case TP_OPTION_DURATION:
		return parse_quantity(option, text, duration_units,
				      "duration such as 90, 90s, 15m, 12h, 7d or 250ms", out,
				      problem);
	case TP_OPTION_SIZE:
		return parse_quantity(option, text, size_units, "size such as 4096, 64k, 16M or 2G",
				      out, problem);
	case TP_OPTION_RATE:
		return parse_quantity(option, text, rate_units, "rate such as 9600, 500k, 2M or 1G",
				      out, problem);
	case TP_OPTION_STRING:
		return keep_string(text, out, problem);
	case TP_OPTION_SECRET:
		return parse_secret(text, out, problem);
	case TP_OPTION_PATH:
		return parse_path(text, out, problem);
	case TP_OPTION_LIST:
		return parse_list(text, out, problem);
	case TP_OPTION_PREFIXES:
		return parse_prefixes(text, out, problem);
	case TP_OPTION_ADDRESS:
		return parse_address(text, out, problem);
	case TP_OPTION_ENUM:
		return parse_enum(option, text, out, problem);
	}
	return tp_problem(problem, TP_EINVAL, "has a type that this version does not know");
}

int tp_value_parse(const struct tp_option *option, const char *text, struct tp_value *out,
		   char problem[TP_PROBLEM_SIZE])
{
	int err;

	*out = (struct tp_value){.set = true};
	err = parse(option, text, out, problem);
	if (err != 0) {
		tp_value_fini(out);
	}
	return err;
}

void tp_value_fini(struct tp_value *value)
{
	tp_secret_free_string(&value->string);
	for (size_t i = 0; i < value->word_count; i++) {
		tp_secret_free_string(&value->words[i]);
	}
	free(value->words);
	*value = (struct tp_value){.set = false};
}
