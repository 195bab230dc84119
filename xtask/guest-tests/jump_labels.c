/* Static branches and static calls: tracepoints, software events of perf, and scheduler statistics are NOPs in the
 * kernel's hot paths until somebody wants them. Switched on, by one user and by two, and off, and counted against what
 * was done meanwhile. */
#define _GNU_SOURCE
#include "tracefs.h"
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void send_signals(uint64_t times)
{
    while (times-- > 0)
        kill(getpid(), SIGUSR1);
}

static void fork_children(uint64_t times)
{
    while (times-- > 0) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
}

/* Sleeps, which is one switch each away from this process. */
static void sleep_briefly(uint64_t times)
{
    while (times-- > 0)
        usleep(50);
}

/* A tracepoint, which of its events count (if not all; `%d` is this process), and what makes one. */
static const struct point { const char *name, *filter; void (*act)(uint64_t); uint64_t times; } POINTS[] = {
    { "raw_syscalls/sys_enter", "id == 110 && common_pid == %d", call_getppid, 50 },
    { "raw_syscalls/sys_exit", "id == 110 && common_pid == %d", call_getppid, 50 },
    { "syscalls/sys_enter_getppid", "common_pid == %d", call_getppid, 50 },
    { "signal/signal_generate", "pid == %d", send_signals, 20 },
    { "sched/sched_process_fork", "parent_pid == %d", fork_children, 3 },
    { "sched/sched_switch", "prev_pid == %d && prev_state & 1", sleep_briefly, 5 },
};

static const char *const INSTANCES[] = { "", "instances/two/" };

static void set(const char *instance, const struct point *point, int on)
{
    char file[128], filter[64];
    snprintf(filter, sizeof filter, point->filter, getpid());
    if (on) {
        snprintf(file, sizeof file, "%sevents/%s/filter", instance, point->name);
        tracing_write(file, "%s", filter);
        tracing_clear(instance);
    }
    snprintf(file, sizeof file, "%sevents/%s/enable", instance, point->name);
    tracing_write(file, "%d", on);
}

static void check_point(const struct point *point, uint64_t round)
{
    uint64_t times = point->times + round % 7;
    set(INSTANCES[0], point, 1);
    point->act(times);
    expect_count(point->name, round, tracing_entries(INSTANCES[0]), times);
    /* A second user: what was a direct call becomes one that goes through the list of both. */
    set(INSTANCES[1], point, 1);
    point->act(times);
    expect_count(point->name, round, tracing_entries(INSTANCES[0]), 2 * times);
    expect_count(point->name, round, tracing_entries(INSTANCES[1]), times);
    set(INSTANCES[0], point, 0);
    point->act(times);
    expect_count(point->name, round, tracing_entries(INSTANCES[0]), 2 * times);
    expect_count(point->name, round, tracing_entries(INSTANCES[1]), 2 * times);
    set(INSTANCES[1], point, 0);
    point->act(times);
    expect_count(point->name, round, tracing_entries(INSTANCES[1]), 2 * times);
}

/* Page faults, which the kernel counts behind a static branch while somebody asks. */
static void check_page_faults(uint64_t round)
{
    enum { PAGES = 40 };
    struct perf_event_attr attr = {
        .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_PAGE_FAULTS, .disabled = 1,
    };
    int event = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    if (event < 0)
        fail_errno("perf_event_open");
    uint8_t *map = map_anonymous(PAGES * PAGE, PROT_READ | PROT_WRITE);
    madvise(map, PAGES * PAGE, MADV_NOHUGEPAGE);
    ioctl(event, PERF_EVENT_IOC_ENABLE, 0);
    for (int i = 0; i < PAGES; i++)
        ((volatile uint8_t *)map)[i * PAGE] = 1;
    ioctl(event, PERF_EVENT_IOC_DISABLE, 0);
    uint64_t faults = 0;
    if (read(event, &faults, sizeof faults) != sizeof faults)
        fail_errno("read of perf event");
    expect_count("page faults", round, faults, PAGES);
    close(event);
    munmap(map, PAGES * PAGE);
}

void jump_labels(uint64_t count)
{
    tracing_start();
    signal(SIGUSR1, SIG_IGN);
    mkdir("/sys/kernel/tracing/instances/two", 0755);
    for (uint64_t n = 0; n < count; n++) {
        progress("jump-labels", n, count);
        for (size_t i = 0; i < sizeof POINTS / sizeof *POINTS; i++)
            check_point(&POINTS[i], n);
        check_page_faults(n);
        tracing_write("/proc/sys/kernel/sched_schedstats", "%d", (int)(n + 1) & 1);
    }
}
