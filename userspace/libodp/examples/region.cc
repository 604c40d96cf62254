// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
// libodp from C++: a region that is deregistered when it goes out of scope.
//
//	odp-example-region [DEVICE]
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <odp.h>

namespace {

[[noreturn]] void fail(const char *what, int err = errno)
{
	throw std::system_error(err, std::generic_category(), what);
}

struct Closer {
	void operator()(ibv_context *c) const { ibv_close_device(c); }
	void operator()(ibv_pd *p) const { ibv_dealloc_pd(p); }
	void operator()(odp_pd *p) const { odp_pd_close(p); }
	void operator()(odp_mr *m) const { odp_dereg(m); }
};

template <typename T> using Owned = std::unique_ptr<T, Closer>;

template <typename T> Owned<T> owned(T *p, const char *what)
{
	if (!p)
		fail(what);
	return Owned<T>(p);
}

ibv_context *open_device(const std::string &name)
{
	ibv_device **list = ibv_get_device_list(nullptr);
	ibv_context *ctx = nullptr;

	for (int i = 0; list && list[i] && !ctx; i++)
		if (name.empty() || name == ibv_get_device_name(list[i]))
			ctx = ibv_open_device(list[i]);
	if (list)
		ibv_free_device_list(list);
	errno = ENODEV;
	return ctx;
}

} // namespace

int main(int argc, char **argv)
try {
	auto ctx = owned(open_device(argc > 1 ? argv[1] : ""), "RDMA device");
	auto pd = owned(ibv_alloc_pd(ctx.get()), "ibv_alloc_pd");
	auto opd = owned(odp_pd_open(pd.get(), ODP_FOR(ODP_RC) | ODP_FOR(ODP_UD)), "odp_pd_open");
	std::vector<char> buffer(1 << 20);
	auto region = owned(odp_reg(opd.get(), buffer.data(), buffer.size(), IBV_ACCESS_LOCAL_WRITE, 0),
			    "odp_reg");

	std::cout << buffer.size() << " bytes, "
		  << (region->kind == ODP_PINNED ? "pinned" : "on demand") << " ("
		  << odp_kind_str(region->kind) << "), lkey 0x" << std::hex << region->lkey << "\n";
	if (int err = odp_prefetch(region.get(), buffer.data(), buffer.size(), ODP_PREFETCH_WAIT))
		fail("odp_prefetch", err);
	return 0;
} catch (const std::exception &e) {
	std::cerr << e.what() << "\n";
	return 1;
}
