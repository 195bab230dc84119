/* What the workloads share: each is a function from an iteration count to a checksum of its results. The count and
 * nothing else decides the checksum, so that it is the same in any emulator and on the host. */
#pragma once
#include "random.h"
#include <stddef.h>
#include <stdint.h>

typedef uint64_t workload(uint64_t count);
workload lz, sort, bytecode, queens, mix;
workload calls, indirect;
workload nbody, linpack, libm;
workload x87;
workload sse2, avx2;
workload copy, store64;
workload chase;
workload getpid_loop, forkexec, mmap_touch, pipe_pingpong;
workload codegen, patch;
workload one_job, two_jobs, spin_lock, fetch_add, mutex_lock, futex_pingpong;

/* Folds one value into a checksum (FNV-1a on words, with a shift so that high bits reach low ones). */
static inline uint64_t fold(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * 0x100000001b3u;
    return sum ^ (sum >> 29);
}

/* The bits of a double, for checksums of exact floating-point results. */
static inline uint64_t bits(double value)
{
    union { double d; uint64_t u; } both = { value };
    return both.u;
}

/* Ends the program with a message: a workload that cannot do its work must not look fast. */
_Noreturn void fail(const char *what);
