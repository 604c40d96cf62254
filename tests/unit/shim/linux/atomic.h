/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The kernel's atomics, as far as they are used, by the compiler's. */
#ifndef _SHIM_LINUX_ATOMIC_H
#define _SHIM_LINUX_ATOMIC_H

#include <sched.h>
#include <linux/types.h>

typedef struct { int v; } atomic_t;
typedef struct { long v; } atomic_long_t;
typedef struct { s64 v; } atomic64_t;

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), val, __ATOMIC_RELAXED)

#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_store_release(p, v)	__atomic_store_n(p, v, __ATOMIC_RELEASE)
#define smp_mb__before_atomic()	smp_mb()
#define smp_mb__after_atomic()	smp_mb()

#define cmpxchg(ptr, old, new) ({					\
	__typeof__(*(ptr)) __seen = (old);				\
	__atomic_compare_exchange_n(ptr, &__seen, new, false,		\
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);	\
	__seen;								\
})

#define SHIM_ATOMIC(type, base, prefix)					\
static inline base prefix##_read(const type *p)				\
{									\
	return __atomic_load_n(&p->v, __ATOMIC_RELAXED);		\
}									\
static inline base prefix##_read_acquire(const type *p)			\
{									\
	return __atomic_load_n(&p->v, __ATOMIC_ACQUIRE);		\
}									\
static inline void prefix##_set_release(type *p, base v)		\
{									\
	__atomic_store_n(&p->v, v, __ATOMIC_RELEASE);			\
}									\
static inline void prefix##_add(base v, type *p)			\
{									\
	__atomic_fetch_add(&p->v, v, __ATOMIC_RELAXED);			\
}									\
static inline void prefix##_sub(base v, type *p)			\
{									\
	__atomic_fetch_sub(&p->v, v, __ATOMIC_RELAXED);			\
}									\
static inline void prefix##_inc(type *p)				\
{									\
	prefix##_add(1, p);						\
}									\
static inline void prefix##_dec(type *p)				\
{									\
	prefix##_sub(1, p);						\
}									\
static inline bool prefix##_dec_and_test(type *p)			\
{									\
	return __atomic_sub_fetch(&p->v, 1, __ATOMIC_SEQ_CST) == 0;	\
}

SHIM_ATOMIC(atomic_t, int, atomic)
SHIM_ATOMIC(atomic_long_t, long, atomic_long)
SHIM_ATOMIC(atomic64_t, s64, atomic64)

static inline bool atomic64_try_cmpxchg_acquire(atomic64_t *p, s64 *old, s64 new)
{
	return __atomic_compare_exchange_n(&p->v, old, new, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline bool atomic64_try_cmpxchg(atomic64_t *p, s64 *old, s64 new)
{
	return __atomic_compare_exchange_n(&p->v, old, new, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static inline s64 atomic64_fetch_or_release(s64 v, atomic64_t *p)
{
	return __atomic_fetch_or(&p->v, v, __ATOMIC_RELEASE);
}

static inline s64 atomic64_fetch_sub_release(s64 v, atomic64_t *p)
{
	return __atomic_fetch_sub(&p->v, v, __ATOMIC_RELEASE);
}

static inline s64 atomic64_fetch_andnot(s64 v, atomic64_t *p)
{
	return __atomic_fetch_and(&p->v, ~v, __ATOMIC_SEQ_CST);
}

static inline void atomic64_andnot(s64 v, atomic64_t *p)
{
	__atomic_fetch_and(&p->v, ~v, __ATOMIC_RELAXED);
}

static inline void atomic64_or(s64 v, atomic64_t *p)
{
	__atomic_fetch_or(&p->v, v, __ATOMIC_RELAXED);
}

/* Gives way instead of spinning: here whom we wait for can be preempted. */
#define atomic64_cond_read_acquire(p, cond) ({				\
	s64 VAL;							\
	for (;;) {							\
		VAL = atomic64_read_acquire(p);				\
		if (cond)						\
			break;						\
		sched_yield();						\
	}								\
	VAL;								\
})

#endif
