/* What a compiled function and its caller agree on. This text is pasted at the head of every generated unit and parsed
 * by the loader (cffi), so both sides read the same words. Plain C, no system header. */

typedef signed char st_i8;
typedef short st_i16;
typedef int st_i32;
typedef long long st_i64;
typedef unsigned char st_u8;
typedef unsigned short st_u16;
typedef unsigned int st_u32;
typedef unsigned long long st_u64;

/* A strided array; strides in bytes. For a Python object `data` is the PyObject* and the rest is unused. */
typedef struct {
    char *data;
    st_i64 *dims;
    st_i64 *strides;
} st_array;

/* Iterations low .. high-1 of a loop whose iterations are independent. */
typedef void st_part(const void *const *args, st_i64 low, st_i64 high);

typedef struct st_frame st_frame;

/* A device with memory of its own. Nonzero or NULL: failed, error_site says why (-2: the caller holds the exception). */
typedef struct {
    /* As the functions of the frame, in the device's memory. Workspace k of the device is not workspace k of the host. */
    char *(*slot)(st_frame *frame, st_i64 k, st_i64 bytes);
    char *(*output)(st_frame *frame, st_i64 k, st_i64 ndim, const st_i64 *dims, st_i64 itemsize);
    /* Kernel number k of the unit for `points` points; width 0: a thread each, else a group of at most `width` threads
     * is of use to each. `args`: addresses of the arguments, which are read before it returns. */
    int (*launch)(st_frame *frame, st_i64 kernel, st_i64 points, st_i64 width, void *const *args);
    /* Copies between host and device; both sides are dense. The host's memory may be reused when it returns. */
    int (*move)(st_frame *frame, int to_device, char *target, const char *source, st_i64 bytes);
    /* Routine number `entry` of the unit's table, on arrays of the device; as in csrc/routine.h. */
    int (*call)(st_frame *frame, st_i64 entry, st_i64 ndim, st_array *outputs, st_array *inputs, const void *const *scalars);
} st_device;

struct st_frame {
    st_array *inputs;    /* Program.inputs, then Program.constants: bound before the call, read only except in place */
    st_array *results;   /* Program.outputs, then Program.updates: filled by `output`, or by the function (PyCall results) */
    /* Memory for result k, C order, for the given sizes; fills results[k]. NULL: out of memory (error is set). */
    char *(*output)(st_frame *frame, st_i64 k, st_i64 ndim, const st_i64 *dims, st_i64 itemsize);
    /* Workspace k of at least `bytes` bytes, 64-byte aligned, contents undefined; kept between calls. NULL: out of memory. */
    char *(*slot)(st_frame *frame, st_i64 k, st_i64 bytes);
    /* Runs Python operation `callee`; fills outputs (the caller has set ndim-long dims/strides arrays). 0: ok. */
    int (*pycall)(st_frame *frame, st_i64 callee, st_i64 n_in, st_array *const *inputs, st_i64 n_out, st_array *const *outputs);
    /* Nonzero when the user interrupted (Ctrl-C): polled by long loops. */
    int (*interrupted)(st_frame *frame);
    /* All n iterations of a loop, on several threads; NULL where there are none. */
    void (*parallel)(st_part *part, const void *const *args, st_i64 n);
    void *const *library; /* addresses of BLAS and other routines, in the order of the unit's own table */
    void *owner;          /* the executor's own state */
    st_i64 error_site;    /* set by a failed Check: index into Program.sites; -1 out of memory; -2 Python error set; -3 interrupted */
    st_i64 error_values[8];
    const st_device *device; /* NULL for units without kernels */
};

/* The one entry point of a unit: 0 on success; otherwise error_site says why, and no shared value has been written. */
int st_main(st_frame *frame);
