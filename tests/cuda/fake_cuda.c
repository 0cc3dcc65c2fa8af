/* A driver of CUDA and a cuBLAS whose device is host memory, for tests: every call is checked as the real libraries
 * would (a current context, leading dimensions, steps, pointer modes), written to a log, and carried out. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ptr;
typedef long long i64;

/* ---------------------------------------------------------------------------------------------- what tests look at */
static char text[1 << 20];
static size_t used;
i64 fake_room = (i64)1 << 40; /* bytes that may still be had */
i64 fake_taken;
int fake_fault;   /* what waiting for the device gives */
int fake_devices = 1;
i64 fake_pinned;  /* the address of pinned host memory */

static void note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (used + 1000 < sizeof text)
        used += (size_t)vsnprintf(text + used, 1000, format, args);
    va_end(args);
}
const char *fake_log(void) { return text; }
void fake_clear(void) { used = 0; text[0] = 0; }

/* -------------------------------------------------------------------------------------------------------- contexts */
static __thread void *stack[64];
static __thread int depth;
static char primary[8];
#define CONTEXT (depth ? stack[depth - 1] : NULL)
#define NEED if (CONTEXT != primary) return 201

int fake_depth(void) { return depth; }
int cuInit(unsigned flags) { (void)flags; return fake_devices ? 0 : 100; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuGetErrorName(int code, const char **out)
{ *out = code == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : code == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_SOME"; return 0; }
int cuGetErrorString(int code, const char **out)
{ *out = code == 700 ? "an illegal memory access was encountered" : code == 2 ? "out of memory" : "some error"; return 0; }
int cuCtxGetCurrent(void **out) { *out = CONTEXT; return 0; }
int cuCtxPushCurrent_v2(void *context) { stack[depth++] = context; return 0; }
int cuCtxPopCurrent_v2(void **out) { if (!depth) return 201; *out = stack[--depth]; return 0; }
int cuDeviceGetCount(int *out) { *out = fake_devices; return 0; }
int cuDeviceGet(int *out, int number) { *out = number; return number < fake_devices ? 0 : 101; }
int cuDeviceGetName(char *out, int size, int device) { (void)device; snprintf(out, (size_t)size, "Host memory"); return 0; }
int cuDeviceComputeCapability(int *major, int *minor, int device) { (void)device; *major = 9; *minor = 0; return 0; }
int cuDeviceGetAttribute(int *out, int what, int device) { (void)device; *out = what == 16 ? 7 : 0; return 0; }
int cuDevicePrimaryCtxRetain(void **out, int device) { (void)device; *out = primary; return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { (void)device; return 0; }
int cuCtxGetDevice(int *out) { NEED; *out = 0; return 0; }
int cuCtxSynchronize(void) { NEED; return fake_fault; }

/* --------------------------------------------------------------------------------------------------------- streams */
/* Work runs when it is queued, or, with fake_lazy, when somebody waits for it; while a stream is captured, not at all. */
typedef struct node node;
struct node {
    node *next, *origin; void (*run)(node *); i64 a[20], seq; double alpha, beta; unsigned char *bytes; size_t size;
};
typedef struct { int capturing, mode, broken, nodes; pthread_t thread; node *first, **last, *newest; } stream;
static stream streams[4096];
static stream default_stream; /* that of handle 0 */
static int n_streams;
int fake_lazy;
/* Codes for: beginning a capture, ending one, instantiating, launching a graph, telling a node, updating one. */
int fake_refuse[6];
int fake_updates; /* how many updates of nodes go well before they are refused */
static i64 seq;
static node *waiting, **waiting_end = &waiting;

#define HANDLE(s) ((void *)(uintptr_t)(0x5100 + 16 * (s)))
static stream *stream_of(void *handle) { return handle ? &streams[((uintptr_t)handle - 0x5100) / 16] : &default_stream; }
static pthread_mutex_t turn = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static void settle(i64 until)
{
    pthread_mutex_lock(&turn);
    while (waiting && waiting->seq <= until) {
        node *n = waiting;
        if (!(waiting = n->next)) waiting_end = &waiting;
        n->run(n);
        free(n->bytes), free(n);
    }
    pthread_mutex_unlock(&turn);
}
static void dispatch(void *handle, node *n)
{
    pthread_mutex_lock(&turn);
    stream *s = stream_of(handle);
    n->next = NULL;
    n->seq = ++seq;
    if (s->capturing) *s->last = n, s->last = &n->next, s->newest = n, s->nodes++;
    else if (fake_lazy) *waiting_end = n, waiting_end = &n->next;
    else { n->run(n); free(n->bytes), free(n); }
    pthread_mutex_unlock(&turn);
}
static node *new_node(void (*run)(node *))
{ node *n = calloc(1, sizeof *n); n->run = run; return n; }
/* What may not be done by a thread that captures. */
static int forbidden(void)
{
    for (int k = 0; k < n_streams; k++)
        if (streams[k].capturing && streams[k].mode != 2 && pthread_equal(streams[k].thread, pthread_self()))
            return streams[k].broken = 1;
    return 0;
}
#define UNSAFE if (forbidden()) return 900

int cuStreamCreate(void **out, unsigned flags) { NEED; note("stream %u\n", flags); *out = HANDLE(n_streams++); return 0; }
int cuStreamDestroy_v2(void *handle) { (void)handle; return 0; }
int cuStreamSynchronize(void *handle)
{
    NEED;
    note("wait %p\n", handle);
    if (stream_of(handle)->capturing) { stream_of(handle)->broken = 1; return 900; }
    settle(seq);
    return fake_fault;
}
int cuStreamBeginCapture_v2(void *handle, int mode)
{
    NEED;
    stream *s = stream_of(handle);
    if (fake_refuse[0]) return fake_refuse[0];
    if (s->capturing) return 1;
    *s = (stream){1, mode, 0, 0, pthread_self(), NULL, NULL, NULL};
    s->last = &s->first;
    note("begin %p\n", handle);
    return 0;
}
/* A graph, or an executable one: copies of the nodes of its source. Handles stay known when they are destroyed. */
typedef struct graph graph;
struct graph { graph *source; node *first; int nodes, dead; };
int fake_graphs, fake_sources; /* executable graphs, and graphs, that there are */
static void free_nodes(node *n)
{
    for (node *next; n; n = next) next = n->next, free(n->bytes), free(n);
}
static node *copied(node *n)
{
    node *first = NULL, **last = &first;
    for (; n; n = n->next) {
        node *m = *last = malloc(sizeof *m);
        *m = *n;
        m->origin = n, m->next = NULL, last = &m->next;
        if (n->bytes) m->bytes = memcpy(malloc(n->size), n->bytes, n->size);
    }
    return first;
}
static graph *new_graph(graph *source, node *first, int nodes)
{ graph *g = malloc(sizeof *g); *g = (graph){source, first, nodes, 0}; return g; }
int cuStreamEndCapture(void *handle, void **out)
{
    NEED;
    stream *s = stream_of(handle);
    *out = NULL;
    if (!s->capturing) return 901;
    s->capturing = 0;
    note("end %d\n", s->nodes);
    if (s->broken || fake_refuse[1]) { free_nodes(s->first); return s->broken ? 901 : fake_refuse[1]; }
    *out = new_graph(NULL, s->first, s->nodes);
    fake_sources++;
    return 0;
}
int cuGraphInstantiateWithFlags(void **out, void *handle, unsigned long long flags)
{
    NEED;
    UNSAFE;
    graph *g = handle;
    if (flags || g->dead || g->source) return 1;
    if (fake_refuse[2]) return fake_refuse[2];
    fake_graphs++;
    *out = new_graph(g, copied(g->first), g->nodes);
    return 0;
}
static void run_graph(node *n)
{
    for (node *m = (node *)n->a[0]; m; m = m->next) m->run(m);
    free_nodes((node *)n->a[0]);
}
int cuGraphLaunch(void *handle, void *stream)
{
    NEED;
    graph *g = handle;
    if (g->dead || !g->source) return 400;
    if (fake_refuse[3]) return fake_refuse[3];
    note("graph %d %p\n", g->nodes, stream);
    node *n = new_node(run_graph);
    n->a[0] = (i64)copied(g->first); /* later updates are not for this launch */
    dispatch(stream, n);
    return 0;
}
static int destroy(graph *g)
{
    if (g->dead) return 400;
    free_nodes(g->first);
    g->dead = 1;
    return 0;
}
int cuGraphDestroy(void *g) { fake_sources--; return destroy(g); }
int cuGraphExecDestroy(void *g) { NEED; UNSAFE; settle(seq); fake_graphs--; return destroy(g); }
static i64 events[4096];
static int n_events;
int cuEventCreate(void **out, unsigned flags) { NEED; if (flags != 2) return 1; *out = &events[n_events++]; return 0; }
int cuEventRecord(void *event, void *handle) { NEED; (void)handle; *(i64 *)event = seq; note("record\n"); return 0; }
int cuEventSynchronize(void *event) { NEED; note("wait for event\n"); settle(*(i64 *)event); return fake_fault; }

/* ---------------------------------------------------------------------------------------------------- pinned memory */
static struct { char *start; size_t size; } pinned[256];
int fake_pinnings, fake_no_pinning;
int cuMemHostAlloc(void **out, size_t size, unsigned flags)
{
    NEED;
    UNSAFE;
    if (flags || fake_no_pinning) return fake_no_pinning ? fake_no_pinning : 1;
    for (int k = 0; k < 256; k++)
        if (!pinned[k].start) {
            *out = pinned[k].start = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
            pinned[k].size = size;
            fake_pinnings++;
            return 0;
        }
    return 2;
}
int cuMemFreeHost(void *memory)
{
    NEED;
    UNSAFE;
    settle(seq);
    for (int k = 0; k < 256; k++)
        if (pinned[k].start == memory) { free(memory); pinned[k].start = NULL; fake_pinnings--; return 0; }
    return 1;
}
static int is_pinned(const void *from)
{
    for (int k = 0; k < 256; k++)
        if (pinned[k].start && (char *)from >= pinned[k].start && (char *)from < pinned[k].start + pinned[k].size) return 1;
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- memory */
int cuMemAlloc_v2(ptr *out, size_t size)
{
    NEED;
    UNSAFE;
    if ((i64)size + fake_taken > fake_room) return 2;
    size_t *block = aligned_alloc(256, (size + 256 + 255) / 256 * 256);
    block[0] = size;
    fake_taken += (i64)size;
    *out = (ptr)(uintptr_t)block + 256;
    memset((char *)block + 256, 0xa5, size);
    return 0;
}
int cuMemFree_v2(ptr memory)
{
    NEED;
    UNSAFE;
    settle(seq);
    size_t *block = (size_t *)(uintptr_t)(memory - 256);
    fake_taken -= (i64)block[0];
    free(block);
    return 0;
}
int cuMemGetInfo_v2(size_t *out, size_t *total) { NEED; *out = (size_t)(fake_room - fake_taken); *total = (size_t)fake_room; return 0; }
static void run_copy(node *n)
{ memmove((void *)(uintptr_t)n->a[0], n->bytes ? (void *)n->bytes : (void *)(uintptr_t)n->a[1], (size_t)n->a[2]); }
static node *copy_node(ptr to, ptr from, size_t size)
{ node *n = new_node(run_copy); n->a[0] = (i64)to, n->a[1] = (i64)from, n->a[2] = (i64)size; return n; }
int cuMemcpyHtoDAsync_v2(ptr to, const void *from, size_t size, void *handle)
{
    NEED;
    note("to device %zu %p\n", size, handle);
    node *n = copy_node(to, (ptr)(uintptr_t)from, size);
    if (!is_pinned(from)) {
        if (stream_of(handle)->capturing) { stream_of(handle)->broken = 1; return 900; }
        memcpy(n->bytes = malloc(n->size = size), from, size);
    }
    dispatch(handle, n);
    return 0;
}
int cuMemcpyDtoHAsync_v2(void *to, ptr from, size_t size, void *handle)
{
    NEED;
    note("to host %zu %p\n", size, handle);
    if (!is_pinned(to)) {
        if (stream_of(handle)->capturing) { stream_of(handle)->broken = 1; return 900; }
        settle(seq);
    }
    dispatch(handle, copy_node((ptr)(uintptr_t)to, from, size));
    if (!is_pinned(to)) settle(seq);
    return 0;
}
int cuMemcpyDtoDAsync_v2(ptr to, ptr from, size_t size, void *handle)
{ NEED; note("copy %zu %p\n", size, handle); dispatch(handle, copy_node(to, from, size)); return 0; }
int cuPointerGetAttribute(void *out, int what, ptr address)
{ if (what != 2) return 1; if ((i64)address == fake_pinned) { *(unsigned *)out = 1; return 0; } return 1; }

/* --------------------------------------------------------------------------------------------------------- kernels */
/* An image is "\177ELF" and the number of a text whose kernels the test runs (fake_hook), 0 for the two below. */
void (*fake_hook)(int text, const char *name, const unsigned *geometry, void **args);
typedef void kernel(void **args);
static void k0(void **args)
{ float *x = *(float **)args[0]; for (i64 i = 0; i < *(i64 *)args[1]; i++) x[i] = 2 * x[i] + 1; }
static void k1(void **args) { (void)args; fake_fault = 700; }
static struct { int text; char name[60]; kernel *code; } kernels[10000] = {{0, "k0", k0}, {0, "k1", k1}};
static int n_kernels = 2;

int cuModuleLoadData(void **out, const void *image)
{
    NEED;
    if (memcmp(image, "\177ELF", 4)) return 200;
    int number = atoi((const char *)image + 4);
    note("load %d\n", number);
    *out = (void *)(uintptr_t)(0x600d0000 + number);
    return 0;
}
int cuModuleGetFunction(void **out, void *module, const char *name)
{
    NEED;
    int number = (int)((uintptr_t)module - 0x600d0000);
    for (int k = 0; k < n_kernels; k++)
        if (kernels[k].text == number && !strcmp(name, kernels[k].name)) { *out = (void *)&kernels[k]; return 0; }
    int unknown = !strcmp(name, "missing");
    if (unknown || n_kernels == sizeof kernels / sizeof kernels[0]) return 500;
    kernels[n_kernels].text = number;
    snprintf(kernels[n_kernels].name, sizeof kernels[0].name, "%s", name);
    *out = (void *)&kernels[n_kernels++];
    return 0;
}
int (*fake_sizes)(int text, const char *name, unsigned char *sizes); /* bytes of a kernel's parameters; how many */
static void launched(size_t k, unsigned *geometry, void **args)
{
    if (kernels[k].code) kernels[k].code(args);
    else fake_hook(kernels[k].text, kernels[k].name, geometry, args);
}
static void run_kernel(node *n)
{
    void *args[256];
    unsigned geometry[6];
    for (int k = 0; k < n->a[1]; k++) args[k] = n->bytes + 8 * k;
    for (int k = 0; k < 6; k++) geometry[k] = (unsigned)n->a[2 + k];
    launched((size_t)n->a[0], geometry, args);
}
static int has_no_place(const unsigned *g)
{ return !g[0] || !g[1] || !g[2] || g[1] > 65535 || g[2] > 65535 || g[3] * g[4] * g[5] > 1024 || !g[3]; }
/* A launch's geometry and its arguments, as a node keeps them. */
static void set_kernel(node *n, size_t k, const unsigned *geometry, void **args)
{
    unsigned char sizes[256] = {8, 8};
    int count = kernels[k].code ? 2 - (kernels[k].code == k1) * 2 : fake_sizes(kernels[k].text, kernels[k].name, sizes);
    free(n->bytes);
    n->a[0] = (i64)k, n->a[1] = count, n->bytes = calloc((size_t)count + 1, 8), n->size = 8 * (size_t)count + 8;
    for (int j = 0; j < 6; j++) n->a[2 + j] = geometry[j];
    for (int j = 0; j < count; j++) memcpy(n->bytes + 8 * j, args[j], sizes[j]);
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *handle, void **args, void **extra)
{
    NEED;
    unsigned geometry[6] = {gx, gy, gz, bx, by, bz};
    if (has_no_place(geometry) || extra) return 1;
    size_t k = (size_t)((char *)function - (char *)kernels) / sizeof kernels[0];
    note("launch %s %u,%u,%u %u,%u,%u %u %p\n", kernels[k].name, gx, gy, gz, bx, by, bz, shared, handle);
    if (!fake_lazy && !stream_of(handle)->capturing) {
        pthread_mutex_lock(&turn);
        launched(k, geometry, args);
        pthread_mutex_unlock(&turn);
        return 0;
    }
    node *n = new_node(run_kernel);
    set_kernel(n, k, geometry, args);
    dispatch(handle, n);
    return 0;
}
#ifndef NO_UPDATES
int cuStreamGetCaptureInfo_v2(void *handle, int *status, unsigned long long *id, void **g, void *const **nodes,
                              size_t *count)
{
    NEED;
    stream *s = stream_of(handle);
    if (id || g) return 801; /* nobody asks for these */
    if (fake_refuse[4]) return fake_refuse[4];
    *status = s->capturing ? 1 + s->broken : 0;
    if (*status == 1) *nodes = (void *const *)&s->newest, *count = s->newest != NULL;
    return 0;
}
struct node_params { void *function; unsigned gx, gy, gz, bx, by, bz, shared; void **args, **extra; };
int cuGraphExecKernelNodeSetParams(void *handle, void *origin, const struct node_params *p)
{
    NEED;
    graph *g = handle;
    unsigned geometry[6] = {p->gx, p->gy, p->gz, p->bx, p->by, p->bz};
    if (g->dead || !g->source) return 400;
    if (g->source->dead) return 1; /* and with it its nodes */
    if (fake_refuse[5] && fake_updates-- <= 0) return fake_refuse[5];
    node *n = g->first;
    while (n && n->origin != origin) n = n->next;
    if (!n || n->run != run_kernel || p->function != &kernels[n->a[0]]) return 1;
    if (has_no_place(geometry) || p->shared || p->extra) return 1;
    note("update %s %u,%u,%u %u,%u,%u\n", kernels[n->a[0]].name, p->gx, p->gy, p->gz, p->bx, p->by, p->bz);
    set_kernel(n, (size_t)n->a[0], geometry, p->args);
    return 0;
}
#endif

/* ---------------------------------------------------------------------------------------------------------- cuBLAS */
static struct { int mode; void *stream; uintptr_t workspace; } handle;
int cublasCreate_v2(void **out) { if (CONTEXT != primary) return 1; *out = &handle; return 0; }
int cublasSetStream_v2(void *h, void *stream) { if (h != &handle) return 1; handle.stream = stream; handle.workspace = 0; note("blas stream %p\n", stream); return 0; }
int cublasSetWorkspace_v2(void *h, uintptr_t memory, size_t size) { if (h != &handle || memory % 256 || size < 4 << 20) return 7; handle.workspace = memory; return 0; }
int cublasSetPointerMode_v2(void *h, int mode) { if (h != &handle) return 1; handle.mode = mode; return 0; }
int cublasGetVersion_v2(void *h, int *version) { (void)h; *version = 130000; return 0; }
static int most(int a, int b) { return a > b ? a : b; }
/* While it is captured it must not take memory for itself. */
#define CHECK(want) if (h != &handle) return 1; if (CONTEXT != primary) return 14; if (handle.mode != want) return 7; \
    if (stream_of(handle.stream)->capturing && !handle.workspace) return 14
#define AT(T, base, i) (((T *)(base))[i])
#define QUEUE(run, ...) node *n_ = new_node(run); i64 a_[] = {__VA_ARGS__}; memcpy(n_->a, a_, sizeof a_)
#define BLAS(S, T)                                                                                                     \
static void run_##S##gemm(node *o)                                                                                     \
{                                                                                                                      \
    i64 *v = o->a, ta = v[0], tb = v[1], m = v[2], n = v[3], k = v[4], a = v[5], lda = v[6], sa = v[7], b = v[8];      \
    i64 ldb = v[9], sb = v[10], c = v[11], ldc = v[12], sc = v[13], count = v[14];                                     \
    T alpha = (T)o->alpha, beta = (T)o->beta;                                                                          \
    for (i64 q = 0; q < count; q++)                                                                                    \
        for (i64 j = 0; j < n; j++)                                                                                    \
            for (i64 i = 0; i < m; i++) {                                                                              \
                T sum = 0, *to = &AT(T, c, q * sc + j * ldc + i);                                                      \
                for (i64 p = 0; p < k; p++)                                                                            \
                    sum += AT(T, a, q * sa + (ta ? i * lda + p : p * lda + i))                                         \
                           * AT(T, b, q * sb + (tb ? p * ldb + j : j * ldb + p));                                      \
                *to = alpha * sum + (beta == 0 ? 0 : beta * *to);                                                      \
            }                                                                                                          \
}                                                                                                                      \
int cublas##S##gemmStridedBatched(void *h, int ta, int tb, int m, int n, int k, const T *alpha, uintptr_t a, int lda,  \
    i64 sa, uintptr_t b, int ldb, i64 sb, const T *beta, uintptr_t c, int ldc, i64 sc, int count)                      \
{                                                                                                                      \
    CHECK(0);                                                                                                          \
    if (m < 0 || n < 0 || k < 0 || count < 0 || sa < 0 || sb < 0) return 7;                                            \
    if (lda < most(1, ta ? k : m) || ldb < most(1, tb ? n : k) || ldc < most(1, m)) return 7;                          \
    note(#S "gemm %d%d %d %d %d ld %d %d %d count %d\n", ta, tb, m, n, k, lda, ldb, ldc, count);                       \
    QUEUE(run_##S##gemm, ta, tb, m, n, k, (i64)a, lda, sa, (i64)b, ldb, sb, (i64)c, ldc, sc, count);                   \
    n_->alpha = *alpha, n_->beta = *beta;                                                                              \
    dispatch(handle.stream, n_);                                                                                       \
    return 0;                                                                                                          \
}                                                                                                                      \
int cublas##S##gemm_v2(void *h, int ta, int tb, int m, int n, int k, const T *alpha, uintptr_t a, int lda,             \
    uintptr_t b, int ldb, const T *beta, uintptr_t c, int ldc)                                                         \
{ return cublas##S##gemmStridedBatched(h, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1); }         \
static void run_##S##gemv(node *o)                                                                                     \
{                                                                                                                      \
    i64 *v = o->a, t = v[0], m = v[1], n = v[2], a = v[3], lda = v[4], x = v[5], incx = v[6], y = v[7], incy = v[8];   \
    T alpha = (T)o->alpha, beta = (T)o->beta;                                                                          \
    for (i64 i = 0; i < (t ? n : m); i++) {                                                                            \
        T sum = 0, *to = &AT(T, y, i * incy);                                                                          \
        for (i64 j = 0; j < (t ? m : n); j++)                                                                          \
            sum += AT(T, a, t ? i * lda + j : j * lda + i) * AT(T, x, j * incx);                                       \
        *to = alpha * sum + (beta == 0 ? 0 : beta * *to);                                                              \
    }                                                                                                                  \
}                                                                                                                      \
int cublas##S##gemv_v2(void *h, int t, int m, int n, const T *alpha, uintptr_t a, int lda, uintptr_t x, int incx,      \
    const T *beta, uintptr_t y, int incy)                                                                              \
{                                                                                                                      \
    CHECK(0);                                                                                                          \
    if (m < 0 || n < 0 || lda < most(1, m) || incx <= 0 || incy <= 0) return 7;                                        \
    note(#S "gemv %d %d %d ld %d inc %d %d\n", t, m, n, lda, incx, incy);                                              \
    QUEUE(run_##S##gemv, t, m, n, (i64)a, lda, (i64)x, incx, (i64)y, incy);                                            \
    n_->alpha = *alpha, n_->beta = *beta;                                                                              \
    dispatch(handle.stream, n_);                                                                                       \
    return 0;                                                                                                          \
}                                                                                                                      \
static void run_##S##ger(node *o)                                                                                      \
{                                                                                                                      \
    i64 *v = o->a, m = v[0], n = v[1], x = v[2], incx = v[3], y = v[4], incy = v[5], a = v[6], lda = v[7];             \
    for (i64 j = 0; j < n; j++)                                                                                        \
        for (i64 i = 0; i < m; i++)                                                                                    \
            AT(T, a, j * lda + i) += (T)o->alpha * AT(T, x, i * incx) * AT(T, y, j * incy);                            \
}                                                                                                                      \
int cublas##S##ger_v2(void *h, int m, int n, const T *alpha, uintptr_t x, int incx, uintptr_t y, int incy,             \
    uintptr_t a, int lda)                                                                                              \
{                                                                                                                      \
    CHECK(0);                                                                                                          \
    if (m < 0 || n < 0 || lda < most(1, m) || incx <= 0 || incy <= 0) return 7;                                        \
    note(#S "ger %d %d ld %d inc %d %d\n", m, n, lda, incx, incy);                                                     \
    QUEUE(run_##S##ger, m, n, (i64)x, incx, (i64)y, incy, (i64)a, lda);                                                \
    n_->alpha = *alpha;                                                                                                \
    dispatch(handle.stream, n_);                                                                                       \
    return 0;                                                                                                          \
}                                                                                                                      \
static void run_##S##dot(node *o)                                                                                      \
{                                                                                                                      \
    T sum = 0;                                                                                                         \
    for (i64 i = 0; i < o->a[0]; i++)                                                                                  \
        sum += AT(T, o->a[1], i * o->a[2]) * AT(T, o->a[3], i * o->a[4]);                                              \
    *(T *)o->a[5] = sum;                                                                                               \
}                                                                                                                      \
int cublas##S##dot_v2(void *h, int n, uintptr_t x, int incx, uintptr_t y, int incy, uintptr_t result)                  \
{                                                                                                                      \
    CHECK(1);                                                                                                          \
    if (n < 0 || incx <= 0 || incy <= 0) return 7;                                                                     \
    note(#S "dot %d inc %d %d\n", n, incx, incy);                                                                      \
    QUEUE(run_##S##dot, n, (i64)x, incx, (i64)y, incy, (i64)result);                                                   \
    dispatch(handle.stream, n_);                                                                                       \
    return 0;                                                                                                          \
}
BLAS(S, float)
BLAS(D, double)

/* What pycuda wants to find and nothing here calls. */
#define NONE(name) int name(void) { return 801; }
NONE(cuArray3DCreate_v2) NONE(cuArray3DGetDescriptor_v2) NONE(cuArrayCreate_v2) NONE(cuArrayDestroy)
NONE(cuArrayGetDescriptor_v2) NONE(cuCtxAttach) NONE(cuCtxCreate_v4) NONE(cuCtxDetach) NONE(cuCtxDisablePeerAccess)
NONE(cuCtxEnablePeerAccess) NONE(cuCtxGetApiVersion) NONE(cuCtxGetCacheConfig) NONE(cuCtxGetLimit)
NONE(cuCtxGetSharedMemConfig) NONE(cuCtxSetCacheConfig) NONE(cuCtxSetLimit) NONE(cuCtxSetSharedMemConfig)
NONE(cuDeviceCanAccessPeer) NONE(cuDeviceGetByPCIBusId) NONE(cuDeviceGetPCIBusId) NONE(cuDeviceTotalMem_v2)
NONE(cuEventDestroy_v2) NONE(cuEventElapsedTime_v2) NONE(cuEventQuery) 
NONE(cuFuncGetAttribute) NONE(cuFuncSetAttribute) NONE(cuFuncSetBlockShape)
NONE(cuFuncSetCacheConfig) NONE(cuFuncSetSharedSize) NONE(cuIpcCloseMemHandle) NONE(cuIpcGetEventHandle)
NONE(cuIpcGetMemHandle) NONE(cuIpcOpenEventHandle) NONE(cuIpcOpenMemHandle_v2) NONE(cuLaunch) NONE(cuLaunchGrid)
NONE(cuLaunchGridAsync) NONE(cuLinkAddData_v2) NONE(cuLinkAddFile_v2) NONE(cuLinkComplete) NONE(cuLinkCreate_v2)
NONE(cuLinkDestroy) NONE(cuMemAllocManaged) NONE(cuMemAllocPitch_v2) 
NONE(cuMemGetAddressRange_v2) NONE(cuMemHostGetDevicePointer_v2) NONE(cuMemHostGetFlags)
NONE(cuMemHostRegister_v2) NONE(cuMemHostUnregister) NONE(cuMemcpy2DAsync_v2) NONE(cuMemcpy2DUnaligned_v2)
NONE(cuMemcpy2D_v2) NONE(cuMemcpy3DAsync_v2) NONE(cuMemcpy3DPeer) NONE(cuMemcpy3DPeerAsync) NONE(cuMemcpy3D_v2)
NONE(cuMemcpyAtoA_v2) NONE(cuMemcpyAtoD_v2) NONE(cuMemcpyAtoH_v2) NONE(cuMemcpyDtoA_v2) NONE(cuMemcpyDtoD_v2)
NONE(cuMemcpyDtoH_v2) NONE(cuMemcpyHtoA_v2) NONE(cuMemcpyHtoD_v2) NONE(cuMemcpyPeer) NONE(cuMemcpyPeerAsync)
NONE(cuMemsetD16Async) NONE(cuMemsetD16_v2) NONE(cuMemsetD2D16Async) NONE(cuMemsetD2D16_v2) NONE(cuMemsetD2D32Async)
NONE(cuMemsetD2D32_v2) NONE(cuMemsetD2D8Async) NONE(cuMemsetD2D8_v2) NONE(cuMemsetD32Async) NONE(cuMemsetD32_v2)
NONE(cuMemsetD8Async) NONE(cuMemsetD8_v2) NONE(cuModuleGetGlobal_v2) NONE(cuModuleGetSurfRef) NONE(cuModuleGetTexRef)
NONE(cuModuleLoad) NONE(cuModuleLoadDataEx) NONE(cuModuleUnload) NONE(cuParamSetSize) NONE(cuParamSetTexRef)
NONE(cuParamSetf) NONE(cuParamSeti) NONE(cuParamSetv) NONE(cuProfilerInitialize) NONE(cuProfilerStart)
NONE(cuProfilerStop) NONE(cuStreamAttachMemAsync) NONE(cuStreamQuery) NONE(cuStreamWaitEvent) NONE(cuSurfRefGetArray)
NONE(cuSurfRefSetArray) NONE(cuTexRefCreate) NONE(cuTexRefDestroy) NONE(cuTexRefGetAddressMode)
NONE(cuTexRefGetAddress_v2) NONE(cuTexRefGetArray) NONE(cuTexRefGetFilterMode) NONE(cuTexRefGetFlags)
NONE(cuTexRefGetFormat) NONE(cuTexRefSetAddress2D_v3) NONE(cuTexRefSetAddressMode) NONE(cuTexRefSetAddress_v2)
NONE(cuTexRefSetArray) NONE(cuTexRefSetFilterMode) NONE(cuTexRefSetFlags) NONE(cuTexRefSetFormat)
