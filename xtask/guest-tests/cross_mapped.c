/* Code whose bytes are written by another way than the address it runs at: one file in memory, mapped writable at one
 * place and executable at two others, in this process and in a child; written through the mapping, by system calls of
 * the kernel, by the child; breakpoints; private copies of its pages; moved mappings. */
#define _GNU_SOURCE
#include "code.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { PAGES = 4, ROOM = PAGES * PAGE };

/* The file and where this process has it. */
struct views {
    int file;
    uint8_t *writable, *executable[2];
};

/* What the child is told; it answers with the value that the code returned, or 0. */
struct order {
    enum { CALL, WRITE, PLACE } what;
    uint32_t offset, size, argument;
    uint8_t bytes[LONGEST_CODE];
};

static int orders, answers, own_memory, pipe_in, pipe_out;
static pid_t child;
static uint8_t *in_child;

static uint8_t *map(const struct views *views, int protection, int flags)
{
    void *map = mmap(0, ROOM, protection, flags, views->file, 0);
    if (map == MAP_FAILED)
        fail_errno("mmap of memfd");
    return map;
}

static void transfer(ssize_t done, size_t size, const char *what)
{
    if (done != (ssize_t)size)
        fail("%s: %zd of %zu bytes, %s", what, done, size, strerror(errno));
}

static _Noreturn void obey(const struct views *views, int from, int to)
{
    /* Mappings of its own, not at the parent's addresses. */
    uint8_t *executable = map(views, PROT_READ | PROT_EXEC, MAP_SHARED);
    uint8_t *writable = map(views, PROT_READ | PROT_WRITE, MAP_SHARED);
    struct order order;
    while (read(from, &order, sizeof order) == sizeof order) {
        uint64_t answer = 0;
        if (order.what == CALL)
            answer = as_function(executable + order.offset)(order.argument);
        else if (order.what == WRITE)
            memcpy(writable + order.offset, order.bytes, order.size);
        else
            answer = (uintptr_t)writable;
        transfer(write(to, &answer, sizeof answer), sizeof answer, "answer");
    }
    _exit(0);
}

static uint64_t tell(const struct order *order)
{
    uint64_t answer;
    transfer(write(orders, order, sizeof *order), sizeof *order, "order");
    transfer(read(answers, &answer, sizeof answer), sizeof answer, "answer of the child");
    return answer;
}

static void start_child(const struct views *views)
{
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0)
        fail_errno("pipe");
    child = fork();
    if (child < 0)
        fail_errno("fork");
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        obey(views, there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    orders = there[1], answers = back[0];
    in_child = (uint8_t *)(uintptr_t)tell(&(struct order){ .what = PLACE });
}

/* Ways to write to the file. */

static void by_mapping(const struct views *views, size_t offset, const uint8_t *bytes, size_t size)
{
    memcpy(views->writable + offset, bytes, size);
}

static void by_pwrite(const struct views *views, size_t offset, const uint8_t *bytes, size_t size)
{
    transfer(pwrite(views->file, bytes, size, offset), size, "pwrite");
}

static void by_read(const struct views *views, size_t offset, const uint8_t *bytes, size_t size)
{
    transfer(write(pipe_in, bytes, size), size, "write to a pipe");
    transfer(read(pipe_out, views->writable + offset, size), size, "read from a pipe");
}

static void by_child(const struct views *views, size_t offset, const uint8_t *bytes, size_t size)
{
    (void)views;
    struct order order = { .what = WRITE, .offset = offset, .size = size };
    memcpy(order.bytes, bytes, size);
    tell(&order);
}

static void by_vm_write(const struct views *views, size_t offset, const uint8_t *bytes, size_t size)
{
    (void)views;
    struct iovec from = { (void *)bytes, size }, to = { in_child + offset, size };
    transfer(process_vm_writev(child, &from, 1, &to, 1, 0), size, "process_vm_writev");
}

static const struct { const char *name; void (*write)(const struct views *, size_t, const uint8_t *, size_t); } WAYS[] = {
    { "by a writable mapping", by_mapping }, { "by pwrite", by_pwrite }, { "by read into it", by_read },
    { "by another process", by_child }, { "by process_vm_writev", by_vm_write },
};
enum { WAYS_COUNT = sizeof WAYS / sizeof *WAYS };

static void check_everywhere(const struct views *views, const struct program *program, size_t offset, const char *what,
                             uint64_t n)
{
    check_program(program, views->executable[0] + offset, what, n);
    check_program(program, views->executable[1] + offset, what, n);
    struct order call = { .what = CALL, .offset = offset, .argument = n * 77 };
    uint32_t got = tell(&call), expected = evaluate(program, call.argument);
    if (got != expected)
        fail("%s, round %llu, in the child: %08x, not %08x", what, (unsigned long long)n, got, expected);
}

/* Breakpoints, as a debugger of its own process. */

static volatile uint8_t *breakpoint;
static uint8_t under_breakpoint;
static const uint8_t *executed_at;
static int traps;

static void on_trap(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info;
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    if (*rip != (greg_t)(uintptr_t)executed_at + 1)
        fail("a breakpoint at %p trapped at %llx", executed_at, (unsigned long long)*rip);
    traps++;
    *breakpoint = under_breakpoint;
    --*rip;
}

static void check_breakpoint(const struct views *views, const struct program *program, size_t offset, uint64_t n)
{
    size_t at = offset + program->at[n % program->length];
    breakpoint = views->writable + at;
    executed_at = views->executable[0] + at;
    under_breakpoint = *breakpoint;
    *breakpoint = 0xcc;
    traps = 0;
    /* Three calls: the first one hits it. */
    check_program(program, views->executable[0] + offset, "a breakpoint", n);
    if (traps != 1)
        fail("round %llu: %d traps at a breakpoint", (unsigned long long)n, traps);
}

/* Writes other code to a private mapping of the same pages, which copies them, and throws the copies away. */
static void check_private(const struct views *views, uint8_t *private, const struct program *program, size_t offset,
                          uint64_t n, uint64_t *seed)
{
    check_program(program, private + offset, "a private mapping", n);
    struct program other;
    uint8_t code[LONGEST_CODE];
    random_program(&other, seed);
    size_t size = encode(&other, code);
    if (offset + size > ROOM)
        return;
    transfer(pwrite(own_memory, code, size, (uintptr_t)private + offset), size, "/proc/self/mem");
    check_program(&other, private + offset, "a private copy", n);
    check_program(program, views->executable[0] + offset, "the original of a private copy", n);
    if (madvise(private, ROOM, MADV_DONTNEED) != 0)
        fail_errno("madvise");
    check_program(program, private + offset, "a private mapping without its copies", n);
}

void cross_mapped(uint64_t count)
{
    uint64_t seed = 4;
    struct views views = { .file = memfd_create("code", 0) };
    int pipes[2];
    own_memory = open("/proc/self/mem", O_RDWR);
    if (views.file < 0 || ftruncate(views.file, ROOM) != 0 || own_memory < 0 || pipe(pipes) != 0)
        fail_errno("memfd");
    pipe_out = pipes[0], pipe_in = pipes[1];
    views.writable = map(&views, PROT_READ | PROT_WRITE, MAP_SHARED);
    for (int i = 0; i < 2; i++)
        views.executable[i] = map(&views, PROT_READ | PROT_EXEC, MAP_SHARED);
    uint8_t *private = map(&views, PROT_READ | PROT_EXEC, MAP_PRIVATE);
    struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
    sigaction(SIGTRAP, &action, NULL);
    start_child(&views);

    struct program program;
    uint8_t code[LONGEST_CODE], bytes[6];
    for (uint64_t n = 0; n < count; n++) {
        progress("cross-mapped", n, count);
        random_program(&program, &seed);
        size_t size = encode(&program, code), offset = random_place(PAGES, size, &seed);
        WAYS[n % WAYS_COUNT].write(&views, offset, code, size);
        check_everywhere(&views, &program, offset, WAYS[n % WAYS_COUNT].name, n);
        for (int i = 0; i < 3; i++) {
            int which = next_random(&seed) % program.length, way = next_random(&seed) % WAYS_COUNT;
            struct operation *operation = &program.operations[which];
            *operation = random_replacement(*operation, &seed);
            size_t length = encode_operation(*operation, bytes);
            WAYS[way].write(&views, offset + program.at[which], bytes, length);
            check_everywhere(&views, &program, offset, WAYS[way].name, n);
        }
        check_breakpoint(&views, &program, offset, n);
        check_private(&views, private, &program, offset, n, &seed);
        if (n % 16 == 0) {
            /* Elsewhere from now on. */
            uint8_t *to = map(&views, PROT_NONE, MAP_SHARED);
            views.executable[1] = mremap(views.executable[1], ROOM, ROOM, MREMAP_MAYMOVE | MREMAP_FIXED, to);
            if (views.executable[1] != to)
                fail_errno("mremap");
            check_everywhere(&views, &program, offset, "a moved mapping", n);
        }
    }
    close(orders);
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        fail("the child ended with %x", status);
    munmap(private, ROOM);
    munmap(views.writable, ROOM);
    for (int i = 0; i < 2; i++)
        munmap(views.executable[i], ROOM);
    close(views.file);
    close(own_memory);
    close(pipe_in);
    close(pipe_out);
}
