// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <inttypes.h>
#include <stdio.h>

#include "json.h"

#define DEPTH 16

static char closer[DEPTH];
static bool any[DEPTH + 1];
static int depth;

static void quoted(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = *s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void begin(const char *name)
{
	if (any[depth])
		putchar(',');
	any[depth] = true;
	if (name) {
		quoted(name);
		putchar(':');
	}
}

static void nest(const char *name, char open, char close)
{
	begin(name);
	putchar(open);
	closer[depth++] = close;
	any[depth] = false;
}

void json_object(const char *name)
{
	nest(name, '{', '}');
}

void json_array(const char *name)
{
	nest(name, '[', ']');
}

void json_end(void)
{
	putchar(closer[--depth]);
}

void json_string(const char *name, const char *value)
{
	begin(name);
	quoted(value);
}

void json_u64(const char *name, uint64_t value)
{
	begin(name);
	printf("%" PRIu64, value);
}

void json_real(const char *name, double value)
{
	begin(name);
	printf("%.3f", value);
}

void json_bool(const char *name, bool value)
{
	begin(name);
	fputs(value ? "true" : "false", stdout);
}

void json_done(void)
{
	any[0] = false;
	putchar('\n');
	fflush(stdout);
}
