// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N2: a reader never waits for one page while it holds another. Two queue pairs
 * copy between the same two pages in opposite directions while both pages are
 * zapped all the time: every copy comes to its end.
 */
#include "vt.h"
#include "vt_mm.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

static struct vt_dev dev;
static struct ibv_mr *mr;
static uint8_t *mem;		/* two pages of a shared file */
static atomic_bool stop;

struct copier {
	struct vt_pair p;
	int from, to, n, failed;
};

static void *copy(void *arg)
{
	struct copier *c = arg;
	int i;

	for (i = 0; i < c->n && !c->failed; i++) {
		uint8_t *from = mem + c->from * PAGE, *to = mem + c->to * PAGE;

		c->failed = i & 1 ? vt_read(&c->p.a, mr, to, PAGE, mr, from) :
				    vt_write(&c->p.a, mr, from, PAGE, mr, to);
	}
	return NULL;
}

/* Zaps both pages; their content is in the page cache and stays. */
static void *zap(void *arg)
{
	while (!stop) {
		madvise(mem, 2 * PAGE, MADV_DONTNEED);
		mprotect(mem, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
		mprotect(mem, PAGE, PROT_READ | PROT_WRITE);
	}
	return arg;
}

int main(void)
{
	struct copier c[2];
	pthread_t t[2], z;
	int i, n = vt_slow() ? 300 : 3000;

	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	mem = vt_map_fd(vt_memfd(2 * PAGE), 2 * PAGE);
	mr = vt_reg(&dev, VT_ODP, mem, 2 * PAGE, VT_RCV_ALL);
	vt_fill(mem, 0, PAGE, 1);
	vt_fill(mem + PAGE, 0, PAGE, 1);
	for (i = 0; i < 2; i++) {
		c[i] = (struct copier){ .from = i, .to = !i, .n = n };
		vt_pair_open(&dev, &c[i].p, VT_CFG());
		pthread_create(&t[i], NULL, copy, &c[i]);
	}
	pthread_create(&z, NULL, zap, NULL);
	for (i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		is(c[i].failed, 0, "%d copies from page %d to page %d", n, i, !i);
		vt_pair_close(&c[i].p);
	}
	stop = true;
	pthread_join(z, NULL);
	/* Both pages held the same bytes from the start, whoever wrote last. */
	ok(vt_check(mem, 0, PAGE, 1) < 0 && vt_check(mem + PAGE, 0, PAGE, 1) < 0, "the data");
	vt_dereg(mr);
	vt_close(&dev);
	return done();
}
