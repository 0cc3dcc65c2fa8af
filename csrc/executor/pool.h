/* Memory of large blocks: outputs and workspaces of a megabyte and more come from here and go back here.
 *
 * Touching fresh memory is what costs (page faults), so freed blocks are kept for a few seconds, up to a bound, and
 * handed out again; new ones ask for huge pages. Thread-safe; needs no GIL. */
#ifndef ST_POOL_H
#define ST_POOL_H

#include <stddef.h>

#define ST_POOL_LEAST ((size_t)1 << 20) /* smaller requests are not worth it */

int st_pool_init(void);
/* At least `size` bytes, 64-byte aligned, contents undefined; NULL when there is no memory. */
void *st_pool_take(size_t size);
/* Gives a block back; NULL is allowed. */
void st_pool_give(void *block);
/* The size that a block can hold. */
size_t st_pool_size(const void *block);
/* Frees what nobody uses now. Returns the number of bytes freed. */
size_t st_pool_trim(void);
/* Sets how many free bytes may be kept; returns the bound before. */
size_t st_pool_limit(size_t bytes);
/* Free bytes kept now, and bytes in use. */
void st_pool_state(size_t *kept, size_t *used);
/* In a forked child, before anything else. */
void st_pool_after_fork(void);

#endif
