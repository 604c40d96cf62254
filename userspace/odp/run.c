// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* odp run: puts preload.c before the program's libraries, and becomes the program. */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "odp.h"

#define LIBRARY "libodp-run.so"

static const char usage[] =
"usage: odp run [OPTIONS] [--] PROGRAM [ARGUMENTS]\n"
"\n"
"  -v, --verbose      tell at the end how much was registered, and how\n"
"  -m, --min SIZE     leave regions smaller than SIZE as they are (4096, 64k, 2M)\n"
"  -P, --prefetch     ask the device to look the pages up when they are registered\n"
"  -s, --strict       fail a registration rather than pin\n"
"  -h, --help\n"
"\n"
"The exit status is the program's; 127 if it cannot be started.\n";

/* Where it is in relation to this program, built or installed. */
static bool find_library(char *path, size_t size)
{
	static const char *const places[] = { "../lib/odp/" LIBRARY, LIBRARY };
	const char *given = getenv("ODP_RUN_LIBRARY");
	char self[PATH_MAX], *dir;
	ssize_t n;

	if (given) {
		snprintf(path, size, "%s", given);
		return !access(path, R_OK);
	}
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n < 0)
		return false;
	self[n] = 0;
	dir = dirname(self);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(path, size, "%s/%s", dir, places[i]);
		if (!access(path, R_OK))
			return true;
	}
	return false;
}

static void preload(const char *library)
{
	const char *others = getenv("LD_PRELOAD");
	char *all;

	if (!others || !*others) {
		setenv("LD_PRELOAD", library, 1);
		return;
	}
	if (asprintf(&all, "%s:%s", library, others) < 0)
		return;
	setenv("LD_PRELOAD", all, 1);
	free(all);
}

int odp_run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "verbose", no_argument, NULL, 'v' }, { "min", required_argument, NULL, 'm' },
		{ "prefetch", no_argument, NULL, 'P' }, { "strict", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' }, {}
	};
	char library[PATH_MAX + 32];
	uint64_t size;
	int c;

	while ((c = getopt_long(argc, argv, "+vm:Psh", longs, NULL)) != -1) {
		switch (c) {
		case 'v':
			setenv("ODP_VERBOSE", "1", 1);
			break;
		case 'm':
			if (!parse_size(optarg, &size)) {
				complain("\"%s\" is no size", optarg);
				return ODP_USAGE;
			}
			setenv("ODP_MIN", optarg, 1);
			break;
		case 'P':
			setenv("ODP_PREFETCH", "1", 1);
			break;
		case 's':
			setenv("ODP_STRICT", "1", 1);
			break;
		case 'h':
			fputs(usage, stdout);
			return ODP_OK;
		default:
			return ODP_USAGE;
		}
	}
	if (optind == argc) {
		complain("which program? Try \"odp run --help\"");
		return ODP_USAGE;
	}
	if (!find_library(library, sizeof(library))) {
		complain("cannot find ../lib/odp/" LIBRARY " from where this program is");
		return ODP_FAILED;
	}
	preload(library);
	execvp(argv[optind], argv + optind);
	complain("%s: %s", argv[optind], strerror(errno));
	return 127;
}
