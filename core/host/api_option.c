/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/option.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/instance_body.h"

#define IS(type) (1u << (type))

_Noreturn static void wrong(const struct tp_instance *self, const char *name, const char *wanted)
{
	fprintf(stderr,
		"turnpike: plugin %s asks for option \"%s\", which it does not declare%s%s\n",
		self->name, name, wanted[0] == '\0' ? "" : " as ", wanted);
	abort();
}

static const struct tp_value *find(const struct tp_instance *self, const char *name,
				   unsigned wanted_types, const char *wanted)
{
	for (size_t i = 0; i < self->value_count; i++) {
		const struct tp_option *option = &self->plugin->options[i];

		if (strcmp(option->name, name) == 0 && (IS(option->type) & wanted_types) != 0) {
			return &self->values[i];
		}
	}
	wrong(self, name, wanted);
}

bool tp_option_is_set(const struct tp_instance *self, const char *name)
{
	return find(self, name, ~0u, "")->set;
}

bool tp_option_bool(const struct tp_instance *self, const char *name)
{
	return find(self, name, IS(TP_OPTION_BOOL), "a yes or no")->integer != 0;
}

int64_t tp_option_integer(const struct tp_instance *self, const char *name)
{
	return find(self, name,
		    IS(TP_OPTION_INTEGER) | IS(TP_OPTION_DURATION) | IS(TP_OPTION_SIZE) |
			    IS(TP_OPTION_RATE),
		    "an integer, duration, size or rate")
		->integer;
}

const char *tp_option_string(const struct tp_instance *self, const char *name)
{
	return find(self, name,
		    IS(TP_OPTION_STRING) | IS(TP_OPTION_SECRET) | IS(TP_OPTION_PATH) |
			    IS(TP_OPTION_ENUM),
		    "a string, secret, path or enum")
		->string;
}

const char *const *tp_option_list(const struct tp_instance *self, const char *name, size_t *count)
{
	const struct tp_value *value =
		find(self, name, IS(TP_OPTION_LIST) | IS(TP_OPTION_PREFIXES), "a list or prefixes");

	*count = value->word_count;
	return (const char *const *)value->words;
}

const struct tp_addr *tp_option_address(const struct tp_instance *self, const char *name)
{
	const struct tp_value *value = find(self, name, IS(TP_OPTION_ADDRESS), "an address");

	return value->set ? &value->addr : NULL;
}
