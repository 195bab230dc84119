/* Runs tests of self-modifying code as process 1 of a guest: `init NAME COUNT NAME COUNT ...`, which the kernel takes
 * from its command line behind `--`. The last line is `all N tests passed`, or starts with FAILED; then the machine is
 * switched off. As any other process it just exits, so what does not need a guest's kernel runs on the host, too. */
#define _GNU_SOURCE
#include "tests.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; test *run; } TABLE[] = {
    { "ftrace", ftrace }, { "kprobes", kprobes }, { "uprobes", uprobes }, { "jump-labels", jump_labels },
    { "jit", jit }, { "self-patching", self_patching }, { "cross-mapped", cross_mapped }, { "from-files", from_files },
    { "churn", churn },
};

/* Children that a test forks fail like it, but only the first process ends the machine. */
static pid_t first;

static _Noreturn void end(int status)
{
    fflush(stdout);
    if (getpid() == first && first == 1) {
        sync();
        reboot(RB_POWER_OFF);
    }
    _exit(status);
}

static void print(const char *before, const char *format, va_list arguments, const char *after)
{
    fputs(before, stdout);
    vprintf(format, arguments);
    puts(after);
    fflush(stdout);
}

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("FAILED: ", format, arguments, "");
    va_end(arguments);
    end(1);
}

_Noreturn void fail_errno(const char *what)
{
    fail("%s: %s", what, strerror(errno));
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print("", format, arguments, "");
    va_end(arguments);
}

void progress(const char *name, uint64_t n, uint64_t count)
{
    uint64_t part = count / 10 + (count < 10);
    if (n % part == 0)
        say("%s: %llu of %llu", name, (unsigned long long)n, (unsigned long long)count);
}

void call_getppid(uint64_t times)
{
    while (times-- > 0)
        syscall(SYS_getppid);
}

uint8_t *map_anonymous(size_t size, int protection)
{
    void *map = mmap(0, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        fail_errno("mmap");
    return map;
}

void mount_at(const char *type, const char *path)
{
    mkdir(path, 0755);
    if (mount(type, path, type, 0, "") != 0 && errno != EBUSY)
        fail("mounting %s at %s: %s", type, path, strerror(errno));
}

static const char *run(const char *name, uint64_t count)
{
    for (size_t i = 0; i < sizeof TABLE / sizeof *TABLE; i++)
        if (strcmp(TABLE[i].name, name) == 0) {
            say("%s: starts", name);
            TABLE[i].run(count);
            say("%s: passed", name);
            return NULL;
        }
    return "no such test";
}

int main(int argc, char **argv)
{
    first = getpid();
    if (first == 1) {
        mount_at("proc", "/proc");
        mount_at("sysfs", "/sys");
        mount_at("tmpfs", "/tmp");
    }
    int tests = 0;
    for (int i = 1; i + 1 < argc; i += 2, tests++) {
        const char *trouble = run(argv[i], strtoull(argv[i + 1], NULL, 10));
        if (trouble)
            fail("%s: %s", argv[i], trouble);
    }
    if (tests == 0)
        fail("init NAME COUNT NAME COUNT ...");
    say("all %d tests passed", tests);
    end(0);
}
