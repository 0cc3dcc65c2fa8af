/* The executor: what one call of a compiled function needs, on the Python side of abi.h.
 *
 *   pool.c         memory of large blocks
 *   context.c      what a running unit asks for: outputs, workspaces, interrupts; whose turn it is
 *   call.c         binding inputs, running, collecting results, reporting failures
 *   executable.c   type Native: a loaded unit with its constants, operations and workspaces
 *   island.c       Python operations inside a unit: wrapping memory as arrays, adopting results
 *   function.c     type FunctionBase: the call a user makes, with containers read and updated
 *   built_in.c     which helpers of units are in the extension (setup.py has them compiled)
 *   widths.c       which vectors are faster here
 *   threads.c      loops on several threads
 *   tall.c         matrix products a.T b of tall matrices, which the routines prefer to those of the BLAS
 *   device.c       launches of kernels without Python in between
 *   replay.c       lists of commands for a device, replayed as graphs
 *   placed.c       type Placed: calls of units that use a device
 *   module.c       the module
 *
 * Ownership: whatever Python has seen of our memory keeps that memory alive as its `.base`. The GIL is held unless
 * Context.saved is set. A Native is used by one call at a time with its own context; a call from inside itself, or from
 * a thread that must not wait, gets a context of its own. */
#ifndef ST_EXECUTOR_H
#define ST_EXECUTOR_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#define NPY_TARGET_VERSION NPY_1_22_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL symtensor_executor_ARRAY_API
#ifndef ST_MODULE
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>

#include "../abi.h"
#include "pool.h"

#if NPY_SIZEOF_INTP != 8
#error "the executor passes NumPy's sizes on as 64-bit integers"
#endif
#if NPY_ABI_VERSION < 0x02000000
#define PyDataType_ELSIZE(descr) ((descr)->elsize)
#endif

/* What a buffer promises. */
typedef struct {
    int type; /* NumPy's type number; -1: a Python object */
    int ndim;
    int contiguous;     /* C order is promised */
    unsigned char *one; /* for each axis: the length must be 1; NULL: no axis promises it */
    PyArray_Descr *descr;
    npy_intp itemsize;
} Spec;

/* A Python operation. */
typedef struct {
    PyObject *callee;
    int n_in, n_out;
    Spec *in, *out;
    unsigned char *view; /* [output * n_in + input]: the output may share the input's memory */
    int cell;            /* where its results are kept: Context.cells[cell + output] */
} Island;

/* A workspace. `owner` (a capsule) exists once Python has seen the memory, and then owns it. */
typedef struct {
    char *data;
    size_t size;
    int pooled;
    PyObject *owner;
} Slot;

typedef union {
    double real[2];
    st_i64 integer;
} Number;

typedef struct Native Native;

typedef struct {
    st_frame frame; /* first: a frame's address is its context's address */
    Native *native;
    PyThreadState *saved; /* set while the GIL is released */
    PyObject **values;    /* what inputs were bound from; owned */
    PyObject **made;      /* arrays that `output` made, one for each result; owned */
    Number *numbers;      /* memory of inputs that came as Python numbers */
    st_i64 *result_dims;  /* room for dims and strides of results that the unit fills itself */
    Slot *slots;
    PyObject **cells; /* what Python operations returned last; owned */
    int island; /* the Python operation that failed, or -1 */
    int *order; /* inputs sorted by address (overlap test) */
    char **low, **high;
    double next_poll;
    unsigned polls;
} Context;

struct Native {
    PyObject_HEAD
    int (*main)(st_frame *);
    int n_inputs, n_constants, n_outputs, n_updates, n_slots, n_islands, n_cells;
    Spec *specs;     /* inputs, then constants */
    Spec *results;   /* outputs, then updates */
    int *position;   /* for each update: the input that it renews */
    unsigned char *destroyed; /* for each input: the unit may write to it */
    int any_destroyed;
    int heavy;     /* loops: the GIL is always released */
    int keep;      /* workspaces stay with the executable between calls */
    Island *islands;
    void **library;
    PyObject *constants; /* tuple of arrays and objects */
    PyObject *fit;       /* fit(position, value) -> array that fits, or raises TypeError */
    PyObject *adopt;     /* adopt(callee, position, value) -> array that fits, or raises TypeError */
    PyObject *fail;      /* fail(site, numbers, exception, callee, values): raises */
    PyObject **spares;   /* for each update: an array that nobody else has, or NULL */
    Context *context;
    int active; /* the context is in use ... */
    unsigned long thread; /* ... by this thread */
    int generation;       /* ... of this process (forks) */
    int waiters, gate_open;
    PyThread_type_lock gate;
};

extern PyTypeObject NativeType, FunctionBaseType;
extern npy_intp st_release_bytes; /* with more input bytes than this the GIL is released */
extern int st_generation;

#define ROOM(type, count) ((type *)PyMem_Calloc((size_t)(count) + 1, sizeof(type)))

/* context.c */
Context *st_new_context(Native *native);
void st_free_context(Context *context);
Context *st_enter(Native *native);  /* the context of a call that begins; NULL with an error */
void st_leave(Context *context);
void st_hold(Context *context);     /* takes the GIL for a callback ... */
void st_release(Context *context);  /* ... and drops it again */
void st_drop_slot(Slot *slot);
void st_give_memory(char *data, int pooled);
int st_same_dims(PyArrayObject *array, st_i64 ndim, const st_i64 *dims);

PyObject *st_new_array(const Spec *spec, st_i64 ndim, const st_i64 *dims); /* C order; large ones from the pool */

/* executable.c */
Spec *st_read_specs(PyObject *tuple, int *count); /* of tuples (dtype or None, broadcast, contiguous) */
void st_free_specs(Spec *specs, int count);

/* call.c */
int st_bind(Context *context, int k, PyObject *value, npy_intp *work);
int st_bind_any(Context *context, int k, PyObject *value, npy_intp *work, int copy);
int st_separate(Context *context, int fast);
int st_run(Context *context, npy_intp work);
int st_collect(Context *context, PyObject **outputs, PyObject **updates);
void st_keep_spare(Native *native, int update, PyObject *array);

/* island.c */
extern _Thread_local int st_depth; /* Python operations that this thread is inside of: it must not wait for others */
int st_island(st_frame *frame, st_i64 callee, st_i64 n_in, st_array *const *inputs, st_i64 n_out,
              st_array *const *outputs);
PyObject *st_wrap(Context *context, const Spec *spec, const st_array *array, int owned);
void st_extent(const st_array *array, const Spec *spec, char **low, char **high);

/* built_in.c */
int st_add_built_in(PyObject *module);

/* widths.c */
PyObject *st_wide_vectors_win(PyObject *self, PyObject *args);

/* threads.c */
void st_parallel(st_part *part, const void *const *args, st_i64 n);
void st_threads_after_fork(void);

/* tall.c */
int st_add_tall(PyObject *module);

/* device.c */
int st_add_device(PyObject *module);

/* placed.c */
int st_add_placed(PyObject *module);

#endif
