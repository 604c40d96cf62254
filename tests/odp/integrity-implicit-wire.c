// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * kernels: 6.1 6.12 7.3 (with every debugging option integrity-odp-wire has to do)
 * Every byte of sends, writes and reads is right: implicit ODP, wire, MTU 1024.
 *
 * timeout: 120
 */
#include "matrix.h"

int main(void)
{
	return matrix_main(&(struct matrix){ .kind = VT_IMPLICIT, .wire = true, .mtu = 1024 });
}
