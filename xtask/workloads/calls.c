/* Direct calls and returns: Fibonacci and Ackermann by definition. */
#include "workloads.h"

static __attribute__((noinline, noclone)) uint64_t fibonacci(uint64_t n);
static __attribute__((noinline, noclone)) uint64_t ackermann(uint64_t m, uint64_t n);

/* Through pointers that the compiler cannot see through, or it would unroll the recursion into itself. */
static uint64_t (*volatile fib)(uint64_t) = fibonacci;

#pragma GCC push_options
#pragma GCC optimize("no-optimize-sibling-calls", "no-inline", "no-partial-inlining")
static uint64_t fibonacci(uint64_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static uint64_t ackermann(uint64_t m, uint64_t n)
{
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}
#pragma GCC pop_options

uint64_t calls(uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        sum = fold(sum, fib(18 + i % 3));
        sum = fold(sum, ackermann(2, 20 + i % 3));
    }
    return sum;
}
