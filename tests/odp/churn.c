// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Everything at once: RDMA in all its forms while the memory under it is
 * remapped, protected, paged out, merged, collapsed, compacted, migrated, forked
 * and truncated. The data is right all the time, and at the end nothing is
 * pinned and nothing is resident that has no owner.
 *
 * What keeps the expected data defined: each region has a lock. An RDMA worker
 * holds it for one exchange: it writes a stream of its own choice and verifies.
 * An event that loses data holds it too and refills the region. All other events
 * take no lock and run in the middle of the exchanges.
 *
 * CHURN_SECONDS (15) is how long it goes on, CHURN_THREADS (5) how many take part: two
 * of five disturb, the others work.
 *
 * timeout: 900
 */
#define _GNU_SOURCE
#include "vt.h"
#include "vt_mm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(2ul << 20)
#define REGIONS	6
#define MOST	32	/* threads */

struct region {
	pthread_mutex_t lock;
	uint8_t *m;		/* never moves, but for a moment in mremap */
	int fd;			/* -1: anonymous */
	uint64_t seed;		/* of all its bytes */
};

struct worker {
	pthread_t thread;
	int id;
	struct vt_pair p;
	uint8_t *buf;
	struct ibv_mr *bmr, *mr[REGIONS];
	atomic_ulong exchanges, errors;
};

static struct vt_dev dev;
static struct region regions[REGIONS];
static struct worker workers[MOST];
static int n_workers, n_disturbers;
static atomic_bool stop;
static atomic_ulong lossy, harmless, forks, bad_children;

/*
 * Low addresses, where the kernel maps nothing by itself: a range that is empty
 * for a moment must not be taken by some other mapping.
 */
static void *place(int slot)
{
	return (void *)(0x20000000ul + slot * 4 * LEN);
}

static unsigned int rnd(unsigned int *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 8;
}

/*
 * RDMA
 */

static int send_to(struct worker *w, struct ibv_mr *mr, uint8_t *to, size_t len)
{
	return vt_recv(&w->p.b, 1, mr, to, len) ||
	       vt_do(&w->p.a, VT_OP(.op = IBV_WR_SEND, .local = w->buf, .len = len,
				    .lkey = w->bmr->lkey)) ||
	       vt_rdone(&w->p.b);
}

/* One exchange: move a part of the region, make it whole, verify it. */
static bool exchange(struct worker *w, struct region *r, struct ibv_mr *mr, unsigned int *rs)
{
	size_t at = rnd(rs) % LEN, len = 1 + rnd(rs) % (rnd(rs) % 4 ? 20000 : LEN);
	uint64_t seed;
	int st = 0;

	if (len > LEN - at)
		len = LEN - at;
	switch (rnd(rs) % 4) {
	case 0:		/* all of it anew, by one write */
		seed = rnd(rs);
		vt_fill(w->buf, 0, LEN, seed);
		st = vt_write(&w->p.a, w->bmr, w->buf, LEN, mr, r->m);
		r->seed = seed;
		at = 0;
		len = LEN;
		break;
	case 1:		/* a part is spoilt and restored */
		memset(w->buf, 0xdb, len);
		st = vt_write(&w->p.a, w->bmr, w->buf, len, mr, r->m + at);
		st = st ? st : vt_read(&w->p.a, w->bmr, w->buf, len, mr, r->m + at);
		if (!st && vt_check_byte(w->buf, len, 0xdb) >= 0)
			return false;
		vt_fill(w->buf, at, len, r->seed);
		st = st ? st : send_to(w, mr, r->m + at, len);
		break;
	case 2:		/* an atomic there and back */
		at &= ~7ul;
		len = 8;
		st = vt_do(&w->p.a, VT_OP(.op = IBV_WR_ATOMIC_FETCH_AND_ADD, .local = w->buf,
					  .len = 8, .lkey = w->bmr->lkey, .rkey = mr->rkey,
					  .remote = (uintptr_t)r->m + at, .cmp_add = 12345));
		st = st ? st : vt_do(&w->p.a, VT_OP(.op = IBV_WR_ATOMIC_FETCH_AND_ADD,
					  .local = w->buf, .len = 8, .lkey = w->bmr->lkey,
					  .rkey = mr->rkey, .remote = (uintptr_t)r->m + at,
					  .cmp_add = -12345ull));
		break;
	default:	/* only read it */
		break;
	}
	if (!st)
		st = vt_read(&w->p.a, w->bmr, w->buf, len, mr, r->m + at);
	if (st) {
		diag("worker %d: %s", w->id, st == VT_TIMEOUT ? "timeout" : ibv_wc_status_str(st));
		return false;
	}
	return vt_check(w->buf, at, len, r->seed) < 0 && vt_check(r->m + at, at, len, r->seed) < 0;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int rs = w->id + 1;

	while (!stop && !w->errors) {
		int i = rnd(&rs) % REGIONS;

		pthread_mutex_lock(&regions[i].lock);
		if (!exchange(w, &regions[i], w->mr[i], &rs)) {
			diag("worker %d: region %d is wrong", w->id, i);
			w->errors++;
		}
		pthread_mutex_unlock(&regions[i].lock);
		w->exchanges++;
	}
	return NULL;
}

/*
 * Events
 */

static void map_again(struct region *r)
{
	int flags = r->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;

	if (mmap(r->m, LEN, PROT_READ | PROT_WRITE, flags | MAP_FIXED, r->fd, 0) != r->m)
		bail("mmap: %m");
}

/* Loses the data, or may: under the lock, and the region is filled again. */
static void lossy_event(struct region *r, unsigned int *rs)
{
	pthread_mutex_lock(&r->lock);
	switch (rnd(rs) % 5) {
	case 0:
		map_again(r);
		break;
	case 1:
		madvise(r->m, LEN, r->fd < 0 ? MADV_DONTNEED : MADV_REMOVE);
		break;
	case 2:
		madvise(r->m, LEN, MADV_FREE);
		break;
	case 3:
		if (r->fd >= 0 && (ftruncate(r->fd, LEN / 2) || ftruncate(r->fd, LEN)))
			bail("ftruncate: %m");
		break;
	default:
		if (r->fd >= 0)
			fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE * 3,
				  LEN / 2);
	}
	r->seed = rnd(rs);
	vt_fill(r->m, 0, LEN, r->seed);
	pthread_mutex_unlock(&r->lock);
	lossy++;
}

/* The child's memory must stay what it was at the fork, whatever RDMA writes here. */
static void fork_event(struct region *r)
{
	uint64_t seed;
	pid_t pid;
	int st;

	pthread_mutex_lock(&r->lock);
	seed = r->seed;
	pid = fork();
	pthread_mutex_unlock(&r->lock);
	if (!pid) {
		int i, bad = 0;

		for (i = 0; i < 3 && !bad; i++)
			bad = r->fd < 0 && vt_check(r->m, 0, LEN, seed) >= 0;
		_exit(bad);
	}
	if (pid < 0 || waitpid(pid, &st, 0) != pid || st)
		bad_children++;
	forks++;
}

/* Leaves the data as it is: no lock. */
static void harmless_event(struct region *r, void *away, unsigned int *rs)
{
	size_t at = rnd(rs) % (LEN / PAGE) * PAGE, len = LEN - at;

	switch (rnd(rs) % 12) {
	case 0:
		madvise(r->m + at, len, MADV_PAGEOUT);
		break;
	case 1:
		madvise(r->m + at, len, MADV_COLD);
		break;
	case 2:
		madvise(r->m, LEN, MADV_MERGEABLE);
		break;
	case 3:
		madvise(r->m, LEN, MADV_UNMERGEABLE);
		break;
	case 4:
		madvise(r->m, LEN, MADV_COLLAPSE);
		break;
	case 5:
		madvise(r->m, LEN, rnd(rs) & 1 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		break;
	case 6:
		mprotect(r->m + at, len, PROT_READ | PROT_WRITE | PROT_EXEC);
		mprotect(r->m + at, len, PROT_READ | PROT_WRITE);
		break;
	case 7:
		vt_write_file("/proc/sys/vm/compact_memory", "1");
		break;
	case 8:
		if (r->fd >= 0)
			madvise(r->m + at, len, MADV_DONTNEED);
		break;
	case 9:
		/* MPOL_BIND to node 0, MPOL_MF_MOVE_ALL: migrates where there are more. */
		syscall(SYS_mbind, r->m, LEN, 2, &(unsigned long){ 1 }, 8, 4);
		break;
	case 10:
		fork_event(r);
		break;
	default:
		/* Moved away and back: the data comes along. Needs the lock for the moment. */
		pthread_mutex_lock(&r->lock);
		if (mremap(r->m, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, away) != away) {
			/* Split for the moment, by an mprotect() of the other thread. */
			if (errno != EFAULT)
				bail("mremap away: %m");
		} else if (mremap(away, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, r->m) != r->m) {
			bail("mremap back: %m");
		}
		pthread_mutex_unlock(&r->lock);
	}
	harmless++;
}

static void *disturb(void *arg)
{
	unsigned int rs = 1000 + (intptr_t)arg;

	while (!stop) {
		struct region *r = &regions[rnd(&rs) % REGIONS];

		if (rnd(&rs) % 4)
			harmless_event(r, place(REGIONS + (intptr_t)arg), &rs);
		else
			lossy_event(r, &rs);
		sched_yield();
	}
	return NULL;
}

static void set_up(void)
{
	int i, k;

	for (i = 0; i < REGIONS; i++) {
		struct region *r = &regions[i];

		pthread_mutex_init(&r->lock, NULL);
		/* Half of the regions can be huge pages. */
		r->m = place(i);
		if (i & 1)
			r->m += 3 * PAGE;
		r->fd = i % 3 == 2 ? vt_memfd(LEN) : -1;
		map_again(r);
		r->seed = i;
		vt_fill(r->m, 0, LEN, i);
	}
	for (i = 0; i < n_workers; i++) {
		struct worker *w = &workers[i];

		w->id = i;
		vt_pair_open(&dev, &w->p, VT_CFG(.wire = i % 3 == 1 && !vt_stock()));
		w->buf = vt_map(LEN);
		w->bmr = vt_reg(&dev, VT_ODP, w->buf, LEN, VT_RCV_ALL);
		for (k = 0; k < REGIONS; k++)
			w->mr[k] = vt_reg(&dev, i % 3 == 2 && vt_has(&dev, VT_IMPLICIT) ?
					  VT_IMPLICIT : VT_ODP, regions[k].m, LEN, VT_RCV_ALL);
	}
}

static bool some_of_all(void)
{
	bool all = lossy && harmless && forks;
	int i;

	for (i = 0; i < n_workers; i++)
		all = all && workers[i].exchanges;
	return all;
}

static int setting(const char *name, int otherwise)
{
	const char *env = getenv(name);

	return env && *env ? atoi(env) : otherwise;
}

int main(void)
{
	uint64_t end, last;
	int i, k, threads = setting("CHURN_THREADS", 5);
	unsigned long errors = 0;
	pthread_t d[MOST];
	long long pins;

	if (threads < 3 || threads > MOST)
		bail("CHURN_THREADS is 3 to %d", MOST);
	n_disturbers = threads * 2 / 5;
	n_workers = threads - n_disturbers;
	vt_swap_on(256);
	vt_open(&dev);
	vt_need(&dev, VT_ODP);
	vt_write_file("/sys/kernel/mm/ksm/run", "1");
	pins = vt_pins();
	set_up();
	for (i = 0; i < n_workers; i++)
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	for (i = 0; i < n_disturbers; i++)
		pthread_create(&d[i], NULL, disturb, (void *)(intptr_t)i);
	/* A slow machine gets the time it needs for some of everything. */
	end = vt_now_ms() + 1000 * setting("CHURN_SECONDS", 15);
	last = end + 120000;
	while (!errors && (vt_now_ms() < end || (!some_of_all() && vt_now_ms() < last))) {
		usleep(100000);
		for (i = 0; i < n_workers; i++)
			errors += workers[i].errors;
	}
	stop = true;
	for (i = 0; i < n_disturbers; i++)
		pthread_join(d[i], NULL);
	for (i = 0; i < n_workers; i++) {
		pthread_join(workers[i].thread, NULL);
		is(workers[i].errors, 0, "worker %d: %lu exchanges, no error", i,
		   workers[i].exchanges);
		ok(workers[i].exchanges > 0, "worker %d got on", i);
	}
	ok(lossy && harmless && forks, "%lu destructive and %lu other events, %lu forks", lossy,
	   harmless, forks);
	is(bad_children, 0, "every child kept its memory");
	is(vt_pins() - pins, 0, "no page is pinned");
	for (i = 0; i < REGIONS; i++)
		ok(vt_check(regions[i].m, 0, LEN, regions[i].seed) < 0, "region %d at the end", i);
	for (i = 0; i < n_workers; i++) {
		vt_pair_close(&workers[i].p);
		vt_dereg(workers[i].bmr);
		for (k = 0; k < REGIONS; k++)
			vt_dereg(workers[i].mr[k]);
	}
	vt_write_file("/sys/kernel/mm/ksm/run", "2");
	vt_close(&dev);
	return done();
}
