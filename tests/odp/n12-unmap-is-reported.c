// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N12: whatever takes a mapping away has changed the generation when it returns,
 * and the event says which part of which range; its neighbours hear nothing. What
 * takes the pages and leaves the mapping is told to those who asked for it.
 */
#define _GNU_SOURCE
#include "vt.h"
#include "vt_mm.h"
#include "vt_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(16 * PAGE)
#define PLAIN	77
#define CLEAR	78

static struct vt_watch w;
static uint8_t *m;		/* the range: between two pages that stay */
static int file;

static void *map_at(void *p, size_t len, int flags, int fd)
{
	void *got = mmap(p, len, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (got == MAP_FAILED)
		bail("mmap: %m");
	return got;
}

/* Each takes something of [m, m + LEN) away, by default all. */
static void do_munmap(void) { munmap(m, LEN); }
static void do_munmap_middle(void) { munmap(m + 4 * PAGE, 2 * PAGE); }
static void do_map_over(void) { map_at(m, LEN, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1); }
static void do_dontneed(void) { madvise(m + PAGE, PAGE, MADV_DONTNEED); }

static void *other;

static void do_mremap_away(void)
{
	if (mremap(m, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, other) != other)
		bail("mremap: %m");
}

static void do_mremap_leave(void)
{
	if (mremap(m, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, other) != other)
		bail("mremap: %m");
}

static void do_mremap_shrink(void)
{
	if (mremap(m, LEN, LEN / 2, 0) != m)
		bail("mremap: %m");
}

static void do_remove(void)
{
	if (madvise(m + PAGE, PAGE, MADV_REMOVE))
		bail("MADV_REMOVE: %m");
}

static void do_punch(void)
{
	if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE))
		bail("fallocate: %m");
}

static void do_truncate(void)
{
	if (ftruncate(file, PAGE))
		bail("ftruncate: %m");
}

static void do_truncate_elsewhere(void)
{
	pid_t pid = fork();
	int st;

	if (!pid) {
		munmap(m, LEN);
		_exit(ftruncate(file, PAGE) ? 1 : 0);
	}
	if (waitpid(pid, &st, 0) != pid || st)
		bail("the truncating process failed");
}

enum { ANON, UNTOUCHED, FILE_SHARED };

static const struct op {
	const char *what;
	void (*run)(void);
	int memory;
	size_t off, len;	/* what the event should say; len 0: all */
	uint32_t event;
} ops[] = {
	{ "munmap", do_munmap, ANON, 0, 0, UMEM_WATCH_UNMAPPED },
	{ "munmap of untouched memory", do_munmap, UNTOUCHED, 0, 0, UMEM_WATCH_UNMAPPED },
	{ "munmap of a file", do_munmap, FILE_SHARED, 0, 0, UMEM_WATCH_UNMAPPED },
	{ "munmap of the middle", do_munmap_middle, ANON, 4 * PAGE, 2 * PAGE, UMEM_WATCH_UNMAPPED },
	{ "mmap in its place", do_map_over, ANON, 0, 0, UMEM_WATCH_UNMAPPED },
	{ "mremap to elsewhere", do_mremap_away, ANON, 0, 0, UMEM_WATCH_UNMAPPED },
	{ "mremap that leaves the mapping", do_mremap_leave, ANON, 0, 0, UMEM_WATCH_UNMAPPED },
	{ "mremap to half", do_mremap_shrink, ANON, LEN / 2, LEN / 2, UMEM_WATCH_UNMAPPED },
	{ "MADV_DONTNEED", do_dontneed, ANON, PAGE, PAGE, UMEM_WATCH_CLEARED },
	{ "MADV_REMOVE", do_remove, FILE_SHARED, PAGE, PAGE, UMEM_WATCH_CLEARED },
	{ "a hole in the file", do_punch, FILE_SHARED, PAGE, PAGE, UMEM_WATCH_CLEARED },
	{ "truncation", do_truncate, FILE_SHARED, PAGE, LEN - PAGE, UMEM_WATCH_CLEARED },
	{ "truncation by another process", do_truncate_elsewhere, FILE_SHARED, PAGE, LEN - PAGE,
	  UMEM_WATCH_CLEARED },
};

static void check_event(const struct op *op, const struct umem_watch_event *ev, uint32_t id,
			uint64_t cookie)
{
	uint64_t from = ev->start - (uintptr_t)m, want = op->len ? op->len : LEN;
	/* A shared page table or huge page may make the kernel say more. */
	bool covers = from <= op->off && from + ev->length >= op->off + want;

	ok(ev->id == id && ev->cookie == cookie, "%s: it names the range", op->what);
	is(ev->events, op->event, "%s: and what happened", op->what);
	if (op->event == UMEM_WATCH_UNMAPPED)
		ok(from == op->off && ev->length == want,
		   "%s: from 0x%llx, 0x%llx bytes", op->what, (long long)from,
		   (long long)ev->length);
	else
		ok(covers, "%s: from 0x%llx, 0x%llx bytes", op->what, (long long)from,
		   (long long)ev->length);
}

static void one(const struct op *op)
{
	uint8_t *all = vt_map(LEN + 2 * PAGE);
	uint32_t plain, clear, left, right;
	struct umem_watch_event ev;
	bool changed;

	/* Splitting a huge page clears all of it: exactness is for small ones. */
	madvise(all, LEN + 2 * PAGE, MADV_NOHUGEPAGE);
	m = all + PAGE;
	other = vt_map(LEN);
	file = vt_memfd(LEN);
	memset(all, 1, PAGE);
	memset(m + LEN, 1, PAGE);
	if (op->memory == FILE_SHARED)
		map_at(m, LEN, MAP_SHARED | MAP_FIXED, file);
	if (op->memory != UNTOUCHED)
		memset(m, 1, LEN);

	left = vt_watch_add(&w, all, PAGE, UMEM_WATCH_F_CLEAR, 1);
	right = vt_watch_add(&w, m + LEN, PAGE, UMEM_WATCH_F_CLEAR, 2);
	plain = vt_watch_add(&w, m, LEN, 0, PLAIN);
	clear = vt_watch_add(&w, m, LEN, UMEM_WATCH_F_CLEAR, CLEAR);
	vt_watch_drain(&w);
	op->run();
	changed = vt_watch_changed(&w);
	ok(changed, "%s has changed the generation when it returns", op->what);

	is(w.page->pending, op->event == UMEM_WATCH_UNMAPPED ? 2 : 1, "%s: events wait", op->what);
	if (op->event == UMEM_WATCH_UNMAPPED) {
		struct umem_watch_event two[3];
		bool swap;

		is(read(w.fd, two, sizeof(two)), 2 * sizeof(ev), "%s: one for each range", op->what);
		swap = two[0].id == clear;
		check_event(op, &two[swap], plain, PLAIN);
		check_event(op, &two[!swap], clear, CLEAR);
	} else if (ok(vt_watch_event(&w, &ev), "%s: one for who asked for it", op->what)) {
		check_event(op, &ev, clear, CLEAR);
	}
	ok(!vt_watch_event(&w, &ev), "%s: nobody else hears of it", op->what);

	vt_watch_del(&w, left);
	vt_watch_del(&w, right);
	vt_watch_del(&w, plain);
	vt_watch_del(&w, clear);
	munmap(all, LEN + 2 * PAGE);
	munmap(other, LEN);
	close(file);
	ok(!vt_watch_changed(&w), "%s: a range that was removed hears nothing", op->what);
}

/* The heap and System V memory go away by calls of their own. */
static void other_calls(void)
{
	int id = shmget(IPC_PRIVATE, LEN, IPC_CREAT | 0600);
	uint8_t *heap = sbrk(LEN), *shm;
	uint32_t range;

	if (id < 0 || heap == (void *)-1)
		bail("shmget, sbrk: %m");
	shm = shmat(id, NULL, 0);
	shmctl(id, IPC_RMID, NULL);
	memset(shm, 1, LEN);
	range = vt_watch_add(&w, shm, LEN, 0, 0);
	shmdt(shm);
	ok(vt_watch_changed(&w), "shmdt is reported");
	vt_watch_del(&w, range);

	memset(heap, 1, LEN);
	range = vt_watch_add(&w, heap + LEN - 1, 1, 0, 0);
	sbrk(-(long)LEN);
	ok(vt_watch_changed(&w), "brk is reported, to a range of one byte too");
	vt_watch_del(&w, range);

	shm = vt_map(LEN);
	munmap(shm, LEN);
	range = vt_watch_add(&w, shm, LEN, 0, 0);
	ok(!vt_watch_changed(&w), "memory that is not mapped can be watched");
	map_at(shm, LEN, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
	vt_watch_drain(&w);
	munmap(shm, LEN);
	ok(vt_watch_changed(&w), "and what is mapped there later is reported");
	vt_watch_del(&w, range);
}

int main(void)
{
	size_t i;

	vt_watch_open(&w, false);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		one(&ops[i]);
	other_calls();
	vt_watch_close(&w);
	return done();
}
