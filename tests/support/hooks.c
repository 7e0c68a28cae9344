/* SPDX-License-Identifier: Apache-2.0 */
#include "support/hooks.h"

struct test_hooks test_hooks;
