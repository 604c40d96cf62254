// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What fuzzing has found worth keeping, given to a fuzzer's function once more: for
 * compilers without libFuzzer.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(void)
{
	static uint8_t buf[65536];
	struct dirent *entry;
	DIR *dir = opendir(CORPUS);
	char path[512];
	uint8_t *data;
	size_t size;
	FILE *f;
	int n = 0;

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", CORPUS, entry->d_name);
		f = fopen(path, "rb");
		if (!f)
			continue;
		size = fread(buf, 1, sizeof(buf), f);
		fclose(f);
		/* Not a byte more, so that reading one is seen. */
		data = malloc(size);
		memcpy(data, buf, size);
		/* What it does not like ends the program. */
		LLVMFuzzerTestOneInput(data, size);
		free(data);
		n++;
	}
	if (dir)
		closedir(dir);
	ok(n > 0, "%d inputs that fuzzing found", n);
	return tap_done();
}
