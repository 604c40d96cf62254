// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Atomics of several queue pairs on one word: every one counts, and each sees its own value. */
#include "vt.h"

#include <pthread.h>
#include <stdlib.h>

#define THREADS	3

struct worker {
	struct vt_dev *dev;
	struct ibv_mr *mr;
	uint64_t *word, *seen;
	int n, failed;
	bool wire;
	struct vt_pair p;
	pthread_t thread;
};

/* Half of the adds are fetch-and-add, half a loop of compare-and-swap. */
static void *work(void *arg)
{
	struct worker *w = arg;
	uint64_t *res = w->seen + w->n;
	int i;

	for (i = 0; i < w->n && !w->failed; i++) {
		if (i & 1) {
			uint64_t guess = *w->word;

			do {
				w->failed |= vt_do(&w->p.a, VT_OP(
					.op = IBV_WR_ATOMIC_CMP_AND_SWP, .local = res, .len = 8,
					.lkey = w->mr->lkey, .remote = (uintptr_t)w->word,
					.rkey = w->mr->rkey, .cmp_add = guess, .swap = guess + 1));
				if (*res == guess)
					break;
				guess = *res;
			} while (!w->failed);
		} else {
			w->failed |= vt_do(&w->p.a, VT_OP(
				.op = IBV_WR_ATOMIC_FETCH_AND_ADD, .local = res, .len = 8,
				.lkey = w->mr->lkey, .remote = (uintptr_t)w->word,
				.rkey = w->mr->rkey, .cmp_add = 1));
		}
		w->seen[i] = *res;
	}
	return NULL;
}

static void one(struct vt_dev *dev, enum vt_kind kind)
{
	const char *k = vt_kind_name[kind];
	int t, i, n = vt_slow() ? 100 : 1000, doubles = 0, failed = 0;
	size_t len = (1 + THREADS * (n + 1)) * 8;
	uint64_t *m = vt_map(len);
	struct ibv_mr *mr = vt_reg(dev, kind, m, len, VT_RCV_ALL);
	uint8_t *used = calloc(THREADS, n);
	struct worker w[THREADS];

	for (t = 0; t < THREADS; t++) {
		w[t] = (struct worker){ .dev = dev, .mr = mr, .word = m, .n = n,
					.seen = m + 1 + t * (n + 1) };
		/* Local and wire requests meet at the same word. */
		vt_pair_open(dev, &w[t].p, VT_CFG(.wire = t == 1 && !vt_stock()));
	}
	for (t = 0; t < THREADS; t++)
		pthread_create(&w[t].thread, NULL, work, &w[t]);
	for (t = 0; t < THREADS; t++)
		pthread_join(w[t].thread, NULL);
	for (t = 0; t < THREADS; t++) {
		failed |= w[t].failed;
		for (i = 0; i < n; i++) {
			uint64_t v = w[t].seen[i];

			if (v >= (uint64_t)THREADS * n || used[v]++)
				doubles++;
		}
		vt_pair_close(&w[t].p);
	}
	is(failed, 0, "%s: all atomics succeed", k);
	is(m[0], THREADS * n, "%s: the word counts them all", k);
	is(doubles, 0, "%s: no two saw the same value", k);
	free(used);
	vt_dereg(mr);
}

int main(void)
{
	struct vt_dev dev;
	int kind;

	vt_open(&dev);
	for (kind = VT_PINNED; kind <= VT_ODP; kind++)
		if (vt_can(&dev, kind))
			one(&dev, kind);
	vt_close(&dev);
	return done();
}
