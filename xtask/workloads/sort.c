/* Sorting: random 32-bit keys by quicksort, heapsort and merge sort in turn. */
#include "workloads.h"
#include <string.h>

enum { KEYS = 20000 };

static uint32_t keys[KEYS], spare[KEYS];

static void insertion(uint32_t *a, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint32_t key = a[i];
        size_t at = i;
        for (; at > 0 && a[at - 1] > key; at--)
            a[at] = a[at - 1];
        a[at] = key;
    }
}

static void quick(uint32_t *a, size_t n)
{
    while (n > 16) {
        uint32_t pivot = a[n / 2];
        size_t i = 0, j = n - 1;
        for (;; i++, j--) {
            while (a[i] < pivot)
                i++;
            while (a[j] > pivot)
                j--;
            if (i >= j)
                break;
            uint32_t t = a[i];
            a[i] = a[j];
            a[j] = t;
        }
        quick(a, j + 1);
        a += j + 1;
        n -= j + 1;
    }
    insertion(a, n);
}

static void sift(uint32_t *a, size_t root, size_t n)
{
    uint32_t key = a[root];
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && a[child + 1] > a[child])
            child++;
        if (a[child] <= key)
            break;
        a[root] = a[child];
    }
    a[root] = key;
}

static void heap(uint32_t *a, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(a, i, n);
    while (n-- > 1) {
        uint32_t top = a[0];
        a[0] = a[n];
        a[n] = top;
        sift(a, 0, n);
    }
}

static void merge(uint32_t *a, size_t n)
{
    if (n <= 16) {
        insertion(a, n);
        return;
    }
    size_t half = n / 2, i = 0, j = half, out = 0;
    merge(a, half);
    merge(a + half, n - half);
    memcpy(spare, a, half * sizeof *a);
    while (i < half && j < n)
        a[out++] = a[j] < spare[i] ? a[j++] : spare[i++];
    while (i < half)
        a[out++] = spare[i++];
}

uint64_t sort(uint64_t count)
{
    static void (*const by[])(uint32_t *, size_t) = { quick, heap, merge };
    uint64_t sum = 0, seed = 1234567;
    for (uint64_t i = 0; i < count; i++) {
        for (size_t k = 0; k < KEYS; k++)
            keys[k] = next_random(&seed) >> 32;
        by[i % 3](keys, KEYS);
        for (size_t k = 1; k < KEYS; k++) {
            if (keys[k - 1] > keys[k])
                fail("sort: out of order");
            if (k % 97 == 0)
                sum = fold(sum, keys[k]);
        }
    }
    return sum;
}
