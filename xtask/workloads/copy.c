/* memcpy: the C library's own, blocks of 64 bytes to 256 KiB between two buffers. */
#include "workloads.h"
#include <string.h>

enum { SIZE = 1 << 18 };

static uint8_t a[SIZE + 64], b[SIZE + 64];

uint64_t copy(uint64_t count)
{
    uint64_t seed = 5, sum = 0;
    for (int i = 0; i < SIZE; i++)
        a[i] = next_random(&seed) >> 56;
    for (uint64_t n = 0; n < count; n++) {
        /* One long copy, and as many bytes again in short ones. */
        memcpy(b + n % 16, a, SIZE);
        for (size_t at = 0, size = 64; at + size <= SIZE; at += size, size = size * 5 / 4 % 4096 + 64)
            memcpy(a + at, b + (at + n) % 4096, size);
        a[n * 4099 % SIZE] ^= n;
        sum = fold(sum, a[n * 7919 % SIZE] | b[n * 104729 % SIZE] << 8);
    }
    return sum;
}
