/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"

/* Where values are read from. */
struct tp_config_source {
	const char *section;
	const struct tp_config_values *values;
};

/*
 * The steps of tp_config_load() once the text is read: each takes its sections
 * from the text, checks them and fills its part of the configuration.
 *
 * Errors: TP_EINVAL, TP_ERANGE, TP_ENOMEM, with a sentence in @problem; those
 *         of
 *         tp_certs_load()
 */
int tp_config_take_daemon(struct tp_config *config, char problem[TP_PROBLEM_SIZE]);
int tp_config_take_turn(struct tp_config *config, char problem[TP_PROBLEM_SIZE]);
int tp_config_take_realms(struct tp_config *config, char problem[TP_PROBLEM_SIZE]);
int tp_config_take_peers(struct tp_config *config, char problem[TP_PROBLEM_SIZE]);
int tp_config_take_listeners(struct tp_config *config, char problem[TP_PROBLEM_SIZE]);
int tp_config_take_anycasts(struct tp_config *config, char problem[TP_PROBLEM_SIZE]);
int tp_config_take_plugins(struct tp_config *config, char problem[TP_PROBLEM_SIZE]);

/** A listener's part: pass_to and what belongs to it. */
int tp_config_take_back_end(struct tp_config *config, struct tp_listener_config *listener,
			    char problem[TP_PROBLEM_SIZE]);

/*
 * Parts of them that a realm's section has, too. Errors: the same.
 */
int tp_config_take_realm_name(const struct tp_config *config, const struct tp_config_source *source,
			      struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE]);
/** What is written there and a realm may have of its own. */
int tp_config_take_realm_options(const struct tp_config *config,
				 const struct tp_config_source *source,
				 struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE]);
int tp_config_take_peer_keys(const struct tp_config *config, const struct tp_config_source *source,
			     struct tp_peer_keys *out, char problem[TP_PROBLEM_SIZE]);
void tp_config_realms_fini(struct tp_config *config);

/**
 * The values of a section that is there once, by its name; defaults where it is
 * not written.
 */
const struct tp_config_values *tp_config_section_values(const struct tp_config *config,
							const char *section);

/**
 * Values of a section as written; @found may be NULL. Free with
 * tp_config_values_fini().
 */
int tp_config_values_read(const struct tp_config *config, const struct tp_config_section *section,
			  const char *name, const struct tp_ini_section *found,
			  struct tp_config_values *out, char problem[TP_PROBLEM_SIZE]);
void tp_config_values_fini(struct tp_config_values *values);
