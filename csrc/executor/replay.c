/* The device's work of a call as a list of commands, and lists that came before as graphs. See queue.h.
 *
 * The unit runs on the host as ever; what it asks of the device is written down, with every byte that the device is
 * going to see: addresses, sizes, numbers. A list is complete where the host needs a value of the device, or Python is
 * about to run, and at the end of the call. It is then either queued command by command or, where an equal list was made
 * a graph of, launched as that graph. So a graph stands for nothing but the bytes it was made from: whatever changes
 * (a shape, a number, where a value lives, how the host decided) gives another list.
 *
 * What the host hands over is copied to staging memory when it is written down. Results that nobody reads before the
 * call ends come through staging memory too, and are copied when all is done. There are two areas of it, so that a call
 * need not wait until the device has read what the last one handed over. */
#include "queue.h"

#include <structmember.h>

#define MOST_WORDS (1 << 16) /* of a list; longer ones are queued in pieces */
#define LEAST_COMMANDS 3     /* of a graph: fewer are as quickly queued */
#define MOST_GRAPHS 16
#define SEEN 64              /* lists that are remembered by their hash */
#define OFTEN 2              /* how often a list is queued before it becomes a graph */
#define MOST_STAGED (4 << 20)
#define LEAST_AREA (1 << 16)
#define MOST_AREA (16 << 20)

enum { LAUNCH = 1, IN, OUT, CALL };

/* Positions of the driver's functions; symtensor/runtime/cuda/graphs.py has the names in this order. */
enum { F_LAUNCH, F_IN, F_OUT, F_WAIT, F_GRAPH, F_RECORD, F_EVENT, N_FUNCTIONS };

typedef struct Graph Graph;
struct Graph {
    Graph *next;
    void *handle;
    st_u64 hash;
    st_i64 count;
    st_i64 words[];
};

typedef struct {
    char *data;
    st_i64 size;
    void *event; /* after the last work that reads the area */
    int flying;  /* the device may still read it */
} Area;

typedef struct {
    char *target;
    const char *source;
    st_i64 bytes;
} Landing;

typedef struct {
    st_u64 hash;
    int count;
} Seen;

struct Replay {
    PyObject_HEAD
    int (*copy_in)(unsigned long long, const void *, size_t, void *);
    int (*copy_out)(void *, unsigned long long, size_t, void *);
    int (*wait)(void *);
    int (*launch_graph)(void *, void *);
    int (*record)(void *, void *);
    int (*wait_event)(void *);
    PyObject *capture; /* capture(frame) -> True: a graph was kept; False: none was; None: the call fails */
    PyObject *grow;    /* grow(frame, area, bytes) -> address of other memory, or 0: the call fails */
    int n_kernels, n_routines, n_results;
    int *kernel_start, *routine_start; /* into `sizes` and `roles`, with the end */
    unsigned char *sizes;              /* bytes of each parameter of each kernel */
    unsigned char *roles;              /* of each routine: outputs, inputs, scalars, bytes of a scalar, ranks */
    unsigned char *late;               /* for each result: nobody reads it before the call ends */
    void **args;                       /* room for a launch's arguments */
    st_i64 *words;
    st_i64 count, room, commands;
    Area areas[2];
    int area;
    st_i64 used; /* bytes of the area */
    Landing *landings;
    int n_landings, landing_room;
    Graph *graphs; /* the last used first */
    int n_graphs;
    Seen seen[SEEN];
    int next_seen;
    int off;                           /* no further graphs are made */
    long long captured, replayed, queued; /* graphs that were made, lists that were launched as one, that were not */
};

/* ------------------------------------------------------------------------------------------------ running a list */

static int refused(st_frame *frame, Queue *q, int status, int function)
{
    q->status = status;
    q->failed = function;
    frame->error_site = -2;
    return 1;
}

/* Queues a list's commands one by one. */
static int play(st_frame *frame, Queue *q, Replay *r, void *stream)
{
    st_i64 *w = r->words, *end = w + r->count;
    int status;
    while (w < end) {
        st_i64 what = w[0] & 255, number = w[0] >> 8;
        if (what == LAUNCH) {
            int n = r->kernel_start[number + 1] - r->kernel_start[number];
            for (int k = 0; k < n; k++)
                r->args[k] = &w[3 + k];
            status = q->launch(q->functions[number], (unsigned)w[1], 1, 1, (unsigned)w[2], (unsigned)(w[2] >> 32), 1, 0,
                               stream, r->args, NULL);
            if (status)
                return refused(frame, q, status, F_LAUNCH);
            w += 3 + n;
        }
        else if (what == IN) {
            if ((status = r->copy_in((unsigned long long)w[1], (const void *)(uintptr_t)w[2], (size_t)w[3], stream)))
                return refused(frame, q, status, F_IN);
            w += 4;
        }
        else if (what == OUT) {
            if ((status = r->copy_out((void *)(uintptr_t)w[1], (unsigned long long)w[2], (size_t)w[3], stream)))
                return refused(frame, q, status, F_OUT);
            w += 4;
        }
        else {
            const unsigned char *role = r->roles + r->routine_start[number];
            st_array arrays[16];
            const void *scalars[16];
            int n = role[0] + role[1];
            st_i64 ndim = w[1];
            w += 2;
            for (int k = 0; k < n; k++) {
                int rank = role[4 + k];
                arrays[k].data = (char *)(uintptr_t)w[0];
                arrays[k].dims = w + 1;
                arrays[k].strides = w + 1 + rank;
                w += 1 + 2 * rank;
            }
            for (int k = 0; k < role[2]; k++)
                scalars[k] = w++;
            if (q->python->call(frame, number, ndim, arrays, arrays + role[0], scalars)) {
                frame->error_site = -2;
                return 1;
            }
        }
    }
    return 0;
}

static st_u64 hashed(const st_i64 *words, st_i64 count)
{
    st_u64 h = (st_u64)count;
    for (st_i64 k = 0; k < count; k++) {
        h = (h ^ (st_u64)words[k]) * 0x9e3779b97f4a7c15ULL;
        h ^= h >> 29;
    }
    return h;
}

/* The graph of the present list, which becomes the first. */
static Graph *found(Replay *r, st_u64 hash)
{
    for (Graph **at = &r->graphs; *at; at = &(*at)->next) {
        Graph *g = *at;
        if (g->hash == hash && g->count == r->count && !memcmp(g->words, r->words, (size_t)r->count * sizeof *r->words)) {
            *at = g->next;
            g->next = r->graphs;
            r->graphs = g;
            return g;
        }
    }
    return NULL;
}

/* Whether a list has come often enough to be worth a graph. One that keeps making graphs that are not used stops. */
static int often(Replay *r, st_u64 hash)
{
    if (r->off || (r->captured >= 2 * MOST_GRAPHS && r->replayed < 8 * r->captured))
        return 0;
    for (int k = 0; k < SEEN; k++)
        if (r->seen[k].count && r->seen[k].hash == hash)
            return ++r->seen[k].count > OFTEN;
    r->seen[r->next_seen].hash = hash;
    r->seen[r->next_seen].count = 1;
    r->next_seen = (r->next_seen + 1) % SEEN;
    return 0;
}

/* What Python answers to capture(frame): 1, 0, or -1. */
static int asked(Replay *r, st_frame *frame)
{
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *answer = PyObject_CallFunction(r->capture, "K", (unsigned long long)(uintptr_t)frame);
    int kept = !answer || answer == Py_None ? -1 : answer == Py_True;
    if (!answer)
        PyErr_WriteUnraisable(r->capture);
    Py_XDECREF(answer);
    PyGILState_Release(state);
    return kept;
}

/* Hands the list over to the device and begins another. */
static int submit(st_frame *frame, Queue *q, Replay *r)
{
    Graph *g = NULL;
    int bad = 0, worth = r->commands >= LEAST_COMMANDS;
    if (!r->count)
        return 0;
    if (worth) {
        st_u64 hash = hashed(r->words, r->count);
        g = found(r, hash);
        if (!g && often(r, hash)) {
            int kept = asked(r, frame);
            bad = kept < 0;
            if (kept > 0)
                g = r->graphs;
        }
    }
    if (bad)
        frame->error_site = -2;
    else if (g) {
        int status = r->launch_graph(g->handle, q->stream);
        r->replayed++;
        if (status)
            bad = refused(frame, q, status, F_GRAPH);
    }
    else {
        r->queued += worth;
        bad = play(frame, q, r, q->stream);
    }
    r->count = r->commands = 0;
    return bad;
}

/* After the device has been waited for: results that came through staging memory. */
static void land(Replay *r)
{
    for (int k = 0; k < r->n_landings; k++)
        memcpy(r->landings[k].target, r->landings[k].source, (size_t)r->landings[k].bytes);
    r->n_landings = 0;
    r->areas[0].flying = r->areas[1].flying = 0;
}

static int drain(st_frame *frame, Queue *q, Replay *r)
{
    if (submit(frame, q, r))
        return 1;
    int status = r->wait(q->stream);
    if (status)
        return refused(frame, q, status, F_WAIT);
    land(r);
    return 0;
}

/* ------------------------------------------------------------------------------------------------ writing a list */

/* Room for so many words. */
static st_i64 *words(st_frame *frame, Queue *q, Replay *r, st_i64 n)
{
    if (r->count + n > MOST_WORDS && submit(frame, q, r))
        return NULL;
    if (r->count + n > r->room) {
        st_i64 room = 2 * (r->count + n) + 256;
        st_i64 *other = realloc(r->words, (size_t)room * sizeof *other);
        if (!other) {
            frame->error_site = -1;
            return NULL;
        }
        r->words = other;
        r->room = room;
    }
    st_i64 *w = r->words + r->count;
    r->count += n;
    r->commands++;
    return w;
}

/* Staging memory that nobody uses. */
static char *staging(st_frame *frame, Queue *q, Replay *r, st_i64 bytes)
{
    Area *a = &r->areas[r->area];
    bytes = (bytes + 63) / 64 * 64;
    if (a->flying) {
        int status = r->wait_event(a->event);
        if (status) {
            refused(frame, q, status, F_EVENT);
            return NULL;
        }
        a->flying = 0;
    }
    if (r->used + bytes > a->size) {
        st_i64 wanted = r->used + bytes, size = a->size > LEAST_AREA ? a->size : LEAST_AREA;
        if (r->used && drain(frame, q, r))
            return NULL;
        r->used = 0;
        while (size < wanted && size < MOST_AREA)
            size *= 2;
        if (size > a->size) {
            PyGILState_STATE state = PyGILState_Ensure();
            PyObject *answer = PyObject_CallFunction(r->grow, "KiL", (unsigned long long)(uintptr_t)frame, r->area,
                                                     (long long)size);
            void *data = answer ? PyLong_AsVoidPtr(answer) : NULL;
            if (PyErr_Occurred())
                PyErr_WriteUnraisable(r->grow);
            Py_XDECREF(answer);
            PyGILState_Release(state);
            if (!data) {
                frame->error_site = -2;
                return NULL;
            }
            a->data = data;
            a->size = size;
        }
    }
    char *memory = a->data + r->used;
    r->used += bytes;
    return memory;
}

char *st_replay_slot(st_frame *frame, st_i64 k, st_i64 bytes)
{
    Queue *q = st_queue(frame);
    if (q->slots[k] && q->sizes[k] >= bytes)
        return q->slots[k];
    /* What was written down may use what is given back now. */
    return q->slots[k] && submit(frame, q, q->replay) ? NULL : q->python->slot(frame, k, bytes);
}

int st_replay_launch(st_frame *frame, st_i64 kernel, st_i64 points, st_i64 width, void *const *args)
{
    Queue *q = st_queue(frame);
    Replay *r = q->replay;
    const unsigned char *size = r->sizes + r->kernel_start[kernel];
    int n = r->kernel_start[kernel + 1] - r->kernel_start[kernel];
    unsigned block[2];
    if (points <= 0)
        return 0;
    st_i64 *w = words(frame, q, r, 3 + n);
    if (!w)
        return 1;
    w[0] = LAUNCH | kernel << 8;
    w[1] = st_geometry(points, width, q->multiprocessors, block);
    w[2] = (st_i64)(block[0] | (st_u64)block[1] << 32);
    for (int k = 0; k < n; k++) {
        w[3 + k] = 0;
        memcpy(&w[3 + k], args[k], size[k]);
    }
    return 0;
}

int st_replay_move(st_frame *frame, int to_device, char *target, const char *source, st_i64 bytes)
{
    Queue *q = st_queue(frame);
    Replay *r = q->replay;
    int late = 0;
    if (to_device && bytes > MOST_STAGED)
        return submit(frame, q, r) || q->python->move(frame, to_device, target, source, bytes);
    if (!to_device) {
        for (int k = 0; k < r->n_results && bytes <= MOST_STAGED; k++)
            late |= r->late[k] && frame->results[k].data == target;
        if (!late) {
            int status;
            if (submit(frame, q, r))
                return 1;
            if (bytes && (status = r->copy_out(target, (unsigned long long)(uintptr_t)source, (size_t)bytes, q->stream)))
                return refused(frame, q, status, F_OUT);
            if ((status = r->wait(q->stream)))
                return refused(frame, q, status, F_WAIT);
            land(r);
            return 0;
        }
    }
    if (bytes <= 0)
        return 0;
    char *stage = staging(frame, q, r, bytes);
    st_i64 *w = stage ? words(frame, q, r, 4) : NULL;
    if (!w)
        return 1;
    if (to_device)
        memcpy(stage, source, (size_t)bytes);
    w[0] = to_device ? IN : OUT;
    w[1] = (st_i64)(uintptr_t)(to_device ? target : stage);
    w[2] = (st_i64)(uintptr_t)(to_device ? stage : source);
    w[3] = bytes;
    if (!late)
        return 0;
    if (r->n_landings == r->landing_room) {
        int room = 2 * r->landing_room + 8;
        Landing *other = realloc(r->landings, (size_t)room * sizeof *other);
        if (!other) {
            frame->error_site = -1;
            return 1;
        }
        r->landings = other;
        r->landing_room = room;
    }
    r->landings[r->n_landings++] = (Landing){target, stage, bytes};
    return 0;
}

int st_replay_call(st_frame *frame, st_i64 entry, st_i64 ndim, st_array *outputs, st_array *inputs,
                   const void *const *scalars)
{
    Queue *q = st_queue(frame);
    Replay *r = q->replay;
    const unsigned char *role = r->roles + r->routine_start[entry];
    int n = role[0] + role[1];
    st_i64 length = 2 + role[2];
    for (int k = 0; k < n; k++)
        length += 1 + 2 * role[4 + k];
    st_i64 *w = words(frame, q, r, length);
    if (!w)
        return 1;
    *w++ = CALL | entry << 8;
    *w++ = ndim;
    for (int k = 0; k < n; k++) {
        const st_array *a = k < role[0] ? &outputs[k] : &inputs[k - role[0]];
        int rank = role[4 + k];
        *w++ = (st_i64)(uintptr_t)a->data;
        memcpy(w, a->dims, (size_t)rank * sizeof *w);
        memcpy(w + rank, a->strides, (size_t)rank * sizeof *w);
        w += 2 * rank;
    }
    for (int k = 0; k < role[2]; k++, w++) {
        *w = 0;
        memcpy(w, scalars[k], role[3]);
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- from Python */

static void begin(Replay *r)
{
    r->count = r->commands = r->n_landings = 0;
    r->used = 0;
    if (r->areas[r->area].flying)
        r->area = 1 - r->area;
}

static int complete(st_frame *frame, Queue *q, Replay *r)
{
    Area *a = &r->areas[r->area];
    if (r->n_landings)
        return drain(frame, q, r);
    if (submit(frame, q, r))
        return 1;
    if (r->used) {
        int status = r->record(a->event, q->stream);
        if (status)
            return refused(frame, q, status, F_RECORD);
        a->flying = 1;
    }
    return 0;
}

/* What remains when the unit has returned. */
static int finish(st_frame *frame, Queue *q, Replay *r, int failed)
{
    failed = failed || complete(frame, q, r);
    if (failed) { /* nobody wants what was written down; what was queued before may still be read */
        r->count = r->commands = r->n_landings = 0;
        if (r->used && !r->wait(q->stream))
            land(r);
    }
    return failed;
}

int st_replay(int (*main)(st_frame *), st_frame *frame, Replay *r)
{
    begin(r);
    return finish(frame, st_queue(frame), r, main(frame));
}

PyDoc_STRVAR(run_doc, "run(main, frame) -> int\n\nRuns a unit (the address of its function) on a frame (an address) and hands "
                      "over what it asked for; what the unit returned, or 1.");

static PyObject *replay_run(Replay *r, PyObject *args)
{
    unsigned long long main, address;
    int status;
    if (!PyArg_ParseTuple(args, "KK", &main, &address))
        return NULL;
    st_frame *frame = (st_frame *)(uintptr_t)address;
    Py_BEGIN_ALLOW_THREADS
    status = st_replay((int (*)(st_frame *))(uintptr_t)main, frame, r);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(status);
}

PyDoc_STRVAR(submit_doc, "submit(frame) -> int\n\nHands over what was written down so far; not 0: the call fails.");

static PyObject *replay_submit(Replay *r, PyObject *address)
{
    st_frame *frame = (st_frame *)PyLong_AsVoidPtr(address);
    int status;
    if (!frame)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = submit(frame, st_queue(frame), r);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(status);
}

PyDoc_STRVAR(play_doc, "play(frame, stream) -> int\n\nQueues the list's commands to a stream; not 0: one failed.");

static PyObject *replay_play(Replay *r, PyObject *args)
{
    unsigned long long address, stream;
    if (!PyArg_ParseTuple(args, "KK", &address, &stream))
        return NULL;
    st_frame *frame = (st_frame *)(uintptr_t)address;
    int status;
    Py_BEGIN_ALLOW_THREADS
    status = play(frame, st_queue(frame), r, (void *)(uintptr_t)stream);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(status);
}

PyDoc_STRVAR(keep_doc, "keep(handle) -> handle or 0\n\nKeeps a graph for the present list; the one that had to go.");

static PyObject *replay_keep(Replay *r, PyObject *handle)
{
    void *exec = PyLong_AsVoidPtr(handle), *gone = NULL;
    if (PyErr_Occurred())
        return NULL;
    Graph *g = malloc(sizeof *g + (size_t)r->count * sizeof *g->words);
    if (!g)
        return PyErr_NoMemory();
    if (r->n_graphs == MOST_GRAPHS) {
        Graph **at = &r->graphs;
        while ((*at)->next)
            at = &(*at)->next;
        gone = (*at)->handle;
        free(*at);
        *at = NULL;
        r->n_graphs--;
    }
    memcpy(g->words, r->words, (size_t)r->count * sizeof *g->words);
    g->count = r->count;
    g->hash = hashed(r->words, r->count);
    g->handle = exec;
    g->next = r->graphs;
    r->graphs = g;
    r->n_graphs++;
    r->captured++;
    return PyLong_FromVoidPtr(gone);
}

PyDoc_STRVAR(drop_doc, "drop() -> handles\n\nForgets all graphs.");

static PyObject *replay_drop(Replay *r, PyObject *unused)
{
    (void)unused;
    PyObject *handles = PyList_New(0);
    for (Graph *g = r->graphs, *next; g && handles; g = next) {
        PyObject *handle = PyLong_FromVoidPtr(g->handle);
        if (!handle || PyList_Append(handles, handle))
            Py_CLEAR(handles);
        Py_XDECREF(handle);
        next = g->next;
        free(g);
        r->graphs = next;
        r->n_graphs--;
    }
    return handles;
}

PyDoc_STRVAR(areas_doc, "areas() -> addresses\n\nStaging memory, which the caller takes back: the device must be done with it.");

static PyObject *replay_areas(Replay *r, PyObject *unused)
{
    (void)unused;
    PyObject *found = Py_BuildValue("(KK)", (unsigned long long)(uintptr_t)r->areas[0].data,
                                    (unsigned long long)(uintptr_t)r->areas[1].data);
    for (int k = 0; found && k < 2; k++) {
        r->areas[k].data = NULL;
        r->areas[k].size = 0;
        r->areas[k].flying = 0;
    }
    return found;
}

static PyMethodDef methods[] = {
    {"run", (PyCFunction)replay_run, METH_VARARGS, run_doc},
    {"submit", (PyCFunction)replay_submit, METH_O, submit_doc},
    {"play", (PyCFunction)replay_play, METH_VARARGS, play_doc},
    {"keep", (PyCFunction)replay_keep, METH_O, keep_doc},
    {"drop", (PyCFunction)replay_drop, METH_NOARGS, drop_doc},
    {"areas", (PyCFunction)replay_areas, METH_NOARGS, areas_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"off", T_INT, offsetof(Replay, off), 0, "no further graphs are made"},
    {"graphs", T_INT, offsetof(Replay, n_graphs), READONLY, "graphs that there are"},
    {"captured", T_LONGLONG, offsetof(Replay, captured), READONLY, "graphs that were made"},
    {"replayed", T_LONGLONG, offsetof(Replay, replayed), READONLY, "lists that were launched as a graph"},
    {"queued", T_LONGLONG, offsetof(Replay, queued), READONLY, "lists, long enough for a graph, that were not"},
    {NULL, 0, 0, 0, NULL},
};

/* Tuples of bytes as one text, with where each begins. */
static int joined(PyObject *tuple, int *count, int **start, unsigned char **text)
{
    Py_ssize_t total = 0;
    *count = (int)PyTuple_GET_SIZE(tuple);
    *start = ROOM(int, *count);
    for (int k = 0; *start && k < *count; k++) {
        if (!PyBytes_Check(PyTuple_GET_ITEM(tuple, k))) {
            PyErr_SetString(PyExc_TypeError, "kernels and routines are described by bytes");
            return -1;
        }
        total += PyBytes_GET_SIZE(PyTuple_GET_ITEM(tuple, k));
        (*start)[k + 1] = (int)total;
    }
    *text = ROOM(unsigned char, total);
    if (!*start || !*text) {
        PyErr_NoMemory();
        return -1;
    }
    for (int k = 0; k < *count; k++)
        memcpy(*text + (*start)[k], PyBytes_AS_STRING(PyTuple_GET_ITEM(tuple, k)),
               (size_t)PyBytes_GET_SIZE(PyTuple_GET_ITEM(tuple, k)));
    return 0;
}

static PyObject *replay_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"kernels", "routines", "late", "functions", "events", "capture", "grow", NULL};
    PyObject *kernels, *routines, *functions, *capture, *grow;
    const char *late;
    Py_ssize_t n_late;
    unsigned long long events[2], address[N_FUNCTIONS];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!y#O!(KK)OO", names, &PyTuple_Type, &kernels, &PyTuple_Type,
                                     &routines, &late, &n_late, &PyTuple_Type, &functions, &events[0], &events[1],
                                     &capture, &grow))
        return NULL;
    if (!PyArg_ParseTuple(functions, "KKKKKKK", &address[0], &address[1], &address[2], &address[3], &address[4],
                          &address[5], &address[6]))
        return NULL;
    Replay *r = (Replay *)type->tp_alloc(type, 0);
    if (!r)
        return NULL;
    r->capture = Py_NewRef(capture);
    r->grow = Py_NewRef(grow);
    if (joined(kernels, &r->n_kernels, &r->kernel_start, &r->sizes)
        || joined(routines, &r->n_routines, &r->routine_start, &r->roles))
        goto bad;
    int most = 0;
    for (int k = 0; k < r->n_kernels; k++)
        most = Py_MAX(most, r->kernel_start[k + 1] - r->kernel_start[k]);
    r->args = ROOM(void *, most);
    r->late = ROOM(unsigned char, n_late);
    if (!r->args || !r->late) {
        PyErr_NoMemory();
        goto bad;
    }
    memcpy(r->late, late, (size_t)n_late);
    r->n_results = (int)n_late;
    for (int k = 0; k < 2; k++)
        r->areas[k].event = (void *)(uintptr_t)events[k];
    memcpy(&r->copy_in, &address[F_IN], sizeof r->copy_in);
    memcpy(&r->copy_out, &address[F_OUT], sizeof r->copy_out);
    memcpy(&r->wait, &address[F_WAIT], sizeof r->wait);
    memcpy(&r->launch_graph, &address[F_GRAPH], sizeof r->launch_graph);
    memcpy(&r->record, &address[F_RECORD], sizeof r->record);
    memcpy(&r->wait_event, &address[F_EVENT], sizeof r->wait_event);
    return (PyObject *)r;
bad:
    Py_DECREF(r);
    return NULL;
}

static int replay_traverse(Replay *r, visitproc visit, void *arg)
{
    Py_VISIT(r->capture);
    Py_VISIT(r->grow);
    return 0;
}

static int replay_clear(Replay *r)
{
    Py_CLEAR(r->capture);
    Py_CLEAR(r->grow);
    return 0;
}

/* The handles and the staging memory are Python's, which has dropped them before. */
static void replay_dealloc(Replay *r)
{
    PyObject_GC_UnTrack(r);
    replay_clear(r);
    for (Graph *g = r->graphs, *next; g; g = next) {
        next = g->next;
        free(g);
    }
    PyMem_Free(r->kernel_start);
    PyMem_Free(r->routine_start);
    PyMem_Free(r->sizes);
    PyMem_Free(r->roles);
    PyMem_Free(r->late);
    PyMem_Free(r->args);
    free(r->words);
    free(r->landings);
    Py_TYPE(r)->tp_free(r);
}

PyTypeObject st_ReplayType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "symtensor._executor.Replay",
    .tp_basicsize = sizeof(Replay),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_doc = "The list of a call's commands for a device, and graphs of lists that came often. A Queue that carries the "
              "address of one writes to it.",
    .tp_new = replay_new,
    .tp_dealloc = (destructor)replay_dealloc,
    .tp_traverse = (traverseproc)replay_traverse,
    .tp_clear = (inquiry)replay_clear,
    .tp_methods = methods,
    .tp_members = members,
};
