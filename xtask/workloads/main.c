/* Runs one workload: `workloads NAME COUNT` prints its checksum between two marker lines, which whoever reads them takes
 * the time of. One static program holds all workloads, so the guest's initramfs stays small and the host runs the very
 * same bytes. */
#include "workloads.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const struct { const char *name; workload *run; } TABLE[] = {
    { "lz", lz }, { "sort", sort }, { "bytecode", bytecode }, { "queens", queens }, { "mix", mix },
    { "calls", calls }, { "indirect", indirect },
    { "nbody", nbody }, { "linpack", linpack }, { "libm", libm },
    { "x87", x87 },
    { "sse2", sse2 }, { "avx2", avx2 },
    { "memcpy", copy }, { "store64", store64 },
    { "chase", chase },
    { "getpid", getpid_loop }, { "forkexec", forkexec }, { "mmap", mmap_touch }, { "pipe", pipe_pingpong },
    { "codegen", codegen }, { "patch", patch },
    { "one-job", one_job }, { "two-jobs", two_jobs },
    { "spin", spin_lock }, { "add", fetch_add }, { "mutex", mutex_lock }, { "futex", futex_pingpong },
};

_Noreturn void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* Of this program and the children that it waited for. */
static uint64_t cpu_nanoseconds(void)
{
    struct rusage children;
    getrusage(RUSAGE_CHILDREN, &children);
    uint64_t user = children.ru_utime.tv_sec * 1000000ull + children.ru_utime.tv_usec;
    uint64_t system = children.ru_stime.tv_sec * 1000000ull + children.ru_stime.tv_usec;
    return nanoseconds(CLOCK_PROCESS_CPUTIME_ID) + (user + system) * 1000;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "exit") == 0)
        return 7; /* what forkexec executes */
    for (size_t i = 0; argc == 3 && i < sizeof TABLE / sizeof *TABLE; i++) {
        if (strcmp(argv[1], TABLE[i].name) == 0) {
            uint64_t count = strtoull(argv[2], NULL, 10);
            printf("@bench begin %s\n", argv[1]);
            fflush(stdout);
            uint64_t wall = nanoseconds(CLOCK_MONOTONIC), cpu = cpu_nanoseconds();
            uint64_t sum = TABLE[i].run(count);
            wall = nanoseconds(CLOCK_MONOTONIC) - wall;
            cpu = cpu_nanoseconds() - cpu;
            /* Believed on the host only: a guest's clock may be wrong. */
            printf("checksum %016llx\n@bench took %llu %llu\n@bench end %s 0\n", (unsigned long long)sum,
                   (unsigned long long)wall, (unsigned long long)cpu, argv[1]);
            return 0;
        }
    }
    fprintf(stderr, "workloads NAME COUNT\n");
    return 2;
}
