/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _SHIM_LINUX_COMPILER_H
#define _SHIM_LINUX_COMPILER_H

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)

#define min(a, b) ({				\
	__typeof__(a) __a = (a);		\
	__typeof__(b) __b = (b);		\
	__a < __b ? __a : __b;			\
})

#endif
