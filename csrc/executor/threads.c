/* One loop on several threads: `frame->parallel` of compiled functions.
 *
 * The caller cuts the loop into ranges and works on them itself; threads that sleep in between help. A caller that finds
 * them busy (another Python thread) does all by itself. A forked child has none of the threads and starts its own. */
#define _GNU_SOURCE
#include "executor.h"

#if defined(__GNUC__) && !defined(_WIN32)
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 64, RANGES = 4, FEW = 4096, SPINS = 4000 }; /* threads; ranges for each; iterations that give one range each;
                                                              looks before sleeping */

typedef struct {
    st_part *part;
    const void *const *args;
    st_i64 n, step; /* of the loop, of a range */
    st_i64 next;    /* where the next range begins */
} Job;

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held by the caller whose loop the threads work on */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t begun = PTHREAD_COND_INITIALIZER, ended = PTHREAD_COND_INITIALIZER;
static unsigned long jobs; /* grows with each job */
static int open_to_helpers, inside, started, wanted;
static Job job;

/* How many threads may work: OMP_NUM_THREADS, or as many as there are processors for this process. */
static int count_threads(void)
{
    const char *asked = getenv("OMP_NUM_THREADS");
    int count = asked ? atoi(asked) : 0;
#ifdef __linux__
    cpu_set_t allowed;
    if (count <= 0 && !sched_getaffinity(0, sizeof allowed, &allowed))
        count = CPU_COUNT(&allowed);
#endif
    if (count <= 0)
        count = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MOST ? MOST : count;
}

static void work(Job *j)
{
    for (;;) {
        st_i64 low = __atomic_fetch_add(&j->next, j->step, __ATOMIC_RELAXED);
        if (low >= j->n)
            return;
        j->part(j->args, low, j->n - low < j->step ? j->n : low + j->step);
    }
}

static void *helper(void *unused)
{
    unsigned long seen = 0;
    (void)unused;
    for (;;) {
        for (int k = 0; k < SPINS && __atomic_load_n(&jobs, __ATOMIC_RELAXED) == seen; k++)
            __asm__ volatile("" ::: "memory");
        pthread_mutex_lock(&lock);
        while (jobs == seen)
            pthread_cond_wait(&begun, &lock);
        seen = jobs;
        if (open_to_helpers) {
            inside++;
            pthread_mutex_unlock(&lock);
            work(&job);
            pthread_mutex_lock(&lock);
            if (--inside == 0)
                pthread_cond_signal(&ended);
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

/* Starts what is missing of the threads; signals go to others. */
static void start_helpers(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < wanted - 1) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, helper, NULL)) {
            wanted = started + 1;
            break;
        }
        pthread_detach(thread);
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void st_parallel(st_part *part, const void *const *args, st_i64 n)
{
    if (pthread_mutex_trylock(&gate)) {
        part(args, 0, n);
        return;
    }
    if (!wanted)
        wanted = count_threads();
    if (started < wanted - 1)
        start_helpers();
    if (wanted == 1) {
        pthread_mutex_unlock(&gate);
        part(args, 0, n);
        return;
    }
    st_i64 ranges = n < FEW ? wanted : wanted * RANGES, step = (n + ranges - 1) / ranges;
    if (step > 1024)
        step = (step + 1023) & ~(st_i64)1023; /* whole vectors, whole pages */
    pthread_mutex_lock(&lock);
    job = (Job){part, args, n, step < 1 ? 1 : step, 0};
    open_to_helpers = 1;
    jobs++;
    pthread_cond_broadcast(&begun);
    pthread_mutex_unlock(&lock);
    work(&job);
    pthread_mutex_lock(&lock);
    open_to_helpers = 0; /* who wakes up now is too late */
    while (inside)
        pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&gate);
}

void st_threads_after_fork(void)
{
    pthread_mutex_init(&gate, NULL);
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&begun, NULL);
    pthread_cond_init(&ended, NULL);
    open_to_helpers = inside = started = wanted = 0;
}

#else

void st_parallel(st_part *part, const void *const *args, st_i64 n)
{
    part(args, 0, n);
}

void st_threads_after_fork(void)
{
}

#endif
