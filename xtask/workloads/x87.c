/* The x87 unit: a continued fraction, a polynomial and roots in 80-bit precision. */
#include "workloads.h"
#include <math.h>
#include <string.h>

uint64_t x87(uint64_t count)
{
    uint64_t sum = 0;
    long double x = 0.5L, y = 1;
    for (uint64_t i = 0; i < count; i++) {
        long double f = 0;
        for (int k = 8; k > 0; k--)
            f = k * x / (1 + f);
        x = x * 1.000244140625L + 0.001L;
        if (x > 4)
            x -= 3.75L;
        y = sqrtl(y + f * f) - (long double)(int)y / 3;
        uint64_t mantissa;
        memcpy(&mantissa, &y, sizeof mantissa);
        sum = fold(sum, mantissa);
    }
    return sum;
}
