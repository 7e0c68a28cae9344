/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/log.h"
#include "daemon/config_changes.h"
#include "daemon/crew.h"
#include "daemon/daemon.h"
#include "daemon/say.h"
#include "daemon/worker.h"
#include "host/observation.h"
#include "host/observation.h"
#include "host/problem.h"
#include "turn/settings.h"

/* What one worker does for it; the worker's while it is asked. */
struct part {
	int error;
	bool prepared;
	bool taken;                 /* the worker has a generation to let go */
	struct tp_leaving *leaving; /* ours until it is taken */
	char problem[TP_PROBLEM_SIZE];
};

/* A generation that leaves all workers; freed when the last has let it go. */
struct parting {
	struct tp_daemon *daemon;
	int out;      /* less those that have left, until it is settled */
	bool settled; /* how many there are is known */
};

struct leaver {
	struct tp_leaving leaving;
	struct parting *parting;
};

/*
 * A reload on its way:
 *
 *	read and create, here -> prepare on each worker -> change on each worker
 *	                  \                        \-> abandon where prepared
 *	                   \-> nothing has changed
 */
struct tp_reload {
	struct tp_daemon *daemon;
	bool everything; /* else one plugin */
	tp_reloaded_fn done;
	void *arg;
	struct tp_config *fresh;
	struct tp_plan plan;
	struct tp_generation *generation;
	struct tp_turn_settings *settings;
	struct tp_certs **certs; /* by binding, borrowed from fresh */
	struct tp_change change;
	struct parting *parting;
	struct part *parts; /* by worker */
	struct tp_roll *first;
	struct tp_roll *second;
	char *notes[TP_RELOAD_NOTES_MAX];
	size_t note_count;
	int error;
	char problem[TP_PROBLEM_SIZE];
};

/* --- generations that leave ------------------------------------------------------- */

static void leaver_free(struct tp_leaving **leaving)
{
	if (*leaving != NULL) {
		free(tp_container_of(*leaving, struct leaver, leaving));
		*leaving = NULL;
	}
}

static void let_go_if_all_have_left(struct parting *parting)
{
	if (parting->settled && parting->out == 0) {
		parting->daemon->leaving--;
		free(parting);
	}
}

static void has_left(struct tp_message *message)
{
	struct tp_leaving *leaving = tp_container_of(message, struct tp_leaving, message);
	struct parting *parting = tp_container_of(leaving, struct leaver, leaving)->parting;

	leaver_free(&leaving);
	tp_generation_reap();
	parting->out--;
	let_go_if_all_have_left(parting);
}

static struct tp_leaving *leaver_create(const struct tp_reload *reload)
{
	struct leaver *leaver = calloc(1, sizeof(*leaver));

	if (leaver == NULL) {
		return NULL;
	}
	leaver->leaving.message.deliver = has_left;
	leaver->leaving.main_mailbox = reload->daemon->main.mailbox;
	leaver->parting = reload->parting;
	return &leaver->leaving;
}

/* --- the end -------------------------------------------------------------------- */

/* How many workers have a generation to let go shows in what they have taken. */
static void settle(struct tp_reload *reload)
{
	struct parting *parting = reload->parting;

	for (unsigned i = 0; i < reload->daemon->workers; i++) {
		parting->out += reload->parts[i].taken;
		leaver_free(&reload->parts[i].leaving);
	}
	parting->settled = true;
	reload->daemon->leaving++;
	let_go_if_all_have_left(parting);
}

static void reload_free(struct tp_reload *reload)
{
	if (reload->parting != NULL && reload->parts != NULL) {
		settle(reload);
	} else {
		free(reload->parting);
	}
	free(reload->parts);
	tp_roll_free(&reload->first);
	tp_roll_free(&reload->second);
	for (size_t i = 0; i < reload->note_count; i++) {
		free(reload->notes[i]);
	}
	tp_plan_fini(&reload->plan);
	tp_config_free(&reload->fresh);
	tp_generation_unref(&reload->generation);
	tp_turn_settings_unref(&reload->settings);
	free(reload->certs);
	free(reload);
	tp_generation_reap();
}

static void report(const struct tp_reload *reload)
{
	const struct tp_daemon *daemon = reload->daemon;
	const struct tp_reload_outcome outcome = {
		.error = reload->error,
		.problem = reload->error == 0 ? NULL : reload->problem,
		.generation = daemon->generation->number,
		.notes = reload->notes,
		.note_count = reload->note_count,
	};

	if (reload->error == 0) {
		tp_say(TP_LOG_INFO, "reloaded generation=%u plugins=%zu",
		       daemon->generation->number, daemon->generation->instance_count);
	} else {
		tp_say(TP_LOG_ERROR, "not reloaded, all is as before: %s", reload->problem);
	}
	if (reload->done != NULL) {
		reload->done(reload->arg, &outcome);
	}
}

/* The daemon is free for the next one before anybody hears of this one. */
static void end(struct tp_reload *reload)
{
	struct tp_daemon *daemon = reload->daemon;

	daemon->reload = NULL;
	report(reload);
	reload_free(reload);
	if (daemon->reload_again && daemon->reload == NULL) {
		daemon->reload_again = false;
		tp_reload_begin(daemon, NULL, NULL, NULL);
	}
}

static void fail(struct tp_reload *reload, int error)
{
	reload->error = error;
	end(reload);
}

/* --- on the workers ----------------------------------------------------------------- */

/* It is the worker's from now on. */
static struct tp_leaving *hand_over(struct part *part)
{
	struct tp_leaving *leaving = part->leaving;

	part->leaving = NULL;
	part->taken = true;
	return leaving;
}

static void abandon_here(void *question, struct tp_crew_worker *worker, struct tp_roll_cell *cell)
{
	struct tp_reload *reload = question;
	struct part *part = &reload->parts[worker->worker.index];

	if (part->prepared) {
		tp_crew_worker_abandon(worker, hand_over(part));
	}
	tp_roll_answer(cell);
}

static void abandoned(void *question, const struct tp_roll *roll)
{
	(void)question;
	(void)roll;
}

static void free_abandoned(void *question)
{
	struct tp_reload *reload = question;

	fail(reload, reload->error);
}

static const struct tp_roll_ops abandon_ops = {abandon_here, abandoned, free_abandoned};

static void change_here(void *question, struct tp_crew_worker *worker, struct tp_roll_cell *cell)
{
	struct tp_reload *reload = question;

	tp_crew_worker_change(worker, &reload->change,
			      hand_over(&reload->parts[worker->worker.index]));
	tp_roll_answer(cell);
}

static void take_over(struct tp_reload *reload);

/* Workers that did not answer have ended: so does the daemon. */
static void changed(void *question, const struct tp_roll *roll)
{
	struct tp_reload *reload = question;
	unsigned count = 0;

	for (unsigned i = 0; i < tp_roll_count(roll); i++) {
		count += tp_roll_answered(roll, i);
	}
	if (count == tp_roll_count(roll)) {
		take_over(reload);
	} else {
		reload->error = tp_problem(reload->problem, TP_ESHUTDOWN, "the daemon stops");
	}
}

static void free_changed(void *question)
{
	end(question);
}

static const struct tp_roll_ops change_ops = {change_here, changed, free_changed};

static void prepare_here(void *question, struct tp_crew_worker *worker, struct tp_roll_cell *cell)
{
	struct tp_reload *reload = question;
	struct part *part = &reload->parts[worker->worker.index];

	part->error = tp_crew_worker_prepare(worker, reload->generation, part->problem);
	part->prepared = part->error == 0;
	tp_roll_answer(cell);
}

static void prepared(void *question, const struct tp_roll *roll)
{
	struct tp_reload *reload = question;

	for (unsigned i = 0; reload->error == 0 && i < tp_roll_count(roll); i++) {
		const struct part *part = &reload->parts[i];

		if (!tp_roll_answered(roll, i)) {
			reload->error =
				tp_problem(reload->problem, TP_ESHUTDOWN, "the daemon stops");
		} else if (part->error != 0) {
			reload->error = tp_problem(reload->problem, part->error, "%.200s: %.300s",
						   reload->fresh->file, part->problem);
		}
	}
}

/* The second phase, which does not fail for what plugins do. */
static void go_on(void *question)
{
	struct tp_reload *reload = question;
	struct tp_roll *second = reload->second;

	reload->second = NULL;
	tp_roll_call(second, reload->error == 0 ? &change_ops : &abandon_ops, reload, 0);
}

static const struct tp_roll_ops prepare_ops = {prepare_here, prepared, go_on};

/* --- the main thread's part ----------------------------------------------------------- */

static void swap_configs(struct tp_config **a, struct tp_config **b)
{
	struct tp_config *other = *a;

	*a = *b;
	*b = other;
}

/* All workers serve with it: what is the daemon's changes places with what was. */
static void take_over(struct tp_reload *reload)
{
	struct tp_daemon *daemon = reload->daemon;
	struct tp_generation *generation = daemon->generation;
	struct tp_turn_settings *settings = daemon->settings;
	const struct tp_plan plan = daemon->plan;

	daemon->generation = reload->generation;
	daemon->settings = reload->settings;
	daemon->plan = reload->plan;
	reload->generation = generation;
	reload->settings = settings;
	reload->plan = plan;
	if (reload->everything) {
		swap_configs(&daemon->latest, &reload->fresh);
		tp_log_set_level(daemon->latest->log_level);
		tp_log_set_format(daemon->latest->log_format);
		tp_observation_set_bound(daemon->latest->slow_handler_ms);
	}
}

static void note(void *arg, const char *sentence)
{
	struct tp_reload *reload = arg;

	tp_say(TP_LOG_WARN, "%s", sentence);
	if (reload->note_count < TP_RELOAD_NOTES_MAX) {
		char *copy = strdup(sentence);

		if (copy != NULL) {
			reload->notes[reload->note_count++] = copy;
		}
	}
}

static void note_idle_plugins(const struct tp_config *config)
{
	const char *idle;
	size_t at = 0;

	while ((idle = tp_config_idle_plugin(config, &at)) != NULL) {
		tp_say(TP_LOG_WARN, "[%s] is not used: its plugin is not named in \"plugins\"",
		       idle);
	}
}

/* What needs a restart stays as it was, whatever the file says now. */
static void keep_fixed_of(const struct tp_turn_options *started, struct tp_turn_options *fresh)
{
	fresh->realm = started->realm;
	memcpy(fresh->relay, started->relay, sizeof(fresh->relay));
	fresh->relay_count = started->relay_count;
	fresh->port_min = started->port_min;
	fresh->port_max = started->port_max;
	fresh->shared_ports = started->shared_ports;
}

static void keep_fixed(const struct tp_config *started, struct tp_config *fresh)
{
	keep_fixed_of(&started->turn, &fresh->turn);
	for (size_t i = 0; i < started->realm_count; i++) {
		keep_fixed_of(&started->realms[i].turn, &fresh->realms[i].turn);
	}
}

static int read_file(struct tp_reload *reload, const char *plugin)
{
	struct tp_daemon *daemon = reload->daemon;
	int err = tp_config_load(daemon->started->file, reload->problem, &reload->fresh);

	if (err != 0) {
		return err;
	}
	if (plugin != NULL) {
		return tp_plan_init_with(&reload->plan, &daemon->plan, reload->fresh, plugin,
					 reload->problem);
	}
	err = tp_config_align_realms(daemon->started, reload->fresh, reload->problem);
	if (err != 0) {
		return err;
	}
	keep_fixed(daemon->started, reload->fresh);
	err = tp_plan_init(&reload->plan, reload->fresh);
	return err == 0 ? 0 : tp_problem(reload->problem, err, "out of memory");
}

static int create_plugins(struct tp_reload *reload)
{
	struct tp_daemon *daemon = reload->daemon;
	const struct tp_config *config = reload->everything ? reload->fresh : daemon->latest;
	int err = tp_daemon_load_plugins(config, reload->plan.plugins, reload->plan.count,
					 daemon->workers, reload->problem, &reload->generation);

	if (err != 0) {
		return err;
	}
	return tp_generation_adopt(reload->generation, daemon->generation, reload->problem);
}

static int make_settings(struct tp_reload *reload)
{
	struct tp_turn_options *options;
	size_t realms;
	int err;

	if (!reload->everything) {
		reload->settings = tp_turn_settings_ref(reload->daemon->settings);
		return 0;
	}
	options = tp_config_options(reload->fresh, &realms, &err);
	if (err == 0) {
		err = tp_turn_settings_create(options, realms, &reload->settings);
	}
	free(options);
	return err == 0 ? 0
			: tp_problem(reload->problem, err, "cannot make the options: %s",
				     tp_error_string(err));
}

static int find_certs(struct tp_reload *reload)
{
	const struct tp_binding *bindings;
	size_t count;

	bindings = tp_crew_bindings(reload->daemon->crew, &count);
	reload->certs = calloc(count, sizeof(struct tp_certs *));
	if (reload->certs == NULL) {
		return tp_problem(reload->problem, TP_ENOMEM, "out of memory");
	}
	for (size_t i = 0; reload->everything && i < count; i++) {
		const struct tp_listener_config *listener =
			tp_config_listener(reload->fresh, bindings[i].config->section);

		reload->certs[i] = listener == NULL ? NULL : listener->certs;
	}
	return 0;
}

static int make_leavers(struct tp_reload *reload)
{
	reload->parting->daemon = reload->daemon;
	for (unsigned i = 0; i < reload->daemon->workers; i++) {
		reload->parts[i].leaving = leaver_create(reload);
		if (reload->parts[i].leaving == NULL) {
			return TP_ENOMEM;
		}
	}
	return 0;
}

static int make_parts(struct tp_reload *reload)
{
	struct tp_daemon *daemon = reload->daemon;

	reload->parting = calloc(1, sizeof(*reload->parting));
	reload->parts = calloc(daemon->workers, sizeof(*reload->parts));
	if (reload->parting == NULL || reload->parts == NULL || make_leavers(reload) != 0 ||
	    tp_roll_create(daemon->crew, &daemon->main, &reload->first) != 0 ||
	    tp_roll_create(daemon->crew, &daemon->main, &reload->second) != 0) {
		return tp_problem(reload->problem, TP_ENOMEM, "out of memory");
	}
	return 0;
}

/* All that may fail before a worker is asked. */
static int build(struct tp_reload *reload, const char *plugin)
{
	int err = read_file(reload, plugin);

	if (err == 0) {
		err = create_plugins(reload);
	}
	if (err == 0) {
		err = make_settings(reload);
	}
	if (err == 0) {
		err = find_certs(reload);
	}
	return err == 0 ? make_parts(reload) : err;
}

static void start(struct tp_reload *reload, const char *plugin)
{
	struct tp_daemon *daemon = reload->daemon;
	struct tp_roll *first;
	int err = build(reload, plugin);

	if (err != 0) {
		fail(reload, err);
		return;
	}
	if (reload->everything) {
		tp_config_restarts(daemon->started, reload->fresh, note, reload);
		note_idle_plugins(reload->fresh);
	}
	reload->change = (struct tp_change){
		.settings = reload->settings,
		.certs = reload->certs,
		.park_deadline_ms = reload->everything ? reload->fresh->park_deadline_ms
						       : daemon->latest->park_deadline_ms,
	};
	first = reload->first;
	reload->first = NULL;
	tp_roll_call(first, &prepare_ops, reload, 0);
}

static void refuse(struct tp_daemon *daemon, tp_reloaded_fn done, void *arg, int error,
		   const char *problem)
{
	const struct tp_reload_outcome outcome = {
		.error = error,
		.problem = problem,
		.generation = daemon->generation->number,
	};

	tp_say(TP_LOG_WARN, "not reloaded: %s", problem);
	if (done != NULL) {
		done(arg, &outcome);
	}
}

void tp_reload_begin(struct tp_daemon *daemon, const char *plugin, tp_reloaded_fn done, void *arg)
{
	struct tp_reload *reload;

	if (daemon->reload != NULL) {
		refuse(daemon, done, arg, TP_EAGAIN, "another reload is under way; try again");
		return;
	}
	if (daemon->leaving >= TP_GENERATIONS_LEAVING_MAX) {
		refuse(daemon, done, arg, TP_EFULL,
		       "too many earlier generations of plugins still have requests or jobs "
		       "under way; try again later");
		return;
	}
	reload = calloc(1, sizeof(*reload));
	if (reload == NULL) {
		refuse(daemon, done, arg, TP_ENOMEM, "out of memory");
		return;
	}
	reload->daemon = daemon;
	reload->everything = plugin == NULL;
	reload->done = done;
	reload->arg = arg;
	daemon->reload = reload;
	start(reload, plugin);
}
