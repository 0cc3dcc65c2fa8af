/* Python operations inside a unit: memory wrapped as arrays, results checked and adopted. See executor.h. */
#include "executor.h"

_Thread_local int st_depth;

/* The addresses that an array's elements occupy; low == high if there is none. */
void st_extent(const st_array *a, const Spec *spec, char **low, char **high)
{
    *low = *high = a->data;
    for (int d = 0; d < spec->ndim; d++)
        if (a->dims[d] == 0)
            return;
    for (int d = 0; d < spec->ndim; d++) {
        st_i64 step = (a->dims[d] - 1) * a->strides[d];
        if (step < 0)
            *low += step;
        else
            *high += step;
    }
    *high += spec->itemsize;
}

static st_array described(PyArrayObject *array)
{
    st_array a = {PyArray_DATA(array), (st_i64 *)PyArray_DIMS(array), (st_i64 *)PyArray_STRIDES(array)};
    return a;
}

/* Whether [low, high) meets the memory of an array. */
static int meets(char *low, char *high, PyObject *value)
{
    char *from, *to;
    if (!value || !PyArray_Check(value))
        return 0;
    st_array a = described((PyArrayObject *)value);
    Spec s = {.ndim = PyArray_NDIM((PyArrayObject *)value), .itemsize = PyArray_ITEMSIZE((PyArrayObject *)value)};
    st_extent(&a, &s, &from, &to);
    return low < to && from < high;
}

static void slot_gone(PyObject *capsule)
{
    st_give_memory(PyCapsule_GetPointer(capsule, "symtensor.slot"), PyCapsule_GetContext(capsule) != NULL);
}

/* The object that keeps the memory at [low, high) alive: borrowed; NULL if there is none (with an error only if memory
 * ran out). */
static PyObject *owner_of(Context *c, char *low, char *high)
{
    Native *n = c->native;
    for (int k = 0; k < n->n_slots; k++) {
        Slot *slot = &c->slots[k];
        if (!slot->data || low < slot->data || high > slot->data + slot->size)
            continue;
        if (!slot->owner) {
            slot->owner = PyCapsule_New(slot->data, "symtensor.slot", slot_gone);
            if (slot->owner && slot->pooled)
                PyCapsule_SetContext(slot->owner, slot);
        }
        return slot->owner;
    }
    for (int k = 0; k < n->n_cells; k++)
        if (meets(low, high, c->cells[k]))
            return c->cells[k];
    for (int k = 0; k < n->n_outputs + n->n_updates; k++)
        if (meets(low, high, c->made[k]))
            return c->made[k];
    for (int k = 0; k < n->n_inputs; k++)
        if (n->specs[k].type >= 0 && meets(low, high, c->values[k]))
            return c->values[k];
    for (int k = 0; k < n->n_constants; k++)
        if (meets(low, high, PyTuple_GET_ITEM(n->constants, k)))
            return PyTuple_GET_ITEM(n->constants, k);
    return NULL;
}

static int is_same(PyArrayObject *array, const Spec *spec, const st_array *a)
{
    if (PyArray_DATA(array) != (void *)a->data || !st_same_dims(array, spec->ndim, a->dims)
        || PyArray_TYPE(array) != spec->type)
        return 0;
    for (int d = 0; d < spec->ndim; d++)
        if (PyArray_STRIDE(array, d) != a->strides[d])
            return 0;
    return 1;
}

/* An array over memory of the unit. With `owned` it keeps the memory alive (or is a copy where nobody owns it);
 * otherwise it must not outlive the caller. */
PyObject *st_wrap(Context *c, const Spec *spec, const st_array *a, int owned)
{
    char *low, *high;
    PyObject *owner = NULL;
    int flags = NPY_ARRAY_WRITEABLE;
    if (owned) {
        st_extent(a, spec, &low, &high);
        if (low < high)
            owner = owner_of(c, low, high);
        if (PyErr_Occurred())
            return NULL;
        if (owner && PyArray_CheckExact(owner)) {
            if (is_same((PyArrayObject *)owner, spec, a))
                return Py_NewRef(owner);
            if (!PyArray_ISWRITEABLE((PyArrayObject *)owner))
                flags = 0;
        }
    }
    Py_INCREF(spec->descr);
    PyObject *array = PyArray_NewFromDescr(&PyArray_Type, spec->descr, spec->ndim, (npy_intp *)a->dims,
                                           (npy_intp *)a->strides, a->data, flags, NULL);
    if (!array || !owned)
        return array;
    if (!owner) {
        PyObject *copy = PyArray_NewCopy((PyArrayObject *)array, NPY_CORDER);
        Py_DECREF(array);
        return copy;
    }
    if (PyArray_SetBaseObject((PyArrayObject *)array, Py_NewRef(owner)) < 0)
        Py_CLEAR(array);
    return array;
}

/* Whether a result can be used as it is: an array of the right kind. */
static int fits(const Spec *spec, PyObject *value)
{
    if (spec->type < 0)
        return 1;
    if (!PyArray_CheckExact(value))
        return 0;
    PyArrayObject *array = (PyArrayObject *)value;
    if (PyArray_NDIM(array) != spec->ndim || PyArray_TYPE(array) != spec->type || !PyArray_ISALIGNED(array)
        || !PyArray_ISNBO(PyArray_DESCR(array)->byteorder) || (spec->contiguous && !PyArray_IS_C_CONTIGUOUS(array)))
        return 0;
    for (int d = 0; spec->one && d < spec->ndim; d++)
        if (spec->one[d] && PyArray_DIM(array, d) != 1)
            return 0;
    return 1;
}

/* Whether somebody else may hold the memory of a result, or several elements lie at one address: the unit may write to
 * what it adopts. `held`: references to the array that are accounted for. */
static int is_shared(PyArrayObject *array, Py_ssize_t held)
{
    if (Py_REFCNT(array) > held || !PyArray_ISWRITEABLE(array))
        return 1;
    PyObject *base = PyArray_BASE(array);
    if (base && (!PyArray_CheckExact(base) || Py_REFCNT(base) > 1))
        return 1;
    for (int d = 0; d < PyArray_NDIM(array); d++)
        if (PyArray_STRIDE(array, d) == 0 && PyArray_DIM(array, d) > 1)
            return 1;
    return 0;
}

/* Whether a result lies in memory that it may not share: an input that it is no view of, another result, a workspace. */
static int trespasses(Context *c, const Island *island, int o, PyArrayObject *array, st_array *const *inputs,
                      PyObject **results)
{
    Spec s = {.ndim = PyArray_NDIM(array), .itemsize = PyArray_ITEMSIZE(array)};
    st_array a = described(array);
    char *low, *high, *from, *to;
    int allowed = 0;
    st_extent(&a, &s, &low, &high);
    for (int i = 0; i < island->n_in; i++) {
        if (island->in[i].type < 0)
            continue;
        st_extent(inputs[i], &island->in[i], &from, &to);
        if (low < to && from < high) {
            if (!island->view[o * island->n_in + i])
                return 1;
            allowed = 1;
        }
    }
    for (int k = 0; k < o; k++)
        if (meets(low, high, results[k]))
            return 1;
    if (allowed)
        return 0;
    for (int k = 0; k < c->native->n_slots; k++)
        if (c->slots[k].data && low < c->slots[k].data + c->slots[k].size && c->slots[k].data < high)
            return 1;
    return is_shared(array, 1);
}

static void describe(const Spec *spec, st_array *target, PyObject *value)
{
    if (spec->type < 0) {
        target->data = (char *)value;
        return;
    }
    PyArrayObject *array = (PyArrayObject *)value;
    target->data = PyArray_DATA(array);
    for (int d = 0; d < spec->ndim; d++) {
        target->dims[d] = PyArray_DIM(array, d);
        target->strides[d] = PyArray_STRIDE(array, d);
    }
}

static int call_island(Context *c, st_i64 number, st_array *const *inputs, st_array *const *outputs)
{
    Native *n = c->native;
    Island *island = &n->islands[number];
    PyObject *arguments = PyList_New(island->n_in), *returned = NULL;
    PyObject **results = ROOM(PyObject *, island->n_out);
    int k, done = 0, bad = -1;
    if (!arguments || !results) {
        PyErr_NoMemory();
        goto end;
    }
    for (k = 0; k < island->n_in; k++) {
        PyObject *value = island->in[k].type < 0 ? Py_NewRef((PyObject *)inputs[k]->data)
                                                 : st_wrap(c, &island->in[k], inputs[k], 1);
        if (!value)
            goto end;
        PyList_SET_ITEM(arguments, k, value);
    }
    st_depth++;
    returned = PyObject_CallOneArg(island->callee, arguments);
    st_depth--;
    Py_CLEAR(arguments); /* what the operation kept has more references now */
    if (!returned)
        goto end;
    if ((!PyList_CheckExact(returned) && !PyTuple_CheckExact(returned))
        || PySequence_Fast_GET_SIZE(returned) != island->n_out) {
        PyObject *ignored = PyObject_CallFunction(n->adopt, "LiO", number, -1, returned);
        Py_XDECREF(ignored);
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a Python operation returned something else than its results");
        goto end;
    }
    int whole = Py_REFCNT(returned) == 1;
    for (k = 0; k < island->n_out; k++) {
        PyObject *value = Py_NewRef(PySequence_Fast_GET_ITEM(returned, k));
        if (whole && PyList_CheckExact(returned)) {
            PyList_SetItem(returned, k, Py_NewRef(Py_None)); /* ours is now the only reference, if nobody keeps it */
        }
        if (!fits(&island->out[k], value))
            Py_SETREF(value, PyObject_CallFunction(n->adopt, "LiO", number, k, value));
        if (value && island->out[k].type >= 0) {
            if (!fits(&island->out[k], value)) {
                Py_CLEAR(value);
                PyErr_SetString(PyExc_TypeError, "a result of a Python operation does not fit");
            }
            else if (trespasses(c, island, k, (PyArrayObject *)value, inputs, results))
                Py_SETREF(value, PyArray_NewCopy((PyArrayObject *)value, NPY_CORDER));
        }
        if (!value)
            goto end;
        results[k] = value;
        done = k + 1;
    }
    for (k = 0; k < island->n_out; k++) {
        /* what the same operation returned before is dead: its buffer ended with the iteration of a loop */
        describe(&island->out[k], outputs[k], results[k]);
        Py_XSETREF(c->cells[island->cell + k], results[k]);
        results[k] = NULL;
    }
    bad = 0;
end:
    for (k = 0; k < done; k++)
        Py_XDECREF(results[k]);
    PyMem_Free(results);
    Py_XDECREF(arguments);
    Py_XDECREF(returned);
    return bad;
}

int st_island(st_frame *frame, st_i64 number, st_i64 n_in, st_array *const *inputs, st_i64 n_out,
              st_array *const *outputs)
{
    Context *c = (Context *)frame;
    int bad = -1;
    st_hold(c);
    if (number < 0 || number >= c->native->n_islands || n_in != c->native->islands[number].n_in
        || n_out != c->native->islands[number].n_out)
        PyErr_SetString(PyExc_SystemError, "a unit called a Python operation that it was not linked with");
    else
        bad = call_island(c, number, inputs, outputs);
    if (bad) {
        frame->error_site = -2;
        c->island = (int)number;
    }
    st_release(c);
    return bad;
}
