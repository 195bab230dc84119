/* A loop of 64-bit stores over 1 MiB, with a load now and then to see them. */
#include "workloads.h"

enum { WORDS = 1 << 17 };

static uint64_t words[WORDS];

#pragma GCC optimize("no-tree-vectorize", "no-tree-loop-distribute-patterns")
uint64_t store64(uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t n = 0; n < count; n++) {
        for (uint64_t i = 0; i < WORDS; i++)
            words[i] = i ^ n;
        sum = fold(sum, words[n * 7919 % WORDS]);
    }
    return sum;
}
