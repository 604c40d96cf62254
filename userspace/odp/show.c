// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* odp show: one picture of what there is. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "odp.h"

static const char usage[] =
"usage: odp show [OPTIONS] [DEVICE]\n"
"\n"
"  -f, --faults      how long faults took, as a histogram\n"
"  -p, --pid PID     regions of one process only\n"
"  -j, --json        for programs\n"
"  -h, --help\n";

static struct {
	bool faults, json;
	uint32_t pid;
} opt;

static const struct {
	const char *name;
	const char *counter;
} device_counters[] = {
	{ "faults", "odp_faults" },
	{ "fault_pages", "odp_fault_pages" },
	{ "prefetches", "odp_prefetches" },
	{ "prefetch_pages", "odp_prefetch_pages" },
	{ "invalidations", "odp_invalidations" },
	{ "invalidated_pages", "odp_invalidated_pages" },
	{ "slow", "odp_slow" },
	{ "resident_pages", "odp_resident_pages" },
	{ "parks", "parks" },
};
#define N_COUNTERS (sizeof(device_counters) / sizeof(*device_counters))

struct port {
	char state[32], link[32], rate[48], netdev[32];
};

static void read_port(const struct odp_dev *dev, uint32_t n, struct port *p)
{
	memset(p, 0, sizeof(*p));
	port_file(dev->name, n, "state", p->state, sizeof(p->state));
	port_file(dev->name, n, "link_layer", p->link, sizeof(p->link));
	port_file(dev->name, n, "rate", p->rate, sizeof(p->rate));
	port_file(dev->name, n, "gid_attrs/ndevs/0", p->netdev, sizeof(p->netdev));
}

/* "4: ACTIVE" as a word */
static const char *state_word(const char *state)
{
	const char *colon = strchr(state, ':');

	return colon ? colon + 2 : *state ? state : "?";
}

static void json_caps(const char *name, uint32_t caps)
{
	json_array(name);
	for (const struct cap_name *c = cap_names; c->name; c++)
		if (caps & c->bit)
			json_string(NULL, c->name);
	json_end();
}

static void json_known(const char *name, uint64_t v)
{
	if (v != UNKNOWN)
		json_u64(name, v);
}

static void device_json(const struct odp_dev *dev, const struct odp_caps *caps)
{
	struct port p;

	json_string("device", dev->name);
	json_object("odp");
	json_bool("known", caps->known);
	json_bool("explicit", caps->explicit);
	json_bool("implicit", caps->implicit);
	json_caps("rc", caps->rc);
	json_caps("uc", caps->uc);
	json_caps("ud", caps->ud);
	json_end();
	json_array("ports");
	for (uint32_t n = 1; n <= dev->ports; n++) {
		read_port(dev, n, &p);
		json_object(NULL);
		json_u64("port", n);
		json_string("state", state_word(p.state));
		json_string("link_layer", p.link);
		json_string("rate", p.rate);
		json_string("netdev", p.netdev);
		json_object("counters");
		for (size_t i = 0; i < N_COUNTERS; i++)
			json_known(device_counters[i].name,
				   port_counter(dev->name, n, device_counters[i].counter));
		json_end();
		json_end();
	}
	json_end();
}

static void device_text(const struct odp_dev *dev, const struct odp_caps *caps)
{
	struct port p;

	printf("%s\n", dev->name);
	if (!caps->known)
		printf("  on demand   ? (the device cannot be opened)\n");
	else if (!caps->explicit)
		printf("  on demand   no\n");
	else
		printf("  on demand   yes%s\n", caps->implicit ?
		       ", the whole address space too" : "");
	if (caps->explicit) {
		printf("  RC          %s\n", caps_text(caps->rc));
		printf("  UC          %s\n", caps_text(caps->uc));
		printf("  UD          %s\n", caps_text(caps->ud));
	}
	for (uint32_t n = 1; n <= dev->ports; n++) {
		read_port(dev, n, &p);
		printf("  port %-6u %s, %s%s%s, %s\n", n, state_word(p.state), p.link,
		       *p.netdev ? " on " : "", p.netdev, p.rate);
		if (port_counter(dev->name, n, "odp_faults") == UNKNOWN)
			continue;
		for (size_t i = 0; i < N_COUNTERS; i++) {
			uint64_t v = port_counter(dev->name, n, device_counters[i].counter);

			if (v != UNKNOWN)
				printf("    %-18s %" PRIu64 "\n", device_counters[i].name, v);
		}
	}
}

static void faults_json(const struct odp_dev *dev)
{
	struct fault_time t[64];

	json_array("fault_times");
	for (uint32_t port = 1; port <= dev->ports; port++) {
		int n = fault_times(dev->name, port, t, 64);

		for (int i = 0; i < n; i++) {
			json_object(NULL);
			json_u64("port", port);
			json_u64("from_us", t[i].us);
			if (i + 1 < n)
				json_u64("below_us", t[i + 1].us);
			json_u64("count", t[i].count);
			json_end();
		}
	}
	json_end();
}

static void faults_text(const struct odp_dev *dev)
{
	static const char bar[] = "****************************************";
	struct fault_time t[64];

	for (uint32_t port = 1; port <= dev->ports; port++) {
		int n = fault_times(dev->name, port, t, 64), first = n, last = -1;
		uint64_t most = 1;

		for (int i = 0; i < n; i++) {
			if (!t[i].count)
				continue;
			last = i;
			if (first == n)
				first = i;
			if (t[i].count > most)
				most = t[i].count;
		}
		if (!n)
			printf("  faults      the driver does not measure how long they take\n");
		else if (last < 0)
			printf("  faults      none yet\n");
		else
			printf("  faults that somebody waited for\n");
		for (int i = first; i <= last; i++) {
			int stars = t[i].count * (sizeof(bar) - 1) / most;

			printf("    from %8" PRIu64 " us %10" PRIu64 "  %.*s\n", t[i].us,
			       t[i].count, t[i].count && !stars ? 1 : stars, bar);
		}
	}
}

static void mr_json(const struct odp_mr *mr, uint64_t page)
{
	json_object(NULL);
	json_u64("mrn", mr->mrn);
	json_u64("pid", mr->pid);
	json_string("owner", mr->owner);
	json_string("kind", *mr->kind ? mr->kind : mr->on_demand ? "odp" : "unknown");
	json_u64("bytes", mr->length);
	json_bool("on_demand", mr->on_demand);
	if (mr->resident != UNKNOWN)
		json_u64("resident_bytes", mr->resident * page);
	json_known("page_faults", mr->faults);
	json_known("page_fault_pages", mr->fault_pages);
	json_known("page_prefetch", mr->prefetches);
	json_known("page_invalidations", mr->invalidations);
	json_bool("invalidations_of_address_space", mr->of_space);
	json_end();
}

/* "-" for what the kernel does not say */
static const char *number(uint64_t v)
{
	static char bufs[4][24];
	static int next;
	char *buf = bufs[next++ % 4];

	if (v == UNKNOWN)
		return "-";
	snprintf(buf, sizeof(bufs[0]), "%" PRIu64, v);
	return buf;
}

static void mr_text(const struct odp_mr *mr, uint64_t page)
{
	char pid[16] = "-";

	if (mr->pid)
		snprintf(pid, sizeof(pid), "%u", mr->pid);
	printf("  %6u %8s %-16.16s %-12s %9s %9s %9s %9s %9s\n", mr->mrn, pid, mr->owner,
	       *mr->kind ? mr->kind : mr->on_demand ? "odp" : "?",
	       mr->length == UINT64_MAX ? "all" : human(mr->length),
	       mr->resident == UNKNOWN ? "-" : human(mr->resident * page),
	       number(mr->faults), number(mr->fault_pages), number(mr->prefetches));
}

static int show_mrs(const struct odp_dev *dev)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	struct odp_mr *mr = NULL;
	int n = nl_mrs(dev, &mr);
	bool head = false;

	if (opt.json)
		json_array("mrs");
	for (int i = 0; i < n; i++) {
		if (opt.pid && mr[i].pid != opt.pid)
			continue;
		if (opt.json) {
			mr_json(&mr[i], page);
			continue;
		}
		if (!head)
			printf("  %6s %8s %-16s %-12s %9s %9s %9s %9s %9s\n", "REGION", "PID",
			       "OWNER", "KIND", "SIZE", "RESIDENT", "FAULTS", "FAULTED",
			       "PREFETCH");
		head = true;
		mr_text(&mr[i], page);
	}
	if (opt.json)
		json_end();
	free(mr);
	return n < 0 ? n : 0;
}

static int show_device(const struct odp_dev *dev)
{
	struct ibv_context *ctx = dev_open(dev->name);
	struct odp_caps caps = {};
	int err;

	if (ctx) {
		dev_caps(ctx, &caps);
		ibv_close_device(ctx);
	}
	if (opt.json)
		json_object(NULL);
	(opt.json ? device_json : device_text)(dev, &caps);
	if (opt.faults)
		(opt.json ? faults_json : faults_text)(dev);
	err = show_mrs(dev);
	if (opt.json)
		json_end();
	/* It may have been removed meanwhile. */
	return err == -ENODEV || err == -EINVAL ? 0 : err;
}

static bool take_pid(const char *text)
{
	uint64_t pid;

	if (!parse_size(text, &pid) || !pid || pid > UINT32_MAX) {
		complain("\"%s\" is no process", text);
		return false;
	}
	opt.pid = pid;
	return true;
}

int odp_show(int argc, char **argv)
{
	static const struct odp_option options[] = {
		{ 'f', "faults", &opt.faults, NULL }, { 'p', "pid", NULL, take_pid },
		{ 'j', "json", &opt.json, NULL }, {}
	};
	const char *only = NULL;
	struct odp_dev *dev = NULL;
	int n, shown = 0, err = 0;
	int status = odp_options(argc, argv, options, usage, &only);

	if (status != ODP_GO_ON)
		return status;
	n = nl_devices(&dev);
	if (n < 0) {
		complain("cannot list devices: %s", rdma_error(-n));
		return ODP_FAILED;
	}
	for (int i = 0; i < n; i++)
		shown += !only || !strcmp(only, dev[i].name);
	if (only && !shown) {
		complain("no device \"%s\"", only);
		free(dev);
		return ODP_USAGE;
	}
	if (opt.json)
		json_array(NULL);
	else if (!n)
		printf("no RDMA devices\n");
	for (int i = 0; i < n && !err; i++)
		if (!only || !strcmp(only, dev[i].name))
			err = show_device(&dev[i]);
	if (opt.json) {
		json_end();
		json_done();
	}
	free(dev);
	if (err)
		complain("the list of regions: %s", strerror(-err));
	return err ? ODP_FAILED : ODP_OK;
}
