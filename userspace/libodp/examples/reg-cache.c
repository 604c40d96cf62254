// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * A registration cache for a device that can only pin: regions are kept after
 * use, and dropped when the watch says that their memory is gone. With pinned
 * memory nobody else would notice: the region goes on meaning the old pages.
 *
 *	odp-example-reg-cache [DEVICE]
 *
 * For one thread. With more, lookup() and what uses its result belong under a lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <odp.h>

#define LEN	(1ul << 20)
#define SLOTS	64

struct entry {
	struct ibv_mr *mr;
	uint32_t watch;
};

struct cache {
	struct ibv_pd *pd;
	struct odp_watch *watch;
	uint64_t seen;
	struct entry entry[SLOTS];
	unsigned int hits, misses, dropped;
};

static void drop(struct cache *c, struct entry *e)
{
	odp_watch_del(c->watch, e->watch);
	ibv_dereg_mr(e->mr);
	e->mr = NULL;
	c->dropped++;
}

/* No system call while nothing was unmapped. */
static void catch_up(struct cache *c)
{
	uint64_t now = odp_watch_generation(c->watch);
	struct odp_watch_event ev;

	if (now == c->seen)
		return;
	while (odp_watch_read(c->watch, &ev, 1) > 0)
		drop(c, &c->entry[ev.cookie]);
	/* What came meanwhile is looked at next time. */
	c->seen = now;
}

static struct ibv_mr *lookup(struct cache *c, void *addr, size_t len)
{
	struct entry *e, *empty = NULL;

	catch_up(c);
	for (e = c->entry; e < c->entry + SLOTS; e++) {
		if (e->mr && e->mr->addr <= addr &&
		    (char *)addr + len <= (char *)e->mr->addr + e->mr->length) {
			c->hits++;
			return e->mr;
		}
		if (!e->mr)
			empty = e;
	}
	if (!empty)
		return NULL;
	c->misses++;
	/* First watch, then register: nothing is missed in between. */
	if (odp_watch_add(c->watch, addr, len, ODP_WATCH_UNMAPPED | ODP_WATCH_CLEARED,
			  empty - c->entry, &empty->watch))
		return NULL;
	empty->mr = ibv_reg_mr(c->pd, addr, len, IBV_ACCESS_LOCAL_WRITE);
	if (!empty->mr)
		odp_watch_del(c->watch, empty->watch);
	return empty->mr;
}

static void *buffer(void *at)
{
	void *p = mmap(at, LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	memset(p, 1, LEN);
	return p;
}

int main(int argc, char **argv)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *ctx = NULL;
	struct cache c = { .seen = 0 };
	void *buf;
	int i;

	for (i = 0; list && list[i] && !ctx; i++)
		if (argc < 2 || !strcmp(ibv_get_device_name(list[i]), argv[1]))
			ctx = ibv_open_device(list[i]);
	c.pd = ctx ? ibv_alloc_pd(ctx) : NULL;
	c.watch = odp_watch_open();
	if (!c.pd || !c.watch) {
		fprintf(stderr, "%s: %s\n", c.pd ? "no watch" : "no RDMA device", strerror(errno));
		return 1;
	}

	buf = buffer(NULL);
	for (i = 0; i < 100; i++)
		if (!lookup(&c, buf, LEN))
			return 1;
	printf("100 times the same buffer: %u hits, %u misses\n", c.hits, c.misses);
	buffer(buf);	/* new memory in the place of the old */
	if (!lookup(&c, buf, LEN))
		return 1;
	printf("new memory at its address: %u dropped, %u misses\n", c.dropped, c.misses);
	madvise(buf, LEN, MADV_DONTNEED);
	if (!lookup(&c, buf, LEN))
		return 1;
	printf("its pages given back: %u dropped, %u misses\n", c.dropped, c.misses);

	for (i = 0; i < SLOTS; i++)
		if (c.entry[i].mr)
			drop(&c, &c.entry[i]);
	odp_watch_close(c.watch);
	ibv_dealloc_pd(c.pd);
	ibv_close_device(ctx);
	ibv_free_device_list(list);
	return 0;
}
