// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Position-dependent data, and the numbers a test reads from the machine. */
#define _GNU_SOURCE
#include "vt.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Eight bytes of the stream; every one depends on both position and seed. */
static inline uint64_t word(uint64_t index, uint64_t seed)
{
	uint64_t x = (index + 1) * 0x9e3779b97f4a7c15ull + seed * 0xd1342543de82ef95ull;

	return x ^ (x >> 29);
}

static inline uint8_t byte_at(uint64_t pos, uint64_t seed)
{
	return word(pos / 8, seed) >> (pos % 8 * 8);
}

void vt_fill(void *p, uint64_t pos, size_t len, uint64_t seed)
{
	uint8_t *d = p;
	size_t i = 0;

	for (; i < len && (pos + i) % 8; i++)
		d[i] = byte_at(pos + i, seed);
	for (; i + 8 <= len; i += 8) {
		uint64_t w = word((pos + i) / 8, seed);

		memcpy(d + i, &w, 8);
	}
	for (; i < len; i++)
		d[i] = byte_at(pos + i, seed);
}

ssize_t vt_check(const void *p, uint64_t pos, size_t len, uint64_t seed)
{
	const uint8_t *d = p;
	size_t i = 0, wrong;

	while (i < len) {
		uint64_t w;

		if (!((pos + i) % 8) && i + 8 <= len) {
			memcpy(&w, d + i, 8);
			if (w == word((pos + i) / 8, seed)) {
				i += 8;
				continue;
			}
		}
		if (d[i] != byte_at(pos + i, seed))
			break;
		i++;
	}
	if (i == len)
		return -1;
	wrong = i;
	diag("  byte %zu of %zu is 0x%02x, want 0x%02x", i, len, d[i], byte_at(pos + i, seed));
	return wrong;
}

ssize_t vt_check_byte(const void *p, size_t len, uint8_t byte)
{
	const uint8_t *d = p;
	size_t i;

	if (!len || (d[0] == byte && !memcmp(d, d + 1, len - 1)))
		return -1;
	for (i = 0; d[i] == byte; i++)
		;
	diag("  byte %zu of %zu is 0x%02x, want 0x%02x", i, len, d[i], byte);
	return i;
}

static uint64_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ull + ts.tv_nsec / 1000000;
}

/* Run on each processor: this returns when none of them stands still. */
static void visit_processors(void)
{
	int i, n = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t before, one;

	if (sched_getaffinity(0, sizeof(before), &before))
		return;
	for (i = 0; i < n; i++) {
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		sched_setaffinity(0, sizeof(one), &one);
	}
	sched_setaffinity(0, sizeof(before), &before);
}

/*
 * An emulated machine's clock may leap, or the machine not have run at all: between two
 * looks of any thread that are further apart than LEAP_MS, nobody has waited. Or one of
 * its processors has not run, for minutes, with whatever is waited for on it: that time
 * does not count either.
 */
#define LEAP_MS	2000
#define VISIT_MS 1000

uint64_t vt_now_ms(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint64_t seen, visited, leaps;
	uint64_t now;

	pthread_mutex_lock(&lock);
	now = clock_ms();
	if (seen && now > seen + LEAP_MS)
		leaps += now - seen;
	seen = now;
	if (!visited)
		visited = now;
	if (now > visited + VISIT_MS) {
		visit_processors();
		visited = clock_ms();
		leaps += visited - now;
		seen = visited;
	}
	now = seen - leaps;
	pthread_mutex_unlock(&lock);
	return now;
}

int vt_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -EIO;
}

/* The number after @key, which starts a line of @path; the first one if "". */
static long long find_number(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	size_t n = strlen(key);
	long long value = -1;
	char line[256];

	if (!f)
		return -1;
	while (value < 0 && fgets(line, sizeof(line), f))
		if (!n || (!strncmp(line, key, n) && strchr(": \t", line[n])))
			value = strtoll(line + n + (n && line[n] == ':'), NULL, 10);
	fclose(f);
	return value;
}

/* Waits for some jiffies to pass, with which the coarse clock goes on. */
static void pass_jiffies(void)
{
	struct timespec last, now;
	int ticks;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &last);
	for (ticks = 0; ticks < 5; last = now) {
		usleep(1000);
		clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
		ticks += now.tv_nsec != last.tv_nsec || now.tv_sec != last.tv_sec;
	}
}

long long vt_counter(const struct vt_dev *dev, const char *name)
{
	char path[192];

	/*
	 * With a lifespan of 0 the core still repeats itself within a jiffy. A sleep may be
	 * over before one has passed, where an emulated machine was stopped meanwhile.
	 */
	pass_jiffies();
	snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/1/hw_counters/%s",
		 dev->name, name);
	return find_number(path, "");
}

long long vt_vmstat(const char *name)
{
	return find_number("/proc/vmstat", name);
}

long long vt_status_kb(const char *field)
{
	return find_number("/proc/self/status", field);
}

long long vt_pins(void)
{
	/* The processors' own differences are folded into the totals first. */
	vt_write_file("/proc/sys/vm/stat_refresh", "1");
	return vt_vmstat("nr_foll_pin_acquired") - vt_vmstat("nr_foll_pin_released");
}

void vt_netdev(const struct vt_dev *dev, char *name, size_t size)
{
	char path[192];
	FILE *f;
	int i;

	name[0] = 0;
	for (i = 0; i < 16 && !name[0]; i++) {
		snprintf(path, sizeof(path), "/sys/class/infiniband/%s/ports/1/gid_attrs/ndevs/%d",
			 dev->name, i);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, size, f))
			name[strcspn(name, "\n")] = 0;
		fclose(f);
	}
	if (!name[0])
		bail("no network device behind %s", dev->name);
}

/* Returns the MTU before; @mtu 0 only asks. */
int vt_netdev_mtu(const struct vt_dev *dev, int mtu)
{
	struct ifreq ifr = { 0 };
	int old, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	vt_netdev(dev, ifr.ifr_name, sizeof(ifr.ifr_name));
	if (fd < 0 || ioctl(fd, SIOCGIFMTU, &ifr))
		bail("MTU of %s: %m", ifr.ifr_name);
	old = ifr.ifr_mtu;
	ifr.ifr_mtu = mtu;
	if (mtu && ioctl(fd, SIOCSIFMTU, &ifr))
		bail("setting the MTU of %s to %d: %m", ifr.ifr_name, mtu);
	close(fd);
	return old;
}

void vt_accept_local(const struct vt_dev *dev)
{
	char netdev[64], path[128];

	vt_netdev(dev, netdev, sizeof(netdev));
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/accept_local", netdev);
	if (vt_write_file(path, "1"))
		bail("%s: %m", path);
}
