/* What every unit of kernels begins with: the names of csrc/abi.h, and the words by which functions of csrc/, which are
 * C for the host, become functions of the device. No header is included: NVRTC has none. */

typedef signed char st_i8;
typedef short st_i16;
typedef int st_i32;
typedef long long st_i64;
typedef unsigned char st_u8;
typedef unsigned short st_u16;
typedef unsigned int st_u32;
typedef unsigned long long st_u64;

#define ST_INLINE static __device__ __forceinline__
#define ST_APART static __device__ __noinline__
#define _Bool bool

#define __builtin_fabs fabs
#define __builtin_fabsf fabsf
#define __builtin_sqrt sqrt
#define __builtin_sqrtf sqrtf
#define __builtin_ceil ceil
#define __builtin_ceilf ceilf
#define __builtin_floor floor
#define __builtin_floorf floorf
#define __builtin_trunc trunc
#define __builtin_truncf truncf
#define __builtin_rint rint
#define __builtin_rintf rintf
#define __builtin_copysign copysign
#define __builtin_copysignf copysignf
#define __builtin_memcpy memcpy
#define __builtin_inf() __longlong_as_double(0x7ff0000000000000LL)
#define __builtin_inff() __int_as_float(0x7f800000)
#define __builtin_nan(text) __longlong_as_double(0x7ff8000000000000LL)
#define __builtin_nanf(text) __int_as_float(0x7fc00000)
#define lgamma_r(x, sign) ((void)(sign), lgamma((double)(x)))

/* Folds x over the group, in pairs: first within each warp, then warp by warp; every thread gets the result. `pair` makes
 * one of x and y. */
#define ST_FOLD(T, exchange, pair) \
    for (int w = blockDim.x < 32 ? blockDim.x / 2 : 16; w > 0; w /= 2) { \
        const T y = exchange(x, w); \
        x = (T)(pair); \
    } \
    if (blockDim.x > 32) { \
        __shared__ T part[32]; \
        const int warps = blockDim.x / 32; \
        __syncthreads(); \
        if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = x; \
        __syncthreads(); \
        x = part[0]; \
        for (int k = 1; k < warps; k++) { \
            const T y = part[k]; \
            x = (T)(pair); \
        } \
    } \
    return x;
