// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * N10: pages of a file whose server takes its time. The queue pair that needs one
 * waits and no other; when the server answers, the access is done; when it dies, the
 * access fails; and destroying queue pair and region, or the process, waits for
 * neither.
 */
#include "vt_fuse.h"
#include "vt_mm.h"
#include "vt_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(64 * PAGE)

static struct vt_rig r;
static struct vt_fuse f;
static uint8_t *m;
static struct ibv_mr *mr;

static void open_file(uint64_t seed)
{
	struct stat st;
	int fd;

	vt_fuse_open(&f, LEN, seed);
	fd = open(f.path, O_RDONLY | O_CLOEXEC);
	/* Its size is not known before it is asked for. */
	if (fd < 0 || fstat(fd, &st) || st.st_size != LEN)
		bail("%s: %m", f.path);
	m = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (m == MAP_FAILED)
		bail("mmap: %m");
	close(fd);
	mr = vt_reg(&r.dev, VT_ODP, m, LEN, VT_RCV_ALL);
}

static void close_file(void)
{
	munmap(m, LEN);
	vt_fuse_close(&f);
}

/* @q reads the file's pages, or writes a little into them. */
static int post(struct vt_qp *q, bool write)
{
	return vt_post(q, VT_OP(.op = write ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ,
				.local = r.buf, .len = write ? 100 : LEN, .lkey = r.bmr->lkey,
				.remote = (uintptr_t)m, .rkey = mr->rkey));
}

static void answered(int road, bool write)
{
	const char *k = road ? "wire" : "local", *what = write ? "write" : "read";
	struct vt_qp *a = &r.pair[road].a;
	uint8_t *other = vt_map(LEN);
	struct ibv_mr *omr = vt_reg(&r.dev, VT_ODP, other, LEN, VT_RCV_ALL);
	struct vt_pair p;
	struct ibv_wc wc;

	open_file(1);
	vt_fill(r.buf, 0, LEN, 3);
	is(post(a, write), 0, "%s: post a %s", k, what);
	ok(vt_fuse_wait(&f), "%s: the server is asked", k);
	ok(!vt_poll(a->cq, &wc, 50), "%s: the %s waits", k, what);
	vt_pair_open(&r.dev, &p, VT_CFG(.wire = road));
	is(vt_write(&p.a, r.bmr, r.buf, LEN, omr, other), 0, "%s: another queue pair works", k);
	vt_pair_close(&p);
	vt_fuse_allow(&f);
	is(vt_done(a), 0, "%s: answered, the %s is done", k, what);
	if (write)
		is(vt_check(m, 0, 100, 3), -1, "%s: the data", k);
	else
		is(vt_check(r.buf, 0, LEN, 1), -1, "%s: the data", k);
	is(vt_check(m + PAGE, PAGE, LEN - PAGE, 1), -1, "%s: the rest of the file", k);
	vt_dereg(mr);
	vt_dereg(omr);
	munmap(other, LEN);
	close_file();
}

static void server_dies(int road)
{
	const char *k = road ? "wire" : "local";
	struct vt_qp *a = &r.pair[road].a;

	open_file(1);
	is(post(a, false), 0, "%s: post a read", k);
	ok(vt_fuse_wait(&f), "%s: the server is asked", k);
	vt_fuse_kill(&f);
	is(vt_done(a), IBV_WC_REM_ACCESS_ERR, "%s: the server dies, the read fails", k);
	vt_pair_reopen(&r.pair[road]);
	vt_dereg(mr);
	close_file();
}

static void destroyed(int road)
{
	const char *k = road ? "wire" : "local";
	struct vt_pair p;

	open_file(1);
	vt_pair_open(&r.dev, &p, VT_CFG(.wire = road));
	is(post(&p.a, road), 0, "%s: post", k);
	ok(vt_fuse_wait(&f), "%s: the server is asked", k);
	vt_pair_close(&p);
	is(ibv_dereg_mr(mr), 0, "%s: queue pairs and region are destroyed meanwhile", k);
	is(vt_check_byte(vt_map(PAGE), PAGE, 0), -1, "%s: and the process goes on", k);
	vt_fuse_allow(&f);
	close_file();
}

/* Dies with the fault open, and without anybody who answers it. */
static void process_dies(void)
{
	int ready[2], st;
	pid_t pid;

	if (pipe(ready))
		bail("pipe: %m");
	pid = fork();
	if (!pid) {
		vt_rig_open(&r, LEN);
		open_file(1);
		if (post(&r.pair[0].a, false) || !vt_fuse_wait(&f) ||
		    write(ready[1], &f, sizeof(f)) != sizeof(f))
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (!ok(read(ready[0], &f, sizeof(f)) == sizeof(f), "a process with a read that waits"))
		bail("no process");
	kill(pid, SIGKILL);
	is(waitpid(pid, &st, 0), pid, "is killed");
	is(st, SIGKILL, "at once");
	/* The server sees that its pipe has ended, and so does the file system. */
	is(umount2(f.path, MNT_DETACH), 0, "its file system goes");
	unlink(f.path);
	close(ready[0]);
}

int main(void)
{
	int road;

	vt_rig_open(&r, LEN);
	for (road = 0; road < r.roads; road++) {
		answered(road, false);
		answered(road, true);
		server_dies(road);
		destroyed(road);
	}
	vt_rig_close(&r);
	process_dies();
	return done();
}
