/* Map 256 KiB, touch every page, unmap: page faults, page tables and their flushes. */
#include "workloads.h"
#include <sys/mman.h>

enum { PAGES = 64, PAGE = 4096 };

uint64_t mmap_touch(uint64_t count)
{
    uint64_t sum = 0;
    for (uint64_t n = 0; n < count; n++) {
        uint8_t *map = mmap(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED)
            fail("mmap");
        for (int i = 0; i < PAGES; i++)
            map[i * PAGE] += n + i;
        sum = fold(sum, map[n % PAGES * PAGE]);
        if (munmap(map, PAGES * PAGE) != 0)
            fail("munmap");
    }
    return sum;
}
