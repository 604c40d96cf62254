// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The library of `odp run`: registrations of an unmodified program become on-demand
 * ones. Where a program's registrations come by:
 *
 *	ibv_reg_mr(), access flags that the compiler knows	-> ibv_reg_mr
 *	ibv_reg_mr(), ibv_reg_mr_iova(), others			-> ibv_reg_mr_iova2
 *	ibv_reg_mr_iova(), flags known				-> ibv_reg_mr_iova
 *	libraries and plugins that were linked with libibverbs	-> one of these
 *	dlsym() of a handle of libibverbs			-> dlsym, one of these
 *
 * Each of the functions here passes on to the next one of that name, which is the
 * library's unless something else is preloaded too. They may call one another:
 * only the outermost changes anything.
 *
 * Not caught: dlvsym(), libraries opened with RTLD_DEEPBIND, static programs.
 *
 * Environment: ODP_VERBOSE, ODP_STRICT, ODP_PREFETCH, ODP_MIN; see odp(1).
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "advise.h"

/* The header's macros stand before the functions. */
#undef ibv_reg_mr
#undef ibv_reg_mr_iova

#define EXPORT __attribute__((visibility("default")))
#define COUNT(what, n) __atomic_fetch_add(&count.what, n, __ATOMIC_RELAXED)

typedef struct ibv_mr *(*reg_fn)(struct ibv_pd *, void *, size_t, int);
typedef struct ibv_mr *(*reg_iova_fn)(struct ibv_pd *, void *, size_t, uint64_t, int);
typedef struct ibv_mr *(*reg_iova2_fn)(struct ibv_pd *, void *, size_t, uint64_t, unsigned int);
typedef int (*rereg_fn)(struct ibv_mr *, int, struct ibv_pd *, void *, size_t, int);
typedef int (*dereg_fn)(struct ibv_mr *);
typedef void *(*dlsym_fn)(void *, const char *);

enum { REG, REG_IOVA, REG_IOVA2, REREG, DEREG, N_FN };

static struct {
	const char *name, *version;
	void *ours;
	void *next;
} fn[N_FN] = {
	[REG] = { "ibv_reg_mr", "IBVERBS_1.1", ibv_reg_mr, NULL },
	[REG_IOVA] = { "ibv_reg_mr_iova", "IBVERBS_1.7", ibv_reg_mr_iova, NULL },
	[REG_IOVA2] = { "ibv_reg_mr_iova2", "IBVERBS_1.8", ibv_reg_mr_iova2, NULL },
	[REREG] = { "ibv_rereg_mr", "IBVERBS_1.1", ibv_rereg_mr, NULL },
	[DEREG] = { "ibv_dereg_mr", "IBVERBS_1.1", ibv_dereg_mr, NULL },
};

static struct {
	bool verbose, strict, prefetch;
	uint64_t min;
} opt;

static struct {
	uint64_t odp, odp_bytes;	/* made on demand here */
	uint64_t asked;			/* the program had asked for it itself */
	uint64_t small;
	uint64_t unable;		/* the device has no ODP */
	uint64_t refused, refused_bytes; /* it has, and refused */
	uint64_t failed;		/* either way */
	int refused_errno;
} count;

static __thread int inside;

/* ---- the next function of the same name ---- */

static dlsym_fn real_dlsym(void)
{
	static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5" };
	static dlsym_fn real;

	for (size_t i = 0; !real && i < sizeof(versions) / sizeof(*versions); i++)
		real = (dlsym_fn)dlvsym(RTLD_NEXT, "dlsym", versions[i]);
	if (!real)
		abort();
	return real;
}

static void *next(int i)
{
	void *f = __atomic_load_n(&fn[i].next, __ATOMIC_RELAXED), *lib;

	if (f)
		return f;
	f = dlvsym(RTLD_NEXT, fn[i].name, fn[i].version);
	if (!f) {
		/* A plugin's libibverbs is not among the program's libraries. */
		lib = dlopen("libibverbs.so.1", RTLD_LAZY | RTLD_NOLOAD);
		if (lib)
			f = dlvsym(lib, fn[i].name, fn[i].version);
	}
	if (!f)
		errno = ENOSYS;
	__atomic_store_n(&fn[i].next, f, __ATOMIC_RELAXED);
	return f;
}

/*
 * Who asks for the next function, or for the first, gets what the dynamic linker
 * says: the first is ours already, and the next must not be. Its answer depends on
 * where the call comes from, hence the jumps.
 */
EXPORT void *dlsym(void *handle, const char *name)
{
	dlsym_fn real = real_dlsym();
	void *f;

	if (handle == RTLD_NEXT || handle == RTLD_DEFAULT || strncmp(name, "ibv_", 4))
		return real(handle, name);
	for (int i = 0; i < N_FN; i++) {
		if (strcmp(name, fn[i].name))
			continue;
		f = real(handle, name);
		if (!f || f == fn[i].ours)
			return f;
		__atomic_store_n(&fn[i].next, f, __ATOMIC_RELAXED);
		return fn[i].ours;
	}
	return real(handle, name);
}

/* ---- regions made on demand here: rereg must keep them so ---- */

static pthread_mutex_t set_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ibv_mr **set;
static size_t set_size, set_used;	/* a power of two; entries and stones */
#define STONE ((struct ibv_mr *)1)	/* here was one */

static size_t set_slot(const struct ibv_mr *mr)
{
	return ((uintptr_t)mr >> 4) * 0x9e3779b97f4a7c15ULL >> 20 & (set_size - 1);
}

static bool set_grow(void)
{
	struct ibv_mr **old = set, **bigger;
	size_t old_size = set_size, i, s;

	bigger = calloc(old_size ? 2 * old_size : 64, sizeof(*bigger));
	if (!bigger)
		return false;
	set = bigger;
	set_size = old_size ? 2 * old_size : 64;
	set_used = 0;
	for (i = 0; i < old_size; i++) {
		if (!old[i] || old[i] == STONE)
			continue;
		for (s = set_slot(old[i]); set[s]; s = (s + 1) & (set_size - 1))
			;
		set[s] = old[i];
		set_used++;
	}
	free(old);
	return true;
}

static void set_add(struct ibv_mr *mr)
{
	size_t s;

	pthread_mutex_lock(&set_lock);
	if (2 * set_used < set_size || set_grow()) {
		for (s = set_slot(mr); set[s]; s = (s + 1) & (set_size - 1))
			;
		set[s] = mr;
		set_used++;
	}
	pthread_mutex_unlock(&set_lock);
}

static bool set_find(struct ibv_mr *mr, bool remove)
{
	bool found = false;
	size_t s;

	pthread_mutex_lock(&set_lock);
	for (s = set_size ? set_slot(mr) : 0; set_size && set[s]; s = (s + 1) & (set_size - 1)) {
		if (set[s] != mr)
			continue;
		found = true;
		if (remove)
			set[s] = STONE;
		break;
	}
	pthread_mutex_unlock(&set_lock);
	return found;
}

/* ---- what the device can do, asked once a device ---- */

static bool device_can(struct ibv_context *ctx)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct {
		char name[IBV_SYSFS_NAME_MAX];
		bool can;
	} known[16];
	static unsigned int n;
	struct ibv_device_attr_ex attr = {};
	struct verbs_context *v;
	unsigned int i;
	bool can;

	pthread_mutex_lock(&lock);
	for (i = 0; i < n && i < 16; i++) {
		if (strcmp(known[i].name, ctx->device->name))
			continue;
		can = known[i].can;
		pthread_mutex_unlock(&lock);
		return can;
	}
	pthread_mutex_unlock(&lock);

	v = verbs_get_ctx_op(ctx, query_device_ex);
	can = v && !v->query_device_ex(ctx, NULL, &attr, sizeof(attr)) &&
	      attr.odp_caps.general_caps & IBV_ODP_SUPPORT;

	pthread_mutex_lock(&lock);
	i = n++ % 16;
	snprintf(known[i].name, sizeof(known[i].name), "%s", ctx->device->name);
	known[i].can = can;
	pthread_mutex_unlock(&lock);
	return can;
}

static void prefetch(struct ibv_mr *mr, unsigned int access)
{
	uint8_t *at = mr->addr;
	size_t left = mr->length, n;

	for (; left; left -= n, at += n) {
		struct ibv_sge sge = { .lkey = mr->lkey };

		n = left < 1UL << 30 ? left : 1UL << 30;
		sge.addr = (uintptr_t)at;
		sge.length = n;
		/* A hint: whatever comes of it, the region works. */
		if (advise(mr->pd, &sge, access & IBV_ACCESS_LOCAL_WRITE, 0))
			return;
	}
}

/* ---- registrations ---- */

static struct ibv_mr *call(int i, struct ibv_pd *pd, void *addr, size_t len, uint64_t iova,
			   unsigned int access)
{
	void *f = next(i);
	struct ibv_mr *mr;

	if (!f)
		return NULL;
	inside++;
	switch (i) {
	case REG:
		mr = ((reg_fn)f)(pd, addr, len, access);
		break;
	case REG_IOVA:
		mr = ((reg_iova_fn)f)(pd, addr, len, iova, access);
		break;
	default:
		mr = ((reg_iova2_fn)f)(pd, addr, len, iova, access);
	}
	inside--;
	return mr;
}

static struct ibv_mr *reg(int i, struct ibv_pd *pd, void *addr, size_t len, uint64_t iova,
			  unsigned int access)
{
	bool able = true;
	struct ibv_mr *mr;
	int err;

	if (inside)
		return call(i, pd, addr, len, iova, access);
	if (access & IBV_ACCESS_ON_DEMAND) {
		COUNT(asked, 1);
		return call(i, pd, addr, len, iova, access);
	}
	if (len < opt.min) {
		COUNT(small, 1);
		return call(i, pd, addr, len, iova, access);
	}
	if (device_can(pd->context)) {
		mr = call(i, pd, addr, len, iova, access | IBV_ACCESS_ON_DEMAND);
		if (mr) {
			COUNT(odp, 1);
			COUNT(odp_bytes, len);
			set_add(mr);
			/* With an iova of its own the address is not the one to advise. */
			if (opt.prefetch && iova == (uintptr_t)addr)
				prefetch(mr, access);
			return mr;
		}
		err = errno;
	} else {
		able = false;
		err = EOPNOTSUPP;
	}
	mr = opt.strict ? NULL : call(i, pd, addr, len, iova, access);
	if (!mr) {
		COUNT(failed, 1);
		if (opt.strict)
			errno = err;
	} else if (!able) {
		COUNT(unable, 1);
	} else {
		COUNT(refused, 1);
		COUNT(refused_bytes, len);
		count.refused_errno = err;
	}
	return mr;
}

EXPORT struct ibv_mr *ibv_reg_mr(struct ibv_pd *pd, void *addr, size_t length, int access)
{
	return reg(REG, pd, addr, length, (uintptr_t)addr, access);
}

EXPORT struct ibv_mr *ibv_reg_mr_iova(struct ibv_pd *pd, void *addr, size_t length,
				      uint64_t iova, int access)
{
	return reg(REG_IOVA, pd, addr, length, iova, access);
}

EXPORT struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr, size_t length,
				       uint64_t iova, unsigned int access)
{
	return reg(REG_IOVA2, pd, addr, length, iova, access);
}

EXPORT int ibv_rereg_mr(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *addr,
			size_t length, int access)
{
	rereg_fn f = (rereg_fn)next(REREG);

	if (!f)
		return IBV_REREG_MR_ERR_INPUT;
	if (flags & IBV_REREG_MR_CHANGE_ACCESS && set_find(mr, false))
		access |= IBV_ACCESS_ON_DEMAND;
	return f(mr, flags, pd, addr, length, access);
}

EXPORT int ibv_dereg_mr(struct ibv_mr *mr)
{
	dereg_fn f = (dereg_fn)next(DEREG);
	bool was;
	int err;

	if (!f)
		return ENOSYS;
	/* Before: the next registration may get the same address. */
	was = set_find(mr, true);
	err = f(mr);
	if (err && was)
		set_add(mr);
	return err;
}

/* ---- beginning and end ---- */

static void child(void)
{
	memset(&count, 0, sizeof(count));
}

__attribute__((constructor)) static void begin(void)
{
	static const char units[] = "kmgt";
	const char *min = getenv("ODP_MIN");
	char *end;

	opt.verbose = getenv("ODP_VERBOSE");
	opt.strict = getenv("ODP_STRICT");
	opt.prefetch = getenv("ODP_PREFETCH");
	if (min) {
		const char *u;

		opt.min = strtoull(min, &end, 0);
		u = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
		if (u)
			opt.min <<= 10 * (u - units + 1);
	}
	pthread_atfork(NULL, NULL, child);
}

static uint64_t pinned_kb(void)
{
	char line[256];
	uint64_t kb = 0;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "VmPin:", 6))
			kb = strtoull(line + 6, NULL, 10);
	if (f)
		fclose(f);
	return kb;
}

__attribute__((destructor)) static void report(void)
{
	uint64_t all = count.odp + count.asked + count.small + count.unable + count.refused +
		       count.failed;
	char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (!opt.verbose || !all)
		return;
	/* In one piece: others may write there too. */
	f = open_memstream(&text, &len);
	if (!f)
		return;
	fprintf(f, "odp: %s (%d): %" PRIu64 " registrations, %" PRIu64
		" made on demand (%" PRIu64 " bytes)", program_invocation_short_name,
		getpid(), all, count.odp, count.odp_bytes);
	if (count.asked)
		fprintf(f, ", %" PRIu64 " on demand anyway", count.asked);
	if (count.small)
		fprintf(f, ", %" PRIu64 " too small", count.small);
	if (count.unable)
		fprintf(f, ", %" PRIu64 " on a device that cannot", count.unable);
	if (count.refused)
		fprintf(f, ", %" PRIu64 " fell back (%" PRIu64 " bytes, %s)",
			count.refused, count.refused_bytes, strerror(count.refused_errno));
	if (count.failed)
		fprintf(f, ", %" PRIu64 " failed", count.failed);
	fprintf(f, "; pinned now: %" PRIu64 " KiB\n", pinned_kb());
	if (!fclose(f))
		dprintf(STDERR_FILENO, "%s", text);
	free(text);
}
