/* Native: a loaded unit with its constants, Python operations and workspaces. See executor.h. */
#include "executor.h"

void st_free_specs(Spec *specs, int count)
{
    if (!specs)
        return;
    for (int k = 0; k < count; k++) {
        Py_XDECREF(specs[k].descr);
        PyMem_Free(specs[k].one);
    }
    PyMem_Free(specs);
}

/* Reads a tuple of (dtype or None, broadcast tuple, contiguous). */
Spec *st_read_specs(PyObject *tuple, int *count)
{
    if (!PyTuple_Check(tuple)) {
        PyErr_SetString(PyExc_TypeError, "a tuple of buffer descriptions was expected");
        return NULL;
    }
    *count = (int)PyTuple_GET_SIZE(tuple);
    Spec *specs = ROOM(Spec, *count);
    if (!specs)
        return (Spec *)PyErr_NoMemory();
    for (int k = 0; k < *count; k++) {
        PyObject *dtype, *broadcast;
        Spec *spec = &specs[k];
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tuple, k), "OO!p", &dtype, &PyTuple_Type, &broadcast, &spec->contiguous))
            goto bad;
        if (dtype == Py_None) {
            spec->type = -1;
            continue;
        }
        if (!PyArray_DescrConverter(dtype, &spec->descr))
            goto bad;
        spec->type = spec->descr->type_num;
        spec->itemsize = PyDataType_ELSIZE(spec->descr);
        spec->ndim = (int)PyTuple_GET_SIZE(broadcast);
        if (spec->ndim > NPY_MAXDIMS) {
            PyErr_SetString(PyExc_ValueError, "too many dimensions");
            goto bad;
        }
        for (int d = 0; d < spec->ndim; d++) {
            int one = PyObject_IsTrue(PyTuple_GET_ITEM(broadcast, d));
            if (one && !spec->one && !(spec->one = ROOM(unsigned char, spec->ndim))) {
                PyErr_NoMemory();
                goto bad;
            }
            if (one)
                spec->one[d] = 1;
        }
    }
    return specs;
bad:
    st_free_specs(specs, *count);
    return NULL;
}

static int read_ints(PyObject *tuple, int *values, int count)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != count) {
        PyErr_Format(PyExc_TypeError, "a tuple of %d numbers was expected", count);
        return -1;
    }
    for (int k = 0; k < count; k++) {
        values[k] = (int)PyLong_AsLong(PyTuple_GET_ITEM(tuple, k));
        if (PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* Reads (callee, inputs, outputs, views as pairs). */
static int read_island(Island *island, PyObject *tuple)
{
    PyObject *callee, *in, *out, *views;
    if (!PyArg_ParseTuple(tuple, "OOOO!", &callee, &in, &out, &PyTuple_Type, &views))
        return -1;
    island->callee = Py_NewRef(callee);
    if (!(island->in = st_read_specs(in, &island->n_in)) || !(island->out = st_read_specs(out, &island->n_out)))
        return -1;
    if (!(island->view = ROOM(unsigned char, island->n_in * island->n_out))) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(views); k++) {
        int o, i;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(views, k), "ii", &o, &i))
            return -1;
        if (o < 0 || o >= island->n_out || i < 0 || i >= island->n_in) {
            PyErr_SetString(PyExc_ValueError, "a view of something that is not there");
            return -1;
        }
        island->view[o * island->n_in + i] = 1;
    }
    return 0;
}

static int native_clear(Native *n)
{
    Py_CLEAR(n->constants);
    Py_CLEAR(n->fit);
    Py_CLEAR(n->adopt);
    Py_CLEAR(n->fail);
    for (int k = 0; n->islands && k < n->n_islands; k++)
        Py_CLEAR(n->islands[k].callee);
    for (int k = 0; n->spares && k < n->n_updates; k++)
        Py_CLEAR(n->spares[k]);
    return 0;
}

static int native_traverse(Native *n, visitproc visit, void *arg)
{
    Py_VISIT(n->constants);
    Py_VISIT(n->fit);
    Py_VISIT(n->adopt);
    Py_VISIT(n->fail);
    for (int k = 0; n->islands && k < n->n_islands; k++)
        Py_VISIT(n->islands[k].callee);
    return 0;
}

static void native_dealloc(Native *n)
{
    PyObject_GC_UnTrack(n);
    st_free_context(n->context);
    n->context = NULL;
    native_clear(n);
    for (int k = 0; n->islands && k < n->n_islands; k++) {
        st_free_specs(n->islands[k].in, n->islands[k].n_in);
        st_free_specs(n->islands[k].out, n->islands[k].n_out);
        PyMem_Free(n->islands[k].view);
    }
    st_free_specs(n->specs, n->n_inputs + n->n_constants);
    st_free_specs(n->results, n->n_outputs + n->n_updates);
    PyMem_Free(n->islands);
    PyMem_Free(n->spares);
    PyMem_Free(n->position);
    PyMem_Free(n->destroyed);
    PyMem_Free(n->library);
    if (n->gate) {
        if (!n->gate_open)
            PyThread_release_lock(n->gate);
        PyThread_free_lock(n->gate);
    }
    Py_TYPE(n)->tp_free(n);
}

static PyObject *native_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"main", "inputs", "constants", "results", "positions", "destroyed", "islands", "library",
                            "slots", "heavy", "keep", "fit", "adopt", "fail", NULL};
    PyObject *main, *inputs, *constants, *results, *positions, *destroyed, *islands, *library, *fit, *adopt, *fail;
    int slots, heavy, keep, count;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!OO!OO!O!O!O!ippOOO", names, &PyLong_Type, &main, &inputs,
                                     &PyTuple_Type, &constants, &results, &PyTuple_Type, &positions, &PyTuple_Type,
                                     &destroyed, &PyTuple_Type, &islands, &PyTuple_Type, &library, &slots, &heavy, &keep,
                                     &fit, &adopt, &fail))
        return NULL;
    Native *n = (Native *)type->tp_alloc(type, 0);
    if (!n)
        return NULL;
    n->main = (int (*)(st_frame *))PyLong_AsVoidPtr(main);
    n->constants = Py_NewRef(constants);
    n->fit = Py_NewRef(fit);
    n->adopt = Py_NewRef(adopt);
    n->fail = Py_NewRef(fail);
    n->heavy = heavy;
    n->keep = keep;
    n->n_slots = slots;
    if (!(n->specs = st_read_specs(inputs, &count)))
        goto bad;
    n->n_constants = (int)PyTuple_GET_SIZE(constants);
    n->n_inputs = count - n->n_constants;
    if (n->n_inputs < 0) {
        n->n_inputs = count;
        n->n_constants = 0;
        PyErr_SetString(PyExc_ValueError, "more constants than descriptions");
        goto bad;
    }
    for (int k = 0; k < n->n_constants; k++) {
        const Spec *spec = &n->specs[n->n_inputs + k];
        PyObject *value = PyTuple_GET_ITEM(constants, k);
        if (spec->type >= 0
            && (!PyArray_CheckExact(value) || PyArray_NDIM((PyArrayObject *)value) != spec->ndim
                || !PyArray_EquivTypenums(PyArray_TYPE((PyArrayObject *)value), spec->type))) {
            PyErr_Format(PyExc_TypeError, "constant %d does not fit", k);
            goto bad;
        }
    }
    if (!(n->results = st_read_specs(results, &count)))
        goto bad;
    n->n_updates = (int)PyTuple_GET_SIZE(positions);
    n->n_outputs = count - n->n_updates;
    if (n->n_outputs < 0) {
        n->n_outputs = count;
        n->n_updates = 0;
        PyErr_SetString(PyExc_ValueError, "more updates than results");
        goto bad;
    }
    n->position = ROOM(int, n->n_updates);
    n->destroyed = ROOM(unsigned char, n->n_inputs);
    n->spares = ROOM(PyObject *, n->n_updates);
    n->islands = ROOM(Island, PyTuple_GET_SIZE(islands));
    n->library = ROOM(void *, PyTuple_GET_SIZE(library));
    n->gate = PyThread_allocate_lock();
    if (!n->position || !n->destroyed || !n->spares || !n->islands || !n->library || !n->gate) {
        PyErr_NoMemory();
        goto bad;
    }
    PyThread_acquire_lock(n->gate, WAIT_LOCK);
    if (read_ints(positions, n->position, n->n_updates))
        goto bad;
    for (int k = 0; k < n->n_updates; k++)
        if (n->position[k] < 0 || n->position[k] >= n->n_inputs) {
            PyErr_SetString(PyExc_ValueError, "an update of no input");
            goto bad;
        }
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(destroyed); k++) {
        long position = PyLong_AsLong(PyTuple_GET_ITEM(destroyed, k));
        if (position < 0 || position >= n->n_inputs) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "no such input is destroyed");
            goto bad;
        }
        n->destroyed[position] = 1;
        n->any_destroyed = 1;
    }
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(islands); k++) {
        n->n_islands = (int)k + 1;
        if (read_island(&n->islands[k], PyTuple_GET_ITEM(islands, k)))
            goto bad;
        n->islands[k].cell = n->n_cells;
        n->n_cells += n->islands[k].n_out;
    }
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(library); k++) {
        n->library[k] = PyLong_AsVoidPtr(PyTuple_GET_ITEM(library, k));
        if (PyErr_Occurred())
            goto bad;
    }
    if (!(n->context = st_new_context(n)))
        goto bad;
    return (PyObject *)n;
bad:
    Py_DECREF(n);
    return NULL;
}

static PyObject *list_of(PyObject **items, int count)
{
    PyObject *list = PyList_New(count);
    for (int k = 0; k < count; k++) {
        if (list)
            PyList_SET_ITEM(list, k, items[k]);
        else
            Py_DECREF(items[k]);
    }
    return list;
}

PyDoc_STRVAR(run_doc, "run(values) -> (outputs, updates)\n\nOne call: a value for each input, in order. Nothing is "
                      "committed: an update that was not made in place is returned as a new array.");

static PyObject *native_run(Native *n, PyObject *values)
{
    PyObject *items = PySequence_Fast(values, "a sequence of input values was expected");
    if (!items)
        return NULL;
    if (PySequence_Fast_GET_SIZE(items) != n->n_inputs) {
        PyErr_Format(PyExc_TypeError, "%d input values expected, got %zd", n->n_inputs, PySequence_Fast_GET_SIZE(items));
        Py_DECREF(items);
        return NULL;
    }
    Context *c = st_enter(n);
    if (!c) {
        Py_DECREF(items);
        return NULL;
    }
    npy_intp work = 0;
    int bad = 0;
    PyObject *result = NULL, **room = ROOM(PyObject *, n->n_outputs + n->n_updates);
    for (int k = 0; k < n->n_inputs && !bad; k++) {
        if (k >= PySequence_Fast_GET_SIZE(items)) {
            PyErr_SetString(PyExc_TypeError, "the input values changed meanwhile");
            bad = -1;
            break;
        }
        PyObject *value = Py_NewRef(PySequence_Fast_GET_ITEM(items, k));
        bad = st_bind_any(c, k, value, &work, 0);
        Py_DECREF(value);
    }
    if (!room)
        PyErr_NoMemory();
    else if (!bad && (!n->any_destroyed || st_separate(c, 0) > 0) && !st_run(c, work)
             && !st_collect(c, room, room + n->n_outputs)) {
        PyObject *outputs = list_of(room, n->n_outputs), *updates = list_of(room + n->n_outputs, n->n_updates);
        if (outputs && updates)
            result = PyTuple_Pack(2, outputs, updates);
        Py_XDECREF(outputs);
        Py_XDECREF(updates);
    }
    PyMem_Free(room);
    st_leave(c);
    Py_DECREF(items);
    return result;
}

PyDoc_STRVAR(free_doc, "free()\n\nGives back workspaces and spare arrays; the next call makes new ones.");

static PyObject *native_free(Native *n, PyObject *unused)
{
    (void)unused;
    for (int k = 0; k < n->n_updates; k++)
        Py_CLEAR(n->spares[k]);
    if (!n->active)
        for (int k = 0; k < n->n_slots; k++)
            st_drop_slot(&n->context->slots[k]);
    Py_RETURN_NONE;
}

static PyObject *native_kept(Native *n, void *unused)
{
    (void)unused;
    size_t total = 0;
    for (int k = 0; k < n->n_slots; k++)
        total += n->context->slots[k].size;
    for (int k = 0; k < n->n_updates; k++)
        if (n->spares[k])
            total += (size_t)PyArray_NBYTES((PyArrayObject *)n->spares[k]);
    return PyLong_FromSize_t(total);
}

static PyMethodDef native_methods[] = {
    {"run", (PyCFunction)native_run, METH_O, run_doc},
    {"free", (PyCFunction)native_free, METH_NOARGS, free_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef native_getset[] = {
    {"kept_bytes", (getter)native_kept, NULL, "bytes of workspaces and spare arrays kept between calls", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

PyTypeObject NativeType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "symtensor._executor.Native",
    .tp_basicsize = sizeof(Native),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "A loaded unit with its constants and workspaces.",
    .tp_new = native_new,
    .tp_dealloc = (destructor)native_dealloc,
    .tp_traverse = (traverseproc)native_traverse,
    .tp_clear = (inquiry)native_clear,
    .tp_methods = native_methods,
    .tp_getset = native_getset,
};
