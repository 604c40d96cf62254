// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Two or more ranks exchange position-dependent data of many sizes by sends,
 * collectives, and one-sided operations; each checks every byte.
 */
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LARGEST	(3 << 20)

static int rank, ranks;

static uint8_t byte_of(size_t at, int seed)
{
	return (at * 31 + (at >> 8) * 17 + seed * 101) & 0xff;
}

static void fill(uint8_t *p, size_t len, int seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = byte_of(i, seed);
}

static void check(const uint8_t *p, size_t len, int seed, const char *what)
{
	for (size_t i = 0; i < len; i++) {
		if (p[i] == byte_of(i, seed))
			continue;
		fprintf(stderr, "rank %d: %s of %zu bytes: byte %zu is %02x, not %02x\n",
			rank, what, len, i, p[i], byte_of(i, seed));
		MPI_Abort(MPI_COMM_WORLD, 1);
	}
}

static void around(uint8_t *out, uint8_t *in, int len)
{
	int next = (rank + 1) % ranks, prev = (rank + ranks - 1) % ranks;

	fill(out, len, rank + len);
	MPI_Sendrecv(out, len, MPI_BYTE, next, 1, in, len, MPI_BYTE, prev, 1,
		     MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	check(in, len, prev + len, "a ring");
}

static void everywhere(uint8_t *buf, int len)
{
	if (!rank)
		fill(buf, len, len);
	MPI_Bcast(buf, len, MPI_BYTE, 0, MPI_COMM_WORLD);
	check(buf, len, len, "a broadcast");
}

static void one_sided(uint8_t *window, uint8_t *buf, int len)
{
	int next = (rank + 1) % ranks, prev = (rank + ranks - 1) % ranks;
	long one = 1, counter = 0, before;
	MPI_Win win, counting;

	MPI_Win_create(window, len, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &win);
	MPI_Win_create(&counter, sizeof(counter), sizeof(counter), MPI_INFO_NULL,
		       MPI_COMM_WORLD, &counting);
	MPI_Win_fence(0, win);
	fill(buf, len, rank);
	MPI_Put(buf, len, MPI_BYTE, next, 0, len, MPI_BYTE, win);
	MPI_Win_fence(0, win);
	check(window, len, prev, "a put");
	MPI_Get(buf, len, MPI_BYTE, next, 0, len, MPI_BYTE, win);
	MPI_Win_fence(0, win);
	check(buf, len, rank, "a get");

	MPI_Win_lock_all(0, counting);
	for (int i = 0; i < 50; i++) {
		MPI_Fetch_and_op(&one, &before, MPI_LONG, 0, 0, MPI_SUM, counting);
		MPI_Win_flush(0, counting);
	}
	MPI_Win_unlock_all(counting);
	MPI_Barrier(MPI_COMM_WORLD);
	if (!rank && counter != 50L * ranks) {
		fprintf(stderr, "counted to %ld, not %ld\n", counter, 50L * ranks);
		MPI_Abort(MPI_COMM_WORLD, 1);
	}
	MPI_Win_free(&counting);
	MPI_Win_free(&win);
}

int main(int argc, char **argv)
{
	static const int sizes[] = { 0, 1, 7, 4096, 4097, 65536, 1000003, LARGEST };
	uint8_t *a = malloc(LARGEST), *b = malloc(LARGEST);
	double sum, mine;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		around(a, b, sizes[i]);
		everywhere(a, sizes[i]);
	}
	one_sided(a, b, 300001);
	mine = rank + 1;
	MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
	if (sum != ranks * (ranks + 1) / 2.0)
		MPI_Abort(MPI_COMM_WORLD, 1);
	if (!rank)
		printf("data right, %d ranks\n", ranks);
	MPI_Finalize();
	free(a);
	free(b);
	return 0;
}
