// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "tap.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int count, failed;

/* Every line is flushed at once: a forked child must not inherit output. */
static void line(const char *prefix, int number, const char *fmt, va_list ap, const char *tail)
{
	fputs(prefix, stdout);
	if (number)
		printf(" %d - ", number);
	vprintf(fmt, ap);
	puts(tail);
	fflush(stdout);
}

static bool vok(bool cond, const char *fmt, va_list ap)
{
	pthread_mutex_lock(&lock);
	count++;
	failed += !cond;
	line(cond ? "ok" : "not ok", count, fmt, ap, "");
	pthread_mutex_unlock(&lock);
	return cond;
}

bool ok(bool cond, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vok(cond, fmt, ap);
	va_end(ap);
	return cond;
}

bool is(long long got, long long want, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vok(got == want, fmt, ap);
	va_end(ap);
	if (got != want)
		diag("  got %lld, want %lld", got, want);
	return got == want;
}

void diag(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&lock);
	line("# ", 0, fmt, ap, "");
	pthread_mutex_unlock(&lock);
	va_end(ap);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	pthread_mutex_lock(&lock);
	count++;
	printf("ok %d # SKIP ", count);
	line("", 0, fmt, ap, "");
	pthread_mutex_unlock(&lock);
	va_end(ap);
}

void skip_all(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("1..0 # SKIP ", 0, fmt, ap, "");
	va_end(ap);
	exit(0);
}

void bail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("Bail out! ", 0, fmt, ap, "");
	va_end(ap);
	exit(255);
}

int done(void)
{
	pthread_mutex_lock(&lock);
	printf("1..%d\n", count);
	if (failed)
		printf("# %d of %d failed\n", failed, count);
	fflush(stdout);
	pthread_mutex_unlock(&lock);
	return failed || !count;
}
