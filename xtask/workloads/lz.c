/* LZ-style compression: text-like bytes through a hash-table LZ77 packer, unpacked again and compared. */
#include "workloads.h"
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1 << 16, HASH_BITS = 13, SHORTEST = 4, LONGEST = 255 };

static uint8_t text[SIZE], packed[SIZE * 2], again[SIZE];
static uint32_t heads[1 << HASH_BITS];

/* Words from a small vocabulary with some noise: it compresses about as well as prose. */
static void fill(uint64_t seed)
{
    char vocabulary[64][8];
    for (int w = 0; w < 64; w++)
        for (int i = 0; i < 8; i++)
            vocabulary[w][i] = 'a' + next_random(&seed) % 26;
    for (size_t at = 0; at < SIZE;) {
        uint64_t r = next_random(&seed);
        size_t length = 2 + r % 6;
        const char *word = vocabulary[(r >> 8) % 64 & (r >> 16)];
        for (size_t i = 0; i < length && at < SIZE; i++)
            text[at++] = word[i];
        if (at < SIZE)
            text[at++] = (r >> 40) % 16 ? ' ' : (uint8_t)(r >> 48);
    }
}

static uint32_t hash(const uint8_t *at)
{
    uint32_t four;
    memcpy(&four, at, 4);
    return four * 2654435761u >> (32 - HASH_BITS);
}

/* Output: length 0 and a literal byte, or length and a 16-bit distance. */
static size_t pack(void)
{
    size_t out = 0;
    memset(heads, 0xff, sizeof heads);
    for (size_t at = 0; at < SIZE;) {
        size_t length = 0, distance = 0;
        if (at + SHORTEST <= SIZE) {
            uint32_t *head = &heads[hash(text + at)], before = *head;
            *head = at;
            if (before != 0xffffffffu && at - before < 65536) {
                distance = at - before;
                while (length < LONGEST && at + length < SIZE && text[before + length] == text[at + length])
                    length++;
            }
        }
        if (length >= SHORTEST) {
            packed[out++] = length;
            packed[out++] = distance;
            packed[out++] = distance >> 8;
            at += length;
        } else {
            packed[out++] = 0;
            packed[out++] = text[at++];
        }
    }
    return out;
}

static void unpack(size_t size)
{
    size_t out = 0;
    for (size_t in = 0; in < size;) {
        size_t length = packed[in++];
        if (length == 0) {
            again[out++] = packed[in++];
            continue;
        }
        size_t distance = packed[in] | packed[in + 1] << 8;
        in += 2;
        for (; length > 0; length--, out++)
            again[out] = again[out - distance];
    }
}

uint64_t lz(uint64_t count)
{
    uint64_t sum = 0;
    fill(88172645463325252u);
    for (uint64_t i = 0; i < count; i++) {
        text[i % SIZE] ^= i; /* no two rounds are alike */
        size_t size = pack();
        unpack(size);
        if (memcmp(text, again, SIZE) != 0)
            fail("lz: unpacked differently");
        for (size_t k = 0; k < size; k += 61)
            sum = fold(sum, packed[k]);
        sum = fold(sum, size);
    }
    return sum;
}
