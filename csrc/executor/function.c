/* FunctionBase: the call that a user makes. See executor.h and symtensor/runtime/function.py for the protocol.
 *
 * Positional arguments that are arrays of exactly the right kind go straight to the unit; containers (one-element lists)
 * are read before and written after it. Everything else goes to the method `_slow_call(args, kwargs)` of the subclass. */
#include "executor.h"

#include <stddef.h>
#include <structmember.h>

/* Where an input's value comes from. */
typedef struct {
    int argument;        /* position among the arguments, or -1 */
    PyObject *container; /* one-element list, or NULL */
} Source;

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *executable; /* anything with `run` and `native` */
    Native *native;       /* its native part, or NULL */
    int n_sources, n_arguments, n_required;
    Source *sources;
    PyObject *source_tuple;
    PyObject *form; /* "bare", "list", "none", or a tuple of keys */
    int shape;      /* 0 bare, 1 list, 2 none, 3 dict */
    int ready;
} Function;

static PyObject *slow_name, *generic_name;

/* The updates of a call that succeeded. Takes over the references. Nothing here can fail: a container gets the new array,
 * or, where somebody else holds the old one, the old one gets the new contents. */
static void commit(Function *f, Context *c, PyObject **updates)
{
    Native *n = f->native;
    for (int k = 0; k < n->n_updates; k++) {
        PyObject *new = updates[k], *list = f->sources[n->position[k]].container;
        updates[k] = NULL;
        if (!list || PyList_GET_SIZE(list) < 1) {
            Py_DECREF(new);
            continue;
        }
        PyObject *old = PyList_GET_ITEM(list, 0);
        if (old == new) {
            Py_DECREF(new);
            continue;
        }
        if (n->results[n->n_outputs + k].type >= 0 && PyArray_Check(old) && PyArray_CheckExact(new)) {
            PyArrayObject *to = (PyArrayObject *)old, *from = (PyArrayObject *)new;
            Py_ssize_t known = 1 + (c->values[n->position[k]] == old);
            int borrowed = Py_REFCNT(old) > known || !PyArray_CheckExact(old) || !PyArray_CHKFLAGS(to, NPY_ARRAY_OWNDATA);
            if (borrowed && PyArray_ISWRITEABLE(to) && PyArray_TYPE(to) == PyArray_TYPE(from)
                && st_same_dims(to, PyArray_NDIM(from), (st_i64 *)PyArray_DIMS(from))) {
                if (PyArray_CopyInto(to, from) == 0) {
                    st_keep_spare(n, k, new);
                    continue;
                }
                PyErr_Clear();
            }
        }
        PyList_SET_ITEM(list, 0, new);
        if (c->values[n->position[k]] == old)
            Py_CLEAR(c->values[n->position[k]]);
        st_keep_spare(n, k, old);
    }
}

/* The outputs in the form that the user sees. Takes over the references. */
static PyObject *formed(Function *f, PyObject **outputs)
{
    int count = f->native->n_outputs;
    PyObject *result = NULL;
    if (f->shape == 0)
        return outputs[0];
    if (f->shape == 1) {
        result = PyList_New(count);
        for (int k = 0; k < count; k++)
            if (result)
                PyList_SET_ITEM(result, k, outputs[k]);
            else
                Py_DECREF(outputs[k]);
        return result;
    }
    result = f->shape == 3 ? PyDict_New() : Py_NewRef(Py_None);
    for (int k = 0; k < count; k++) {
        if (f->shape == 3 && result && PyDict_SetItem(result, PyTuple_GET_ITEM(f->form, k), outputs[k]))
            Py_CLEAR(result);
        Py_DECREF(outputs[k]);
    }
    return result;
}

/* One call. `fast`: NULL without an error means that the arguments need the slow way. */
static PyObject *call(Function *f, PyObject *const *args, Py_ssize_t n_args, int fast)
{
    Native *n = f->native;
    PyObject *small[16], **results = small, *answer = NULL;
    npy_intp work = 0;
    Context *c = st_enter(n);
    if (!c)
        return NULL;
    for (int k = 0; k < n->n_inputs; k++) {
        Source *source = &f->sources[k];
        int passed = source->argument >= 0 && source->argument < n_args;
        int given = passed && args[source->argument] != Py_Ellipsis;
        PyObject *value;
        if (fast && passed && !given)
            goto end; /* from a user an Ellipsis is a value, and a wrong one */
        if (given)
            value = args[source->argument];
        else if (source->container && PyList_GET_SIZE(source->container) > 0)
            value = PyList_GET_ITEM(source->container, 0);
        else {
            if (!fast)
                PyErr_Format(PyExc_TypeError, "no value for input %d", k);
            goto end;
        }
        /* the container's next value must not be computed in the caller's own array */
        int copy = given && source->container && n->destroyed[k];
        if (!copy && st_bind(c, k, value, &work))
            continue;
        if (fast)
            goto end;
        Py_INCREF(value);
        int bad = st_bind_any(c, k, value, &work, copy);
        Py_DECREF(value);
        if (bad)
            goto end;
    }
    if (n->any_destroyed && st_separate(c, fast) <= 0)
        goto end;
    if (n->n_outputs + n->n_updates > 16 && !(results = ROOM(PyObject *, n->n_outputs + n->n_updates))) {
        PyErr_NoMemory();
        goto end;
    }
    if (!st_run(c, work) && !st_collect(c, results, results + n->n_outputs)) {
        commit(f, c, results + n->n_outputs);
        answer = formed(f, results);
    }
end:
    if (results != small)
        PyMem_Free(results);
    st_leave(c);
    return answer;
}

static PyObject *slow(Function *f, PyObject *const *args, Py_ssize_t n_args, PyObject *names)
{
    PyObject *tuple = PyTuple_New(n_args), *dict = NULL, *answer = NULL;
    if (!tuple)
        return NULL;
    for (Py_ssize_t k = 0; k < n_args; k++)
        PyTuple_SET_ITEM(tuple, k, Py_NewRef(args[k]));
    if ((dict = PyDict_New())) {
        Py_ssize_t k = 0, count = names ? PyTuple_GET_SIZE(names) : 0;
        while (k < count && !PyDict_SetItem(dict, PyTuple_GET_ITEM(names, k), args[n_args + k]))
            k++;
        if (k == count)
            answer = PyObject_CallMethodObjArgs((PyObject *)f, slow_name, tuple, dict, NULL);
    }
    Py_XDECREF(dict);
    Py_DECREF(tuple);
    return answer;
}

static PyObject *function_vectorcall(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Function *f = (Function *)self;
    Py_ssize_t n_args = PyVectorcall_NARGS(nargsf);
    if (f->native && !names && n_args >= f->n_required && n_args <= f->n_arguments) {
        PyObject *answer = call(f, args, n_args, 1);
        if (answer || PyErr_Occurred())
            return answer;
    }
    return slow(f, args, n_args, names);
}

PyDoc_STRVAR(execute_doc,
             "_execute(arguments) -> result in the declared form\n\nOne call with arguments that were filtered: a value "
             "for each argument position, `...` where the container's value is meant. Containers are read and updated.");

static PyObject *function_execute(Function *f, PyObject *arguments)
{
    if (!f->ready) {
        PyErr_SetString(PyExc_RuntimeError, "the function is not bound to an executable");
        return NULL;
    }
    if (!f->native)
        return PyObject_CallMethodObjArgs((PyObject *)f, generic_name, arguments, NULL);
    PyObject *tuple = PySequence_Tuple(arguments), *answer = NULL;
    if (!tuple)
        return NULL;
    if (PyTuple_GET_SIZE(tuple) != f->n_arguments)
        PyErr_Format(PyExc_TypeError, "%d arguments expected, got %zd", f->n_arguments, PyTuple_GET_SIZE(tuple));
    else
        answer = call(f, ((PyTupleObject *)tuple)->ob_item, f->n_arguments, 0);
    Py_DECREF(tuple);
    return answer;
}

static int function_clear(Function *f)
{
    f->native = NULL;
    f->ready = 0;
    for (int k = 0; k < f->n_sources; k++)
        Py_CLEAR(f->sources[k].container);
    Py_CLEAR(f->executable);
    Py_CLEAR(f->source_tuple);
    Py_CLEAR(f->form);
    return 0;
}

static int function_traverse(Function *f, visitproc visit, void *arg)
{
    for (int k = 0; k < f->n_sources; k++)
        Py_VISIT(f->sources[k].container);
    Py_VISIT(f->executable);
    Py_VISIT(f->source_tuple);
    Py_VISIT(f->form);
    return 0;
}

static void function_dealloc(Function *f)
{
    PyObject_GC_UnTrack(f);
    function_clear(f);
    PyMem_Free(f->sources);
    Py_TYPE(f)->tp_free(f);
}

static PyObject *function_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
    Function *f = (Function *)type->tp_alloc(type, 0);
    if (f)
        f->vectorcall = function_vectorcall;
    return (PyObject *)f;
}

PyDoc_STRVAR(bind_doc,
             "_bind(executable, sources, form)\n\nsources: for each input of the program its argument position, its "
             "container (a one-element list), or a pair (position, container): the container's value where the argument "
             "is missing. form: \"bare\" (the only output), \"list\", \"none\", or a tuple of keys (a dict).");

static PyObject *function_bind(Function *f, PyObject *args)
{
    PyObject *executable, *sources, *form;
    if (!PyArg_ParseTuple(args, "OO!O", &executable, &PyTuple_Type, &sources, &form))
        return NULL;
    int count = (int)PyTuple_GET_SIZE(sources), shape = 3;
    if (PyUnicode_Check(form)) {
        shape = !PyUnicode_CompareWithASCIIString(form, "bare")   ? 0
                : !PyUnicode_CompareWithASCIIString(form, "list") ? 1
                : !PyUnicode_CompareWithASCIIString(form, "none") ? 2
                                                                  : -1;
    }
    else if (!PyTuple_Check(form))
        shape = -1;
    if (shape < 0) {
        PyErr_SetString(PyExc_ValueError, "form is \"bare\", \"list\", \"none\" or a tuple of keys");
        return NULL;
    }
    PyObject *native = PyObject_GetAttrString(executable, "native");
    if (!native)
        return NULL;
    Native *n = Py_TYPE(native) == &NativeType ? (Native *)native : NULL;
    Source *room = ROOM(Source, count);
    int n_arguments = 0, n_required = 0;
    if (!room) {
        Py_DECREF(native);
        return PyErr_NoMemory();
    }
    for (int k = 0; k < count; k++) {
        PyObject *item = PyTuple_GET_ITEM(sources, k), *position = item, *list = item;
        if (PyTuple_Check(item) && PyTuple_GET_SIZE(item) == 2) {
            position = PyTuple_GET_ITEM(item, 0);
            list = PyTuple_GET_ITEM(item, 1);
        }
        room[k].argument = PyLong_Check(position) ? (int)PyLong_AsLong(position) : -1;
        room[k].container = PyList_Check(list) ? Py_NewRef(list) : NULL;
        if (room[k].argument < 0 && !room[k].container) {
            PyErr_Format(PyExc_TypeError, "source %d is no position, list or pair of them", k);
            goto bad;
        }
        if (room[k].argument >= n_arguments)
            n_arguments = room[k].argument + 1;
        if (!room[k].container && room[k].argument >= n_required)
            n_required = room[k].argument + 1;
    }
    if (n
        && (n->n_inputs != count || (shape == 0 && n->n_outputs != 1)
            || (shape == 3 && PyTuple_GET_SIZE(form) != n->n_outputs))) {
        PyErr_SetString(PyExc_ValueError, "sources or form do not fit the executable");
        goto bad;
    }
    function_clear(f);
    PyMem_Free(f->sources);
    f->sources = room;
    f->n_sources = count;
    f->n_arguments = n_arguments;
    f->n_required = n_required;
    f->executable = Py_NewRef(executable);
    f->source_tuple = Py_NewRef(sources);
    f->form = Py_NewRef(form);
    f->shape = shape;
    f->native = n; /* kept alive by the executable, which must not let go of it */
    f->ready = 1;
    Py_DECREF(native);
    Py_RETURN_NONE;
bad:
    for (int k = 0; k < count; k++)
        Py_XDECREF(room[k].container);
    PyMem_Free(room);
    Py_DECREF(native);
    return NULL;
}

/* Before Python 3.12 a class defined in Python does not take over the quick call; it may, unless it has a __call__ of
 * its own. */
static PyObject *function_init_subclass(PyObject *cls, PyObject *args, PyObject *kwargs)
{
    (void)args;
    (void)kwargs;
#if PY_VERSION_HEX < 0x030C0000
    PyTypeObject *type = (PyTypeObject *)cls;
    if (type->tp_call == PyVectorcall_Call && type->tp_vectorcall_offset == offsetof(Function, vectorcall)
        && (type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
        PyType_Modified(type);
    }
#else
    (void)cls;
#endif
    Py_RETURN_NONE;
}

static PyMethodDef function_methods[] = {
    {"_bind", (PyCFunction)function_bind, METH_VARARGS, bind_doc},
    {"_execute", (PyCFunction)function_execute, METH_O, execute_doc},
    {"__init_subclass__", (PyCFunction)(void (*)(void))function_init_subclass,
     METH_VARARGS | METH_KEYWORDS | METH_CLASS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef function_members[] = {
    {"_executable", T_OBJECT, offsetof(Function, executable), READONLY, "what the function runs"},
    {"_sources", T_OBJECT, offsetof(Function, source_tuple), READONLY, "where each input's value comes from"},
    {"_form", T_OBJECT, offsetof(Function, form), READONLY, "the form of the result"},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject FunctionBaseType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "symtensor._executor.FunctionBase",
    .tp_basicsize = sizeof(Function),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_doc = "What users call: arguments and containers in, results out.",
    .tp_new = function_new,
    .tp_dealloc = (destructor)function_dealloc,
    .tp_traverse = (traverseproc)function_traverse,
    .tp_clear = (inquiry)function_clear,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Function, vectorcall),
    .tp_methods = function_methods,
    .tp_members = function_members,
};

int st_function_init(void)
{
    slow_name = PyUnicode_InternFromString("_slow_call");
    generic_name = PyUnicode_InternFromString("_execute_generic");
    return slow_name && generic_name ? 0 : -1;
}
