/* Runs kernels on the CPU: the unmodified text of a unit, compiled by g++ as C++17 behind this header.
 *
 * Every thread of a block is a fiber with a stack of its own; a fiber runs until it comes to a barrier or a shuffle, so
 * these really wait. Blocks run one after the other. What is wrong on a device is reported here: a barrier that some
 * threads of the block do not reach (or that is another one for them), a shuffle whose mask names a thread that has
 * ended. Shared memory is filled with large odd numbers before each block.
 *
 * SHIM_ORDER in the environment says in which order fibers and blocks take turns: "forward" (the default), "reverse", or
 * a number, the seed of an order by chance that changes at every turn. What a missing barrier should have ordered comes
 * out differently.
 *
 * After the text, SHIM_KERNEL(k0) exports `shim_k0`, a trampoline for shim_launch. */
#ifndef ST_SHIM_H
#define ST_SHIM_H

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <math.h>
#include <sys/mman.h>
#include <utility>

/* A fiber's context is its stack pointer: a switch saves the registers that a function call preserves on one stack and
 * takes them from the other. ucontext does it where nobody has spelled it out, with a system call each time. */
#if defined(__x86_64__) && !defined(SHIM_UCONTEXT)
typedef void *shim_context;
extern "C" void shim_jump(shim_context *from, shim_context to) __asm__("shim_jump");
__asm__(".text\n"
        ".local shim_jump\n"
        ".type shim_jump, @function\n"
        "shim_jump:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n");

static inline void shim_to(shim_context *from, shim_context *to) { shim_jump(from, *to); }

static inline void shim_begin(shim_context *context, char *stack, size_t size, void (*start)()) {
    void **top = (void **)(stack + size) - 1;
    *--top = (void *)start;
    for (int k = 0; k < 6; k++) *--top = 0;
    *context = top;
}
#else
#include <ucontext.h>
typedef ucontext_t shim_context;

static inline void shim_to(shim_context *from, shim_context *to) { swapcontext(from, to); }

static inline void shim_begin(shim_context *context, char *stack, size_t size, void (*start)()) {
    getcontext(context);
    context->uc_stack.ss_sp = stack;
    context->uc_stack.ss_size = size;
    context->uc_link = 0;
    makecontext(context, start, 0);
}
#endif

struct shim_dim3 {
    unsigned x, y, z;
};

struct float4 {
    float x, y, z, w;
};

struct alignas(16) double2 {
    double x, y;
};

static thread_local shim_dim3 threadIdx, blockIdx, blockDim, gridDim;

enum { SHIM_READY, SHIM_AT_BARRIER, SHIM_AT_WARP, SHIM_ENDED };

struct shim_fiber {
    shim_context context;
    int state, line;
    unsigned mask;       /* of the warp's threads that a shuffle waits for */
    unsigned long turn;  /* shuffles so far: the slot alternates, so that nobody overwrites what others still read */
    uint64_t slot[2];
};

struct shim_block {
    shim_context scheduler;
    shim_fiber *fibers;
    char *stacks;
    unsigned capacity, count, current;
    void (*kernel)(void **);
    void **args;
    uint64_t random;
    int order;           /* 0 forward, 1 reverse, 2 by chance */
    unsigned sequence;   /* a block's number, for the order of its fibers */
};

static thread_local shim_block shim;
static thread_local char shim_message[256];
static const size_t SHIM_STACK = 1 << 16;

extern "C" const char *shim_error() { return shim_message; }

static void shim_switch(int state, int line) {
    shim_fiber *self = &shim.fibers[shim.current];
    self->state = state;
    self->line = line;
    shim_to(&self->context, &shim.scheduler);
}

static inline unsigned shim_lane() { return shim.current % 32; }

static inline void shim_sync_warp(unsigned mask, int line) {
    shim.fibers[shim.current].mask = mask;
    shim_switch(SHIM_AT_WARP, line);
}

template <class T> static inline T shim_exchange(unsigned mask, T value, unsigned source, int line) {
    static_assert(sizeof(T) <= 8, "a shuffle moves 8 bytes at most");
    shim_fiber *self = &shim.fibers[shim.current];
    unsigned k = self->turn++ % 2;
    self->slot[k] = 0;
    memcpy(&self->slot[k], &value, sizeof value);
    shim_sync_warp(mask, line);
    unsigned from = shim.current - shim_lane() + source;
    T result = value;
    if (from < shim.count && (mask >> source & 1)) memcpy(&result, &shim.fibers[from].slot[k], sizeof result);
    return result;
}

template <class T> static inline T shim_shuffle_xor(unsigned mask, T value, int with, int line) {
    return shim_exchange(mask, value, shim_lane() ^ (unsigned)with, line);
}

template <class T> static inline T shim_shuffle_down(unsigned mask, T value, unsigned by, int line) {
    unsigned lane = shim_lane();
    return shim_exchange(mask, value, lane + by < 32 ? lane + by : lane, line);
}

template <class T> static inline T shim_shuffle(unsigned mask, T value, int source, int line) {
    return shim_exchange(mask, value, (unsigned)source % 32, line);
}

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__
#define __shared__ static __attribute__((section("shim_shared")))
#define __syncthreads() shim_switch(SHIM_AT_BARRIER, __LINE__)
#define __syncwarp(mask) shim_sync_warp(mask, __LINE__)
#define __shfl_xor_sync(mask, value, with) shim_shuffle_xor(mask, value, with, __LINE__)
#define __shfl_down_sync(mask, value, by) shim_shuffle_down(mask, value, by, __LINE__)
#define __shfl_sync(mask, value, source) shim_shuffle(mask, value, source, __LINE__)
#define __threadfence()

template <class T> static inline T atomicAdd(T *at, T value) {
    T old = *at;
    *at = old + value;
    return old;
}

template <class T> static inline T atomicCAS(T *at, T expected, T value) {
    T old = *at;
    if (old == expected) *at = value;
    return old;
}

template <class To, class From> static inline To shim_bits(From value) {
    To result;
    memcpy(&result, &value, sizeof result);
    return result;
}

static inline double __longlong_as_double(long long bits) { return shim_bits<double>(bits); }
static inline long long __double_as_longlong(double x) { return shim_bits<long long>(x); }
static inline float __int_as_float(int bits) { return shim_bits<float>(bits); }
static inline int __float_as_int(float x) { return shim_bits<int>(x); }
static inline float __uint_as_float(unsigned bits) { return shim_bits<float>(bits); }
static inline unsigned __float_as_uint(float x) { return shim_bits<unsigned>(x); }

/* Memory of all variables that are declared __shared__; nothing where there is none. */
extern "C" char __start_shim_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_shim_shared[] __attribute__((weak, visibility("hidden")));

static inline uint64_t shim_chance() {
    uint64_t x = shim.random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return shim.random = x;
}

static void shim_thread() {
    shim.kernel(shim.args);
    shim_switch(SHIM_ENDED, 0);
}

static void shim_place(unsigned k) {
    shim.current = k;
    threadIdx.x = k % blockDim.x;
    threadIdx.y = k / blockDim.x % blockDim.y;
    threadIdx.z = k / blockDim.x / blockDim.y;
}

static inline unsigned shim_pick(unsigned k, unsigned start) {
    if (shim.order == 0) return k;
    if (shim.order == 1) return shim.count - 1 - k;
    return (k + start) % shim.count;
}

/* Lets go the threads that wait at the same shuffle; says what is wrong if some can never come. */
static int shim_release_warps(int *released) {
    for (unsigned first = 0; first < shim.count; first += 32) {
        for (unsigned lane = 0; lane < 32 && first + lane < shim.count; lane++) {
            shim_fiber *own = &shim.fibers[first + lane];
            if (own->state != SHIM_AT_WARP) continue;
            if (!(own->mask >> lane & 1))
                return snprintf(shim_message, sizeof shim_message, "line %d: a thread is not in its own mask", own->line);
            int all = 1;
            for (unsigned other = 0; other < 32 && first + other < shim.count; other++) {
                shim_fiber *there = &shim.fibers[first + other];
                if (!(own->mask >> other & 1)) continue;
                if (there->state == SHIM_ENDED)
                    return snprintf(shim_message, sizeof shim_message, "line %d: a shuffle waits for a thread that has ended",
                                    own->line);
                all &= there->state == SHIM_AT_WARP && there->mask == own->mask && there->line == own->line;
            }
            if (!all) continue;
            unsigned mask = own->mask;
            for (unsigned other = 0; other < 32 && first + other < shim.count; other++)
                if (mask >> other & 1) shim.fibers[first + other].state = SHIM_READY;
            *released = 1;
        }
    }
    return 0;
}

static int shim_release_block(int *released) {
    int line = 0;
    unsigned ended = 0, waiting = 0;
    for (unsigned k = 0; k < shim.count; k++) {
        shim_fiber *own = &shim.fibers[k];
        ended += own->state == SHIM_ENDED;
        if (own->state != SHIM_AT_BARRIER) continue;
        if (waiting++ && own->line != line)
            return snprintf(shim_message, sizeof shim_message, "threads of a block wait at different barriers: lines %d and %d",
                            line, own->line);
        line = own->line;
    }
    if (!waiting) return 0;
    if (waiting != shim.count)
        return snprintf(shim_message, sizeof shim_message, "line %d: a barrier that %u of %u threads reach", line, waiting,
                        shim.count);
    for (unsigned k = 0; k < shim.count; k++) shim.fibers[k].state = SHIM_READY;
    *released = 1;
    return 0;
}

static int shim_run_block() {
    if (__start_shim_shared) memset(__start_shim_shared, 0x7f, (size_t)(__stop_shim_shared - __start_shim_shared));
    for (unsigned k = 0; k < shim.count; k++) {
        shim_fiber *fiber = &shim.fibers[k];
        fiber->state = SHIM_READY;
        fiber->turn = 0;
        shim_begin(&fiber->context, shim.stacks + k * SHIM_STACK, SHIM_STACK, shim_thread);
    }
    for (;;) {
        unsigned start = shim.order == 2 ? (unsigned)(shim_chance() % shim.count) : 0, ended = 0;
        int released = 0;
        for (unsigned k = 0; k < shim.count; k++) {
            unsigned at = shim_pick(k, start);
            if (shim.fibers[at].state == SHIM_READY) {
                shim_place(at);
                shim_to(&shim.scheduler, &shim.fibers[at].context);
            }
            ended += shim.fibers[at].state == SHIM_ENDED;
        }
        if (ended == shim.count) return 0;
        if (shim_release_warps(&released)) return 1;
        if (released) continue;
        if (shim_release_block(&released)) return 1;
        if (!released)
            return snprintf(shim_message, sizeof shim_message, "threads wait for one another at different shuffles");
    }
}

/* Runs a kernel; 0, or shim_error() says what is wrong. */
extern "C" int shim_launch(void (*kernel)(void **), const unsigned *grid, const unsigned *block, void **args) {
    const char *order = getenv("SHIM_ORDER");
    shim.order = !order || !*order || !strcmp(order, "forward") ? 0 : !strcmp(order, "reverse") ? 1 : 2;
    shim.random = shim.order == 2 ? strtoull(order, 0, 10) * 2654435761u + 88172645463325252ull : 1;
    shim.kernel = kernel;
    shim.args = args;
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    shim.count = block[0] * block[1] * block[2];
    shim_message[0] = 0;
    if (!shim.count || shim.count > 1024 || !grid[0] || !grid[1] || !grid[2] || grid[1] > 65535 || grid[2] > 65535)
        return snprintf(shim_message, sizeof shim_message, "no such grid: (%u, %u, %u) blocks of (%u, %u, %u) threads",
                        grid[0], grid[1], grid[2], block[0], block[1], block[2]);
    if (shim.capacity < shim.count) {
        if (shim.capacity) munmap(shim.stacks, shim.capacity * SHIM_STACK);
        free(shim.fibers);
        shim.fibers = (shim_fiber *)calloc(shim.count, sizeof(shim_fiber));
        shim.stacks = (char *)mmap(0, shim.count * SHIM_STACK, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        shim.capacity = shim.count;
        if (!shim.fibers || shim.stacks == (char *)MAP_FAILED) abort();
    }
    uint64_t blocks = (uint64_t)grid[0] * grid[1] * grid[2], skip = shim.order == 2 ? shim_chance() % blocks : 0;
    for (uint64_t k = 0; k < blocks; k++) {
        uint64_t at = shim.order == 1 ? blocks - 1 - k : (k + skip) % blocks;
        blockIdx = {(unsigned)(at % grid[0]), (unsigned)(at / grid[0] % grid[1]), (unsigned)(at / grid[0] / grid[1])};
        if (shim_run_block()) return 1;
    }
    return 0;
}

template <class... A, size_t... K>
static inline void shim_apply(void (*kernel)(A...), void **args, std::index_sequence<K...>) {
    kernel(*(A *)args[K]...);
}

template <class... A> static inline void shim_call(void (*kernel)(A...), void **args) {
    shim_apply(kernel, args, std::index_sequence_for<A...>());
}

#define SHIM_KERNEL(name) \
    extern "C" void shim_##name(void **args) { shim_call(name, args); }

#endif
