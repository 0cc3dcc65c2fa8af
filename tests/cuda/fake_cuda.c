/* A driver of CUDA and a cuBLAS whose device is host memory, for tests: every call is checked as the real libraries
 * would (a current context, leading dimensions, steps, pointer modes), written to a log, and carried out. */
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
int cuStreamCreate(void **out, unsigned flags) { NEED; note("stream %u\n", flags); *out = (void *)0x5100; return 0; }
int cuStreamDestroy_v2(void *stream) { (void)stream; return 0; }
int cuStreamSynchronize(void *stream) { NEED; note("wait %p\n", stream); return fake_fault; }

/* ---------------------------------------------------------------------------------------------------------- memory */
int cuMemAlloc_v2(ptr *out, size_t size)
{
    NEED;
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
    size_t *block = (size_t *)(uintptr_t)(memory - 256);
    fake_taken -= (i64)block[0];
    free(block);
    return 0;
}
int cuMemGetInfo_v2(size_t *out, size_t *total) { NEED; *out = (size_t)(fake_room - fake_taken); *total = (size_t)fake_room; return 0; }
int cuMemcpyHtoDAsync_v2(ptr to, const void *from, size_t size, void *stream)
{ NEED; note("to device %zu %p\n", size, stream); memcpy((void *)(uintptr_t)to, from, size); return 0; }
int cuMemcpyDtoHAsync_v2(void *to, ptr from, size_t size, void *stream)
{ NEED; note("to host %zu %p\n", size, stream); memcpy(to, (void *)(uintptr_t)from, size); return 0; }
int cuMemcpyDtoDAsync_v2(ptr to, ptr from, size_t size, void *stream)
{ NEED; note("copy %zu %p\n", size, stream); memmove((void *)(uintptr_t)to, (void *)(uintptr_t)from, size); return 0; }
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
    if (!number || n_kernels == sizeof kernels / sizeof kernels[0]) return 500;
    kernels[n_kernels].text = number;
    snprintf(kernels[n_kernels].name, sizeof kernels[0].name, "%s", name);
    *out = (void *)&kernels[n_kernels++];
    return 0;
}
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **args, void **extra)
{
    NEED;
    if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || bx * by * bz > 1024 || !bx || extra) return 1;
    size_t k = (size_t)((char *)function - (char *)kernels) / sizeof kernels[0];
    note("launch %s %u,%u,%u %u,%u,%u %u %p\n", kernels[k].name, gx, gy, gz, bx, by, bz, shared, stream);
    unsigned geometry[6] = {gx, gy, gz, bx, by, bz};
    if (kernels[k].code) kernels[k].code(args);
    else fake_hook(kernels[k].text, kernels[k].name, geometry, args);
    return 0;
}

/* ---------------------------------------------------------------------------------------------------------- cuBLAS */
static struct { int mode; void *stream; } handle;
int cublasCreate_v2(void **out) { if (CONTEXT != primary) return 1; *out = &handle; return 0; }
int cublasSetStream_v2(void *h, void *stream) { if (h != &handle) return 1; handle.stream = stream; note("blas stream %p\n", stream); return 0; }
int cublasSetPointerMode_v2(void *h, int mode) { if (h != &handle) return 1; handle.mode = mode; return 0; }
int cublasGetVersion_v2(void *h, int *version) { (void)h; *version = 130000; return 0; }
static int most(int a, int b) { return a > b ? a : b; }
#define CHECK(want) if (h != &handle) return 1; if (CONTEXT != primary) return 14; if (handle.mode != want) return 7
#define AT(T, base, i) (((T *)(base))[i])
#define BLAS(S, T)                                                                                                     \
int cublas##S##gemmStridedBatched(void *h, int ta, int tb, int m, int n, int k, const T *alpha, uintptr_t a, int lda,  \
    i64 sa, uintptr_t b, int ldb, i64 sb, const T *beta, uintptr_t c, int ldc, i64 sc, int count)                      \
{                                                                                                                      \
    CHECK(0);                                                                                                          \
    if (m < 0 || n < 0 || k < 0 || count < 0 || sa < 0 || sb < 0) return 7;                                            \
    if (lda < most(1, ta ? k : m) || ldb < most(1, tb ? n : k) || ldc < most(1, m)) return 7;                          \
    note(#S "gemm %d%d %d %d %d ld %d %d %d count %d\n", ta, tb, m, n, k, lda, ldb, ldc, count);                       \
    for (i64 q = 0; q < count; q++)                                                                                    \
        for (i64 j = 0; j < n; j++)                                                                                    \
            for (i64 i = 0; i < m; i++) {                                                                              \
                T sum = 0, *to = &AT(T, c, q * sc + j * ldc + i);                                                      \
                for (i64 p = 0; p < k; p++)                                                                            \
                    sum += AT(T, a, q * sa + (ta ? i * lda + p : p * lda + i))                                         \
                           * AT(T, b, q * sb + (tb ? p * ldb + j : j * ldb + p));                                      \
                *to = *alpha * sum + (*beta == 0 ? 0 : *beta * *to);                                                   \
            }                                                                                                          \
    return 0;                                                                                                          \
}                                                                                                                      \
int cublas##S##gemm_v2(void *h, int ta, int tb, int m, int n, int k, const T *alpha, uintptr_t a, int lda,             \
    uintptr_t b, int ldb, const T *beta, uintptr_t c, int ldc)                                                         \
{ return cublas##S##gemmStridedBatched(h, ta, tb, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1); }         \
int cublas##S##gemv_v2(void *h, int t, int m, int n, const T *alpha, uintptr_t a, int lda, uintptr_t x, int incx,      \
    const T *beta, uintptr_t y, int incy)                                                                              \
{                                                                                                                      \
    CHECK(0);                                                                                                          \
    if (m < 0 || n < 0 || lda < most(1, m) || incx <= 0 || incy <= 0) return 7;                                        \
    note(#S "gemv %d %d %d ld %d inc %d %d\n", t, m, n, lda, incx, incy);                                              \
    for (i64 i = 0; i < (t ? n : m); i++) {                                                                            \
        T sum = 0, *to = &AT(T, y, i * incy);                                                                          \
        for (i64 j = 0; j < (t ? m : n); j++)                                                                          \
            sum += AT(T, a, t ? i * lda + j : j * lda + i) * AT(T, x, j * incx);                                       \
        *to = *alpha * sum + (*beta == 0 ? 0 : *beta * *to);                                                           \
    }                                                                                                                  \
    return 0;                                                                                                          \
}                                                                                                                      \
int cublas##S##ger_v2(void *h, int m, int n, const T *alpha, uintptr_t x, int incx, uintptr_t y, int incy,             \
    uintptr_t a, int lda)                                                                                              \
{                                                                                                                      \
    CHECK(0);                                                                                                          \
    if (m < 0 || n < 0 || lda < most(1, m) || incx <= 0 || incy <= 0) return 7;                                        \
    note(#S "ger %d %d ld %d inc %d %d\n", m, n, lda, incx, incy);                                                     \
    for (i64 j = 0; j < n; j++)                                                                                        \
        for (i64 i = 0; i < m; i++)                                                                                    \
            AT(T, a, j * lda + i) += *alpha * AT(T, x, i * incx) * AT(T, y, j * incy);                                 \
    return 0;                                                                                                          \
}                                                                                                                      \
int cublas##S##dot_v2(void *h, int n, uintptr_t x, int incx, uintptr_t y, int incy, uintptr_t result)                  \
{                                                                                                                      \
    CHECK(1);                                                                                                          \
    if (n < 0 || incx <= 0 || incy <= 0) return 7;                                                                     \
    note(#S "dot %d inc %d %d\n", n, incx, incy);                                                                      \
    T sum = 0;                                                                                                         \
    for (i64 i = 0; i < n; i++)                                                                                        \
        sum += AT(T, x, i * incx) * AT(T, y, i * incy);                                                                \
    *(T *)result = sum;                                                                                                \
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
NONE(cuEventCreate) NONE(cuEventDestroy_v2) NONE(cuEventElapsedTime_v2) NONE(cuEventQuery) NONE(cuEventRecord)
NONE(cuEventSynchronize) NONE(cuFuncGetAttribute) NONE(cuFuncSetAttribute) NONE(cuFuncSetBlockShape)
NONE(cuFuncSetCacheConfig) NONE(cuFuncSetSharedSize) NONE(cuIpcCloseMemHandle) NONE(cuIpcGetEventHandle)
NONE(cuIpcGetMemHandle) NONE(cuIpcOpenEventHandle) NONE(cuIpcOpenMemHandle_v2) NONE(cuLaunch) NONE(cuLaunchGrid)
NONE(cuLaunchGridAsync) NONE(cuLinkAddData_v2) NONE(cuLinkAddFile_v2) NONE(cuLinkComplete) NONE(cuLinkCreate_v2)
NONE(cuLinkDestroy) NONE(cuMemAllocManaged) NONE(cuMemAllocPitch_v2) NONE(cuMemFreeHost)
NONE(cuMemGetAddressRange_v2) NONE(cuMemHostAlloc) NONE(cuMemHostGetDevicePointer_v2) NONE(cuMemHostGetFlags)
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
