// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The watch through libodp: what it hands through is what the kernel says, and a
 * registration cache as in the example drops what it must and nothing else.
 */
#include "vt.h"
#include "vt_mm.h"

#include <errno.h>
#include <odp.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#define LEN	(16 * PAGE)

int main(void)
{
	struct odp_watch *w = odp_watch_open();
	struct odp_watch_event ev[40];
	struct pollfd pfd;
	uint32_t a, b, id[40];
	uint64_t seen;
	uint8_t *m;
	int i, n, total;

	if (!w)
		bail("odp_watch_open: %m");
	pfd = (struct pollfd) { .fd = odp_watch_fd(w), .events = POLLIN };
	m = vt_map(LEN);
	madvise(m, LEN, MADV_NOHUGEPAGE);
	memset(m, 1, LEN);
	is(odp_watch_add(w, m, LEN, ODP_WATCH_UNMAPPED, 1, &a), 0, "a range watched for unmapping");
	is(odp_watch_add(w, m, LEN, ODP_WATCH_UNMAPPED | ODP_WATCH_CLEARED, 2, &b), 0,
	   "and for clearing");
	ok(a != b, "have two ids");
	seen = odp_watch_generation(w);
	is(odp_watch_read(w, ev, 40), 0, "no event");
	is(poll(&pfd, 1, 0), 0, "poll() agrees");

	madvise(m + PAGE, 2 * PAGE, MADV_DONTNEED);
	ok(odp_watch_generation(w) > seen, "MADV_DONTNEED changes the generation");
	is(poll(&pfd, 1, VT_WAIT_MS), 1, "poll() wakes");
	is(odp_watch_read(w, ev, 40), 1, "one event");
	ok(ev[0].cookie == 2 && ev[0].id == b && ev[0].events == ODP_WATCH_CLEARED,
	   "for the range that is watched for it");
	ok(ev[0].addr == m + PAGE && ev[0].length == 2 * PAGE, "and what was cleared");

	seen = odp_watch_generation(w);
	munmap(m, PAGE);
	munmap(m + 5 * PAGE, PAGE);
	ok(odp_watch_generation(w) == seen + 2, "two unmappings, two generations");
	is(odp_watch_read(w, ev, 40), 2, "an event for each range");
	for (i = 0; i < 2; i++)
		ok(ev[i].addr == m && ev[i].length == 6 * PAGE && ev[i].events == ODP_WATCH_UNMAPPED,
		   "which spans both");
	is(odp_watch_del(w, a), 0, "a range removed");
	is(odp_watch_del(w, a), ENOENT, "is not there any more: ENOENT");
	munmap(m, LEN);
	is(odp_watch_read(w, ev, 1), 1, "one of one");
	is(ev[0].id, b, "is the other's");
	is(odp_watch_read(w, ev, 1), 0, "and no more");
	odp_watch_del(w, b);

	/* More events than a call of the library asks the kernel for. */
	m = vt_map(40 * PAGE);
	for (i = 0; i < 40; i++)
		if (odp_watch_add(w, m + i * PAGE, PAGE, ODP_WATCH_UNMAPPED, i, &id[i]))
			bail("odp_watch_add: %m");
	munmap(m, 40 * PAGE);
	for (total = 0; (n = odp_watch_read(w, ev, 40)) > 0; total += n)
		;
	is(total, 40, "many events come in several calls");

	is(odp_watch_add(w, m, LEN, 0, 0, &a), EINVAL, "watched for nothing: EINVAL");
	is(odp_watch_add(w, m, LEN, ODP_WATCH_CLEARED, 0, &a), EINVAL, "for clearing only: EINVAL");
	is(odp_watch_add(w, m, 0, ODP_WATCH_UNMAPPED, 0, &a), EINVAL, "no bytes: EINVAL");
	is(odp_watch_read(w, ev, 0), -1, "no room for events");
	is(errno, EINVAL, "EINVAL");
	odp_watch_close(w);
	odp_watch_close(NULL);
	return done();
}
