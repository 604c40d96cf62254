// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include "vt_peer.h"

#include <sys/wait.h>
#include <unistd.h>

static struct vt_peer *peers;

struct question {
	size_t len;
	uint64_t seed;
};

void vt_get_pipe(int fd, void *p, size_t n)
{
	if (read(fd, p, n) != (ssize_t)n)
		bail("the other process is gone");
}

void vt_put_pipe(int fd, const void *p, size_t n)
{
	if (write(fd, p, n) != (ssize_t)n)
		bail("the other process is gone");
}

static void child(enum vt_kind kind, size_t len, const struct vt_cfg *cfg, int in, int out)
{
	struct vt_addr peer;
	struct question q;
	struct vt_dev dev;
	struct vt_qp qp;
	struct ibv_mr *mr;
	uint8_t *m;
	char c;

	m = vt_map(len);
	vt_open(&dev);
	vt_qp_create(&dev, &qp, cfg);
	mr = vt_reg(&dev, kind, m, len, VT_RCV_ALL);
	qp.self.addr = (uintptr_t)m;
	qp.self.rkey = mr->rkey;
	vt_put_pipe(out, &qp.self, sizeof(qp.self));
	vt_get_pipe(in, &peer, sizeof(peer));
	vt_qp_connect(&qp, &peer);
	vt_put_pipe(out, "", 1);
	while (read(in, &q, sizeof(q)) == sizeof(q)) {
		c = vt_check(m, 0, q.len, q.seed) < 0;
		vt_put_pipe(out, &c, 1);
	}
	vt_qp_destroy(&qp);
	vt_dereg(mr);
	vt_close(&dev);
	_exit(0);
}

void vt_peer_open(struct vt_dev *dev, struct vt_peer *p, enum vt_kind kind, size_t len,
		  const struct vt_cfg *cfg, void (*prepare)(void))
{
	int to[2], from[2];
	char c;

	if (pipe(to) || pipe(from))
		bail("pipe: %m");
	p->pid = fork();
	if (!p->pid) {
		close(to[1]);
		close(from[0]);
		/* Who has these is told to end by their being closed. */
		for (; peers; peers = peers->next) {
			close(peers->to);
			close(peers->from);
		}
		if (prepare)
			prepare();
		child(kind, len, cfg, to[0], from[1]);
	}
	close(to[0]);
	close(from[1]);
	p->to = to[1];
	p->from = from[0];
	p->next = peers;
	peers = p;
	vt_qp_create(dev, &p->qp, cfg);
	vt_get_pipe(p->from, &p->addr, sizeof(p->addr));
	vt_put_pipe(p->to, &p->qp.self, sizeof(p->qp.self));
	vt_qp_connect(&p->qp, &p->addr);
	vt_get_pipe(p->from, &c, 1);
}

bool vt_peer_has(struct vt_peer *p, size_t len, uint64_t seed)
{
	struct question q = { .len = len, .seed = seed };
	char c;

	vt_put_pipe(p->to, &q, sizeof(q));
	vt_get_pipe(p->from, &c, 1);
	return c;
}

int vt_peer_write(struct vt_peer *p, struct ibv_mr *mr, const void *from, size_t len)
{
	return vt_do(&p->qp, VT_OP(.op = IBV_WR_RDMA_WRITE, .local = from, .len = len,
				   .lkey = mr->lkey, .remote = p->addr.addr,
				   .rkey = p->addr.rkey));
}

int vt_peer_read(struct vt_peer *p, struct ibv_mr *mr, void *to, size_t len)
{
	return vt_do(&p->qp, VT_OP(.op = IBV_WR_RDMA_READ, .local = to, .len = len,
				   .lkey = mr->lkey, .remote = p->addr.addr,
				   .rkey = p->addr.rkey));
}

int vt_peer_close(struct vt_peer *p)
{
	struct vt_peer **link = &peers;
	int st = -1;

	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	close(p->to);
	waitpid(p->pid, &st, 0);
	close(p->from);
	vt_qp_destroy(&p->qp);
	return st;
}
