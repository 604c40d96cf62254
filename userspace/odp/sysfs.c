// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "odp.h"

static bool first_line(const char *path, char *buf, size_t size)
{
	FILE *f = fopen(path, "re");
	bool ok;

	if (!f)
		return false;
	ok = fgets(buf, size, f);
	fclose(f);
	if (ok)
		buf[strcspn(buf, "\n")] = 0;
	return ok;
}

bool port_file(const char *dev, uint32_t port, const char *file, char *buf, size_t size)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/%u/%s", dev, port, file);
	return first_line(path, buf, size);
}

uint64_t port_counter(const char *dev, uint32_t port, const char *name)
{
	static const char *const places[] = { "hw_counters", "counters" };
	char file[96], text[32];

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		snprintf(file, sizeof(file), "%s/%s", places[i], name);
		if (port_file(dev, port, file, text, sizeof(text)) && isdigit(text[0]))
			return strtoull(text, NULL, 10);
	}
	return UNKNOWN;
}

void process_name(uint32_t pid, char *buf, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	if (!first_line(path, buf, size))
		snprintf(buf, size, "?");
}

uint64_t process_kb(uint32_t pid, const char *field)
{
	char path[64] = "/proc/self/status", line[256];
	uint64_t kb = UNKNOWN;
	size_t n = strlen(field);
	FILE *f;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%u/status", pid);
	f = fopen(path, "re");
	if (!f)
		return UNKNOWN;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n) && line[n] == ':')
			kb = strtoull(line + n + 1, NULL, 10);
	fclose(f);
	return kb;
}

static int by_time(const void *a, const void *b)
{
	const struct fault_time *x = a, *y = b;

	return x->us < y->us ? -1 : x->us > y->us;
}

int fault_times(const char *dev, uint32_t port, struct fault_time *out, int max)
{
	static const char prefix[] = "odp_fault_us_";
	char path[256];
	struct dirent *e;
	int n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/%u/hw_counters", dev, port);
	d = opendir(path);
	if (!d)
		return 0;
	while (n < max && (e = readdir(d))) {
		if (strncmp(e->d_name, prefix, sizeof(prefix) - 1))
			continue;
		out[n].us = strtoull(e->d_name + sizeof(prefix) - 1, NULL, 10);
		out[n].count = port_counter(dev, port, e->d_name);
		n += out[n].count != UNKNOWN;
	}
	closedir(d);
	qsort(out, n, sizeof(*out), by_time);
	return n;
}
