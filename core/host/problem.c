/* SPDX-License-Identifier: Apache-2.0 */
#include "host/problem.h"

#include <stdarg.h>
#include <stdio.h>

int tp_problem(char problem[TP_PROBLEM_SIZE], int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, TP_PROBLEM_SIZE, format, args);
	va_end(args);
	return error;
}
