/* The module symtensor._executor. See executor.h. */
#define ST_MODULE
#include "executor.h"

int st_function_init(void);

PyDoc_STRVAR(trim_doc, "trim() -> int\n\nFrees the large blocks that are kept for reuse; returns their size in bytes.");

static PyObject *trim(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return PyLong_FromSize_t(st_pool_trim());
}

PyDoc_STRVAR(pool_limit_doc, "pool_limit(bytes) -> int\n\nSets how much freed memory is kept; returns the bound before.");

static PyObject *pool_limit(PyObject *self, PyObject *bytes)
{
    (void)self;
    size_t limit = PyLong_AsSize_t(bytes);
    return PyErr_Occurred() ? NULL : PyLong_FromSize_t(st_pool_limit(limit));
}

PyDoc_STRVAR(pool_state_doc, "pool_state() -> (kept, used)\n\nBytes of large blocks kept for reuse, and in use.");

static PyObject *pool_state(PyObject *self, PyObject *unused)
{
    size_t kept, used;
    (void)self;
    (void)unused;
    st_pool_state(&kept, &used);
    return Py_BuildValue("(nn)", (Py_ssize_t)kept, (Py_ssize_t)used);
}

PyDoc_STRVAR(release_bytes_doc,
             "release_bytes(n) -> int\n\nSets the input size from which calls drop the GIL; returns the value before.");

static PyObject *release_bytes(PyObject *self, PyObject *bytes)
{
    (void)self;
    Py_ssize_t value = PyLong_AsSsize_t(bytes), before = st_release_bytes;
    if (PyErr_Occurred())
        return NULL;
    st_release_bytes = value;
    return PyLong_FromSsize_t(before);
}

PyDoc_STRVAR(after_fork_doc, "after_fork()\n\nTo be called in a forked child: locks of threads that are gone are renewed.");

static PyObject *after_fork(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    st_generation++;
    st_depth = 0;
    st_pool_after_fork();
    st_threads_after_fork();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(wide_vectors_win_doc, "wide_vectors_win(log256, log512)\n\nWhether vectors of 512 bits are faster than those of "
                                   "256 here. Both kinds must be there. Arguments: the addresses of logarithms of 8 "
                                   "and of 16 floats, 0 for none.");

static PyMethodDef methods[] = {
    {"trim", trim, METH_NOARGS, trim_doc},
    {"pool_limit", pool_limit, METH_O, pool_limit_doc},
    {"pool_state", pool_state, METH_NOARGS, pool_state_doc},
    {"release_bytes", release_bytes, METH_O, release_bytes_doc},
    {"after_fork", after_fork, METH_NOARGS, after_fork_doc},
    {"wide_vectors_win", st_wide_vectors_win, METH_VARARGS, wide_vectors_win_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "symtensor._executor",
    .m_doc = "Binds arguments, memory, outputs and updates of compiled functions: one call runs all.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__executor(void)
{
    import_array();
    if (st_pool_init() || st_function_init()) {
        PyErr_NoMemory();
        return NULL;
    }
    if (PyType_Ready(&NativeType) || PyType_Ready(&FunctionBaseType))
        return NULL;
    PyObject *self = PyModule_Create(&module);
    if (!self)
        return NULL;
    if (PyModule_AddObjectRef(self, "Native", (PyObject *)&NativeType)
        || PyModule_AddObjectRef(self, "FunctionBase", (PyObject *)&FunctionBaseType)
        || st_add_built_in(self) || st_add_tall(self) || st_add_device(self) || st_add_placed(self)) {
        Py_DECREF(self);
        return NULL;
    }
    return self;
}
