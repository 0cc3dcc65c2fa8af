#include "pool.h"

#include <Python.h>
#include <stdint.h>
#include <time.h>

#ifdef _WIN32
#include <malloc.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif
#endif

#define HEADER 64
#define HUGE_PAGE ((size_t)2 << 20)
#define SMALL_STEP ((size_t)64 << 10)
#define KEEP_SECONDS 10
#define MAX_FREE 256

/* A block begins with its header; the caller's memory follows 64 bytes later. */
typedef struct {
    size_t size; /* of the whole block */
} Header;

typedef struct {
    Header *block;
    time_t since;
} Free;

static PyThread_type_lock lock;
static Free free_blocks[MAX_FREE]; /* oldest first */
static int n_free;
static size_t kept, used, limit;

static time_t now(void)
{
#ifdef CLOCK_MONOTONIC
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) == 0)
        return t.tv_sec;
#endif
    return time(NULL);
}

static Header *system_take(size_t size)
{
#ifdef _WIN32
    return _aligned_malloc(size, 64);
#else
    /* A mapping that begins at a huge page: map more, cut the ends. */
    size_t align = size >= HUGE_PAGE ? HUGE_PAGE : 0;
    char *raw = mmap(NULL, size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    if (align) {
        char *start = (char *)(((uintptr_t)raw + align - 1) & ~(uintptr_t)(align - 1));
        if (start > raw)
            munmap(raw, (size_t)(start - raw));
        if (raw + size + align > start + size)
            munmap(start + size, (size_t)(raw + align - start));
        raw = start;
#ifdef MADV_HUGEPAGE
        madvise(raw, size, MADV_HUGEPAGE);
#endif
    }
    return (Header *)raw;
#endif
}

static void system_give(Header *block)
{
#ifdef _WIN32
    _aligned_free(block);
#else
    munmap(block, block->size);
#endif
}

int st_pool_init(void)
{
    if (lock)
        return 0;
    lock = PyThread_allocate_lock();
    limit = (size_t)1 << 30;
#if defined(_SC_PHYS_PAGES) && defined(_SC_PAGE_SIZE)
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
    if (pages > 0 && page > 0)
        limit = (size_t)pages * (size_t)page / 4;
#endif
    return lock ? 0 : -1;
}

/* Removes entry k from the free list (lock held). */
static Header *pick(int k)
{
    Header *block = free_blocks[k].block;
    kept -= block->size;
    memmove(free_blocks + k, free_blocks + k + 1, (size_t)(n_free - k - 1) * sizeof(Free));
    n_free--;
    return block;
}

void *st_pool_take(size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size_t step = size + HEADER >= HUGE_PAGE ? HUGE_PAGE : SMALL_STEP;
    size_t whole = (size + HEADER + step - 1) / step * step;
    PyThread_acquire_lock(lock, WAIT_LOCK);
    int best = -1;
    for (int k = n_free - 1; k >= 0; k--) { /* the latest first: its pages are warm */
        size_t has = free_blocks[k].block->size;
        if (has >= whole && has <= whole + whole / 4 + HUGE_PAGE
            && (best < 0 || has < free_blocks[best].block->size)) {
            best = k;
            if (has == whole)
                break;
        }
    }
    Header *block = best >= 0 ? pick(best) : NULL;
    PyThread_release_lock(lock);
    if (!block) {
        block = system_take(whole);
        if (!block && st_pool_trim())
            block = system_take(whole);
        if (!block)
            return NULL;
        block->size = whole;
    }
    PyThread_acquire_lock(lock, WAIT_LOCK);
    used += block->size;
    PyThread_release_lock(lock);
    return (char *)block + HEADER;
}

void st_pool_give(void *memory)
{
    if (!memory)
        return;
    Header *block = (Header *)((char *)memory - HEADER), *gone[MAX_FREE + 1];
    int n_gone = 0;
    time_t moment = now();
    PyThread_acquire_lock(lock, WAIT_LOCK);
    used -= block->size;
    while (n_free && (n_free == MAX_FREE || kept + block->size > limit
                      || moment - free_blocks[0].since > KEEP_SECONDS))
        gone[n_gone++] = pick(0);
    if (block->size <= limit) {
        free_blocks[n_free].block = block;
        free_blocks[n_free++].since = moment;
        kept += block->size;
    }
    else
        gone[n_gone++] = block;
    PyThread_release_lock(lock);
    while (n_gone)
        system_give(gone[--n_gone]);
}

size_t st_pool_size(const void *memory)
{
    return ((const Header *)((const char *)memory - HEADER))->size - HEADER;
}

size_t st_pool_trim(void)
{
    size_t freed = 0;
    for (;;) {
        PyThread_acquire_lock(lock, WAIT_LOCK);
        Header *block = n_free ? pick(n_free - 1) : NULL;
        PyThread_release_lock(lock);
        if (!block)
            return freed;
        freed += block->size;
        system_give(block);
    }
}

size_t st_pool_limit(size_t bytes)
{
    size_t before = limit;
    limit = bytes;
    if (kept > limit)
        st_pool_trim();
    return before;
}

void st_pool_state(size_t *kept_bytes, size_t *used_bytes)
{
    *kept_bytes = kept;
    *used_bytes = used;
}

void st_pool_after_fork(void)
{
    lock = PyThread_allocate_lock(); /* whoever held the old one is gone */
}
