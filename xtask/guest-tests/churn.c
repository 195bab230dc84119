/* Map, write, run, unmap, at other addresses every time, as a long-running program with plug-ins or a JIT does: what
 * the emulator remembers of dead code must not pile up. Waits for a line of input when a fifth is done and at the end,
 * so that whoever types it can look at the emulator's memory. */
#define _GNU_SOURCE
#include "code.h"
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_PAGES = 8 };

/* Linear addresses for half of the maps: 64 GiB that nothing else uses. */
static const uint64_t BASE = 0x100000000000, SPAN = 1ull << 36;

static void wait_for_line(const char *what)
{
    say("churn: %s, waiting", what);
    char c;
    while (read(0, &c, 1) == 1 && c != '\n')
        ;
}

void churn(uint64_t count)
{
    uint64_t seed = 3;
    struct program program;
    uint8_t code[LONGEST_CODE];
    for (uint64_t n = 0; n < count; n++) {
        progress("churn", n, count);
        if (n == count / 5)
            wait_for_line("warm");
        uint64_t random = next_random(&seed);
        size_t size = (2 + random % (MOST_PAGES - 1)) * PAGE;
        void *hint = random & 0x100 ? (void *)(BASE + (random >> 16) % (SPAN / PAGE) * PAGE) : NULL;
        uint8_t *map = mmap(hint, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED)
            fail_errno("mmap");
        if (random & 0x200 || n % 64 == 0)
            random_program(&program, &seed); /* else the last one again, elsewhere */
        size_t length = encode(&program, code);
        uint8_t *at = map + random_place(size / PAGE, length, &seed);
        memcpy(at, code, length);
        if (random & 0x400 && mprotect(map, size, PROT_READ | PROT_EXEC) != 0)
            fail_errno("mprotect");
        check_program(&program, at, "mapped code", n);
        if (munmap(map, size) != 0)
            fail_errno("munmap");
    }
    wait_for_line("done");
}
