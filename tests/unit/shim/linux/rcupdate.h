/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * RCU of the simplest kind: every thread counts its read side sections in a
 * counter of its own, odd while it is inside one. See rcu.c.
 */
#ifndef _SHIM_LINUX_RCUPDATE_H
#define _SHIM_LINUX_RCUPDATE_H

#include <linux/atomic.h>

void rcu_register_thread(void);
void rcu_unregister_thread(void);
void rcu_read_lock(void);
void rcu_read_unlock(void);
void synchronize_rcu(void);

#define rcu_dereference_raw(p)		__atomic_load_n(&(p), __ATOMIC_ACQUIRE)

#endif
