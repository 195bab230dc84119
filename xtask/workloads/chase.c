/* Pointer chase: one random cycle through 16 MiB, each load the address of the next. */
#include "workloads.h"
#include <stdlib.h>

enum { LINES = 1 << 18, STRIDE = 8 };

uint64_t chase(uint64_t count)
{
    uint64_t *cells = malloc(sizeof *cells * LINES * STRIDE), seed = 8, at = 0, sum = 0;
    if (!cells)
        fail("malloc");
    /* Sattolo's shuffle: a permutation that is a single cycle. */
    for (uint64_t i = 0; i < LINES; i++)
        cells[i * STRIDE] = i;
    for (uint64_t i = LINES - 1; i > 0; i--) {
        uint64_t j = next_random(&seed) % i, t = cells[i * STRIDE];
        cells[i * STRIDE] = cells[j * STRIDE];
        cells[j * STRIDE] = t;
    }
    for (uint64_t n = 0; n < count; n++) {
        for (int i = 0; i < 1024; i++)
            at = cells[at * STRIDE];
        sum = fold(sum, at);
    }
    free(cells);
    return sum;
}
