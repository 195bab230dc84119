/* Two CPUs at once: independent jobs, one lock or word that both want, and a word that they hand back and forth. Thread n
 * stays on CPU n. On a machine with one CPU all of it still ends, slowly. */
#define _GNU_SOURCE
#include "workloads.h"
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each on a cache line of its own. */
static _Alignas(64) atomic_int word;
static _Alignas(64) uint64_t guarded;
static _Alignas(64) atomic_ulong shared;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void stay_on(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    /* Not in a machine with fewer. */
    (void)sched_setaffinity(0, sizeof set, &set);
}

/* `jobs` processes, the n-th on CPU n, each with as much work. */
static uint64_t jobs(int jobs, uint64_t count)
{
    uint64_t *sums = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), sum = 0;
    if (sums == MAP_FAILED)
        fail("mmap");
    for (int n = 0; n < jobs; n++) {
        pid_t child = fork();
        if (child < 0)
            fail("fork");
        if (child == 0) {
            stay_on(n);
            sums[n] = fold(mix(count), queens(count / 6));
            _exit(0);
        }
    }
    for (int n = 0; n < jobs; n++) {
        int status;
        if (wait(&status) < 0 || status != 0)
            fail("a job");
    }
    for (int n = 0; n < jobs; n++)
        sum = fold(sum, sums[n]);
    munmap(sums, 4096);
    return sum;
}

uint64_t one_job(uint64_t count)
{
    return jobs(1, count);
}

uint64_t two_jobs(uint64_t count)
{
    return jobs(2, count);
}

struct side { void (*run)(int n, uint64_t count); int n; uint64_t count; };

static void *thread(void *argument)
{
    struct side *side = argument;
    stay_on(side->n);
    side->run(side->n, side->count);
    return NULL;
}

static void both(void (*run)(int, uint64_t), uint64_t count)
{
    struct side sides[2] = { { run, 0, count }, { run, 1, count } };
    pthread_t threads[2];
    for (int n = 0; n < 2; n++)
        if ((errno = pthread_create(&threads[n], NULL, thread, &sides[n])) != 0)
            fail("pthread_create");
    for (int n = 0; n < 2; n++)
        pthread_join(threads[n], NULL);
}

static void spin_side(int n, uint64_t count)
{
    (void)n;
    for (uint64_t i = 0; i < count; i++) {
        while (atomic_exchange_explicit(&word, 1, memory_order_acquire) != 0)
            while (atomic_load_explicit(&word, memory_order_relaxed) != 0)
                __builtin_ia32_pause();
        guarded += i;
        atomic_store_explicit(&word, 0, memory_order_release);
    }
}

/* One spin lock that both take. */
uint64_t spin_lock(uint64_t count)
{
    both(spin_side, count);
    return fold(count, guarded);
}

static void add_side(int n, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        atomic_fetch_add(&shared, i ^ n);
}

/* One word to which both add. */
uint64_t fetch_add(uint64_t count)
{
    both(add_side, count);
    return fold(count, shared);
}

static void mutex_side(int n, uint64_t count)
{
    (void)n;
    for (uint64_t i = 0; i < count; i++) {
        pthread_mutex_lock(&mutex);
        guarded += i;
        pthread_mutex_unlock(&mutex);
    }
}

/* One mutex that both take: they sleep, too. */
uint64_t mutex_lock(uint64_t count)
{
    both(mutex_side, count);
    return fold(count, guarded);
}

static void futex(int operation, int value)
{
    syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

/* Waits for its number, and writes the other's. */
static void futex_side(int n, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        while (atomic_load(&word) != n)
            futex(FUTEX_WAIT, !n);
        guarded = fold(guarded, n);
        atomic_store(&word, !n);
        futex(FUTEX_WAKE, 1);
    }
}

/* Each sleeps until the other wakes it. */
uint64_t futex_pingpong(uint64_t count)
{
    both(futex_side, count);
    return fold(count, guarded);
}
