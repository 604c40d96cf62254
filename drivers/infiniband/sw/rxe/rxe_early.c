// SPDX-License-Identifier: GPL-2.0
/*
 * Packets that come before one that was sent before them.
 *
 * Loopback and veth have a queue per processor. Who sends moves from one to another:
 * after a fault a worker goes on where a soft interrupt began. What it sends is in
 * another queue, and may be received first. Nothing is lost then, and there is nothing
 * to ask for again: a side of a connected QP keeps such packets, takes others of its
 * queue first, and waits a moment for the one that is missing. Only if it does not come
 * is there a gap, as there is at once where packets come from elsewhere.
 *
 * The moment is counted in ticks of a timer: where the whole machine stands still, the
 * clock goes on and the other processor does not, and that costs one tick. So many
 * packets that there is soon no room for more end it as well. Who waited in vain does not
 * wait for a while, so that where packets do get lost (netem, queues that overflow)
 * recovery is not slow each time.
 */
#include "rxe_qp.h"

#define EARLY_TICKS	5
#define EARLY_TICK_MS	8
#define EARLY_PACKETS	(RXE_MAX_PARKED_PKTS * 3 / 4)
/* After a vain wait. */
#define EARLY_PAUSE_MS	1000

static void early_timer(struct timer_list *t)
{
	struct rxe_early *e = compat_timer_container(e, t, timer);
	struct rxe_side *s = container_of(e, struct rxe_side, early);

	set_bit(0, &e->tick);
	rxe_side_run(s, RXE_CTX_SOFTIRQ);
}

/* rxe_early_init() - part of rxe_side_init() */
void rxe_early_init(struct rxe_early *e)
{
	timer_setup(&e->timer, early_timer, 0);
}

/* rxe_early_stop() - part of rxe_side_stop(): nobody waits again; process context */
void rxe_early_stop(struct rxe_early *e)
{
	compat_timer_shutdown_sync(&e->timer);
}

static void next_tick(struct rxe_early *e)
{
	mod_timer(&e->timer, jiffies + max(1UL, msecs_to_jiffies(EARLY_TICK_MS)));
}

/**
 * rxe_early_wait() - nothing that has come in is next
 * @s: side, owned
 * @skb: a packet that is early
 * @psn: what is missing; to wait for another one is to wait anew
 *
 * Any context. Returns true if the packets are to be kept: the side runs again when
 * something comes in, or the wait is over. False: there is a gap.
 */
bool rxe_early_wait(struct rxe_side *s, const struct sk_buff *skb, u32 psn)
{
	struct rxe_early *e = &s->early;

	if (!rxe_rx_cb(skb)->may_overtake)
		return false;
	if (!e->waiting || e->psn != psn) {
		if (e->vain && time_before(jiffies, e->pause_end))
			return false;
		e->waiting = true;
		e->vain = false;
		e->psn = psn;
		e->left = EARLY_TICKS;
		clear_bit(0, &e->tick);
		next_tick(e);
		return true;
	}
	if (READ_ONCE(s->packets) < EARLY_PACKETS) {
		if (!test_and_clear_bit(0, &e->tick))
			return true;
		if (--e->left) {
			next_tick(e);
			return true;
		}
	}
	e->waiting = false;
	e->vain = true;
	e->pause_end = jiffies + msecs_to_jiffies(EARLY_PAUSE_MS);
	return false;
}

/* rxe_early_end() - nothing is missing any more, or it does not matter; side owned */
void rxe_early_end(struct rxe_side *s)
{
	if (likely(!s->early.waiting))
		return;
	s->early.waiting = false;
	compat_timer_delete(&s->early.timer);
}

/* rxe_early_reset() - as after creation; side owned */
void rxe_early_reset(struct rxe_side *s)
{
	rxe_early_end(s);
	s->early.vain = false;
}

/* rxe_side_after() - the packet behind @skb in the queue, or NULL; side owned */
struct sk_buff *rxe_side_after(struct rxe_side *s, const struct sk_buff *skb)
{
	struct sk_buff *next;
	unsigned long flags;

	spin_lock_irqsave(&s->rxq.lock, flags);
	next = skb_peek_next((struct sk_buff *)skb, &s->rxq);
	spin_unlock_irqrestore(&s->rxq.lock, flags);
	return next;
}
