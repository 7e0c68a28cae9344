/* SPDX-License-Identifier: Apache-2.0 */
#include "host/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <turnpike/error.h>

#include "host/instance_body.h"
#include "host/place.h"
#include "host/problem.h"

#define FIRST_SIZE 1024

/* Room for @len bytes more and a NUL. */
static bool grow(struct tp_command *command, size_t len)
{
	size_t size = command->size != 0 ? command->size : FIRST_SIZE;
	char *text;

	if (len >= TP_COMMAND_OUTPUT_MAX - command->len) {
		return false;
	}
	while (size <= command->len + len) {
		size *= 2;
	}
	if (size == command->size) {
		return true;
	}
	text = realloc(command->text, size);
	if (text == NULL) {
		return false;
	}
	command->text = text;
	command->size = size;
	return true;
}

void tp_command_print(struct tp_command *command, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (command->cut || len < 0 || !grow(command, (size_t)len)) {
		command->cut = true;
		return;
	}
	va_start(args, format);
	vsnprintf(command->text + command->len, command->size - command->len, format, args);
	va_end(args);
	command->len += (size_t)len;
}

int tp_instance_command(struct tp_instance *instance, int argc, const char *const *argv,
			char **output, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_place place = {instance->name, "command"};
	struct tp_command command = {.text = NULL};
	const struct tp_place *before;
	int err;

	*output = NULL;
	if (instance->plugin->command == NULL) {
		return tp_problem(problem, TP_ENOENT, "plugin %s has no commands", instance->name);
	}
	tp_instance_forget_failure();
	before = tp_place_enter(&place);
	err = instance->plugin->command(instance, &command, argc, argv);
	tp_place_leave(before);
	*output = command.text;
	if (err != 0) {
		return tp_instance_failed(instance, "command", err, problem);
	}
	return 0;
}
