/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM umem

#if !defined(_TRACE_UMEM_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_UMEM_H

#include <linux/mm_types.h>
#include <linux/tracepoint.h>

/* A range was filled: @ret as of umem_fault(), after @batches lookups and @ns. */
TRACE_EVENT(umem_fault,
	TP_PROTO(const struct mm_struct *mm, unsigned long va, size_t len,
		 unsigned int flags, u64 batches, u64 fresh, u64 ns, long ret),
	TP_ARGS(mm, va, len, flags, batches, fresh, ns, ret),

	TP_STRUCT__entry(
		__field(const void *, mm)
		__field(unsigned long, va)
		__field(size_t, len)
		__field(unsigned int, flags)
		__field(u64, batches)
		__field(u64, fresh)
		__field(u64, ns)
		__field(long, ret)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->va = va;
		__entry->len = len;
		__entry->flags = flags;
		__entry->batches = batches;
		__entry->fresh = fresh;
		__entry->ns = ns;
		__entry->ret = ret;
	),

	TP_printk("mm=%p va=%#lx len=%zu flags=%#x batches=%llu fresh=%llu ns=%llu ret=%ld",
		  __entry->mm, __entry->va, __entry->len, __entry->flags,
		  __entry->batches, __entry->fresh, __entry->ns, __entry->ret)
);

/* An invalidation met translated pages. */
TRACE_EVENT(umem_zap,
	TP_PROTO(const struct mm_struct *mm, unsigned long start,
		 unsigned long end, unsigned long pages),
	TP_ARGS(mm, start, end, pages),

	TP_STRUCT__entry(
		__field(const void *, mm)
		__field(unsigned long, start)
		__field(unsigned long, end)
		__field(unsigned long, pages)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->start = start;
		__entry->end = end;
		__entry->pages = pages;
	),

	TP_printk("mm=%p range=[%#lx, %#lx) pages=%lu",
		  __entry->mm, __entry->start, __entry->end, __entry->pages)
);

#endif /* _TRACE_UMEM_H */

#include <trace/define_trace.h>
