/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_changes.h"

#include <string.h>

#include <turnpike/addr.h>
#include <turnpike/error.h>

#include "host/problem.h"

/* Where the sentences go. */
struct listening {
	const struct tp_config *fresh;
	void (*changed)(void *arg, const char *sentence);
	void *arg;
};

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_value(const struct tp_value *a, const struct tp_value *b)
{
	if (a->set != b->set || a->integer != b->integer || !same_text(a->string, b->string) ||
	    a->word_count != b->word_count || !tp_addr_equal(&a->addr, &b->addr)) {
		return false;
	}
	for (size_t i = 0; i < a->word_count; i++) {
		if (!same_text(a->words[i], b->words[i])) {
			return false;
		}
	}
	return true;
}

static void say_key(const struct listening *to, const char *section, const char *key)
{
	char sentence[TP_PROBLEM_SIZE];

	tp_config_problem(to->fresh, section, key, sentence, 0,
			  "has changed and needs a restart; it is as before");
	to->changed(to->arg, sentence);
}

static void compare(const struct listening *to, const char *section,
		    const struct tp_config_values *started, const struct tp_config_values *fresh)
{
	const struct tp_option *options = started->section->options;

	for (size_t i = 0; options[i].name != NULL; i++) {
		if ((options[i].flags & TP_OPTION_RELOADABLE) == 0 &&
		    !same_value(&started->values[i], &fresh->values[i])) {
			say_key(to, section, options[i].name);
		}
	}
}

const struct tp_listener_config *tp_config_listener(const struct tp_config *config,
						    const char *section)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		if (strcmp(config->listeners[i].section, section) == 0) {
			return &config->listeners[i];
		}
	}
	return NULL;
}

static void say_listener(const struct listening *to, const char *section, const char *what)
{
	char sentence[TP_PROBLEM_SIZE];

	snprintf(sentence, sizeof(sentence), "%.300s: [%.64s] %s and needs a restart",
		 to->fresh->file, section, what);
	to->changed(to->arg, sentence);
}

static void compare_listeners(const struct listening *to, const struct tp_config *started)
{
	for (size_t i = 0; i < started->listener_count; i++) {
		const struct tp_listener_config *before = &started->listeners[i];
		const struct tp_listener_config *now =
			tp_config_listener(to->fresh, before->section);

		if (now == NULL) {
			say_listener(to, before->section, "is gone");
		} else {
			compare(to, before->section, &before->values, &now->values);
		}
	}
	for (size_t i = 0; i < to->fresh->listener_count; i++) {
		const char *section = to->fresh->listeners[i].section;

		if (tp_config_listener(started, section) == NULL) {
			say_listener(to, section, "is new");
		}
	}
}

/* --- realms --------------------------------------------------------------- */

static struct tp_realm_config *find_realm(const struct tp_config *config, const char *section)
{
	for (size_t i = 0; i < config->realm_count; i++) {
		if (strcmp(config->realms[i].section, section) == 0) {
			return &config->realms[i];
		}
	}
	return NULL;
}

static int refuse_realm(const struct tp_config *fresh, const char *section, const char *what,
			char problem[TP_PROBLEM_SIZE])
{
	return tp_problem(problem, TP_EINVAL,
			  "%.300s: [%.64s] %s: realms come and go at a restart only", fresh->file,
			  section, what);
}

int tp_config_align_realms(const struct tp_config *started, struct tp_config *fresh,
			   char problem[TP_PROBLEM_SIZE])
{
	for (size_t i = 0; i < fresh->realm_count; i++) {
		if (find_realm(started, fresh->realms[i].section) == NULL) {
			return refuse_realm(fresh, fresh->realms[i].section, "is new", problem);
		}
	}
	for (size_t i = 0; i < started->realm_count; i++) {
		struct tp_realm_config *found = find_realm(fresh, started->realms[i].section);
		struct tp_realm_config other;

		if (found == NULL) {
			return refuse_realm(fresh, started->realms[i].section, "is gone", problem);
		}
		other = fresh->realms[i];
		fresh->realms[i] = *found;
		*found = other;
	}
	return 0;
}

static void compare_realms(const struct listening *to, const struct tp_config *started)
{
	for (size_t i = 0; i < started->realm_count; i++) {
		const struct tp_realm_config *now =
			find_realm(to->fresh, started->realms[i].section);

		if (now != NULL) {
			compare(to, now->section, &started->realms[i].values, &now->values);
		}
	}
}

void tp_config_restarts(const struct tp_config *started, const struct tp_config *fresh,
			void (*changed)(void *arg, const char *sentence), void *arg)
{
	const struct listening to = {fresh, changed, arg};

	/* One of each in both, in the order of the table of keys. */
	for (size_t i = 0; i < started->section_count && i < fresh->section_count; i++) {
		compare(&to, started->sections[i].section->name, &started->sections[i],
			&fresh->sections[i]);
	}
	compare_listeners(&to, started);
	compare_realms(&to, started);
}
