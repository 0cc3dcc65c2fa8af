/* One call: binding inputs, running the unit, collecting results, reporting a failure. See executor.h. */
#include "executor.h"

npy_intp st_release_bytes = 1 << 16;

/* --------------------------------------------------------------------------------------------------- binding */

static int store_integer(Number *number, int type, long long value)
{
#define FITS(T, low, high)                                                                                             \
    if (value < (long long)(low) || value > (long long)(high))                                                         \
        return 0;                                                                                                      \
    *(T *)number = (T)value;                                                                                           \
    return 1;
    switch (type) {
    case NPY_BYTE: FITS(npy_byte, NPY_MIN_BYTE, NPY_MAX_BYTE)
    case NPY_UBYTE: FITS(npy_ubyte, 0, NPY_MAX_UBYTE)
    case NPY_SHORT: FITS(npy_short, NPY_MIN_SHORT, NPY_MAX_SHORT)
    case NPY_USHORT: FITS(npy_ushort, 0, NPY_MAX_USHORT)
    case NPY_INT: FITS(npy_int, NPY_MIN_INT, NPY_MAX_INT)
    case NPY_UINT: FITS(npy_uint, 0, NPY_MAX_UINT)
    case NPY_LONG: FITS(npy_long, NPY_MIN_LONG, NPY_MAX_LONG)
    case NPY_ULONG: FITS(npy_ulong, 0, NPY_MAX_LONG)
    case NPY_LONGLONG: FITS(npy_longlong, NPY_MIN_LONGLONG, NPY_MAX_LONGLONG)
    case NPY_ULONGLONG: FITS(npy_ulonglong, 0, NPY_MAX_LONGLONG)
    case NPY_FLOAT: FITS(npy_float, -(1 << 24), 1 << 24)
    case NPY_DOUBLE: FITS(npy_double, -(1LL << 53), 1LL << 53)
    default: return 0;
    }
#undef FITS
}

/* A Python or NumPy number of exactly representable value. */
static int bind_number(Context *c, int k, const Spec *spec, PyObject *value)
{
    Number *number = &c->numbers[k];
    if (PyFloat_CheckExact(value)) {
        double x = PyFloat_AS_DOUBLE(value);
        if (spec->type == NPY_DOUBLE)
            *(double *)number = x;
        else if (spec->type == NPY_FLOAT && ((double)(float)x == x || x != x))
            *(float *)number = (float)x;
        else
            return 0;
    }
    else if (PyLong_CheckExact(value)) {
        int overflow;
        long long x = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow || !store_integer(number, spec->type, x))
            return 0;
    }
    else if (PyArray_IsScalar(value, Generic)) {
        PyArray_Descr *descr = PyArray_DescrFromScalar(value);
        int fits = descr && descr->type_num == spec->type && spec->itemsize <= (npy_intp)sizeof(Number);
        Py_XDECREF(descr);
        if (!fits) {
            PyErr_Clear();
            return 0;
        }
        PyArray_ScalarAsCtype(value, number);
    }
    else
        return 0;
    c->frame.inputs[k].data = (char *)number;
    return 1;
}

/* Binds input k if the value fits as it is: 1 (and a reference is kept), else 0. Never raises. */
int st_bind(Context *c, int k, PyObject *value, npy_intp *work)
{
    const Spec *spec = &c->native->specs[k];
    st_array *a = &c->frame.inputs[k];
    int destroyed = c->native->destroyed[k];
    if (spec->type < 0)
        a->data = (char *)value;
    else if (PyArray_CheckExact(value)) {
        PyArrayObject *array = (PyArrayObject *)value;
        PyArray_Descr *descr = PyArray_DESCR(array);
        if (PyArray_NDIM(array) != spec->ndim || !PyArray_ISALIGNED(array))
            return 0;
        if (descr != spec->descr
            && (!(descr->type_num == spec->type || PyArray_EquivTypenums(descr->type_num, spec->type))
                || !PyArray_ISNBO(descr->byteorder)))
            return 0;
        if (spec->one)
            for (int d = 0; d < spec->ndim; d++)
                if (spec->one[d] && PyArray_DIM(array, d) != 1)
                    return 0;
        if ((spec->contiguous && !PyArray_IS_C_CONTIGUOUS(array)) || (destroyed && !PyArray_ISWRITEABLE(array)))
            return 0;
        a->data = PyArray_DATA(array);
        a->dims = (st_i64 *)PyArray_DIMS(array);
        a->strides = (st_i64 *)PyArray_STRIDES(array);
        if (spec->ndim) {
            npy_intp bytes = spec->itemsize;
            for (int d = 0; d < spec->ndim; d++)
                bytes *= a->dims[d];
            *work += bytes;
        }
    }
    else if (spec->ndim || destroyed || !bind_number(c, k, spec, value))
        return 0;
    Py_INCREF(value);
    Py_XSETREF(c->values[k], value);
    return 1;
}

/* Binds input k by any means, as a copy if `copy`. -1: TypeError. */
int st_bind_any(Context *c, int k, PyObject *value, npy_intp *work, int copy)
{
    const Spec *spec = &c->native->specs[k];
    if (!copy && st_bind(c, k, value, work))
        return 0;
    PyObject *fitted = PyObject_CallFunction(c->native->fit, "iO", k, value);
    if (fitted && spec->type >= 0 && PyArray_Check(fitted)
        && (copy || (c->native->destroyed[k] && !PyArray_ISWRITEABLE((PyArrayObject *)fitted))))
        Py_SETREF(fitted, PyArray_NewCopy((PyArrayObject *)fitted, NPY_CORDER));
    if (!fitted)
        return -1;
    int fits = st_bind(c, k, fitted, work);
    Py_DECREF(fitted);
    if (!fits) {
        PyErr_Format(PyExc_TypeError, "input %d does not fit", k);
        return -1;
    }
    return 0;
}

/* Inputs that the unit writes to must not share memory with other inputs. Returns 1 if all is well; 0 if not and `fast`;
 * otherwise copies what is only read (or, of two that are written, the later one): 1, or -1 with an error. */
int st_separate(Context *c, int fast)
{
    Native *n = c->native;
    int last = -1, clash = 0;
    for (int k = 0; k < n->n_inputs; k++) {
        c->low[k] = c->high[k] = NULL;
        if (n->specs[k].type >= 0 && PyArray_Check(c->values[k]))
            st_extent(&c->frame.inputs[k], &n->specs[k], &c->low[k], &c->high[k]);
    }
    for (int i = 1; i < n->n_inputs; i++) { /* nearly sorted by the last call */
        int k = c->order[i], j = i;
        for (; j > 0 && c->low[c->order[j - 1]] > c->low[k]; j--)
            c->order[j] = c->order[j - 1];
        c->order[j] = k;
    }
    for (int i = 0; i < n->n_inputs && !clash; i++) {
        int k = c->order[i];
        if (c->low[k] == c->high[k])
            continue;
        if (last >= 0 && c->low[k] < c->high[last])
            clash = n->destroyed[k] || n->destroyed[last];
        if (last < 0 || c->high[k] > c->high[last])
            last = k;
    }
    if (!clash)
        return 1;
    if (fast)
        return 0;
    for (int d = 0; d < n->n_inputs; d++)
        for (int k = 0; n->destroyed[d] && k < n->n_inputs; k++) {
            if (k == d || c->low[k] == c->high[k] || c->low[k] >= c->high[d] || c->low[d] >= c->high[k])
                continue;
            int victim = n->destroyed[k] && k < d ? d : k;
            npy_intp work = 0;
            PyObject *value = c->values[victim];
            Py_INCREF(value);
            int failed = st_bind_any(c, victim, value, &work, 1);
            Py_DECREF(value);
            if (failed)
                return -1;
            st_extent(&c->frame.inputs[victim], &n->specs[victim], &c->low[victim], &c->high[victim]);
        }
    return 1;
}

/* --------------------------------------------------------------------------------------------------- running */

/* Hands the failure to `fail`, which raises. */
static void failed(Context *c)
{
    Native *n = c->native;
    PyObject *type, *error = NULL, *trace;
    st_i64 site = c->frame.error_site;
    if (site == -1 && !PyErr_Occurred())
        PyErr_NoMemory();
    if (PyErr_Occurred()) {
        PyErr_Fetch(&type, &error, &trace);
        PyErr_NormalizeException(&type, &error, &trace);
        if (trace)
            PyException_SetTraceback(error, trace);
        Py_XDECREF(type);
        Py_XDECREF(trace);
        if (site >= 0)
            site = -2;
    }
    PyObject *numbers = PyTuple_New(8), *values = PyList_New(n->n_inputs), *result = NULL;
    for (int k = 0; numbers && k < 8; k++) {
        PyObject *number = PyLong_FromLongLong(c->frame.error_values[k]);
        if (!number)
            Py_CLEAR(numbers);
        else
            PyTuple_SET_ITEM(numbers, k, number);
    }
    for (int k = 0; values && k < n->n_inputs; k++)
        PyList_SET_ITEM(values, k, Py_NewRef(c->values[k]));
    if (numbers && values)
        result = PyObject_CallFunction(n->fail, "LOOiO", site, numbers, error ? error : Py_None, c->island, values);
    if (result) {
        Py_DECREF(result);
        PyErr_SetString(PyExc_SystemError, "a failed call raised nothing");
    }
    Py_XDECREF(numbers);
    Py_XDECREF(values);
    Py_XDECREF(error);
}

/* Runs the unit on bound inputs. 0, or -1 with an error. */
int st_run(Context *c, npy_intp work)
{
    Native *n = c->native;
    int n_res = n->n_outputs + n->n_updates;
    st_i64 *room = c->result_dims;
    for (int k = 0; k < n_res; k++) {
        st_array *r = &c->frame.results[k];
        r->data = NULL;
        r->dims = room;
        r->strides = room + n->results[k].ndim;
        room += 2 * n->results[k].ndim;
    }
    c->frame.error_site = -2;
    c->island = -1;
    int rc;
    if (n->heavy || work > st_release_bytes) {
        c->saved = PyEval_SaveThread();
        rc = n->main(&c->frame);
        PyEval_RestoreThread(c->saved);
        c->saved = NULL;
    }
    else
        rc = n->main(&c->frame);
    if (rc == 0 && !(n->n_islands && PyErr_Occurred()))
        return 0;
    failed(c);
    return -1;
}

static int within(PyArrayObject *array, const char *data)
{
    const char *start = PyArray_DATA(array);
    return data == start || (data > start && data < start + PyArray_NBYTES(array));
}

/* An array made for a result, or the part of it that is the result. Takes over the reference. */
static PyObject *whole_or_view(Context *c, const Spec *spec, const st_array *r, PyObject *array)
{
    int whole = PyArray_DATA((PyArrayObject *)array) == (void *)r->data
                && st_same_dims((PyArrayObject *)array, spec->ndim, r->dims);
    for (int d = 0; whole && d < spec->ndim; d++)
        whole = PyArray_STRIDE((PyArrayObject *)array, d) == r->strides[d];
    if (whole)
        return array;
    PyObject *view = st_wrap(c, spec, r, 0);
    if (!view)
        Py_DECREF(array);
    else if (PyArray_SetBaseObject((PyArrayObject *)view, array) < 0)
        Py_CLEAR(view);
    return view;
}

/* Result k as a new reference; NULL without an error: the unit left it alone (an update in place). */
static PyObject *take_result(Context *c, int k)
{
    const Spec *spec = &c->native->results[k];
    st_array *r = &c->frame.results[k];
    PyObject *array = c->made[k];
    if (!r->data)
        return NULL;
    if (spec->type < 0)
        return Py_NewRef((PyObject *)r->data);
    if (array && within((PyArrayObject *)array, r->data)) {
        c->made[k] = NULL;
        return whole_or_view(c, spec, r, array);
    }
    for (int i = 0; i < c->native->n_cells; i++) { /* what a Python operation returned, as it is */
        PyObject *value = c->cells[i];
        if (!value || !PyArray_CheckExact(value) || PyArray_DATA((PyArrayObject *)value) != (void *)r->data
            || !st_same_dims((PyArrayObject *)value, spec->ndim, r->dims) || Py_REFCNT(value) != 1)
            continue;
        int same = 1;
        for (int d = 0; d < spec->ndim; d++)
            same &= r->dims[d] == 1 || PyArray_STRIDE((PyArrayObject *)value, d) == r->strides[d];
        if (same)
            return Py_NewRef(value);
    }
    PyObject *view = st_wrap(c, spec, r, 0);
    if (!view)
        return NULL;
    PyObject *copy = PyArray_NewCopy((PyArrayObject *)view, NPY_CORDER);
    Py_DECREF(view);
    return copy;
}

/* Fills `outputs` and `updates` with new references. -1 with an error: neither holds anything. */
int st_collect(Context *c, PyObject **outputs, PyObject **updates)
{
    Native *n = c->native;
    int k = 0, total = n->n_outputs + n->n_updates;
    for (; k < total; k++) {
        PyObject *result = NULL;
        st_array *r = &c->frame.results[k];
        int position = k < n->n_outputs ? -1 : n->position[k - n->n_outputs];
        if (position >= 0
            && (!r->data
                || (r->data == c->frame.inputs[position].data && n->results[k].type >= 0
                    && PyArray_Check(c->values[position])
                    && st_same_dims((PyArrayObject *)c->values[position], n->results[k].ndim, r->dims))))
            result = Py_NewRef(c->values[position]); /* made in place */
        else
            result = take_result(c, k);
        if (!result) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_SystemError, "the unit did not fill result %d", k);
            break;
        }
        if (k < n->n_outputs)
            outputs[k] = result;
        else
            updates[k - n->n_outputs] = result;
    }
    if (k == total)
        return 0;
    while (k-- > 0) {
        PyObject **place = k < n->n_outputs ? &outputs[k] : &updates[k - n->n_outputs];
        Py_CLEAR(*place);
    }
    return -1;
}

/* Keeps an array (the reference is taken over) for the next result of an update, if nobody else has it. */
void st_keep_spare(Native *n, int update, PyObject *value)
{
    PyArrayObject *array = (PyArrayObject *)value;
    const Spec *spec = &n->results[n->n_outputs + update];
    if (spec->type >= 0 && PyArray_CheckExact(value) && Py_REFCNT(value) == 1 && PyArray_CHKFLAGS(array, NPY_ARRAY_OWNDATA)
        && PyArray_ISCARRAY(array) && PyArray_DESCR(array)->type_num == spec->type
        && !((PyArrayObject_fields *)array)->weakreflist)
        Py_XSETREF(n->spares[update], value);
    else
        Py_DECREF(value);
}
