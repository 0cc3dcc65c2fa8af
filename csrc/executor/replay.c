/* The device's work of a call as a list of commands, and lists that came before as graphs. See queue.h.
 *
 * The unit runs on the host as ever; what it asks of the device is written down, with every byte that the device is
 * going to see: addresses, sizes, numbers. A list is complete where the host needs a value of the device, or Python is
 * about to run, and at the end of the call. It is then either queued command by command or, where an equal list was made
 * a graph of, launched as that graph. So a graph stands for nothing but the bytes of its list: whatever changes (a
 * shape, a number, where a value lives, how the host decided) gives another list.
 *
 * Lists have one skeleton where they differ in nothing but grids, blocks and arguments of launches. The driver can
 * change these in a graph, so a list takes over the graph of another one of its skeleton: the launches that differ are
 * changed, and the graph's list becomes this one. Updating a launch costs about a microsecond, queueing it two or three,
 * so this is worth while however many differ.
 *
 * What the host hands over is copied to staging memory when it is written down. Results that nobody reads before the
 * call ends come through staging memory too, and are copied when all is done. There are two areas of it, so that a call
 * need not wait until the device has read what the last one handed over. */
#include "queue.h"

#include <structmember.h>

#define MOST_WORDS (1 << 16) /* of a list; longer ones are queued in pieces */
#define LEAST_COMMANDS 3     /* of a graph: fewer are as quickly queued */
#define MOST_GRAPHS 16
#define MOST_ALIKE 8         /* graphs of one skeleton; further lists of it take over these */
#define SEEN 64              /* lists, and skeletons, that are remembered by their hash */
#define OFTEN 2              /* how often a list or a skeleton is queued before it becomes a graph */
#define MOST_STAGED (4 << 20)
#define LEAST_AREA (1 << 16)
#define MOST_AREA (16 << 20)

#define CAPTURES 1           /* CU_STREAM_CAPTURE_STATUS_ACTIVE */

enum { LAUNCH = 1, IN, OUT, CALL };

/* Positions of the driver's functions; symtensor/runtime/cuda/graphs.py has the names in this order. */
enum { F_LAUNCH, F_IN, F_OUT, F_WAIT, F_GRAPH, F_RECORD, F_EVENT, F_NODE, F_UPDATE, N_FUNCTIONS };

typedef struct Graph Graph;
struct Graph {
    Graph *next;
    void *exec;   /* what is launched */
    void *source; /* what it was made of, and what the nodes belong to */
    st_u64 hash, skeleton;
    st_i64 count;
    int n_nodes;    /* a node for each launch; 0: the graph cannot be updated */
    st_i64 words[]; /* the list, then the nodes */
};

/* CUDA_KERNEL_NODE_PARAMS_v1 */
typedef struct {
    void *function;
    unsigned grid[3], block[3], shared;
    void **args, **extra;
} NodeParams;

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

/* How often what has this hash came, of the last that were new. */
typedef struct {
    struct {
        st_u64 hash;
        int count;
    } seen[SEEN];
    int next;
} Past;

struct Replay {
    PyObject_HEAD
    int (*copy_in)(unsigned long long, const void *, size_t, void *);
    int (*copy_out)(void *, unsigned long long, size_t, void *);
    int (*wait)(void *);
    int (*launch_graph)(void *, void *);
    int (*record)(void *, void *);
    int (*wait_event)(void *);
    int (*next_of)(void *, int *, void *, void *, void *const **, size_t *);
    int (*update)(void *, void *, const NodeParams *);
    PyObject *capture; /* capture(frame) -> True: a graph was kept; False: none was; None: the call fails */
    PyObject *grow;    /* grow(frame, area, bytes) -> address of other memory, or 0: the call fails */
    PyObject *broken;  /* broken(exec, source, status): a graph that could not be updated, which the callee destroys */
    int n_kernels, n_routines, n_results;
    int *kernel_start, *routine_start; /* into `sizes` and `roles`, with the end */
    unsigned char *sizes;              /* bytes of each parameter of each kernel */
    unsigned char *roles;              /* of each routine: outputs, inputs, scalars, bytes of a scalar, ranks */
    unsigned char *late;               /* for each result: nobody reads it before the call ends */
    void **args;                       /* room for a launch's arguments */
    void **nodes;                      /* of the launches that have been captured */
    int n_nodes;
    st_i64 *words;
    st_i64 count, room, commands;
    Area areas[2];
    int area;
    st_i64 used; /* bytes of the area */
    Landing *landings;
    int n_landings, landing_room;
    Graph *graphs; /* the last used first */
    int n_graphs;
    Past lists, skeletons;
    int off;   /* no further graphs are made */
    int fixed; /* graphs are not updated */
    long long captured, replayed, updated, queued; /* graphs that were made; lists that were launched as one, with an
                                                      update or without; those with; lists that were not */
};

/* ------------------------------------------------------------------------------------------------ running a list */

static int refused(st_frame *frame, Queue *q, int status, int function)
{
    q->status = status;
    q->failed = function;
    frame->error_site = -2;
    return 1;
}

/* Notes the node that a launch has become: what is captured next comes after it alone. */
static void note_node(Replay *r, void *stream)
{
    int state = 0;
    void *const *nodes = NULL;
    size_t count = 0;
    if (r->fixed)
        return;
    if (r->next_of(stream, &state, NULL, NULL, &nodes, &count) || state != CAPTURES || count != 1)
        r->fixed = 1;
    else
        r->nodes[r->n_nodes++] = nodes[0];
}

/* A launch's arguments, as the driver reads them while it is called. */
static void **arguments(Replay *r, st_i64 *w)
{
    st_i64 kernel = w[0] >> 8;
    int n = r->kernel_start[kernel + 1] - r->kernel_start[kernel];
    for (int k = 0; k < n; k++)
        r->args[k] = &w[3 + k];
    return r->args;
}

/* Words of a routine's command. */
static st_i64 call_length(const Replay *r, st_i64 entry)
{
    const unsigned char *role = r->roles + r->routine_start[entry];
    st_i64 length = 2 + role[2];
    for (int k = 0; k < role[0] + role[1]; k++)
        length += 1 + 2 * role[4 + k];
    return length;
}

/* Words of a command. */
static st_i64 length_of(const Replay *r, const st_i64 *w)
{
    st_i64 what = w[0] & 255, number = w[0] >> 8;
    if (what == LAUNCH)
        return 3 + r->kernel_start[number + 1] - r->kernel_start[number];
    return what == CALL ? call_length(r, number) : 4;
}

/* Queues a list's commands one by one. */
static int play(st_frame *frame, Queue *q, Replay *r, void *stream, int capturing)
{
    st_i64 *w = r->words, *end = w + r->count, *next;
    int status;
    for (; w < end; w = next) {
        st_i64 what = w[0] & 255, number = w[0] >> 8;
        next = w + length_of(r, w);
        if (what == LAUNCH) {
            status = q->launch(q->functions[number], (unsigned)w[1], 1, 1, (unsigned)w[2], (unsigned)(w[2] >> 32), 1, 0,
                               stream, arguments(r, w), NULL);
            if (status)
                return refused(frame, q, status, F_LAUNCH);
            if (capturing)
                note_node(r, stream);
        }
        else if (what == IN) {
            if ((status = r->copy_in((unsigned long long)w[1], (const void *)(uintptr_t)w[2], (size_t)w[3], stream)))
                return refused(frame, q, status, F_IN);
        }
        else if (what == OUT) {
            if ((status = r->copy_out((void *)(uintptr_t)w[1], (unsigned long long)w[2], (size_t)w[3], stream)))
                return refused(frame, q, status, F_OUT);
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

static st_u64 mixed(st_u64 h, st_i64 word)
{
    h = (h ^ (st_u64)word) * 0x9e3779b97f4a7c15ULL;
    return h ^ h >> 29;
}

static st_u64 hashed(const st_i64 *words, st_i64 count)
{
    st_u64 h = (st_u64)count;
    for (st_i64 k = 0; k < count; k++)
        h = mixed(h, words[k]);
    return h;
}

/* How many words of a command belong to the list's skeleton: all but a launch's grid, block and arguments. */
static st_i64 fixed_words(const st_i64 *w, st_i64 length)
{
    return (w[0] & 255) == LAUNCH ? 1 : length;
}

/* The hash of the present list's skeleton. It is asked for only where no graph has just this list. */
static st_u64 skeleton_of(const Replay *r)
{
    st_u64 h = (st_u64)r->count;
    const st_i64 *w = r->words, *end = w + r->count;
    for (st_i64 n; w < end; w += n) {
        n = length_of(r, w);
        for (st_i64 k = 0; k < fixed_words(w, n); k++)
            h = mixed(h, w[k]);
    }
    return h;
}

/* Whether a graph's list has the skeleton of the present one. */
static int alike(const Replay *r, const Graph *g)
{
    if (g->count != r->count)
        return 0;
    for (st_i64 k = 0, n; k < r->count; k += n) {
        const st_i64 *w = r->words + k;
        n = length_of(r, w);
        if (memcmp(g->words + k, w, (size_t)fixed_words(w, n) * sizeof *w))
            return 0;
    }
    return 1;
}

static void unlink_graph(Replay *r, const Graph *g)
{
    Graph **at = &r->graphs;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    r->n_graphs--;
}

static void make_first(Replay *r, Graph *g)
{
    g->next = r->graphs;
    r->graphs = g;
    r->n_graphs++;
}

/* The graph of the present list. */
static Graph *found(const Replay *r, st_u64 hash)
{
    Graph *g = r->graphs;
    while (g && (g->hash != hash || g->count != r->count
                 || memcmp(g->words, r->words, (size_t)r->count * sizeof *r->words)))
        g = g->next;
    return g;
}

/* Of the graphs that can be updated to the present list the one used least recently, and how many there are. */
static Graph *found_alike(const Replay *r, st_u64 skeleton, int *count)
{
    Graph *last = NULL;
    *count = 0;
    for (Graph *g = r->graphs; g && !r->fixed; g = g->next)
        if (g->n_nodes && g->skeleton == skeleton && alike(r, g)) {
            last = g;
            ++*count;
        }
    return last;
}

/* Whether what has this hash has come often enough to be worth a graph. */
static int often(Past *past, st_u64 hash)
{
    for (int k = 0; k < SEEN; k++)
        if (past->seen[k].count && past->seen[k].hash == hash)
            return ++past->seen[k].count > OFTEN;
    past->seen[past->next].hash = hash;
    past->seen[past->next].count = 1;
    past->next = (past->next + 1) % SEEN;
    return 0;
}

/* Changes the launches of a graph that differ from the present list's; what the driver answered. */
static int change_launches(const Queue *q, Replay *r, const Graph *g)
{
    const st_i64 *node = g->words + g->count;
    for (st_i64 k = 0, n; k < r->count; k += n) {
        st_i64 *w = r->words + k;
        n = length_of(r, w);
        if ((w[0] & 255) != LAUNCH)
            continue;
        if (memcmp(g->words + k, w, (size_t)n * sizeof *w)) {
            NodeParams params = {q->functions[w[0] >> 8], {(unsigned)w[1], 1, 1},
                                 {(unsigned)w[2], (unsigned)(w[2] >> 32), 1}, 0, arguments(r, w), NULL};
            int status = r->update(g->exec, (void *)(uintptr_t)*node, &params);
            if (status)
                return status;
        }
        node++;
    }
    return 0;
}

/* Makes a graph of its skeleton the present list's. 0: the driver refuses. Such a graph may be half changed, so it
 * goes, and graphs are not updated from then on. */
static int taken_over(const Queue *q, Replay *r, Graph *g, st_u64 hash)
{
    int status = change_launches(q, r, g);
    if (!status) {
        memcpy(g->words, r->words, (size_t)r->count * sizeof *r->words);
        g->hash = hash;
        r->updated++;
        return 1;
    }
    r->fixed = 1;
    unlink_graph(r, g);
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *answer = PyObject_CallFunction(r->broken, "KKi", (unsigned long long)(uintptr_t)g->exec,
                                             (unsigned long long)(uintptr_t)g->source, status);
    if (!answer)
        PyErr_WriteUnraisable(r->broken);
    Py_XDECREF(answer);
    PyGILState_Release(state);
    free(g);
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

/* The graph to launch for the present list, which may be made or changed for it; NULL: the list is to be queued.
 *
 * A list that comes often has a graph of its own; any other takes over one of its skeleton, and the first of these is
 * made when the skeleton came often. So results that alternate between a few addresses have a graph for each, and a
 * number that is another one in each call has one that is updated each time. A function whose graphs are not used makes
 * no more. */
static Graph *graph_for(st_frame *frame, const Queue *q, Replay *r, int *bad)
{
    int count, wanted, kept = 0;
    int may = !r->off && (r->captured < 2 * MOST_GRAPHS || r->replayed >= 8 * r->captured);
    st_u64 hash = hashed(r->words, r->count), skeleton;
    Graph *g = found(r, hash);
    if (g)
        return g;
    skeleton = skeleton_of(r);
    g = found_alike(r, skeleton, &count);
    wanted = may && often(&r->lists, hash) && count < MOST_ALIKE;
    if (g && !wanted)
        return taken_over(q, r, g, hash) ? g : NULL;
    if (!g && may && !r->fixed)
        wanted |= often(&r->skeletons, skeleton);
    if (wanted)
        kept = asked(r, frame);
    *bad = kept < 0;
    return kept > 0 ? r->graphs : NULL;
}

/* Hands the list over to the device and begins another. */
static int submit(st_frame *frame, Queue *q, Replay *r)
{
    int bad = 0, worth = r->commands >= LEAST_COMMANDS;
    if (!r->count)
        return 0;
    Graph *g = worth ? graph_for(frame, q, r, &bad) : NULL;
    if (bad)
        frame->error_site = -2;
    else if (g) {
        int status = r->launch_graph(g->exec, q->stream);
        unlink_graph(r, g);
        make_first(r, g);
        r->replayed++;
        if (status)
            bad = refused(frame, q, status, F_GRAPH);
    }
    else {
        r->queued += worth;
        bad = play(frame, q, r, q->stream, 0);
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
    st_i64 *w = words(frame, q, r, call_length(r, entry));
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

PyDoc_STRVAR(play_doc, "play(frame, stream) -> int\n\nQueues the list's commands to a stream that captures them; not 0: "
                       "one failed.");

static PyObject *replay_play(Replay *r, PyObject *args)
{
    unsigned long long address, stream;
    if (!PyArg_ParseTuple(args, "KK", &address, &stream))
        return NULL;
    st_frame *frame = (st_frame *)(uintptr_t)address;
    int status;
    void **nodes = realloc(r->nodes, (size_t)r->commands * sizeof *nodes);
    if (!nodes)
        return PyErr_NoMemory();
    r->nodes = nodes;
    r->n_nodes = 0;
    Py_BEGIN_ALLOW_THREADS
    status = play(frame, st_queue(frame), r, (void *)(uintptr_t)stream, 1);
    Py_END_ALLOW_THREADS
    return PyLong_FromLong(status);
}

static PyObject *handles(const Graph *g)
{
    return Py_BuildValue("(KK)", (unsigned long long)(uintptr_t)g->exec, (unsigned long long)(uintptr_t)g->source);
}

PyDoc_STRVAR(keep_doc, "keep(exec, source) -> (exec, source) or None\n\nKeeps a graph of the present list, which was "
                       "just played, and what it was made of; those that had to go.");

static PyObject *replay_keep(Replay *r, PyObject *args)
{
    unsigned long long exec, source;
    if (!PyArg_ParseTuple(args, "KK", &exec, &source))
        return NULL;
    int n_nodes = r->fixed ? 0 : r->n_nodes;
    Graph *g = malloc(sizeof *g + (size_t)(r->count + n_nodes) * sizeof *g->words);
    if (!g)
        return PyErr_NoMemory();
    PyObject *gone = Py_NewRef(Py_None);
    if (r->n_graphs == MOST_GRAPHS) {
        Graph *last = r->graphs;
        while (last->next)
            last = last->next;
        Py_SETREF(gone, handles(last));
        if (!gone) {
            free(g);
            return NULL;
        }
        unlink_graph(r, last);
        free(last);
    }
    memcpy(g->words, r->words, (size_t)r->count * sizeof *g->words);
    for (int k = 0; k < n_nodes; k++)
        g->words[r->count + k] = (st_i64)(uintptr_t)r->nodes[k];
    g->n_nodes = n_nodes;
    g->count = r->count;
    g->hash = hashed(r->words, r->count);
    g->skeleton = skeleton_of(r);
    g->exec = (void *)(uintptr_t)exec;
    g->source = (void *)(uintptr_t)source;
    make_first(r, g);
    r->captured++;
    return gone;
}

PyDoc_STRVAR(drop_doc, "drop() -> [(exec, source), ...]\n\nForgets all graphs.");

static PyObject *replay_drop(Replay *r, PyObject *unused)
{
    (void)unused;
    PyObject *all = PyList_New(0);
    for (Graph *g; all && (g = r->graphs);) {
        PyObject *pair = handles(g);
        if (!pair || PyList_Append(all, pair))
            Py_CLEAR(all);
        Py_XDECREF(pair);
        unlink_graph(r, g);
        free(g);
    }
    return all;
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
    {"keep", (PyCFunction)replay_keep, METH_VARARGS, keep_doc},
    {"drop", (PyCFunction)replay_drop, METH_NOARGS, drop_doc},
    {"areas", (PyCFunction)replay_areas, METH_NOARGS, areas_doc},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"off", T_INT, offsetof(Replay, off), 0, "no further graphs are made"},
    {"fixed", T_INT, offsetof(Replay, fixed), READONLY, "graphs are not updated"},
    {"graphs", T_INT, offsetof(Replay, n_graphs), READONLY, "graphs that there are"},
    {"captured", T_LONGLONG, offsetof(Replay, captured), READONLY, "graphs that were made"},
    {"replayed", T_LONGLONG, offsetof(Replay, replayed), READONLY, "lists that were launched as a graph"},
    {"updated", T_LONGLONG, offsetof(Replay, updated), READONLY, "those of them that a graph was updated for"},
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
    static char *names[] = {"kernels", "routines", "late", "functions", "events", "capture", "grow", "broken",
                            NULL};
    PyObject *kernels, *routines, *functions, *capture, *grow, *broken;
    const char *late;
    Py_ssize_t n_late;
    unsigned long long events[2], address[N_FUNCTIONS];
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!y#O!(KK)OOO", names, &PyTuple_Type, &kernels, &PyTuple_Type,
                                     &routines, &late, &n_late, &PyTuple_Type, &functions, &events[0], &events[1],
                                     &capture, &grow, &broken))
        return NULL;
    if (!PyArg_ParseTuple(functions, "KKKKKKKKK", &address[0], &address[1], &address[2], &address[3], &address[4],
                          &address[5], &address[6], &address[7], &address[8]))
        return NULL;
    Replay *r = (Replay *)type->tp_alloc(type, 0);
    if (!r)
        return NULL;
    r->capture = Py_NewRef(capture);
    r->grow = Py_NewRef(grow);
    r->broken = Py_NewRef(broken);
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
    memcpy(&r->next_of, &address[F_NODE], sizeof r->next_of);
    memcpy(&r->update, &address[F_UPDATE], sizeof r->update);
    r->fixed = !r->next_of || !r->update;
    return (PyObject *)r;
bad:
    Py_DECREF(r);
    return NULL;
}

static int replay_traverse(Replay *r, visitproc visit, void *arg)
{
    Py_VISIT(r->capture);
    Py_VISIT(r->grow);
    Py_VISIT(r->broken);
    return 0;
}

static int replay_clear(Replay *r)
{
    Py_CLEAR(r->capture);
    Py_CLEAR(r->grow);
    Py_CLEAR(r->broken);
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
    free(r->nodes);
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
