/* The C library's sin, exp, log, pow and atan. It has variants with and without FMA that may differ in the last bit,
 * and picks by CPUID: the checksum takes only what both agree on. */
#include "workloads.h"
#include <math.h>

uint64_t libm(uint64_t count)
{
    double sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        double x = 0.001 + (double)(i % 10007) * 0.0007;
        sum += sin(x) + exp(-x) + log(x) + pow(x, 0.3) + atan(x);
    }
    return llround(sum * 16);
}
