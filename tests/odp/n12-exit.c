// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * kernels: 6.1 6.12 7.3 (a slow heir looks after the end, not before it)
 * N12: the end of an address space is an unmapping of all of it. Exit, exec, kill -9
 * and the OOM killer's end of who watches are seen in the page by a process that has
 * inherited its mapping; that process can use the file for nothing else.
 */
#define _GNU_SOURCE
#include "vt.h"
#include "vt_mm.h"
#include "vt_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN	(16 * PAGE)

#define CGROUP	"/tmp/n12.cgroup"

enum how { EXIT, EXEC, KILL, OOM, N_HOW };
static const char *const how_name[] = { "exit", "exec", "kill -9", "the OOM killer" };

/* What the heir saw, through a pipe. */
struct seen {
	bool refused;		/* ioctl, read and mmap */
	bool quiet;		/* nothing before the end */
	bool changed;
	uint32_t state;
	uint32_t pending;
	bool polled;
};

static void heir(struct vt_watch *w, int go, int out)
{
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };
	uint64_t end = vt_now_ms() + VT_WAIT_MS;
	struct umem_export_info info;
	struct umem_watch_event ev;
	struct seen s = { 0 };
	char c;

	s.refused = ioctl(w->fd, UMEM_IOC_INFO, &info) && errno == EPERM &&
		    read(w->fd, &ev, sizeof(ev)) < 0 && errno == EPERM &&
		    mmap(NULL, PAGE, PROT_READ, MAP_SHARED, w->fd, 0) == MAP_FAILED &&
		    errno == EPERM;
	s.quiet = !vt_watch_changed(w) && !w->page->state;
	if (write(out, "", 1) != 1)
		_exit(1);
	/* The other end of this pipe closes by exit, exec or kill. */
	s.polled = read(go, &c, 1) == 0 && poll(&pfd, 1, VT_WAIT_MS) == 1;
	while (!(w->page->state & UMEM_WATCH_GONE) && vt_now_ms() < end)
		usleep(1000);
	s.state = w->page->state;
	s.pending = w->page->pending;
	s.changed = vt_watch_changed(w);
	_exit(write(out, &s, sizeof(s)) != sizeof(s));
}

static void owner(enum how how, int out)
{
	uint8_t *m = vt_map(LEN);
	struct vt_watch w;
	int go[2];
	char c;

	vt_watch_open(&w, true);
	vt_watch_add(&w, m, LEN, 0, 1);
	/* Nothing beyond it: neighbours are copied on write after a fork, and that shows. */
	vt_watch_add(&w, m + LEN / 2, LEN / 2, UMEM_WATCH_F_CLEAR, 2);
	if (pipe2(go, O_CLOEXEC))
		_exit(1);
	if (!fork()) {
		close(go[1]);
		heir(&w, go[0], out);
	}
	close(go[0]);
	/* The test has heard from the heir. */
	if (read(STDIN_FILENO, &c, 1) != 1)
		_exit(1);
	switch (how) {
	case EXEC:
		execlp("true", "true", (char *)NULL);
		_exit(1);
	case KILL:
		raise(SIGKILL);
		_exit(1);
	case OOM:
		/* Its reaper takes the memory by invalidations that may not block. */
		if (vt_sh("echo %d >" CGROUP "/oom/cgroup.procs", getpid()))
			_exit(1);
		memset(vt_map(64 << 20), 1, 64 << 20);
		_exit(1);
	default:
		_exit(0);
	}
}

static void one(enum how how)
{
	const char *what = how_name[how];
	int in[2], out[2], st;
	struct seen s;
	pid_t pid;
	char c;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		bail("pipe: %m");
	pid = fork();
	if (!pid) {
		dup2(in[0], STDIN_FILENO);
		owner(how, out[1]);
	}
	close(out[1]);
	if (read(out[0], &c, 1) != 1 || write(in[1], "", 1) != 1)
		bail("the watching process did not come up");
	if (waitpid(pid, &st, 0) != pid || st != (how == KILL || how == OOM ? SIGKILL : 0))
		bail("the watching process ended otherwise (0x%x)", st);
	if (read(out[0], &s, sizeof(s)) != sizeof(s))
		bail("the heir did not report");
	ok(s.refused, "%s: the heir may not use the file", what);
	ok(s.quiet, "%s: before it, nothing is reported", what);
	ok(s.changed, "%s changes the generation", what);
	is(s.state, UMEM_WATCH_GONE, "%s: the page says that the address space is gone", what);
	is(s.pending, 2, "%s: every range has its event", what);
	ok(s.polled, "%s: poll() wakes", what);
	close(out[0]);
	close(in[0]);
	close(in[1]);
}

int main(void)
{
	int how;

	if (vt_sh("mkdir -p " CGROUP " && mount -t cgroup2 none " CGROUP " &&\n"
		  "echo +memory >" CGROUP "/cgroup.subtree_control && mkdir " CGROUP "/oom &&\n"
		  "echo 16M >" CGROUP "/oom/memory.max && echo 0 >" CGROUP "/oom/memory.swap.max"))
		bail("no memory cgroup");
	for (how = 0; how < N_HOW; how++)
		one(how);
	vt_sh("for i in $(seq 100); do rmdir " CGROUP "/oom && break; sleep 0.1; done 2>/dev/null\n"
	      "umount " CGROUP "; rmdir " CGROUP);
	return done();
}
