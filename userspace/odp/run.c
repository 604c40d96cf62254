// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* odp run: puts preload.c before the program's libraries, and becomes the program. */
#define _GNU_SOURCE
#include <errno.h>
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

static bool take_min(const char *text)
{
	uint64_t size;

	if (!parse_size(text, &size)) {
		complain("\"%s\" is no size", text);
		return false;
	}
	setenv("ODP_MIN", text, 1);
	return true;
}

int odp_run(int argc, char **argv)
{
	static bool verbose, prefetch, strict;
	static const struct odp_option options[] = {
		{ 'v', "verbose", &verbose, NULL }, { 'm', "min", NULL, take_min },
		{ 'P', "prefetch", &prefetch, NULL }, { 's', "strict", &strict, NULL }, {}
	};
	char library[PATH_MAX + 32];
	int status = odp_options(argc, argv, options, usage, NULL);

	if (status != ODP_GO_ON)
		return status;
	if (verbose)
		setenv("ODP_VERBOSE", "1", 1);
	if (prefetch)
		setenv("ODP_PREFETCH", "1", 1);
	if (strict)
		setenv("ODP_STRICT", "1", 1);
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
