// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* odp top: two pictures, and what happened between them. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "json.h"
#include "odp.h"

static const char usage[] =
"usage: odp top [OPTIONS] [DEVICE]\n"
"\n"
"  -d, --delay SECONDS   between pictures (2; fractions are fine)\n"
"  -n, --count COUNT     end after so many pictures\n"
"  -b, --batch           one picture below the other, for files and pipes\n"
"  -j, --json            one object a line\n"
"  -h, --help\n"
"\n"
"The numbers are per second, but for what is resident. \"q\" ends it.\n";

static struct {
	double delay;
	long count;
	bool batch, json;
	const char *device;
} opt = { .delay = 2, .count = -1 };

/* ---- devices ---- */

enum { FAULTS, PAGES, PREFETCHED, INVALIDATIONS, ZAPPED, PARKS, BYTES, N_RATES };

static const struct {
	const char *counter, *json, *head;
} rates[N_RATES] = {
	[FAULTS] = { "odp_faults", "faults", "FAULT/s" },
	[PAGES] = { "odp_fault_pages", "fault_pages", "PAGE/s" },
	[PREFETCHED] = { "odp_prefetch_pages", "prefetch_pages", "PREF/s" },
	[INVALIDATIONS] = { "odp_invalidations", "invalidations", "INVAL/s" },
	[ZAPPED] = { "odp_invalidated_pages", "invalidated_pages", "ZAP/s" },
	[PARKS] = { "parks", "parks", "PARK/s" },
	[BYTES] = { "rdma_bytes", "bytes", "MB/s" },
};

struct dev_pic {
	struct odp_dev dev;
	uint64_t v[N_RATES], resident;
	struct odp_mr *mr;
	int nmr;
};

/* ---- processes ---- */

struct proc {
	uint32_t pid;
	const char *owner, *device;
	int regions;
	uint64_t bytes;
	uint64_t faults, pages, prefetches, invalidations;	/* since the last picture */
	uint64_t resident;
};

struct picture {
	double when;
	struct dev_pic *dev;
	int ndev;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void picture_free(struct picture *p)
{
	for (int i = 0; i < p->ndev; i++)
		free(p->dev[i].mr);
	free(p->dev);
	*p = (struct picture){};
}

static uint64_t all_ports(const struct odp_dev *dev, const char *counter)
{
	uint64_t sum = UNKNOWN, v;

	for (uint32_t port = 1; port <= dev->ports; port++) {
		v = port_counter(dev->name, port, counter);
		if (v != UNKNOWN)
			sum = (sum == UNKNOWN ? 0 : sum) + v;
	}
	return sum;
}

/* Data that hardware counts is in words of four bytes. */
static uint64_t bytes_moved(const struct odp_dev *dev)
{
	uint64_t v = all_ports(dev, rates[BYTES].counter), in;

	if (v != UNKNOWN)
		return v;
	v = all_ports(dev, "port_xmit_data");
	in = all_ports(dev, "port_rcv_data");
	return v == UNKNOWN || in == UNKNOWN ? UNKNOWN : 4 * (v + in);
}

static int picture_take(struct picture *p)
{
	struct odp_dev *dev;
	int n = nl_devices(&dev), kept = 0;

	*p = (struct picture){ .when = now() };
	if (n < 0)
		return n;
	p->dev = calloc(n ? n : 1, sizeof(*p->dev));
	for (int i = 0; p->dev && i < n; i++) {
		struct dev_pic *d = &p->dev[kept];

		if (opt.device && strcmp(opt.device, dev[i].name))
			continue;
		kept++;
		d->dev = dev[i];
		for (int r = 0; r < N_RATES; r++)
			d->v[r] = r == BYTES ? bytes_moved(&dev[i]) :
				  all_ports(&dev[i], rates[r].counter);
		d->resident = all_ports(&dev[i], "odp_resident_pages");
		d->nmr = nl_mrs(&dev[i], &d->mr);
		if (d->nmr < 0)		/* it has just gone */
			d->nmr = 0;
	}
	p->ndev = kept;
	free(dev);
	return p->dev ? 0 : -ENOMEM;
}

static const struct dev_pic *same_dev(const struct picture *p, const struct dev_pic *d)
{
	for (int i = 0; i < p->ndev; i++)
		if (p->dev[i].dev.index == d->dev.index)
			return &p->dev[i];
	return NULL;
}

static const struct odp_mr *same_mr(const struct dev_pic *d, const struct odp_mr *mr)
{
	int lo = 0, hi = d ? d->nmr : 0, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (d->mr[mid].mrn < mr->mrn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return d && lo < d->nmr && d->mr[lo].mrn == mr->mrn && d->mr[lo].pid == mr->pid ?
	       &d->mr[lo] : NULL;
}

static uint64_t known(uint64_t v)
{
	return v == UNKNOWN ? 0 : v;
}

/* Since then; a region that was not there yet had counted nothing. */
static uint64_t since(uint64_t v, uint64_t then)
{
	v = known(v);
	then = known(then);
	return v > then ? v - then : 0;
}

/* Of a whole address space: every region of it says the same, or has just begun. */
static uint64_t space_since(const struct dev_pic *then, const struct odp_mr *mr)
{
	uint64_t before = UNKNOWN;

	for (int i = 0; then && i < then->nmr; i++)
		if (then->mr[i].pid == mr->pid && then->mr[i].of_space)
			before = then->mr[i].invalidations;
	return before == UNKNOWN ? 0 : since(mr->invalidations, before);
}

static void proc_add(struct proc *p, const struct dev_pic *then, const struct odp_mr *mr)
{
	const struct odp_mr *old = same_mr(then, mr);

	p->regions++;
	if (mr->length != UINT64_MAX)
		p->bytes += mr->length;
	p->faults += since(mr->faults, old ? old->faults : 0);
	p->pages += since(mr->fault_pages, old ? old->fault_pages : 0);
	p->prefetches += since(mr->prefetches, old ? old->prefetches : 0);
	if (mr->of_space) {
		p->invalidations = space_since(then, mr);
		p->resident = mr->space_resident;
	} else {
		p->invalidations += since(mr->invalidations, old ? old->invalidations : 0);
		p->resident += known(mr->resident);
	}
}

static int by_activity(const void *a, const void *b)
{
	const struct proc *x = a, *y = b;
	uint64_t i = x->pages + x->invalidations, j = y->pages + y->invalidations;

	if (i != j)
		return i > j ? -1 : 1;
	return x->resident > y->resident ? -1 : x->resident < y->resident;
}

/* On-demand regions by process and device, the busiest first. */
static int processes(const struct picture *p, const struct picture *then, struct proc **out)
{
	struct proc *list = NULL, *more;
	int n = 0;

	for (int i = 0; i < p->ndev; i++) {
		const struct dev_pic *d = &p->dev[i], *old = same_dev(then, d);
		int first = n, at;

		for (int m = 0; m < d->nmr; m++) {
			if (!d->mr[m].on_demand || !d->mr[m].pid)
				continue;
			for (at = first; at < n && list[at].pid != d->mr[m].pid; at++)
				;
			if (at == n) {
				more = realloc(list, (n + 1) * sizeof(*list));
				if (!more)
					continue;
				list = more;
				list[n++] = (struct proc){
					.pid = d->mr[m].pid, .owner = d->mr[m].owner,
					.device = d->dev.name,
				};
			}
			proc_add(&list[at], old, &d->mr[m]);
		}
	}
	if (n)
		qsort(list, n, sizeof(*list), by_activity);
	*out = list;
	return n;
}

/* ---- telling ---- */

static void tell_json(const struct picture *p, const struct picture *then,
		      const struct proc *proc, int nproc)
{
	double secs = p->when - then->when;
	uint64_t page = sysconf(_SC_PAGESIZE);

	json_object(NULL);
	json_real("seconds", secs);
	json_array("devices");
	for (int i = 0; i < p->ndev; i++) {
		const struct dev_pic *d = &p->dev[i], *old = same_dev(then, d);

		json_object(NULL);
		json_string("device", d->dev.name);
		for (int r = 0; r < N_RATES; r++)
			if (d->v[r] != UNKNOWN)
				json_real(rates[r].json, since(d->v[r], old ? old->v[r] :
							       d->v[r]) / secs);
		if (d->resident != UNKNOWN)
			json_u64("resident_bytes", d->resident * page);
		json_end();
	}
	json_end();
	json_array("processes");
	for (int i = 0; i < nproc; i++) {
		json_object(NULL);
		json_u64("pid", proc[i].pid);
		json_string("command", proc[i].owner);
		json_string("device", proc[i].device);
		json_u64("regions", proc[i].regions);
		json_u64("bytes", proc[i].bytes);
		json_real("faults", proc[i].faults / secs);
		json_real("fault_pages", proc[i].pages / secs);
		json_real("prefetches", proc[i].prefetches / secs);
		json_real("invalidations", proc[i].invalidations / secs);
		json_u64("resident_bytes", proc[i].resident * page);
		json_end();
	}
	json_end();
	json_end();
	json_done();
}

static void tell_text(const struct picture *p, const struct picture *then,
		      const struct proc *proc, int nproc)
{
	double secs = p->when - then->when;
	uint64_t page = sysconf(_SC_PAGESIZE);
	char clock[16];
	time_t t = time(NULL);

	if (!opt.batch)
		printf("\033[H\033[J");
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&t));
	printf("odp top - %s, %.1f s\n\n%-12s", clock, secs, "DEVICE");
	for (int r = 0; r < N_RATES; r++)
		printf(" %9s", rates[r].head);
	printf(" %9s\n", "RESIDENT");
	for (int i = 0; i < p->ndev; i++) {
		const struct dev_pic *d = &p->dev[i], *old = same_dev(then, d);

		printf("%-12s", d->dev.name);
		for (int r = 0; r < N_RATES; r++) {
			double v = since(d->v[r], old ? old->v[r] : d->v[r]) / secs;

			if (d->v[r] == UNKNOWN)
				printf(" %9s", "-");
			else
				printf(" %9.*f", r == BYTES, r == BYTES ? v / 1e6 : v);
		}
		printf(" %9s\n", d->resident == UNKNOWN ? "-" : human(d->resident * page));
	}
	printf("\n%8s %-16s %-12s %7s %9s %9s %9s %9s %9s %9s\n", "PID", "COMMAND", "DEVICE",
	       "REGIONS", "SIZE", "FAULT/s", "PAGE/s", "PREF/s", "INVAL/s", "RESIDENT");
	for (int i = 0; i < nproc; i++)
		printf("%8u %-16.16s %-12s %7d %9s %9.0f %9.0f %9.0f %9.0f %9s\n", proc[i].pid,
		       proc[i].owner, proc[i].device, proc[i].regions, human(proc[i].bytes),
		       proc[i].faults / secs, proc[i].pages / secs, proc[i].prefetches / secs,
		       proc[i].invalidations / secs, human(proc[i].resident * page));
	if (opt.batch)
		putchar('\n');
	fflush(stdout);
}

/* ---- waiting, and the q key ---- */

static struct termios saved;
static bool raw;

static void cooked(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void keys_start(void)
{
	struct termios t;

	if (opt.batch || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
		return;
	t = saved;
	t.c_lflag &= ~(ICANON | ECHO);
	raw = !tcsetattr(STDIN_FILENO, TCSANOW, &t);
	atexit(cooked);
}

/* True: go on. */
static bool pause_for(double secs)
{
	struct pollfd pfd = { .fd = raw ? STDIN_FILENO : -1, .events = POLLIN };
	double end = now() + secs, left;
	char c;

	while ((left = end - now()) > 0)
		if (poll(&pfd, 1, (int)(left * 1000) + 1) > 0 &&
		    (read(STDIN_FILENO, &c, 1) != 1 || c == 'q'))
			return false;
	return true;
}

static int watch(void)
{
	struct picture then, p;
	struct proc *proc;
	int err, n;

	err = picture_take(&then);
	if (!err && opt.device && !then.ndev) {
		complain("no device \"%s\"", opt.device);
		picture_free(&then);
		return ODP_USAGE;
	}
	keys_start();
	while (!err && opt.count && pause_for(opt.delay)) {
		err = picture_take(&p);
		if (err)
			break;
		n = processes(&p, &then, &proc);
		(opt.json ? tell_json : tell_text)(&p, &then, proc, n);
		free(proc);
		picture_free(&then);
		then = p;
		if (opt.count > 0)
			opt.count--;
		if (ferror(stdout))
			break;
	}
	picture_free(&then);
	if (err)
		complain("cannot list devices: %s", rdma_error(-err));
	return err ? ODP_FAILED : ODP_OK;
}

static bool take_delay(const char *text)
{
	char *end;

	opt.delay = strtod(text, &end);
	if (!*end && end != text && opt.delay >= 0.01 && opt.delay <= 1e6)
		return true;
	complain("\"%s\" is no time from 0.01 to 1000000 s", text);
	return false;
}

static bool take_count(const char *text)
{
	char *end;

	opt.count = strtol(text, &end, 10);
	if (!*end && end != text && opt.count > 0)
		return true;
	complain("\"%s\" is no number of pictures", text);
	return false;
}

int odp_top(int argc, char **argv)
{
	static const struct odp_option options[] = {
		{ 'd', "delay", NULL, take_delay }, { 'n', "count", NULL, take_count },
		{ 'b', "batch", &opt.batch, NULL }, { 'j', "json", &opt.json, NULL }, {}
	};
	int status = odp_options(argc, argv, options, usage, &opt.device);

	if (status != ODP_GO_ON)
		return status;
	if (opt.json || !isatty(STDOUT_FILENO))
		opt.batch = true;
	return watch();
}
