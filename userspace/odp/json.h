/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* JSON to standard output, a value at a time; commas come by themselves. */
#ifndef ODP_JSON_H
#define ODP_JSON_H

#include <stdbool.h>
#include <stdint.h>

/* @name: of a member of an object; NULL in an array, and at the top. */
void json_object(const char *name);
void json_array(const char *name);
void json_end(void);		/* of the object or array opened last */
void json_string(const char *name, const char *value);
void json_u64(const char *name, uint64_t value);
void json_real(const char *name, double value);
void json_bool(const char *name, bool value);
void json_done(void);		/* of the whole: a newline, flushed */

#endif
