/* The function tracer, which rewrites the first instruction of kernel functions while they are in use: of one
 * function, of several with a tracer each, and of all of them. What it recorded is compared with the calls made. */
#include "tracefs.h"
#include <sys/stat.h>

/* Of its names (__x64_, __do_) the tracer knows one. */
#define FUNCTION "_sys_getppid"

static const struct tracer { const char *name, *line; } TRACERS[] = {
    { "function", FUNCTION " <-" },
    { "function_graph", FUNCTION "()" },
};
enum { TRACERS_COUNT = sizeof TRACERS / sizeof *TRACERS };

/* Lines of calls in the trace, which is read while nothing is added; switching it on again empties it. */
static uint64_t recorded(const char *instance, const char *line)
{
    char on[64], trace[64];
    snprintf(on, sizeof on, "%stracing_on", instance);
    snprintf(trace, sizeof trace, "%strace", instance);
    tracing_write(on, "0");
    uint64_t lines = tracing_lines(trace, line);
    tracing_entries(instance); /* fails if some were lost */
    tracing_write(on, "1");
    return lines;
}

/* Every call of the function must be in the trace while it is on, and none while it is off. */
static void one_function(const struct tracer *tracer, uint64_t round)
{
    uint64_t calls = 10 + round * 7 % 50;
    tracing_write("set_ftrace_filter", "*" FUNCTION);
    call_getppid(3);
    tracing_write("current_tracer", "%s", tracer->name);
    tracing_clear("");
    call_getppid(calls);
    expect_count(tracer->name, round, recorded("", tracer->line), calls);
    tracing_write("current_tracer", "nop");
    tracing_clear("");
    call_getppid(5);
    expect_count("no tracer", round, recorded("", FUNCTION), 0);
    tracing_write("set_ftrace_filter", "\n");
}

/* Every function of the kernel. */
static void all_functions(const struct tracer *tracer, uint64_t round)
{
    uint64_t calls = 20;
    tracing_write("current_tracer", "%s", tracer->name);
    tracing_clear(""); /* what was called while the functions were patched */
    call_getppid(calls);
    expect_count("all functions", round, recorded("", tracer->line), calls);
    tracing_write("current_tracer", "nop");
    tracing_clear("");
    say("ftrace: all functions by %s and back", tracer->name);
}

/* Two tracers share a function, which then calls a list instead of the first one's trampoline; one goes again. */
static void instances(uint64_t round)
{
    static const char *const NAMES[] = { "instances/one/", "instances/two/" };
    char file[64];
    uint64_t calls = 20 + round % 10;
    for (int i = 0; i < 2; i++) {
        snprintf(file, sizeof file, "%sset_ftrace_filter", NAMES[i]);
        tracing_write(file, "*" FUNCTION);
        snprintf(file, sizeof file, "%scurrent_tracer", NAMES[i]);
        tracing_write(file, "function");
        tracing_clear(NAMES[i]);
    }
    call_getppid(calls);
    for (int i = 0; i < 2; i++)
        expect_count(NAMES[i], round, recorded(NAMES[i], TRACERS[0].line), calls);
    tracing_write("instances/one/current_tracer", "nop");
    call_getppid(calls);
    expect_count("the instance that went", round, recorded(NAMES[0], TRACERS[0].line), 0);
    expect_count("the instance that stayed", round, recorded(NAMES[1], TRACERS[0].line), calls);
    tracing_write("instances/two/current_tracer", "nop");
}

void ftrace(uint64_t count)
{
    tracing_start();
    say("ftrace: %llu functions can be traced", (unsigned long long)tracing_lines("available_filter_functions", ""));
    mkdir("/sys/kernel/tracing/instances/one", 0755);
    mkdir("/sys/kernel/tracing/instances/two", 0755);
    for (uint64_t n = 0; n < count; n++) {
        progress("ftrace", n, count);
        for (int i = 0; i < TRACERS_COUNT; i++) {
            one_function(&TRACERS[i], n);
            if (n % 10 == 0)
                all_functions(&TRACERS[i], n);
        }
        instances(n);
    }
}
