/* The kernel's tracing, by its files (Documentation/trace/ftrace.rst, kprobetrace.rst, events.rst). */
#pragma once
#include "tests.h"

/* Mounts tracefs and debugfs, and makes sure that nothing is traced. */
void tracing_start(void);

/* Writes to a file of tracefs, or any other whose name starts with `/`; fails if the kernel does not take it. */
void tracing_write(const char *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same; whether the kernel took it. */
int tracing_try(const char *file, const char *text);

/* Appends instead. */
int tracing_append(const char *file, const char *text);

/* What is in a file, as a string that lives until the next call. */
const char *tracing_read(const char *file);

/* How many lines of a file contain `text`. */
uint64_t tracing_lines(const char *file, const char *text);

/* Entries in the ring buffer of `instance` ("" or "instances/NAME/"); fails if some were lost. */
uint64_t tracing_entries(const char *instance);

/* Throws away what is in the ring buffer. */
void tracing_clear(const char *instance);

/* Fails unless two numbers are the same. */
void expect_count(const char *what, uint64_t round, uint64_t got, uint64_t expected);
