// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Every byte of sends, writes and reads is right: implicit ODP, local road.
 *
 * timeout: 120
 */
#include "matrix.h"

int main(void)
{
	return matrix_main(&(struct matrix){ .kind = VT_IMPLICIT, .mtu = 4096 });
}
