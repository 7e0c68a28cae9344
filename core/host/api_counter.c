/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/counter.h>

#include <stdio.h>
#include <string.h>

#include "base/counter.h"
#include "host/instance_body.h"

#define NAME_SIZE 160

struct tp_counter *tp_counter_create(struct tp_instance *self, const char *name, const char *help)
{
	char full[NAME_SIZE];
	int len;

	if (name[0] == '\0' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name)) {
		return NULL;
	}
	len = snprintf(full, sizeof(full), "plugin.%s.%s", self->name, name);
	return len < 0 || (size_t)len >= sizeof(full) ? NULL : tp_counter_named(full, help);
}
