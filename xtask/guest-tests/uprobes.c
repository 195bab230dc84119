/* Probes of the kernel in a user program's code, by INT3 in its pages: at a function's entry and return, and at an
 * instruction inside it, which the kernel executes elsewhere. Counted against the calls made. */
#include "tracefs.h"
#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

/* The program's own header, by the linker. */
extern const char __ehdr_start[];

/* Called all the time; the entry is probed. */
__attribute__((noinline, noclone)) static uint32_t probed(uint32_t n)
{
    __asm__ volatile("" : "+r"(n));
    return n * 3 + 1;
}

/* Of `probed`, in the file: the program is static, and its first segments lie in it as in memory. */
static uint64_t offset_in_file(void)
{
    return (uintptr_t)probed - (uintptr_t)__ehdr_start;
}

static uint64_t hits(const char *name)
{
    const char *line = strstr(tracing_read("uprobe_profile"), name);
    if (line == NULL)
        fail("no probe %s", name);
    return strtoull(line + strlen(name), NULL, 10);
}

static void call(uint64_t times)
{
    for (uint64_t i = 0; i < times; i++)
        if (probed(i) != (uint32_t)i * 3 + 1)
            fail("a probed function computes nonsense");
}

void uprobes(uint64_t count)
{
    static const char *const NAMES[] = { "entry", "return" };
    tracing_start();
    uint64_t expected[2] = { 0, 0 };
    char text[128];
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "%c:test/%s /proc/self/exe:0x%llx", i ? 'r' : 'p', NAMES[i],
                 (unsigned long long)offset_in_file());
        if (!tracing_append("uprobe_events", text))
            fail_errno(text);
    }
    for (uint64_t n = 0; n < count; n++) {
        progress("uprobes", n, count);
        uint64_t calls = 10 + n % 30;
        for (int on = 1; on < 4; on++) { /* entry, return, both */
            call(2);
            for (int i = 0; i < 2; i++) {
                if (on >> i & 1) {
                    snprintf(text, sizeof text, "events/test/%s/enable", NAMES[i]);
                    tracing_write(text, "1");
                    expected[i] += calls;
                }
            }
            call(calls);
            for (int i = 0; i < 2; i++) {
                snprintf(text, sizeof text, "events/test/%s/enable", NAMES[i]);
                tracing_write(text, "0");
                expect_count(NAMES[i], n, hits(NAMES[i]), expected[i]);
            }
        }
    }
    tracing_append("uprobe_events", "-:test/entry");
    tracing_append("uprobe_events", "-:test/return");
}
