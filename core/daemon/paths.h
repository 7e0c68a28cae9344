/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where the build was told that things will be installed. */
#define TP_DEFAULT_CONFIG_FILE TP_SYSCONFDIR "/turnpike/turnpike.conf"
#define TP_DEFAULT_PLUGIN_DIR TP_PLUGINDIR
#define TP_DEFAULT_CONTROL "/run/turnpike/control.sock"
