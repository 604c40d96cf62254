/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What programs that only carry data have in common: a way to end, and the data. */
#ifndef DATA_H
#define DATA_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static const char *me = "";	/* whose words these are */

static inline void __attribute__((format(printf, 1, 2), noreturn)) die(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", me);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* Depends on its position by each byte of it. */
static inline uint8_t byte_of(size_t at, int seed)
{
	return (at * 31 + (at >> 8) * 17 + (at >> 16) * 7 + seed * 101) & 0xff;
}

#endif
