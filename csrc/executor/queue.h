/* How work reaches a device: what a frame's `device` is while a call runs. See device.c, replay.c and
 * symtensor/runtime/cuda/queue.py, which knows the fields of Queue. */
#ifndef ST_QUEUE_H
#define ST_QUEUE_H

#include "executor.h"

#include <stdint.h>

/* cuLaunchKernel's type. */
typedef int Launch(void *function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                   unsigned block_z, unsigned shared, void *stream, void **args, void **extra);

typedef struct Replay Replay;

typedef struct {
    st_device table;         /* first: what the unit sees */
    const st_device *python; /* the functions in Python */
    Launch *launch;
    void *const *functions;
    void *stream;
    char **slots;  /* workspaces of the device that are there ... */
    st_i64 *sizes; /* ... and their sizes */
    st_i64 multiprocessors;
    st_i64 status;  /* what the driver answered when it failed ... */
    st_i64 failed;  /* ... and which function: a position in `functions` of symtensor/runtime/cuda/graphs.py */
    Replay *replay; /* the list that work is written to; NULL: it is queued at once */
} Queue;

static inline Queue *st_queue(st_frame *frame)
{
    return (Queue *)(uintptr_t)frame->device;
}

/* device.c: block[0] and block[1] of a launch, and the grid's length. */
st_i64 st_geometry(st_i64 points, st_i64 width, st_i64 multiprocessors, unsigned *block);

/* replay.c: the functions of st_device that write to a list. */
char *st_replay_slot(st_frame *frame, st_i64 k, st_i64 bytes);
int st_replay_launch(st_frame *frame, st_i64 kernel, st_i64 points, st_i64 width, void *const *args);
int st_replay_move(st_frame *frame, int to_device, char *target, const char *source, st_i64 bytes);
int st_replay_call(st_frame *frame, st_i64 entry, st_i64 ndim, st_array *outputs, st_array *inputs,
                   const void *const *scalars);
int st_replay(int (*main)(st_frame *), st_frame *frame, Replay *r); /* one call of a unit */
extern PyTypeObject st_ReplayType;

#endif
