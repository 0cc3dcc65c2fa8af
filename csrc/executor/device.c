/* Launches and workspaces of a device without Python in between. See executor.h and symtensor/runtime/cuda/queue.py. */
#include "queue.h"

#define THREADS 256
#define BLOCKS 32
#define WARP 32
#define WIDEST 1024
#define RESIDENT 2048
#define SHARE 8

/* As `geometry` of symtensor/runtime/cuda/queue.py: block[0] and block[1], and the grid's length. */
st_i64 st_geometry(st_i64 points, st_i64 width, st_i64 multiprocessors, unsigned *block)
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
    Queue *q = st_queue(frame);
    unsigned block[2];
    if (points <= 0)
        return 0;
    unsigned grid = (unsigned)st_geometry(points, width, q->multiprocessors, block);
    int status = q->launch(q->functions[kernel], grid, 1, 1, block[0], block[1], 1, 0, q->stream, (void **)(uintptr_t)args,
                           NULL);
    if (!status)
        return 0;
    q->status = status;
    q->failed = 0;
    frame->error_site = -2;
    return 1;
}

static char *slot(st_frame *frame, st_i64 k, st_i64 bytes)
{
    const Queue *q = st_queue(frame);
    return q->slots[k] && q->sizes[k] >= bytes ? q->slots[k] : q->python->slot(frame, k, bytes);
}

PyDoc_STRVAR(device_functions_doc,
             "device_functions(replay) -> (slot, launch, move, call)\n\nAddresses of the functions for st_device (0: "
             "Python's): those that queue at once, or those that write to a list.");

static PyObject *device_functions(PyObject *self, PyObject *replay)
{
    (void)self;
    if (!PyObject_IsTrue(replay))
        return Py_BuildValue("(KKii)", (unsigned long long)(uintptr_t)slot, (unsigned long long)(uintptr_t)launch, 0, 0);
    return Py_BuildValue("(KKKK)", (unsigned long long)(uintptr_t)st_replay_slot,
                         (unsigned long long)(uintptr_t)st_replay_launch,
                         (unsigned long long)(uintptr_t)st_replay_move,
                         (unsigned long long)(uintptr_t)st_replay_call);
}

static PyMethodDef methods[] = {
    {"device_functions", device_functions, METH_O, device_functions_doc},
    {NULL, NULL, 0, NULL},
};

int st_add_device(PyObject *module)
{
    if (PyType_Ready(&st_ReplayType) || PyModule_AddObjectRef(module, "Replay", (PyObject *)&st_ReplayType))
        return -1;
    return PyModule_AddFunctions(module, methods);
}
