/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _SHIM_LINUX_SPINLOCK_H
#define _SHIM_LINUX_SPINLOCK_H

#include <sched.h>
#include <linux/atomic.h>

/* Gives way instead of spinning on: here the owner can be preempted. */
typedef struct { int locked; } raw_spinlock_t;

static inline void raw_spin_lock_init(raw_spinlock_t *l)
{
	l->locked = 0;
}

static inline void raw_spin_lock(raw_spinlock_t *l)
{
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static inline void raw_spin_unlock(raw_spinlock_t *l)
{
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
}

#endif
