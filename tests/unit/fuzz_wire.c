// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Coverage-guided fuzzing of the packet parser: what it accepts, the builder
 * must turn into the very same headers (reserved bits aside).
 */
#include <stdlib.h>
#include <string.h>

#include "../../drivers/infiniband/sw/rxe/rxe_wire.h"

u32 rxe_crc32(u32 crc, const void *p, size_t len)
{
	const u8 *b = p;

	while (len--) {
		crc ^= *b++;
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return crc;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 hdr[80] = { 0 };
	struct rxe_pkt pkt, again;
	u8 *whole;
	int err;

	if (rxe_wire_parse(data, size, &pkt))
		return 0;
	if (rxe_wire_build(&pkt, hdr) != pkt.hdr_len ||
	    (size_t)pkt.hdr_len + pkt.payload + pkt.pad != size)
		abort();

	whole = malloc(size);
	memcpy(whole, data, size);
	memcpy(whole, hdr, pkt.hdr_len);
	err = rxe_wire_parse(whole, size, &again);
	free(whole);
	if (err || memcmp(&pkt, &again, sizeof(pkt)))
		abort();
	return 0;
}
