/* What the tests share. Each is a function from a count to nothing: it returns only if everything was right, and says
 * how far it is on standard output. */
#pragma once
#include "../workloads/random.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef void test(uint64_t count);
test ftrace, kprobes, uprobes, jump_labels;
test jit, self_patching, cross_mapped, from_files, churn;

/* Ends the program, and the guest with it. `format` is printf's; the line starts with FAILED. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with what errno says. */
_Noreturn void fail_errno(const char *what);

/* Prints a line and sends it off. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says `name: n of count`, ten times in a loop over n. */
void progress(const char *name, uint64_t n, uint64_t count);

/* What the tests of tracing call and count: a system call that does next to nothing. */
void call_getppid(uint64_t times);

/* A function in generated code. */
typedef uint32_t function(uint32_t);

enum { PAGE = 4096 };

static inline function *as_function(const void *code)
{
    return (function *)(uintptr_t)code;
}

/* Anonymous memory, or the end. */
uint8_t *map_anonymous(size_t size, int protection);

/* Mounts a file system of the kernel's own, if it is not there. */
void mount_at(const char *type, const char *path);
