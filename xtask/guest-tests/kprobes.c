/* Probes in the kernel's code, counted against the calls made: at a function's entry (by its ftrace site), at every
 * instruction in it by INT3, the same made into a jump by the kernel's optimizer, at its return, and several at a time.
 * The optimizer leaves functions alone that end in a jump to the return thunk: boot with mitigations=off. */
#include "tracefs.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUNCTION "__x64_sys_getppid"
enum { BYTES = 0x32, MOST = 16 };

static const char *const OPTIMIZER = "/proc/sys/debug/kprobes-optimization";
static const char *const LIST = "/sys/kernel/debug/kprobes/list";

struct probe { char name[16], definition[64]; };

/* In the order of their addresses, and how many there are; the last one can be optimized. */
static struct probe places[MOST], entry = { "entry", "p:test/entry " FUNCTION },
                                  at_return = { "return", "r:test/return " FUNCTION };
static int places_count;

/* How often a probe was hit, from lines `NAME HITS MISSES`. */
static uint64_t hits(const struct probe *probe)
{
    for (const char *line = tracing_read("kprobe_profile"); line && *line; line = strchr(line, '\n')) {
        line += strspn(line, " \n");
        size_t length = strcspn(line, " ");
        if (length == strlen(probe->name) && strncmp(line, probe->name, length) == 0)
            return strtoull(line + length, NULL, 10);
    }
    fail("no probe %s", probe->name);
}

static int try_define(const struct probe *probe)
{
    return tracing_append("kprobe_events", probe->definition);
}

static void define(const struct probe *probe)
{
    if (!try_define(probe))
        fail("kprobe_events: '%s': %s", probe->definition, strerror(errno));
}

static void undefine(const struct probe *probe)
{
    char text[64];
    snprintf(text, sizeof text, "-:test/%s", probe->name);
    if (!tracing_append("kprobe_events", text))
        fail("kprobe_events: '%s': %s", text, strerror(errno));
}

static void enable(const struct probe *probe, int on)
{
    char file[64];
    snprintf(file, sizeof file, "events/test/%s/enable", probe->name);
    tracing_write(file, "%d", on);
}

/* Whether the kernel makes jumps of the probes that it can within half a second. */
static int becomes_optimized(void)
{
    for (int i = 0; i < 50; i++) {
        if (strstr(tracing_read(LIST), "[OPTIMIZED]"))
            return 1;
        usleep(10000);
    }
    return 0;
}

/* Instructions of the function: the kernel takes no probes between their bytes. Past the call of __fentry__. */
static void find_places(void)
{
    int optimized = 0;
    for (int offset = 5; offset < BYTES && places_count < MOST && !optimized; offset++) {
        struct probe *probe = &places[places_count];
        snprintf(probe->name, sizeof probe->name, "at_%d", offset);
        snprintf(probe->definition, sizeof probe->definition, "p:test/at_%d " FUNCTION "+%d", offset, offset);
        if (!try_define(probe))
            continue;
        places_count++;
        tracing_write(OPTIMIZER, "1");
        enable(probe, 1);
        optimized = becomes_optimized();
        enable(probe, 0);
        undefine(probe);
        tracing_write(OPTIMIZER, "0");
        say("kprobes: an instruction at +%d%s", offset, optimized ? ", which can become a jump" : "");
    }
    if (!optimized || places_count < 2)
        fail("no place in " FUNCTION " for a jump");
}

/* Switches one probe on and off around calls. */
static void one(const struct probe *probe, uint64_t round, int optimized)
{
    uint64_t calls = 10 + round * 13 % 90, expected = 0;
    define(probe);
    for (int i = 0; i < 3; i++) {
        call_getppid(4);
        enable(probe, 1);
        if (optimized && !becomes_optimized())
            fail("the kernel does not optimize %s:\n%s", probe->definition, tracing_read(LIST));
        call_getppid(calls);
        expected += calls;
        expect_count(probe->name, round, hits(probe), expected);
        enable(probe, 0);
        call_getppid(4);
        expect_count(probe->name, round, hits(probe), expected);
    }
    undefine(probe);
}

/* On one after the other, off in the same order. */
static void all_at_once(uint64_t round)
{
    const struct probe *probes[MOST + 2] = { &entry, &at_return };
    uint64_t expected[MOST + 2] = { 0 };
    int count = 2 + places_count;
    for (int i = 0; i < places_count; i++)
        probes[2 + i] = &places[i];
    for (int i = 0; i < count; i++)
        define(probes[i]);
    for (int i = 0; i < 2 * count; i++) {
        enable(probes[i % count], i < count);
        call_getppid(5 + i);
        for (int k = 0; k < count; k++)
            if (i < count ? k <= i : k > i - count)
                expected[k] += 5 + i;
    }
    for (int i = 0; i < count; i++) {
        expect_count(probes[i]->name, round, hits(probes[i]), expected[i]);
        undefine(probes[i]);
    }
}

void kprobes(uint64_t count)
{
    tracing_start();
    tracing_write(OPTIMIZER, "0");
    find_places();
    for (uint64_t n = 0; n < count; n++) {
        progress("kprobes", n, count);
        one(&entry, n, 0);
        one(&at_return, n, 0);
        for (int i = 0; i < places_count; i++)
            one(&places[i], n, 0);
        all_at_once(n);
        tracing_write(OPTIMIZER, "1");
        one(&places[places_count - 1], n, 1);
        all_at_once(n);
        tracing_write(OPTIMIZER, "0");
    }
}
