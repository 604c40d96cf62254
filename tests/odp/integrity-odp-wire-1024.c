// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * kernels: 6.1 6.12 7.3 (with every debugging option integrity-odp-wire has to do)
 * Every byte of sends, writes and reads is right: ODP, IPv6 wire, MTU 1024.
 *
 * timeout: 120
 */
#include "matrix.h"

int main(void)
{
	return matrix_main(&(struct matrix){ .kind = VT_ODP, .wire = true, .v6 = true, .mtu = 1024 });
}
