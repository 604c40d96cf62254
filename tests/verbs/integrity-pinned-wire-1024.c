// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Every byte of sends, writes and reads is right: pinned, IPv6 wire, MTU 1024.
 *
 * timeout: 120
 */
#include "matrix.h"

int main(void)
{
	return matrix_main(&(struct matrix){ .kind = VT_PINNED, .wire = true, .v6 = true, .mtu = 1024 });
}
