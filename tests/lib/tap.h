/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Test Anything Protocol, producer side.
 *
 * A program calls ok(), is() or skip() once for each thing it claims and ends
 * with "return done();". The plan is printed by done(), so a program that dies
 * half-way has no plan and fails. All functions may be called from any thread.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>

#define TAP_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Record one result; returns @cond so that callers can diag() details. */
bool ok(bool cond, const char *fmt, ...) TAP_PRINTF(2, 3);

/* Record whether two integers are equal; says both when they are not. */
bool is(long long got, long long want, const char *fmt, ...) TAP_PRINTF(3, 4);

/* A remark for the reader of the log. */
void diag(const char *fmt, ...) TAP_PRINTF(1, 2);

/* One result that could not be had here, and why. */
void skip(const char *fmt, ...) TAP_PRINTF(1, 2);

/* End of a program that has nothing to say here: an empty plan, exit 0. */
void skip_all(const char *fmt, ...) TAP_PRINTF(1, 2) __attribute__((noreturn));

/* The test cannot go on: the set-up failed. Counts as a failure. */
void bail(const char *fmt, ...) TAP_PRINTF(1, 2) __attribute__((noreturn));

/* Print the plan; returns the exit status for main(). */
int done(void);

#endif
