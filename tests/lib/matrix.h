/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The data-integrity matrix: offset x length x SEND, WRITE, READ, every byte
 * checked, with guard bytes around the target.
 */
#ifndef MATRIX_H
#define MATRIX_H

#include "vt.h"

struct matrix {
	enum vt_kind kind;
	bool wire;
	bool v6;
	int mtu;
};

/* Run the whole matrix; returns main()'s exit status. */
int matrix_main(const struct matrix *m);

#endif
