/* Launches and workspaces of a device without Python in between. See executor.h and symtensor/runtime/cuda/queue.py. */
#include "executor.h"

#include <stdint.h>

/* cuLaunchKernel's type. */
typedef int Launch(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                   unsigned block_z, unsigned shared, void *stream, void **args, void **extra);

/* A frame's `device` while a call runs; Python knows the same fields. */
typedef struct {
    st_device table;         /* first: what the unit sees */
    const st_device *python; /* the functions in Python */
    Launch *launch;
    void *const *functions;
    void *stream;
    char **slots;  /* workspaces of the device that are there ... */
    st_i64 *sizes; /* ... and their sizes */
    st_i64 multiprocessors;
    st_i64 status; /* what `launch` answered when it failed */
} Queue;

#define THREADS 256
#define BLOCKS 32
#define WARP 32
#define WIDEST 1024
#define RESIDENT 2048
#define SHARE 8

/* As `geometry` of symtensor/runtime/cuda/queue.py: block[0] and block[1], and the grid's length. */
static st_i64 geometry(st_i64 points, st_i64 width, st_i64 multiprocessors, unsigned *block)
{
    st_i64 each, most = BLOCKS * multiprocessors;
    block[1] = 1;
    if (width == 0) {
        st_i64 threads = points < THREADS ? (points + WARP - 1) / WARP * WARP : THREADS;
        block[0] = (unsigned)threads;
        each = threads;
    }
    else {
        int many = width >= (SHARE * RESIDENT * multiprocessors + points - 1) / points;
        st_i64 wanted = many ? (width + SHARE - 1) / SHARE : width, group = WARP;
        while (group < wanted && group < WIDEST)
            group *= 2;
        block[0] = (unsigned)group;
        each = 1;
        if (group == WARP)
            each = points < THREADS / WARP ? points : THREADS / WARP;
        block[1] = (unsigned)each;
    }
    st_i64 blocks = (points - 1) / each + 1;
    return blocks < most ? blocks : most;
}

static int launch(st_frame *frame, st_i64 kernel, st_i64 points, st_i64 width, void *const *args)
{
    Queue *q = (Queue *)(uintptr_t)frame->device;
    unsigned block[2];
    if (points <= 0)
        return 0;
    unsigned grid = (unsigned)geometry(points, width, q->multiprocessors, block);
    int status = q->launch(q->functions[kernel], grid, 1, 1, block[0], block[1], 1, 0, q->stream, (void **)(uintptr_t)args,
                           NULL);
    if (!status)
        return 0;
    q->status = status;
    frame->error_site = -2;
    return 1;
}

static char *slot(st_frame *frame, st_i64 k, st_i64 bytes)
{
    const Queue *q = (const Queue *)frame->device;
    return q->slots[k] && q->sizes[k] >= bytes ? q->slots[k] : q->python->slot(frame, k, bytes);
}

PyDoc_STRVAR(device_functions_doc, "device_functions() -> (slot, launch)\n\nAddresses of the functions for st_device.");

static PyObject *device_functions(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return Py_BuildValue("(KK)", (unsigned long long)(uintptr_t)slot, (unsigned long long)(uintptr_t)launch);
}

static PyMethodDef methods[] = {
    {"device_functions", device_functions, METH_NOARGS, device_functions_doc},
    {NULL, NULL, 0, NULL},
};

int st_add_device(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}
