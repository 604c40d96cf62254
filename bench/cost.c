// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What perftest does not measure. Each prints lines of test, size and value,
 * separated by tabs:
 *
 *	cost register pinned|odp [MAX]	microseconds, sizes up to MAX MiB
 *	cost cold pinned|odp		MiB/s, 64 MiB never touched before,
 *					registration included
 *	cost munmap pinned|odp		microseconds to unmap 64 KiB that was
 *					touched but never registered, with 0, 1 and
 *					10,000 regions in the process (size column); and
 *					("munmap_own") 64 KiB that a device has written to,
 *					with 1, 10,000 and 100,000 regions that cover it
 *	cost fault			microseconds that an RDMA write to memory on demand
 *					takes more than a warm one: 4 KiB that the CPU has
 *					touched before ("fault_minor"), 4 MiB that nobody has
 *					("fault_cold")
 *	cost memcpy			MiB/s, 64 KiB blocks
 *	cost paired			warm RDMA writes, one at a time: the speed of on-demand
 *					memory as part of that of pinned memory ("odp_pinned"),
 *					and of pinned memory as part of memcpy's
 *					("pinned_memcpy"), all in turns of a few milliseconds,
 *					so that a busy host hits them alike
 */
#include "vt.h"
#include "vt_mm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define KIB	(1ul << 10)
#define MIB	(1ul << 20)
#define MANY	10000
#define MOST	100000

static struct vt_dev dev;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *v, int n)
{
	qsort(v, n, sizeof(*v), by_value);
	return v[n / 2];
}

static void print(const char *test, size_t size, double value)
{
	printf("%s\t%zu\t%.3f\n", test, size, value);
	fflush(stdout);
}

/* Pinned memory is populated before, so that only registering is timed. */
static void registering(enum vt_kind kind, size_t max)
{
	static const size_t sizes[] = { KIB, 4 * KIB, 64 * KIB, MIB, 16 * MIB, 256 * MIB, 1024 * MIB,
					16384 * MIB, 1048576 * MIB };
	unsigned int i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && sizes[i] <= max; i++) {
		int k, times = kind == VT_PINNED && sizes[i] > 16 * MIB ? 1 : 9;
		uint64_t ns[9];
		void *m = vt_map(sizes[i]);

		if (kind == VT_PINNED && madvise(m, sizes[i], MADV_POPULATE_WRITE))
			bail("populating %zu bytes: %m", sizes[i]);
		for (k = 0; k < times; k++) {
			uint64_t start = now_ns();
			struct ibv_mr *mr = vt_reg(&dev, kind, m, sizes[i], VT_RCV_ALL);

			ns[k] = now_ns() - start;
			vt_dereg(mr);
		}
		munmap(m, sizes[i]);
		print("register", sizes[i], median(ns, times) / 1e3);
	}
}

static void cold(enum vt_kind kind)
{
	const size_t len = 64 * MIB, message = MIB;
	struct ibv_mr *mr, *smr;
	struct vt_pair p;
	uint8_t *src, *m;
	uint64_t start;
	size_t i;

	vt_pair_open(&dev, &p, VT_CFG(.depth = 64));
	src = vt_map(message);
	smr = vt_reg(&dev, VT_PINNED, src, message, VT_RCV_ALL);
	vt_fill(src, 0, message, 1);
	m = vt_map(len);
	start = now_ns();
	mr = vt_reg(&dev, kind, m, len, VT_RCV_ALL);
	for (i = 0; i < len / message; i++)
		if (vt_write(&p.a, smr, src, message, mr, m + i * message))
			bail("write %zu: status %d", i, p.a.wc.status);
	print("cold", len, len / 1048576.0 / ((now_ns() - start) / 1e9));
	for (i = 0; i < len / message; i++)
		if (vt_check(m + i * message, 0, message, 1) != -1)
			bail("the data is wrong");
	vt_dereg(mr);
	vt_dereg(smr);
	vt_pair_close(&p);
}

static double munmap_us(void)
{
	uint64_t ns[200];
	int i;

	for (i = 0; i < 200; i++) {
		uint8_t *m = vt_map(64 * KIB);
		uint64_t start;

		memset(m, 1, 64 * KIB);
		start = now_ns();
		munmap(m, 64 * KIB);
		ns[i] = now_ns() - start;
	}
	return median(ns, 200) / 1e3;
}

/* Regions of @size bytes each, until there are @want; returns how many there are. */
static int more_regions(enum vt_kind kind, struct ibv_mr **mr, int n, int want, uint8_t *m,
			size_t step, size_t size)
{
	for (; n < want; n++) {
		mr[n] = vt_try_reg(&dev, kind, m + n * step, size, VT_RCV_ALL);
		if (!mr[n])
			break;
	}
	return n;
}

static void no_regions(struct ibv_mr **mr, int n)
{
	while (n--)
		vt_dereg(mr[n]);
}

/* What the device has written to is unmapped, and mapped again where it was. */
static double munmap_own_us(struct vt_pair *p, struct ibv_mr *smr, uint8_t *src,
			    struct ibv_mr *mr, uint8_t *m)
{
	uint64_t ns[50];
	int i;

	for (i = 0; i < 50; i++) {
		uint64_t start;

		if (vt_write(&p->a, smr, src, 64 * KIB, mr, m))
			bail("write: status %d", p->a.wc.status);
		start = now_ns();
		munmap(m, 64 * KIB);
		ns[i] = now_ns() - start;
		if (mmap(m, 64 * KIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != m)
			bail("mmap: %m");
	}
	return median(ns, 50) / 1e3;
}

/* A driver that cannot have so many regions gets no figure for it. */
static void unmapping(enum vt_kind kind)
{
	static const int counts[] = { 1, MANY, MOST };
	struct ibv_mr **mr = calloc(MOST, sizeof(*mr)), *smr;
	uint8_t *m = vt_map(MANY * PAGE), *src;
	struct vt_pair p;
	int i, n = 0;

	print("munmap", 0, munmap_us());
	for (i = 0; i < 2; i++) {
		n = more_regions(kind, mr, n, counts[i], m, PAGE, PAGE);
		if (n == counts[i])
			print("munmap", n, munmap_us());
	}
	no_regions(mr, n);

	/* Pinned memory does not come back where it was unmapped. */
	if (kind == VT_ODP) {
		vt_pair_open(&dev, &p, VT_CFG());
		src = vt_map(64 * KIB);
		smr = vt_reg(&dev, VT_PINNED, src, 64 * KIB, VT_RCV_ALL);
		vt_fill(src, 0, 64 * KIB, 1);
		for (i = 0, n = 0; i < 3; i++) {
			n = more_regions(kind, mr, n, counts[i], m, 0, 64 * KIB);
			if (n == counts[i])
				print("munmap_own", n, munmap_own_us(&p, smr, src, mr[0], m));
		}
		no_regions(mr, n);
		vt_dereg(smr);
		vt_pair_close(&p);
	}
	free(mr);
}

/* A write of @len bytes to each of @n places, @step bytes apart; median, microseconds. */
static double writes_us(struct vt_pair *p, struct ibv_mr *smr, uint8_t *src, struct ibv_mr *mr,
			uint8_t *m, size_t len, size_t step, int n)
{
	uint64_t ns[200];
	int i;

	for (i = 0; i < n; i++) {
		uint64_t start = now_ns();

		if (vt_write(&p->a, smr, src, len, mr, m + i * step))
			bail("write: status %d", p->a.wc.status);
		ns[i] = now_ns() - start;
	}
	return median(ns, n) / 1e3;
}

static void faulting(void)
{
	/* Far enough apart for whatever a fault takes along. */
	const size_t step = 4 * MIB;
	const int minor = 200, cold = 20;
	uint8_t *m = vt_map(minor * step), *src = vt_map(step);
	struct ibv_mr *mr, *smr;
	struct vt_pair p;
	double first;
	int i;

	vt_pair_open(&dev, &p, VT_CFG());
	madvise(m, minor * step, MADV_NOHUGEPAGE);
	smr = vt_reg(&dev, VT_PINNED, src, step, VT_RCV_ALL);
	vt_fill(src, 0, step, 1);
	mr = vt_reg(&dev, VT_ODP, m, minor * step, VT_RCV_ALL);

	for (i = 0; i < minor; i++)
		m[i * step] = 1;
	first = writes_us(&p, smr, src, mr, m, 4 * KIB, step, minor);
	print("fault_minor", 4 * KIB,
	      first - writes_us(&p, smr, src, mr, m, 4 * KIB, step, minor));
	madvise(m, minor * step, MADV_DONTNEED);
	first = writes_us(&p, smr, src, mr, m, step, step, cold);
	print("fault_cold", step, first - writes_us(&p, smr, src, mr, m, step, step, cold));

	vt_dereg(mr);
	vt_dereg(smr);
	vt_pair_close(&p);
}

/* Through a pointer, so that it is the C library's and stays a call. */
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;

static void copying(void)
{
	const size_t block = 64 * KIB;
	uint8_t *from = vt_map(block), *to = vt_map(block);
	uint64_t start;
	int i;

	vt_fill(from, 0, block, 1);
	copy(to, from, block);
	start = now_ns();
	for (i = 0; i < 4000; i++)
		copy(to, from, block);
	print("memcpy", block, 4000 * block / 1048576.0 / ((now_ns() - start) / 1e9));
}

static void paired(size_t size)
{
	enum { TURNS = 101 };
	const int messages = size < 64 * KIB ? 200 : 4 * MIB / size;
	uint64_t ns[3], odp[TURNS], cpu[TURNS];
	struct ibv_mr *mr[2], *smr[2];
	uint8_t *m = vt_map(2 * size);
	struct vt_pair p;
	int kind, i, k;

	vt_pair_open(&dev, &p, VT_CFG(.depth = 64));
	for (kind = VT_PINNED; kind <= VT_ODP; kind++) {
		smr[kind] = vt_reg(&dev, kind, m, size, VT_RCV_ALL);
		mr[kind] = vt_reg(&dev, kind, m + size, size, VT_RCV_ALL);
	}
	vt_fill(m, 0, size, 1);
	/* The first turn only warms up: it counts as one of the two extremes. */
	for (i = 0; i < TURNS; i++) {
		for (k = 0; k < 3; k++) {
			uint64_t start = now_ns();
			int n;

			/* Whoever is first in a turn has no advantage. */
			kind = (i + k) % 3;
			for (n = 0; n < messages; n++) {
				if (kind > VT_ODP)
					copy(m + size, m, size);
				else if (vt_write(&p.a, smr[kind], m, size, mr[kind], m + size))
					bail("write: status %d", p.a.wc.status);
			}
			ns[kind] = now_ns() - start;
		}
		odp[i] = ns[VT_PINNED] * 1000 / ns[VT_ODP];
		cpu[i] = ns[2] * 1000 / ns[VT_PINNED];
	}
	print("odp_pinned", size, median(odp, TURNS) / 1e3);
	print("pinned_memcpy", size, median(cpu, TURNS) / 1e3);
	for (kind = VT_PINNED; kind <= VT_ODP; kind++) {
		vt_dereg(mr[kind]);
		vt_dereg(smr[kind]);
	}
	vt_pair_close(&p);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	enum vt_kind kind = argc > 2 && !strcmp(argv[2], "odp") ? VT_ODP : VT_PINNED;

	if (!strcmp(what, "memcpy")) {
		copying();
		return 0;
	}
	vt_open(&dev);
	if (!strcmp(what, "register"))
		registering(kind, argc > 3 ? strtoul(argv[3], NULL, 0) * MIB : SIZE_MAX);
	else if (!strcmp(what, "cold"))
		cold(kind);
	else if (!strcmp(what, "munmap"))
		unmapping(kind);
	else if (!strcmp(what, "fault"))
		faulting();
	else if (!strcmp(what, "paired")) {
		paired(8);
		paired(4 * KIB);
		paired(64 * KIB);
		paired(MIB);
	} else
		bail("usage: cost register|cold|munmap pinned|odp, or cost fault|memcpy|paired");
	vt_close(&dev);
	return 0;
}
