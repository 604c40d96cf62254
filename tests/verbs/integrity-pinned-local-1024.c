// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Every byte of sends, writes and reads is right: pinned, local road, MTU 1024.
 *
 * timeout: 120
 */
#include "matrix.h"

int main(void)
{
	return matrix_main(&(struct matrix){ .kind = VT_PINNED, .mtu = 1024 });
}
