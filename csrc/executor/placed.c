/* Placed: a unit of the target stage, whose inputs and results live on the host or on a device. One call binds, runs and
 * collects what needs no Python; see executor.h, queue.h and symtensor/runtime/cuda/runner.py, which does the rest.
 *
 * Only for units without Python operations and objects, and that write to none of their inputs on the host. Used by one
 * call at a time. */
#include "queue.h"

#include <time.h>

typedef struct {
    PyObject_HEAD
    st_frame frame;
    int (*main)(st_frame *);
    int n_inputs, n_constants, n_outputs, n_updates, n_slots;
    Spec *specs;   /* inputs, then constants */
    Spec *results; /* outputs, then updates */
    unsigned char *remote;        /* for each input and constant: it lives on the device */
    unsigned char *remote_result; /* for each result: likewise */
    unsigned char *written;       /* for each input: the unit may write to it */
    int any_written;
    int *position;    /* for each update: the input that it renews */
    PyObject *kind;   /* the type DeviceArray */
    PyObject *device; /* the only device whose arrays will do */
    PyObject *constants;
    PyObject *replay; /* a Replay, or None */
    int (*get_context)(void **);
    int (*push_context)(void *);
    int (*pop_context)(void **);
    void *context; /* NULL: the caller sees to that */
    PyObject **values, **made;
    PyObject *kept; /* a list, or NULL */
    st_i64 *dims, *result_dims;
    Slot *slots;
    void **library;
    double next_poll;
    int active;
} Placed;

static PyObject *address_name, *device_name, *dtype_name, *shape_name;

static Placed *placed_of(st_frame *frame)
{
    return (Placed *)(void *)((char *)frame - offsetof(Placed, frame));
}

/* ------------------------------------------------------------------------------------------------------- callbacks */

static char *output(st_frame *frame, st_i64 k, st_i64 ndim, const st_i64 *dims, st_i64 itemsize)
{
    Placed *p = placed_of(frame);
    (void)itemsize;
    PyGILState_STATE state = PyGILState_Ensure();
    if (!p->made[k] || !st_same_dims((PyArrayObject *)p->made[k], ndim, dims)) {
        PyObject *array = st_new_array(&p->results[k], ndim, dims);
        /* One that was made before in the same call stays: work that was written down may be for it. */
        if (array && p->made[k] && ((!p->kept && !(p->kept = PyList_New(0))) || PyList_Append(p->kept, p->made[k])))
            Py_CLEAR(array);
        Py_XSETREF(p->made[k], array);
    }
    char *data = NULL;
    if (p->made[k]) {
        PyArrayObject *array = (PyArrayObject *)p->made[k];
        data = frame->results[k].data = PyArray_DATA(array);
        for (int d = 0; d < ndim && ndim == p->results[k].ndim; d++) { /* else the unit describes it */
            frame->results[k].dims[d] = dims[d];
            frame->results[k].strides[d] = PyArray_STRIDE(array, d);
        }
    }
    else { /* no memory, which is all that can be wrong */
        PyErr_Clear();
        frame->error_site = -1;
    }
    PyGILState_Release(state);
    return data;
}

static char *slot(st_frame *frame, st_i64 k, st_i64 bytes)
{
    Slot *s = &placed_of(frame)->slots[k];
    if (s->data && (st_i64)s->size >= bytes)
        return s->data;
    size_t size = bytes > 0 ? (size_t)bytes : 1;
    free(s->data);
    s->size = 0;
    s->data = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!s->data) {
        frame->error_site = -1;
        return NULL;
    }
    s->size = size;
    return s->data;
}

static int interrupted(st_frame *frame)
{
    Placed *p = placed_of(frame);
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    double now = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    if (now < p->next_poll)
        return 0;
    p->next_poll = now + 0.05;
    PyGILState_STATE state = PyGILState_Ensure();
    int bad = PyErr_CheckSignals();
    PyGILState_Release(state);
    return bad;
}

/* --------------------------------------------------------------------------------------------------------- binding */

static int fits(const Spec *spec, const st_i64 *dims)
{
    for (int d = 0; spec->one && d < spec->ndim; d++)
        if (spec->one[d] && dims[d] != 1)
            return 0;
    return 1;
}

static int bind_host(const Spec *spec, st_array *a, PyObject *value)
{
    if (!PyArray_CheckExact(value))
        return 0;
    PyArrayObject *array = (PyArrayObject *)value;
    PyArray_Descr *descr = PyArray_DESCR(array);
    if (PyArray_NDIM(array) != spec->ndim || !PyArray_ISALIGNED(array))
        return 0;
    if (descr != spec->descr
        && (!(descr->type_num == spec->type || PyArray_EquivTypenums(descr->type_num, spec->type))
            || !PyArray_ISNBO(descr->byteorder)))
        return 0;
    if (!fits(spec, (st_i64 *)PyArray_DIMS(array)) || (spec->contiguous && !PyArray_IS_C_CONTIGUOUS(array)))
        return 0;
    a->data = PyArray_DATA(array);
    a->dims = (st_i64 *)PyArray_DIMS(array);
    a->strides = (st_i64 *)PyArray_STRIDES(array);
    return 1;
}

static int bind_remote(Placed *p, const Spec *spec, st_array *a, st_i64 *room, PyObject *value)
{
    if ((PyObject *)Py_TYPE(value) != p->kind)
        return 0;
    PyObject *device = PyObject_GetAttr(value, device_name), *dtype = PyObject_GetAttr(value, dtype_name);
    PyObject *shape = PyObject_GetAttr(value, shape_name), *address = PyObject_GetAttr(value, address_name);
    int good = device == p->device && dtype && PyArray_DescrCheck(dtype) && shape && PyTuple_CheckExact(shape) && address
               && PyArray_EquivTypenums(((PyArray_Descr *)dtype)->type_num, spec->type)
               && PyTuple_GET_SIZE(shape) == spec->ndim;
    if (good) {
        st_i64 step = spec->itemsize;
        a->data = PyLong_AsVoidPtr(address);
        a->dims = room;
        a->strides = room + spec->ndim;
        for (int d = spec->ndim - 1; d >= 0; d--) {
            a->dims[d] = PyLong_AsLongLong(PyTuple_GET_ITEM(shape, d));
            a->strides[d] = step;
            step *= a->dims[d];
        }
        good = !PyErr_Occurred() && fits(spec, a->dims);
    }
    PyErr_Clear();
    Py_XDECREF(device);
    Py_XDECREF(dtype);
    Py_XDECREF(shape);
    Py_XDECREF(address);
    return good;
}

static int bind(Placed *p, int k, PyObject *value, st_i64 *room)
{
    st_array *a = &p->frame.inputs[k];
    return p->remote[k] ? bind_remote(p, &p->specs[k], a, room, value) : bind_host(&p->specs[k], a, value);
}

/* What the unit writes to is no other input. */
static int separate(const Placed *p)
{
    for (int i = 0; i < p->n_inputs; i++)
        for (int k = 0; p->written[i] && k < p->n_inputs; k++)
            if (k != i && p->remote[k] && p->frame.inputs[k].data == p->frame.inputs[i].data)
                return 0;
    return 1;
}

/* ------------------------------------------------------------------------------------------------------- collecting */

static int described(const st_array *r, PyArrayObject *array, int ndim)
{
    if (PyArray_DATA(array) != (void *)r->data || !st_same_dims(array, ndim, r->dims))
        return 0;
    for (int d = 0; d < ndim; d++)
        if (r->dims[d] != 1 && PyArray_STRIDE(array, d) != r->strides[d])
            return 0;
    return 1;
}

/* Result k: a new reference; None: the caller takes it; NULL with an error. */
static PyObject *take(Placed *p, int k)
{
    const Spec *spec = &p->results[k];
    st_array *r = &p->frame.results[k];
    int position = k < p->n_outputs ? -1 : p->position[k - p->n_outputs];
    if (position >= 0) {
        const st_array *a = &p->frame.inputs[position];
        int same = !r->data || (r->data == a->data && p->remote[position] == p->remote_result[k]);
        for (int d = 0; same && r->data && d < spec->ndim; d++)
            same = r->dims[d] == a->dims[d] && (p->remote_result[k] || r->strides[d] == a->strides[d]);
        if (same)
            return Py_NewRef(p->values[position]);
    }
    if (p->remote_result[k])
        return Py_NewRef(Py_None);
    if (!r->data)
        return PyErr_Format(PyExc_SystemError, "the unit did not fill result %d", k);
    PyObject *made = p->made[k];
    p->made[k] = NULL;
    if (made && described(r, (PyArrayObject *)made, spec->ndim))
        return made;
    Py_INCREF(spec->descr);
    PyObject *view = PyArray_NewFromDescr(&PyArray_Type, spec->descr, spec->ndim, (npy_intp *)r->dims,
                                          (npy_intp *)r->strides, r->data, NPY_ARRAY_WRITEABLE, NULL);
    if (view)
        Py_SETREF(view, PyArray_NewCopy((PyArrayObject *)view, NPY_CORDER));
    Py_XDECREF(made);
    return view;
}

/* ---------------------------------------------------------------------------------------------------------- calling */

static int ready(const Placed *p, void **before)
{
    int status = p->get_context(before);
    if (!status && *before != p->context)
        status = p->push_context(p->context);
    return status;
}

PyDoc_STRVAR(call_doc,
             "call(values) -> results, a number, or NotImplemented\n\nOne call. A list of the results, None for those that "
             "the caller takes from the frame; what the unit returned if it failed; NotImplemented if the values must be "
             "prepared first.");

static PyObject *placed_call(Placed *p, PyObject *values)
{
    PyObject *answer = NULL;
    int n_results = p->n_outputs + p->n_updates, status = 0, k;
    void *before = NULL;
    if (!PyList_CheckExact(values) || PyList_GET_SIZE(values) != p->n_inputs || p->active)
        Py_RETURN_NOTIMPLEMENTED;
    p->active = 1;
    st_i64 *room = p->dims;
    for (k = 0; k < p->n_inputs; k++) {
        PyObject *value = PyList_GET_ITEM(values, k);
        if (!bind(p, k, value, room)) {
            answer = Py_NewRef(Py_NotImplemented);
            goto end;
        }
        p->values[k] = Py_NewRef(value);
        room += 2 * p->specs[k].ndim;
    }
    if (p->any_written && !separate(p)) {
        answer = Py_NewRef(Py_NotImplemented);
        goto end;
    }
    room = p->result_dims;
    for (k = 0; k < n_results; k++) {
        st_array *r = &p->frame.results[k];
        r->data = NULL;
        r->dims = room;
        r->strides = room + p->results[k].ndim;
        room += 2 * p->results[k].ndim;
    }
    p->frame.error_site = -2;
    if (p->context && (status = ready(p, &before))) {
        Queue *q = st_queue(&p->frame);
        q->status = status;
        q->failed = 0;
    }
    else {
        Py_BEGIN_ALLOW_THREADS
        status = p->replay == Py_None ? p->main(&p->frame)
                                      : st_replay(p->main, &p->frame, (Replay *)(void *)p->replay);
        Py_END_ALLOW_THREADS
        if (p->context && before != p->context)
            p->pop_context(&before);
    }
    if (PyErr_Occurred())
        goto end;
    if (status) {
        answer = PyLong_FromLong(status);
        goto end;
    }
    answer = PyList_New(n_results);
    for (k = 0; answer && k < n_results; k++) {
        PyObject *result = take(p, k);
        if (!result)
            Py_CLEAR(answer);
        else
            PyList_SET_ITEM(answer, k, result);
    }
end:
    for (k = 0; k < p->n_inputs; k++)
        Py_CLEAR(p->values[k]);
    for (k = 0; k < n_results; k++)
        Py_CLEAR(p->made[k]);
    Py_CLEAR(p->kept);
    p->active = 0;
    return answer;
}

PyDoc_STRVAR(free_doc, "free()\n\nGives back the workspaces on the host.");

static PyObject *placed_free(Placed *p, PyObject *unused)
{
    (void)unused;
    for (int k = 0; k < p->n_slots && !p->active; k++) {
        free(p->slots[k].data);
        p->slots[k].data = NULL;
        p->slots[k].size = 0;
    }
    Py_RETURN_NONE;
}

static PyObject *placed_frame(Placed *p, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(&p->frame);
}

static PyMethodDef methods[] = {
    {"call", (PyCFunction)placed_call, METH_O, call_doc},
    {"free", (PyCFunction)placed_free, METH_NOARGS, free_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"frame", (getter)placed_frame, NULL, "the frame's address", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ----------------------------------------------------------------------------------------------------------- making */

static unsigned char *flags(PyObject *bytes, int count)
{
    if (!PyBytes_Check(bytes) || PyBytes_GET_SIZE(bytes) != count) {
        PyErr_SetString(PyExc_ValueError, "a byte is needed for each value");
        return NULL;
    }
    unsigned char *found = ROOM(unsigned char, count);
    if (!found)
        PyErr_NoMemory();
    else
        memcpy(found, PyBytes_AS_STRING(bytes), (size_t)count);
    return found;
}

static PyObject *placed_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"main", "inputs", "constants", "results", "positions", "written", "remote", "remote_results",
                            "library", "slots", "kind", "device", "queue", "replay", "context", NULL};
    PyObject *inputs, *constants, *results, *positions, *written, *remote, *remote_results, *library, *kind, *device;
    PyObject *replay;
    unsigned long long main, queue, context[4];
    int n_slots, n_all = 0, n_results = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "KO!O!O!O!OOOO!iOOKO(KKKK)", names, &main, &PyTuple_Type, &inputs,
                                     &PyTuple_Type, &constants, &PyTuple_Type, &results, &PyTuple_Type, &positions,
                                     &written, &remote, &remote_results, &PyTuple_Type, &library, &n_slots, &kind,
                                     &device, &queue, &replay, &context[0], &context[1], &context[2], &context[3]))
        return NULL;
    if (replay != Py_None && Py_TYPE(replay) != &st_ReplayType) {
        PyErr_SetString(PyExc_TypeError, "a Replay was expected");
        return NULL;
    }
    Placed *p = (Placed *)type->tp_alloc(type, 0);
    if (!p)
        return NULL;
    p->main = (int (*)(st_frame *))(uintptr_t)main;
    p->kind = Py_NewRef(kind);
    p->device = Py_NewRef(device);
    p->constants = Py_NewRef(constants);
    p->replay = Py_NewRef(replay);
    p->get_context = (int (*)(void **))(uintptr_t)context[0];
    p->push_context = (int (*)(void *))(uintptr_t)context[1];
    p->pop_context = (int (*)(void **))(uintptr_t)context[2];
    p->context = (void *)(uintptr_t)context[3];
    p->n_constants = (int)PyTuple_GET_SIZE(constants);
    p->n_updates = (int)PyTuple_GET_SIZE(positions);
    if (!(p->specs = st_read_specs(inputs, &n_all)))
        goto bad;
    p->n_inputs = n_all - p->n_constants;
    if (!(p->results = st_read_specs(results, &n_results)))
        goto bad;
    p->n_outputs = n_results - p->n_updates;
    if (p->n_inputs < 0 || p->n_outputs < 0 || !(p->written = flags(written, p->n_inputs))
        || !(p->remote = flags(remote, n_all)) || !(p->remote_result = flags(remote_results, n_results))) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "the descriptions do not fit together");
        goto bad;
    }
    st_i64 room = 0, result_room = 0;
    for (int k = 0; k < n_all; k++)
        room += 2 * p->specs[k].ndim;
    for (int k = 0; k < n_results; k++)
        result_room += 2 * p->results[k].ndim;
    p->n_slots = n_slots;
    p->values = ROOM(PyObject *, p->n_inputs);
    p->made = ROOM(PyObject *, n_results);
    p->dims = ROOM(st_i64, room);
    p->result_dims = ROOM(st_i64, result_room);
    p->slots = ROOM(Slot, n_slots);
    p->position = ROOM(int, p->n_updates);
    p->library = ROOM(void *, PyTuple_GET_SIZE(library));
    p->frame.inputs = ROOM(st_array, n_all);
    p->frame.results = ROOM(st_array, n_results);
    if (!p->values || !p->made || !p->dims || !p->result_dims || !p->slots || !p->position || !p->library
        || !p->frame.inputs || !p->frame.results) {
        PyErr_NoMemory();
        goto bad;
    }
    for (int k = 0; k < p->n_inputs; k++)
        p->any_written |= p->written[k];
    for (int k = 0; k < p->n_updates; k++) {
        p->position[k] = (int)PyLong_AsLong(PyTuple_GET_ITEM(positions, k));
        if (!PyErr_Occurred() && (p->position[k] < 0 || p->position[k] >= p->n_inputs))
            PyErr_SetString(PyExc_ValueError, "an update of no input");
    }
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(library); k++)
        p->library[k] = PyLong_AsVoidPtr(PyTuple_GET_ITEM(library, k));
    if (PyErr_Occurred())
        goto bad;
    st_i64 *at = p->dims;
    for (int k = 0; k < n_all; k++) {
        if (k >= p->n_inputs && !bind(p, k, PyTuple_GET_ITEM(constants, k - p->n_inputs), at)) {
            PyErr_Format(PyExc_TypeError, "constant %d does not fit", k - p->n_inputs);
            goto bad;
        }
        at += 2 * p->specs[k].ndim;
    }
    p->frame.output = output;
    p->frame.slot = slot;
    p->frame.interrupted = interrupted;
    p->frame.parallel = st_parallel;
    p->frame.library = p->library;
    p->frame.device = (const st_device *)(uintptr_t)queue;
    return (PyObject *)p;
bad:
    Py_DECREF(p);
    return NULL;
}

static int placed_traverse(Placed *p, visitproc visit, void *arg)
{
    Py_VISIT(p->device);
    Py_VISIT(p->constants);
    Py_VISIT(p->replay);
    return 0;
}

static int placed_clear(Placed *p)
{
    Py_CLEAR(p->device);
    Py_CLEAR(p->constants);
    Py_CLEAR(p->kind);
    if (p->replay)
        Py_SETREF(p->replay, Py_NewRef(Py_None));
    return 0;
}

static void placed_dealloc(Placed *p)
{
    PyObject_GC_UnTrack(p);
    placed_clear(p);
    Py_CLEAR(p->replay);
    for (int k = 0; p->slots && k < p->n_slots; k++)
        free(p->slots[k].data);
    st_free_specs(p->specs, p->n_inputs + p->n_constants);
    st_free_specs(p->results, p->n_outputs + p->n_updates);
    PyMem_Free(p->remote);
    PyMem_Free(p->remote_result);
    PyMem_Free(p->written);
    PyMem_Free(p->position);
    PyMem_Free(p->values);
    PyMem_Free(p->made);
    PyMem_Free(p->dims);
    PyMem_Free(p->result_dims);
    PyMem_Free(p->slots);
    PyMem_Free(p->library);
    PyMem_Free(p->frame.inputs);
    PyMem_Free(p->frame.results);
    Py_TYPE(p)->tp_free(p);
}

PyTypeObject st_PlacedType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "symtensor._executor.Placed",
    .tp_basicsize = sizeof(Placed),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "Calls of a unit whose inputs and results live on the host or on a device.",
    .tp_new = placed_new,
    .tp_dealloc = (destructor)placed_dealloc,
    .tp_traverse = (traverseproc)placed_traverse,
    .tp_clear = (inquiry)placed_clear,
    .tp_methods = methods,
    .tp_getset = getset,
};

int st_add_placed(PyObject *module)
{
    address_name = PyUnicode_InternFromString("address");
    device_name = PyUnicode_InternFromString("device");
    dtype_name = PyUnicode_InternFromString("dtype");
    shape_name = PyUnicode_InternFromString("shape");
    if (!address_name || !device_name || !dtype_name || !shape_name || PyType_Ready(&st_PlacedType))
        return -1;
    return PyModule_AddObjectRef(module, "Placed", (PyObject *)&st_PlacedType);
}
