/* AVX2 integer kernels: the 256-bit forms, with shuffles across lanes, variable shifts and a gather. */
#include "workloads.h"
#include <immintrin.h>

enum { SIZE = 16384 };

static uint8_t a[SIZE] __attribute__((aligned(32))), b[SIZE] __attribute__((aligned(32)));

__attribute__((target("avx2"))) uint64_t avx2(uint64_t count)
{
    uint64_t seed = 2013, sum = 0;
    for (int i = 0; i < SIZE; i++) {
        a[i] = next_random(&seed) >> 56;
        b[i] = next_random(&seed) >> 56;
    }
    const __m256i reverse = _mm256_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
                                             15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m256i across = _mm256_setr_epi32(7, 2, 5, 0, 3, 6, 1, 4);
    for (uint64_t n = 0; n < count; n++) {
        __m256i total = _mm256_setzero_si256(), pairs = total;
        for (int i = 0; i < SIZE; i += 32) {
            __m256i x = _mm256_load_si256((__m256i *)(a + i)), y = _mm256_load_si256((__m256i *)(b + i));
            total = _mm256_add_epi64(total, _mm256_sad_epu8(x, y));
            pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(x, _mm256_shuffle_epi8(y, reverse)));
            __m256i shifts = _mm256_and_si256(y, _mm256_set1_epi32(31));
            x = _mm256_xor_si256(_mm256_sllv_epi32(x, shifts), _mm256_permutevar8x32_epi32(y, across));
            x = _mm256_blendv_epi8(x, _mm256_avg_epu8(x, y), _mm256_cmpgt_epi8(y, x));
            x = _mm256_add_epi32(x, _mm256_mullo_epi32(x, shifts));
            _mm256_store_si256((__m256i *)(a + i), x);
        }
        __m256i picks = _mm256_i32gather_epi32((const int *)a, _mm256_and_si256(pairs, _mm256_set1_epi32(4095)), 4);
        uint64_t out[4];
        _mm256_storeu_si256((__m256i *)out, _mm256_add_epi64(_mm256_add_epi64(total, pairs), picks));
        sum = fold(sum, out[0] + 3 * out[1] + 5 * out[2] + 7 * out[3]);
    }
    return sum;
}
