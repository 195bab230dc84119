/* Reading and writing tracefs. */
#define _GNU_SOURCE
#include "tracefs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char content[4 << 20];

static int open_file(const char *file, int flags)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", file[0] == '/' ? "" : "/sys/kernel/tracing/", file);
    int opened = open(path, flags);
    if (opened < 0)
        fail_errno(path);
    return opened;
}

static int write_text(const char *file, const char *text, int flags)
{
    int opened = open_file(file, O_WRONLY | flags);
    ssize_t size = strlen(text), done = write(opened, text, size);
    int error = errno;
    close(opened);
    errno = error;
    return done == size;
}

int tracing_try(const char *file, const char *text)
{
    return write_text(file, text, O_TRUNC);
}

int tracing_append(const char *file, const char *text)
{
    return write_text(file, text, O_APPEND);
}

void tracing_write(const char *file, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!tracing_try(file, text))
        fail("writing '%s' to %s: %s", text, file, strerror(errno));
}

const char *tracing_read(const char *file)
{
    int opened = open_file(file, O_RDONLY);
    size_t size = 0;
    ssize_t got;
    while ((got = read(opened, content + size, sizeof content - 1 - size)) > 0)
        size += got;
    if (got < 0)
        fail_errno(file);
    close(opened);
    content[size] = 0;
    return content;
}

uint64_t tracing_lines(const char *file, const char *text)
{
    uint64_t lines = 0;
    for (const char *line = tracing_read(file), *next; *line; line = next) {
        const char *at = strstr(line, text);
        if (at == NULL)
            break;
        lines++;
        next = strchrnul(at, '\n');
        next += *next == '\n';
    }
    return lines;
}

static uint64_t number_behind(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    if (at == NULL)
        fail("no '%s' in:\n%s", name, text);
    return strtoull(at + strlen(name), NULL, 10);
}

uint64_t tracing_entries(const char *instance)
{
    char file[128];
    snprintf(file, sizeof file, "%sper_cpu/cpu0/stats", instance);
    const char *stats = tracing_read(file);
    if (number_behind(stats, "overrun: ") != 0)
        fail("the ring buffer is too small:\n%s", stats);
    return number_behind(stats, "entries: ");
}

void tracing_clear(const char *instance)
{
    char file[128];
    snprintf(file, sizeof file, "%strace", instance);
    tracing_write(file, "\n");
}

void tracing_start(void)
{
    mount_at("tracefs", "/sys/kernel/tracing");
    mount_at("debugfs", "/sys/kernel/debug");
    tracing_write("current_tracer", "nop");
    tracing_write("set_ftrace_filter", "\n");
    tracing_write("buffer_size_kb", "8192");
    tracing_clear("");
}

void expect_count(const char *what, uint64_t round, uint64_t got, uint64_t expected)
{
    if (got != expected)
        fail("%s, round %llu: counted %llu, not %llu", what, (unsigned long long)round, (unsigned long long)got,
             (unsigned long long)expected);
}
