/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * odp: see, watch, use and check on-demand paging.
 *
 *	odp.c		command line
 *	show.c top.c	what there is, and what it does now
 *	run.c preload.c	unmodified programs without pinning
 *	selftest*.c	does the device keep its word?
 *	nl.c		regions and their counters, from the kernel's RDMA netlink
 *	sysfs.c		ports and their counters, processes
 *	verbs.c		what a device says it supports
 */
#ifndef ODP_H
#define ODP_H

#include <infiniband/verbs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses. */
enum {
	ODP_OK,
	ODP_FAILED,		/* what was asked for does not work */
	ODP_USAGE,		/* bad arguments, or no such device */
	ODP_UNSUPPORTED,	/* the device has no on-demand paging */
};

/* ---- odp.c ---- */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Parses a size such as 4096, 64k or 2G; false if it is none. */
bool parse_size(const char *text, uint64_t *size);
/* One option of a command: it sets @given, or gives its value to @take. */
struct odp_option {
	char letter;
	const char *name;
	bool *given;
	bool (*take)(const char *value);	/* false: it has complained */
};
#define ODP_OPTIONS_MAX 8

#define ODP_GO_ON (-1)
/*
 * Takes the options of a command, which end with an empty one; all know --help. What
 * follows is one @device at most, which stays as it is if there is none; or, if @device
 * is NULL, a program with its arguments from optind on. Returns ODP_GO_ON, or the status
 * to exit with.
 */
int odp_options(int argc, char **argv, const struct odp_option *known, const char *help,
		const char **device);
/* "1.5 GiB", in one of a few static buffers. */
const char *human(uint64_t bytes);
int odp_show(int argc, char **argv);
int odp_top(int argc, char **argv);
int odp_run(int argc, char **argv);
int odp_test(int argc, char **argv);

/* ---- nl.c ---- */

#define UNKNOWN UINT64_MAX	/* the kernel does not say */

/**
 * struct odp_mr - one memory region as the kernel tells of it
 * @mrn: its number in the resource tracking
 * @pid: owner, 0 for the kernel's own
 * @owner: name of process or kernel user
 * @kind: "pinned", "odp", ... if the driver says
 * @length: bytes
 * @on_demand: it is known to be so
 * @faults: faults that somebody waited for
 * @fault_pages: pages that they translated
 * @prefetches: prefetches
 * @resident: pages translated now
 * @invalidations: of this region, or of its address space if @of_space
 * @of_space: the driver counts invalidations and residents an address space at a time
 * @space_resident: pages translated now in the address space, if @of_space
 */
struct odp_mr {
	uint32_t mrn, pid;
	char owner[32];
	char kind[20];
	uint64_t length;
	bool on_demand;
	uint64_t faults, fault_pages, prefetches, resident, invalidations;
	bool of_space;
	uint64_t space_resident;
};

struct odp_dev {
	uint32_t index, ports;
	char name[64];
};

/* What a failure to ask the kernel means, from an errno. */
const char *rdma_error(int err);
/* Each returns how many there are, or -errno; *@out is the caller's to free. */
int nl_devices(struct odp_dev **out);
int nl_mrs(const struct odp_dev *dev, struct odp_mr **out);

/* ---- sysfs.c ---- */
/* First line of a file of a port, without the newline; false if there is none. */
bool port_file(const char *dev, uint32_t port, const char *file, char *buf, size_t size);
/* Counter of a port; UNKNOWN if the driver has none of that name. */
uint64_t port_counter(const char *dev, uint32_t port, const char *name);
void process_name(uint32_t pid, char *buf, size_t size);
/* "VmPin" and its like of a process, in KiB; 0: this one. UNKNOWN if it has none. */
uint64_t process_kb(uint32_t pid, const char *field);

/* Histogram of fault times; @n of them, @us is where each begins. */
struct fault_time {
	uint64_t us, count;
};
int fault_times(const char *dev, uint32_t port, struct fault_time *out, int max);

/* ---- verbs.c ---- */
struct ibv_context *dev_open(const char *name);	/* NULL, errno */
struct odp_caps {
	bool known;		/* false: the driver does not even answer */
	bool explicit, implicit;
	uint32_t rc, uc, ud;	/* IBV_ODP_SUPPORT_* */
};
void dev_caps(struct ibv_context *ctx, struct odp_caps *caps);
/* "send recv write", in a static buffer; "-" if none. */
const char *caps_text(uint32_t caps);
extern const struct cap_name {
	uint32_t bit;
	const char *name;
} cap_names[];

#endif
