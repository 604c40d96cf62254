// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* See linux/rcupdate.h. Read side sections nest; threads are few. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <linux/rcupdate.h>

#define RCU_THREADS	64

static struct { unsigned long ctr; } __attribute__((aligned(64))) slot[RCU_THREADS];
static bool used[RCU_THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static __thread int self = -1;
static __thread int nesting;

void rcu_register_thread(void)
{
	pthread_mutex_lock(&lock);
	for (self = 0; self < RCU_THREADS && used[self]; self++)
		;
	if (self == RCU_THREADS)
		abort();
	used[self] = true;
	pthread_mutex_unlock(&lock);
}

void rcu_unregister_thread(void)
{
	pthread_mutex_lock(&lock);
	if (self >= 0)
		used[self] = false;
	self = -1;
	pthread_mutex_unlock(&lock);
}

void rcu_read_lock(void)
{
	if (self < 0)
		rcu_register_thread();
	if (!nesting++)
		__atomic_fetch_add(&slot[self].ctr, 1, __ATOMIC_SEQ_CST);
}

void rcu_read_unlock(void)
{
	if (!--nesting)
		__atomic_fetch_add(&slot[self].ctr, 1, __ATOMIC_RELEASE);
}

void synchronize_rcu(void)
{
	int i;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	for (i = 0; i < RCU_THREADS; i++) {
		unsigned long was = __atomic_load_n(&slot[i].ctr, __ATOMIC_SEQ_CST);

		while ((was & 1) &&
		       __atomic_load_n(&slot[i].ctr, __ATOMIC_ACQUIRE) == was)
			sched_yield();
	}
}
