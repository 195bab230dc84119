/* Recursion: eight to ten queens by backtracking, with the board in bit masks. */
#include "workloads.h"

static uint32_t full;

static __attribute__((noinline)) uint64_t place(uint32_t columns, uint32_t left, uint32_t right)
{
    if (columns == full)
        return 1;
    uint64_t found = 0;
    for (uint32_t open = full & ~(columns | left | right); open != 0; open &= open - 1) {
        uint32_t queen = open & -open;
        found += place(columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return found;
}

uint64_t queens(uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        full = (1u << (8 + i % 3)) - 1;
        sum = fold(sum, place(0, 0, 0));
    }
    return sum;
}
