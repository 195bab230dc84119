/* SSE2 integer kernels: sums of absolute differences, saturating blends, 16-bit dot products, byte compares. */
#include "workloads.h"
#include <emmintrin.h>

enum { SIZE = 16384 };

static uint8_t a[SIZE] __attribute__((aligned(16))), b[SIZE] __attribute__((aligned(16)));

uint64_t sse2(uint64_t count)
{
    uint64_t seed = 2001, sum = 0;
    for (int i = 0; i < SIZE; i++) {
        a[i] = next_random(&seed) >> 56;
        b[i] = next_random(&seed) >> 56;
    }
    for (uint64_t n = 0; n < count; n++) {
        __m128i total = _mm_setzero_si128(), pairs = total, equal = total;
        for (int i = 0; i < SIZE; i += 16) {
            __m128i x = _mm_load_si128((__m128i *)(a + i)), y = _mm_load_si128((__m128i *)(b + i));
            total = _mm_add_epi64(total, _mm_sad_epu8(x, y));
            __m128i low = _mm_unpacklo_epi8(x, _mm_setzero_si128()), high = _mm_unpackhi_epi8(y, x);
            pairs = _mm_add_epi32(pairs, _mm_madd_epi16(low, _mm_srai_epi16(high, 3)));
            equal = _mm_sub_epi8(equal, _mm_cmpeq_epi8(x, y));
            x = _mm_avg_epu8(_mm_adds_epu8(x, _mm_set1_epi8(3)), _mm_xor_si128(y, _mm_slli_epi64(x, 5)));
            x = _mm_shuffle_epi32(_mm_max_epu8(x, _mm_min_epu8(y, low)), 0x1b);
            _mm_store_si128((__m128i *)(a + i), x);
        }
        uint64_t out[2];
        _mm_storeu_si128((__m128i *)out, _mm_add_epi64(total, _mm_add_epi64(pairs, equal)));
        sum = fold(sum, out[0] + 3 * out[1]);
    }
    return sum;
}
