// SPDX-License-Identifier: GPL-2.0
/*
 * Turns: who runs a side of a QP, and parking while a page is faulted in.
 *
 * Ordering. Whoever brings work publishes it first and then enters the turn;
 * every change of side->turn is a fully ordered read-modify-write. Either the
 * newcomer becomes the owner and sees the work, or its RXE_TURN_AGAIN is seen
 * by the owner's leave, which then looks again.
 *
 * A fault job writes job_result and fault.va before job_state = DONE (release)
 * and then has a worker run the side; the owner reads job_state with acquire.
 * The callback does no more than that: whoever ends the job waits for it.
 */
#include <linux/sched.h>
#include <linux/wait_bit.h>
#include "rxe_qp.h"

#define CREATE_TRACE_POINTS
#include <trace/events/rxe.h>

/* Bytes a run may move before it goes on in a worker. */
#define BUDGET_CALLER	SZ_16M
#define BUDGET_SOFTIRQ	SZ_256K
#define BUDGET_WORKER	SZ_4M

/* Faults in a row for one page before the slow road is taken (N6). */
#define FAULT_TRIES	4

static struct workqueue_struct *rxe_wq;

static void side_work(struct work_struct *work)
{
	struct rxe_side *s = container_of(work, struct rxe_side, work);

	rxe_side_run(s, RXE_CTX_WORKER);
}

/* rxe_side_init() - a free, unparked side with an empty packet queue */
void rxe_side_init(struct rxe_side *s, struct rxe_qp *qp,
		   bool (*run)(struct rxe_qp *, enum rxe_ctx, u32 *))
{
	atomic_set(&s->turn, 0);
	s->qp = qp;
	s->run = run;
	INIT_WORK(&s->work, side_work);
	skb_queue_head_init(&s->rxq);
	rxe_early_init(&s->early);
}

/**
 * rxe_turn_try() - become the owner if the side is free
 * @s: side
 *
 * Any context. Unlike rxe_side_run() it leaves no word with the owner.
 */
bool rxe_turn_try(struct rxe_side *s)
{
	return atomic_cmpxchg(&s->turn, 0, RXE_TURN_OWNED) == 0;
}

/* As rxe_turn_try(), but an owner there is told to look again. */
static bool turn_enter(struct rxe_side *s)
{
	int old = atomic_read(&s->turn);

	for (;;) {
		int new = old & RXE_TURN_OWNED ? old | RXE_TURN_AGAIN :
						 old | RXE_TURN_OWNED;

		if (atomic_try_cmpxchg(&s->turn, &old, new))
			return !(old & RXE_TURN_OWNED);
	}
}

/**
 * rxe_turn_leave() - give the turn back, unless somebody brought work
 * @s: side, owned
 *
 * Returns true when the side is free again, false when the caller still owns
 * it and has to look again.
 */
bool rxe_turn_leave(struct rxe_side *s)
{
	int old = atomic_read(&s->turn);

	for (;;) {
		int new = old & RXE_TURN_AGAIN ? old & ~RXE_TURN_AGAIN : 0;

		if (!atomic_try_cmpxchg(&s->turn, &old, new))
			continue;
		if (new)
			return false;
		if (unlikely(old & RXE_TURN_WAITER))
			wake_up_var(&s->turn);
		return true;
	}
}

/**
 * rxe_turn_lock() - own the side to change the QP
 * @s: side
 *
 * Process context. Waits for bounded work only. End with rxe_turn_unlock().
 */
void rxe_turn_lock(struct rxe_side *s)
{
	wait_var_event(&s->turn,
		       !(atomic_fetch_or(RXE_TURN_OWNED | RXE_TURN_WAITER,
					 &s->turn) & RXE_TURN_OWNED));
}

/* rxe_turn_unlock() - end of rxe_turn_lock(); work brought meanwhile is deferred */
void rxe_turn_unlock(struct rxe_side *s)
{
	while (!rxe_turn_leave(s))
		rxe_side_defer(s);
}

/* rxe_side_defer() - let a worker run the side */
void rxe_side_defer(struct rxe_side *s)
{
	queue_work(rxe_wq, &s->work);
}

/**
 * rxe_side_run() - there is work for a side
 * @s: side; the caller keeps its QP alive
 * @ctx: where the caller is
 *
 * Runs the side here and now, or tells its owner to look again. Work beyond
 * the budget of @ctx goes to a worker (D3).
 */
void rxe_side_run(struct rxe_side *s, enum rxe_ctx ctx)
{
	static const u32 budgets[] = {
		[RXE_CTX_CALLER] = BUDGET_CALLER,
		[RXE_CTX_SOFTIRQ] = BUDGET_SOFTIRQ,
		[RXE_CTX_WORKER] = BUDGET_WORKER,
	};
	u32 budget = budgets[ctx];

	if (!turn_enter(s))
		return;
	for (;;) {
		bool more = !s->qp->dying && s->run(s->qp, ctx, &budget);

		if (more && ctx == RXE_CTX_WORKER &&
		    !(atomic_read(&s->turn) & RXE_TURN_WAITER)) {
			cond_resched();
			budget = BUDGET_WORKER;
			continue;
		}
		if (more)
			rxe_side_defer(s);
		if (rxe_turn_leave(s))
			return;
	}
}

/* Is it the requester's? The other one is the responder's. */
static bool side_is_req(const struct rxe_side *s)
{
	return s == &s->qp->req.side;
}

static void side_fault_done(void *arg, long result)
{
	struct rxe_side *s = arg;
	u64 ns = ktime_get_ns() - s->parked_at;
	unsigned int i = fls64(div_u64(ns, NSEC_PER_USEC));

	this_cpu_inc(s->qp->rxe->stats->fault_us[min(i, RXE_FAULT_TIMES - 1U)]);
	trace_rxe_resume(s->qp->rxe->ib_dev.name, s->qp->qpn, side_is_req(s),
			 ns, result);
	s->job_result = result;
	smp_store_release(&s->job_state, RXE_JOB_DONE);
	rxe_side_defer(s);
}

/* Process context if there is a job: waits for its callback, not for the fault. */
static void side_job_end(struct rxe_side *s)
{
	if (s->job)
		umem_fault_cancel(s->job);
	s->job = NULL;
	s->job_state = RXE_JOB_NONE;
	rxe_mr_count_put(s->count);
	s->count = NULL;
}

/**
 * rxe_side_park() - fault memory in, then run the side again
 * @s: side, owned; must not be touched again in this run on success
 * @miss: what is missing
 *
 * Any context. The references of @miss may be dropped after the call. Without
 * memory for a job the side stays unparked and a worker runs it again.
 */
void rxe_side_park(struct rxe_side *s, const struct rxe_miss *miss)
{
	unsigned long page = miss->va & PAGE_MASK;

	if (s->fault.va != page || s->fault.ex != miss->ex)
		s->fault.tries = 0;
	s->fault.va = page;
	s->fault.ex = miss->ex;
	s->fault.tries++;
	atomic64_inc(&miss->count->faults);
	rxe_count(s->qp->rxe, RXE_CNT_PARKS);
	trace_rxe_park(s->qp->rxe->ib_dev.name, s->qp->qpn, side_is_req(s),
		       miss->va, miss->len, miss->flags & UMEM_WRITE,
		       s->fault.tries);

	s->parked_at = ktime_get_ns();
	s->count = rxe_mr_count_get(miss->count);
	s->job_state = RXE_JOB_RUNS;
	s->job = umem_fault_async(miss->ex, miss->va, miss->len, miss->flags,
				  GFP_ATOMIC, side_fault_done, s);
	if (!s->job) {
		side_job_end(s);
		rxe_side_defer(s);
	}
}

/**
 * rxe_side_parked() - is the side waiting for a fault?
 * @s: side, owned
 * @ctx: context of this run
 *
 * Called once at the start of a run; collects the result of a fault that has
 * ended. Also true when the side has to go on in a worker, which is arranged.
 */
bool rxe_side_parked(struct rxe_side *s, enum rxe_ctx ctx)
{
	bool again = s->again;

	s->fault.err = 0;
	s->again = false;
	if (s->job) {
		if (smp_load_acquire(&s->job_state) != RXE_JOB_DONE)
			return true;
		if (ctx == RXE_CTX_SOFTIRQ) {
			/* ending the job may wait for its callback */
			rxe_side_defer(s);
			return true;
		}
		atomic64_add(umem_fault_fresh(s->job), &s->count->fault_pages);
		side_job_end(s);
		if (s->job_result == -EAGAIN || s->fault.tries >= FAULT_TRIES)
			s->slow = true;
		else if (s->job_result < 0)
			s->fault.err = s->job_result;
	} else if (!s->slow && !again) {
		s->fault.tries = 0;
	}
	if (s->slow && ctx != RXE_CTX_WORKER) {
		rxe_side_defer(s);
		return true;
	}
	s->copy_flags = s->slow ? RXE_COPY_SLOW :
			ctx != RXE_CTX_SOFTIRQ ? RXE_COPY_LOOKUP : 0;
	return false;
}

/**
 * rxe_side_gave_up() - did the last fault fail for the page missing now?
 * @s: side that would fault, owned
 * @stop: a miss; its err becomes that of the fault if so
 */
bool rxe_side_gave_up(struct rxe_side *s, struct rxe_stop *stop)
{
	if (stop->err != -EAGAIN)
		return true;
	if (!s->fault.err || s->fault.va != (stop->miss.va & PAGE_MASK) ||
	    s->fault.ex != stop->miss.ex)
		return false;
	stop->err = s->fault.err;
	return true;
}

/**
 * rxe_side_abandon() - forget a fault whose message no longer matters
 * @s: side, owned
 * @ctx: context of this run
 *
 * Returns false in softirq while a fault is pending; a worker runs the side.
 */
bool rxe_side_abandon(struct rxe_side *s, enum rxe_ctx ctx)
{
	if (s->job && ctx == RXE_CTX_SOFTIRQ) {
		rxe_side_defer(s);
		return false;
	}
	side_job_end(s);
	s->slow = false;
	return true;
}

/**
 * rxe_side_stop() - end a side for good
 * @s: side of a dying QP, turn free
 *
 * Process context. Waits for bounded work, never for a fault.
 */
void rxe_side_stop(struct rxe_side *s)
{
	rxe_turn_lock(s);
	side_job_end(s);
	rxe_turn_unlock(s);
	rxe_early_stop(&s->early);
	cancel_work_sync(&s->work);
	rxe_side_purge(s);
}

/**
 * rxe_side_enqueue() - a packet or burst that has come in
 * @s: side
 * @skb: see rxe_qp_receive(), consumed
 *
 * Any context. Returns false if there is no room for it and it is gone (D4).
 */
bool rxe_side_enqueue(struct rxe_side *s, struct sk_buff *skb)
{
	u32 n = rxe_rx_packets(skb);
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&s->rxq.lock, flags);
	room = s->packets + n <= RXE_MAX_PARKED_PKTS;
	if (room) {
		s->packets += n;
		__skb_queue_tail(&s->rxq, skb);
	}
	spin_unlock_irqrestore(&s->rxq.lock, flags);
	if (!room)
		kfree_skb(skb);
	return room;
}

/**
 * rxe_side_packet_done() - the packet at hand has been dealt with
 * @s: side, owned
 * @skb: of its queue; freed with its last packet
 */
void rxe_side_packet_done(struct rxe_side *s, struct sk_buff *skb)
{
	unsigned long flags;

	if (unlikely(skb != skb_peek(&s->rxq)))
		rxe_count(s->qp->rxe, RXE_CNT_OVERTAKEN);
	if (rxe_rx_next(skb))
		return;
	spin_lock_irqsave(&s->rxq.lock, flags);
	s->packets -= rxe_rx_packets(skb);
	__skb_unlink(skb, &s->rxq);
	spin_unlock_irqrestore(&s->rxq.lock, flags);
	consume_skb(skb);
}

/* rxe_side_purge() - drop all that has come in; side owned, or nobody runs it any more */
void rxe_side_purge(struct rxe_side *s)
{
	struct sk_buff_head gone;
	unsigned long flags;

	rxe_early_end(s);
	__skb_queue_head_init(&gone);
	spin_lock_irqsave(&s->rxq.lock, flags);
	skb_queue_splice_init(&s->rxq, &gone);
	s->packets = 0;
	spin_unlock_irqrestore(&s->rxq.lock, flags);
	__skb_queue_purge(&gone);
}

/* rxe_engine_init() - worker pool of all QPs */
int rxe_engine_init(void)
{
	rxe_wq = alloc_workqueue("rxe", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return rxe_wq ? 0 : -ENOMEM;
}

void rxe_engine_exit(void)
{
	destroy_workqueue(rxe_wq);
}
