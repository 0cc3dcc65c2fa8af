/* What a running unit asks for (memory, workspaces, interrupts) and whose turn it is. See executor.h. */
#include "executor.h"

#include <stdint.h>
#include <time.h>

int st_generation;

#define POLL_SECONDS 0.05

/* ------------------------------------------------------------------------------------------------ the GIL */

void st_hold(Context *c)
{
    if (c->saved)
        PyEval_RestoreThread(c->saved);
}

void st_release(Context *c)
{
    if (c->saved)
        c->saved = PyEval_SaveThread();
}

/* ------------------------------------------------------------------------------------- callbacks of the unit */

int st_same_dims(PyArrayObject *array, st_i64 ndim, const st_i64 *dims)
{
    if (PyArray_NDIM(array) != ndim)
        return 0;
    for (st_i64 k = 0; k < ndim; k++)
        if (PyArray_DIM(array, (int)k) != dims[k])
            return 0;
    return 1;
}

static void *big_malloc(void *context, size_t size)
{
    (void)context;
    return st_pool_take(size);
}

static void *big_calloc(void *context, size_t n, size_t size)
{
    (void)context;
    void *memory = st_pool_take(n * size);
    if (memory)
        memset(memory, 0, n * size);
    return memory;
}

static void big_free(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    st_pool_give(memory);
}

static void *big_realloc(void *context, void *memory, size_t size)
{
    (void)context;
    void *other = st_pool_take(size);
    if (other && memory) {
        size_t old = st_pool_size(memory);
        memcpy(other, memory, old < size ? old : size);
        st_pool_give(memory);
    }
    return other;
}

static PyDataMem_Handler big_handler = {
    "symtensor_pool", 1, {NULL, big_malloc, big_calloc, big_realloc, big_free}};
static PyObject *big_capsule;

/* A new array, C order; large ones from the pool. */
PyObject *st_new_array(const Spec *spec, st_i64 ndim, const st_i64 *dims)
{
    size_t bytes = (size_t)spec->itemsize;
    for (st_i64 k = 0; k < ndim; k++) {
        if (dims[k] < 0 || (dims[k] && bytes > (size_t)PTRDIFF_MAX / (size_t)dims[k]))
            return PyErr_NoMemory();
        bytes *= (size_t)dims[k];
    }
    PyObject *before = NULL;
    if (bytes >= ST_POOL_LEAST) {
        if (!big_capsule && !(big_capsule = PyCapsule_New(&big_handler, "mem_handler", NULL)))
            return NULL;
        if (!(before = PyDataMem_SetHandler(big_capsule)))
            return NULL;
    }
    Py_INCREF(spec->descr);
    PyObject *array = PyArray_NewFromDescr(&PyArray_Type, spec->descr, (int)ndim, (npy_intp *)dims, NULL, NULL, 0, NULL);
    if (before) {
        PyObject *type, *value, *trace;
        PyErr_Fetch(&type, &value, &trace);
        PyObject *ours = PyDataMem_SetHandler(before);
        Py_XDECREF(ours);
        Py_DECREF(before);
        PyErr_Restore(type, value, trace);
    }
    return array;
}

static char *make_output(st_frame *frame, st_i64 k, st_i64 ndim, const st_i64 *dims, st_i64 itemsize)
{
    Context *c = (Context *)frame;
    Native *n = c->native;
    Spec *spec = &n->results[k];
    PyObject *array = NULL;
    (void)itemsize;
    st_hold(c);
    if (c->made[k] && st_same_dims((PyArrayObject *)c->made[k], ndim, dims) && Py_REFCNT(c->made[k]) == 1)
        array = c->made[k]; /* made before in the same call, by a loop */
    else {
        if (k >= n->n_outputs && c == n->context) {
            PyObject **spare = &n->spares[k - n->n_outputs];
            if (*spare && Py_REFCNT(*spare) == 1 && st_same_dims((PyArrayObject *)*spare, ndim, dims)) {
                array = *spare;
                *spare = NULL;
            }
        }
        if (!array)
            array = st_new_array(spec, ndim, dims);
        Py_XDECREF(c->made[k]);
        c->made[k] = array;
    }
    char *data = NULL;
    if (array) {
        data = PyArray_DATA((PyArrayObject *)array);
        frame->results[k].data = data;
        for (int d = 0; d < ndim && ndim == spec->ndim; d++) { /* else the result is a view, which the unit describes */
            frame->results[k].dims[d] = dims[d];
            frame->results[k].strides[d] = PyArray_STRIDE((PyArrayObject *)array, d);
        }
    }
    else
        frame->error_site = -2;
    st_release(c);
    return data;
}

/* 64-byte aligned memory below the pool's least size: the pointer that was allocated stands before it. */
static char *small_take(size_t size)
{
    char *raw = PyMem_RawMalloc(size + 64 + sizeof(void *));
    if (!raw)
        return NULL;
    char *data = (char *)(((uintptr_t)raw + sizeof(void *) + 63) & ~(uintptr_t)63);
    ((void **)data)[-1] = raw;
    return data;
}

void st_give_memory(char *data, int pooled)
{
    if (pooled)
        st_pool_give(data);
    else if (data)
        PyMem_RawFree(((void **)data)[-1]);
}

void st_drop_slot(Slot *slot)
{
    if (slot->owner)
        Py_CLEAR(slot->owner);
    else
        st_give_memory(slot->data, slot->pooled);
    slot->data = NULL;
    slot->size = 0;
}

static char *make_slot(st_frame *frame, st_i64 k, st_i64 bytes)
{
    Context *c = (Context *)frame;
    Slot *slot = &c->slots[k];
    if (slot->owner) { /* Python has seen this memory: still? */
        st_hold(c);
        if (Py_REFCNT(slot->owner) > 1)
            st_drop_slot(slot);
        st_release(c);
    }
    if (slot->data && (st_i64)slot->size >= bytes)
        return slot->data;
    if (slot->data) {
        st_hold(c);
        st_drop_slot(slot);
        st_release(c);
    }
    size_t size = bytes > 0 ? (size_t)bytes : 1;
    slot->pooled = size >= ST_POOL_LEAST;
    slot->data = slot->pooled ? st_pool_take(size) : small_take(size);
    if (!slot->data) {
        frame->error_site = -1;
        return NULL;
    }
    slot->size = slot->pooled ? st_pool_size(slot->data) : size;
    return slot->data;
}

static double seconds(void)
{
#ifdef CLOCK_MONOTONIC
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) == 0)
        return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
#endif
    return (double)time(NULL);
}

static int poll_interrupt(st_frame *frame)
{
    Context *c = (Context *)frame;
    if (++c->polls & 15) /* loops may be short: the clock costs more than their step */
        return 0;
    double moment = seconds();
    if (moment < c->next_poll)
        return 0;
    c->next_poll = moment + POLL_SECONDS;
    st_hold(c);
    int found = PyErr_CheckSignals();
    st_release(c);
    if (found)
        frame->error_site = -3;
    return found != 0;
}

/* -------------------------------------------------------------------------------------------------- contexts */

void st_free_context(Context *c)
{
    if (!c)
        return;
    Native *n = c->native;
    if (c->values)
        for (int k = 0; k < n->n_inputs; k++)
            Py_XDECREF(c->values[k]);
    if (c->made)
        for (int k = 0; k < n->n_outputs + n->n_updates; k++)
            Py_XDECREF(c->made[k]);
    for (int k = 0; c->cells && k < n->n_cells; k++)
        Py_XDECREF(c->cells[k]);
    if (c->slots)
        for (int k = 0; k < n->n_slots; k++)
            st_drop_slot(&c->slots[k]);
    PyMem_Free(c->frame.inputs);
    PyMem_Free(c->frame.results);
    PyMem_Free(c->values);
    PyMem_Free(c->made);
    PyMem_Free(c->numbers);
    PyMem_Free(c->result_dims);
    PyMem_Free(c->slots);
    PyMem_Free(c->cells);
    PyMem_Free(c->order);
    PyMem_Free(c->low);
    PyMem_Free(c->high);
    PyMem_Free(c);
}

Context *st_new_context(Native *n)
{
    Context *c = ROOM(Context, 1);
    if (!c)
        return (Context *)PyErr_NoMemory();
    int n_in = n->n_inputs, n_all = n_in + n->n_constants, n_res = n->n_outputs + n->n_updates, room = 0;
    for (int k = 0; k < n_res; k++)
        room += 2 * n->results[k].ndim;
    c->native = n;
    c->frame.inputs = ROOM(st_array, n_all);
    c->frame.results = ROOM(st_array, n_res);
    c->values = ROOM(PyObject *, n_in);
    c->made = ROOM(PyObject *, n_res);
    c->numbers = ROOM(Number, n_in);
    c->result_dims = ROOM(st_i64, room);
    c->slots = ROOM(Slot, n->n_slots);
    c->cells = ROOM(PyObject *, n->n_cells);
    c->order = ROOM(int, n_in);
    c->low = ROOM(char *, n_in);
    c->high = ROOM(char *, n_in);
    if (!c->frame.inputs || !c->frame.results || !c->values || !c->made || !c->numbers || !c->result_dims || !c->slots
        || !c->cells || !c->order || !c->low || !c->high) {
        st_free_context(c);
        return (Context *)PyErr_NoMemory();
    }
    c->frame.output = make_output;
    c->frame.slot = make_slot;
    c->frame.pycall = st_island;
    c->frame.interrupted = poll_interrupt;
    c->frame.parallel = st_parallel;
    c->frame.library = n->library;
    c->frame.owner = c;
    for (int k = 0; k < n_in; k++)
        c->order[k] = k;
    for (int k = 0; k < n->n_constants; k++) {
        st_array *a = &c->frame.inputs[n_in + k];
        PyObject *value = PyTuple_GET_ITEM(n->constants, k);
        if (n->specs[n_in + k].type < 0)
            a->data = (char *)value;
        else {
            a->data = PyArray_DATA((PyArrayObject *)value);
            a->dims = (st_i64 *)PyArray_DIMS((PyArrayObject *)value);
            a->strides = (st_i64 *)PyArray_STRIDES((PyArrayObject *)value);
        }
    }
    return c;
}

Context *st_enter(Native *n)
{
    if (n->active && n->generation != st_generation) { /* the thread that used it did not survive a fork */
        Context *fresh = st_new_context(n);
        if (!fresh)
            return NULL;
        n->context = fresh; /* the old one is left alone: its state is unknown */
        n->active = 0;
        n->waiters = n->gate_open = 0;
        n->gate = PyThread_allocate_lock();
        if (!n->gate)
            return (Context *)PyErr_NoMemory();
        PyThread_acquire_lock(n->gate, WAIT_LOCK);
    }
    while (n->active) {
        if (n->thread == PyThread_get_thread_ident() || st_depth > 0)
            return st_new_context(n);
        n->waiters++;
        Py_BEGIN_ALLOW_THREADS
        PyThread_acquire_lock(n->gate, WAIT_LOCK);
        Py_END_ALLOW_THREADS
        n->gate_open = 0;
        n->waiters--;
    }
    n->active = 1;
    n->thread = PyThread_get_thread_ident();
    n->generation = st_generation;
    return n->context;
}

void st_leave(Context *c)
{
    Native *n = c->native;
    if (c != n->context) {
        st_free_context(c);
        return;
    }
    for (int k = 0; k < n->n_inputs; k++)
        Py_CLEAR(c->values[k]);
    for (int k = 0; k < n->n_outputs + n->n_updates; k++)
        Py_CLEAR(c->made[k]);
    for (int k = 0; k < n->n_cells; k++)
        Py_CLEAR(c->cells[k]);
    for (int k = 0; k < n->n_slots; k++) {
        Slot *slot = &c->slots[k];
        if (slot->owner && Py_REFCNT(slot->owner) > 1)
            st_drop_slot(slot);
        else if (slot->pooled && slot->data && !n->keep)
            st_drop_slot(slot);
    }
    n->active = 0;
    if (n->waiters && !n->gate_open) {
        n->gate_open = 1;
        PyThread_release_lock(n->gate);
    }
}
