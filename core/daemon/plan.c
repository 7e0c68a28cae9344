/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "host/problem.h"

static int make_room(struct tp_plan *plan, size_t count)
{
	*plan = (struct tp_plan){
		.plugins = calloc(count + 1, sizeof(*plan->plugins)),
		.owners = calloc(count + 1, sizeof(struct tp_config *)),
	};
	if (plan->plugins == NULL || plan->owners == NULL) {
		tp_plan_fini(plan);
		return TP_ENOMEM;
	}
	return 0;
}

static void add(struct tp_plan *plan, const struct tp_instance_config *plugin,
		struct tp_config *owner)
{
	plan->plugins[plan->count] = *plugin;
	plan->owners[plan->count++] = tp_config_ref(owner);
}

int tp_plan_init(struct tp_plan *plan, struct tp_config *config)
{
	int err = make_room(plan, config->plugin_count);

	for (size_t i = 0; err == 0 && i < config->plugin_count; i++) {
		add(plan, &config->plugins[i], config);
	}
	return err;
}

static const struct tp_instance_config *find(const struct tp_instance_config *plugins, size_t count,
					     const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(plugins[i].name, name) == 0) {
			return &plugins[i];
		}
	}
	return NULL;
}

int tp_plan_init_with(struct tp_plan *plan, const struct tp_plan *other, struct tp_config *fresh,
		      const char *name, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_instance_config *now = find(fresh->plugins, fresh->plugin_count, name);

	*plan = (struct tp_plan){0};
	if (find(other->plugins, other->count, name) == NULL) {
		return tp_problem(problem, TP_ENOENT, "there is no plugin \"%.64s\"", name);
	}
	if (now == NULL) {
		return tp_config_problem(fresh, "turnpike", "plugins", problem, TP_ENOENT,
					 "does not name \"%.64s\" any more: reload all", name);
	}
	if (make_room(plan, other->count) != 0) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < other->count; i++) {
		bool same = strcmp(other->plugins[i].name, name) == 0;

		add(plan, same ? now : &other->plugins[i], same ? fresh : other->owners[i]);
	}
	return 0;
}

void tp_plan_fini(struct tp_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		tp_config_free(&plan->owners[i]);
	}
	free(plan->plugins);
	free(plan->owners);
	*plan = (struct tp_plan){0};
}
