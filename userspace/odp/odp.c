// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "odp.h"

static const char usage[] =
"usage: odp COMMAND [OPTIONS]\n"
"\n"
"  show    RDMA devices, what they can do on demand, and their memory regions\n"
"  top     faults, invalidations and prefetches as they happen\n"
"  run     a program, with its memory registered on demand instead of pinned\n"
"  test    does a device's on-demand paging work?\n"
"\n"
"\"odp COMMAND --help\" says more; odp(1) says all.\n";

void complain(const char *fmt, ...)
{
	va_list ap;

	fputs("odp: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

bool parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "kmgt";
	unsigned int shift = 0;
	const char *u;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	*size = strtoull(text, &end, 0);
	if (*end) {
		u = strchr(units, tolower((unsigned char)*end));
		if (!u || end[1])
			return false;
		shift = 10 * (u - units + 1);
	}
	if (*size > UINT64_MAX >> shift)
		return false;
	*size <<= shift;
	return true;
}

int odp_options(int argc, char **argv, const struct odp_option *known, const char *help,
		const char **device)
{
	struct option longs[ODP_OPTIONS_MAX + 2] = {};
	char shorts[2 * ODP_OPTIONS_MAX + 3], *s = shorts;
	const struct odp_option *o;
	int c, n = 0;

	/* The options of a program are not ours. */
	if (!device)
		*s++ = '+';
	for (o = known; o->name && n < ODP_OPTIONS_MAX; o++) {
		*s++ = o->letter;
		if (o->take)
			*s++ = ':';
		longs[n++] = (struct option){ o->name, o->take ? required_argument : no_argument,
					      NULL, o->letter };
	}
	*s++ = 'h';
	*s = 0;
	longs[n] = (struct option){ "help", no_argument, NULL, 'h' };

	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return ODP_OK;
		}
		for (o = known; o->name && o->letter != c; o++)
			;
		if (!o->name || (o->take && !o->take(optarg)))
			return ODP_USAGE;
		if (o->given)
			*o->given = true;
	}
	if (device && argc - optind > 1) {
		complain("one device at most");
		return ODP_USAGE;
	}
	if (device && optind < argc)
		*device = argv[optind];
	return ODP_GO_ON;
}

const char *human(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	static char bufs[4][24];
	static int next;
	char *buf = bufs[next++ % 4];
	double v = bytes;
	int u = 0;

	while (v >= 1024 && u < 6) {
		v /= 1024;
		u++;
	}
	snprintf(buf, sizeof(bufs[0]), u && v < 10 ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "show", odp_show }, { "top", odp_top },
		{ "run", odp_run }, { "test", odp_test },
	};

	if (argc < 2) {
		fputs(usage, stderr);
		return ODP_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		fputs(usage, stdout);
		return ODP_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	complain("no command \"%s\"; try \"odp --help\"", argv[1]);
	return ODP_USAGE;
}
