/* Scalar double precision in arrays: LU decomposition with partial pivoting, and the solution checked. */
#include "workloads.h"
#include <math.h>

enum { N = 100 };

static double a[N][N], x[N];

/* The compiler must not pack two doubles into a vector: this family is about scalar arithmetic. */
#pragma GCC optimize("no-tree-vectorize")
static void solve(void)
{
    for (int k = 0; k < N; k++) {
        int pivot = k;
        for (int i = k + 1; i < N; i++)
            if (fabs(a[i][k]) > fabs(a[pivot][k]))
                pivot = i;
        for (int j = 0; j < N && pivot != k; j++) {
            double t = a[k][j];
            a[k][j] = a[pivot][j];
            a[pivot][j] = t;
        }
        double t = x[k];
        x[k] = x[pivot];
        x[pivot] = t;
        for (int i = k + 1; i < N; i++) {
            double factor = a[i][k] / a[k][k];
            for (int j = k; j < N; j++)
                a[i][j] -= factor * a[k][j];
            x[i] -= factor * x[k];
        }
    }
    for (int k = N - 1; k >= 0; k--) {
        for (int j = k + 1; j < N; j++)
            x[k] -= a[k][j] * x[j];
        x[k] /= a[k][k];
    }
}

uint64_t linpack(uint64_t count)
{
    uint64_t seed = 1979, sum = 0;
    for (uint64_t i = 0; i < count; i++) {
        for (int r = 0; r < N; r++) {
            x[r] = 0;
            for (int c = 0; c < N; c++) {
                a[r][c] = (double)(int64_t)next_random(&seed) / 9.2e18;
                x[r] += a[r][c];
            }
        }
        solve(); /* the solution is all ones */
        for (int r = 0; r < N; r++) {
            if (fabs(x[r] - 1) > 1e-6)
                fail("linpack: wrong solution");
            sum = fold(sum, bits(x[r]));
        }
    }
    return sum;
}
