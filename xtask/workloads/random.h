/* Random numbers that are the same everywhere: xorshift64*. */
#pragma once
#include <stdint.h>

/* The state must not be 0. */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1du;
}
