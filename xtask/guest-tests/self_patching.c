/* Code that changes instructions that it is about to execute: the next ones, some further on in the same block or in
 * the next page, the body of the loop that it is in, and a branch. Processors promise that a store to the address by
 * which code is executed holds from the next instruction on. */
#include "code.h"
#include <string.h>
#include <sys/mman.h>

enum { PAGES = 3, LONGEST_GAP = 48, LONGEST_FUNCTION = 64 + LONGEST_GAP };

/* What is patched: the immediate of `mov eax, imm32`, an operation with EAX and an immediate, and a long NOP. */
enum { WINDOW = 16 };

static const struct way { const char *name; size_t width; } WAYS[] = {
    { "mov of 1 byte", 1 }, { "mov of 2 bytes", 2 }, { "mov of 4 bytes", 4 }, { "mov of 8 bytes", 8 },
    { "movdqu", 16 }, { "xchg", 4 }, { "lock cmpxchg", 4 }, { "rep movsb of 3 bytes", 3 },
    { "rep movsb of 16 bytes", 16 }, { "push", 8 }, { "two movs", 16 },
};
enum { MOV_1, MOV_2, MOV_4, MOV_8, MOVDQU, XCHG, CMPXCHG, MOVSB_3, MOVSB_16, PUSH, TWO_MOVS, WAYS_COUNT };

/* Appends bytes to the code at `at`. */
#define PUT(at, ...) ((at) = put((at), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })))

static uint8_t *put(uint8_t *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

/* The last four bytes of an instruction that names `target` relative to RIP, `behind` bytes before its end. */
static uint8_t *put_relative(uint8_t *at, const uint8_t *target, int behind)
{
    int32_t displacement = target - (at + 4 + behind);
    return put(at, &displacement, 4);
}

/* Stores the first bytes of RDI:RSI to `window`. */
static uint8_t *put_store(uint8_t *at, int way, const uint8_t *window)
{
    switch (way) {
    case MOV_1: PUT(at, 0x40, 0x88, 0x3d); break; /* mov [window], dil */
    case MOV_2: PUT(at, 0x66, 0x89, 0x3d); break; /* mov [window], di */
    case MOV_4: PUT(at, 0x89, 0x3d); break;       /* mov [window], edi */
    case MOV_8: PUT(at, 0x48, 0x89, 0x3d); break; /* mov [window], rdi */
    case XCHG: PUT(at, 0x87, 0x3d); break;        /* xchg [window], edi */
    case MOVDQU: /* movq xmm0, rdi; movq xmm1, rsi; punpcklqdq xmm0, xmm1; movdqu [window], xmm0 */
        PUT(at, 0x66, 0x48, 0x0f, 0x6e, 0xc7, 0x66, 0x48, 0x0f, 0x6e, 0xce, 0x66, 0x0f, 0x6c, 0xc1);
        PUT(at, 0xf3, 0x0f, 0x7f, 0x05);
        break;
    case CMPXCHG: /* mov eax, [window]; lock cmpxchg [window], edi */
        PUT(at, 0x8b, 0x05);
        at = put_relative(at, window, 0);
        PUT(at, 0xf0, 0x0f, 0xb1, 0x3d);
        break;
    case MOVSB_3:
    case MOVSB_16: /* push rsi; push rdi; mov rsi, rsp; lea rdi, [window]; mov ecx, n; rep movsb; pop rdi; pop rsi */
        PUT(at, 0x56, 0x57, 0x48, 0x89, 0xe6, 0x48, 0x8d, 0x3d);
        at = put_relative(at, window, 0);
        PUT(at, 0xb9, WAYS[way].width, 0, 0, 0, 0xf3, 0xa4, 0x5f, 0x5e);
        return at;
    case PUSH: /* mov rcx, rsp; lea rsp, [window + 8]; push rdi; mov rsp, rcx */
        PUT(at, 0x48, 0x89, 0xe1, 0x48, 0x8d, 0x25);
        at = put_relative(at, window + 8, 0);
        PUT(at, 0x57, 0x48, 0x89, 0xcc);
        return at;
    case TWO_MOVS: /* mov [window], rdi; mov [window + 8], rsi */
        PUT(at, 0x48, 0x89, 0x3d);
        at = put_relative(at, window, 0);
        PUT(at, 0x48, 0x89, 0x35);
        return put_relative(at, window + 8, 0);
    }
    return put_relative(at, window, 0);
}

static void random_window(uint8_t *window, uint64_t *seed)
{
    uint32_t immediate = next_random(seed) >> 32;
    struct operation operation = random_replacement((struct operation){ ADD, 0 }, seed);
    memcpy(window, &immediate, 4);
    encode_operation(operation, window + 4);
    memcpy(window + 9, (const uint8_t[]){ 0x0f, 0x1f, 0x80, 0, 0, 0, 0 }, 7);
}

/* What EAX is behind the code in `window`. */
static uint32_t value_of(const uint8_t *window)
{
    uint32_t eax, value;
    memcpy(&eax, window, 4);
    memcpy(&value, window + 5, 4);
    for (int kind = ADD; kind <= OR; kind++) {
        uint8_t code[6];
        struct operation operation = { kind, value };
        encode_operation(operation, code);
        if (code[0] == window[4])
            return apply(operation, eax, 0);
    }
    fail("the window was damaged");
}

static void patch_ahead(uint8_t *room, uint64_t n, uint64_t *seed)
{
    int way = n % WAYS_COUNT;
    size_t gap = next_random(seed) % 4 == 0 ? 0 : next_random(seed) % LONGEST_GAP;
    uint8_t *start = room + random_place(PAGES, LONGEST_FUNCTION, seed);
    /* The store's size does not depend on the distance: try it once to learn it. */
    uint8_t *mov = put_store(start, way, start) + gap, *window = mov + 1;
    memset(start, 0x90, mov - start);
    put_store(start, way, window);
    *mov = 0xb8;
    uint8_t now[WINDOW], next[WINDOW];
    random_window(now, seed);
    memcpy(window, now, WINDOW);
    window[WINDOW] = 0xc3;
    for (int i = 0; i < 3; i++) {
        random_window(next, seed);
        memcpy(now, next, WAYS[way].width);
        uint64_t words[2];
        memcpy(words, next, WINDOW);
        uint32_t (*code)(uint64_t, uint64_t) = (uint32_t (*)(uint64_t, uint64_t))(uintptr_t)start;
        uint32_t got = code(words[0], words[1]), expected = value_of(now);
        if (got != expected || memcmp(now, window, WINDOW) != 0)
            fail("%s at %p, %zu bytes ahead: %08x, not %08x", WAYS[way].name, start, gap, got, expected);
    }
}

/* Loops that add an immediate to EAX and add 1 to that immediate, before it or behind it. */
static void patch_loop(uint8_t *room, uint64_t n, uint64_t *seed)
{
    int before = n & 1;
    size_t gap = next_random(seed) % LONGEST_GAP;
    uint8_t *start = room + random_place(PAGES, LONGEST_FUNCTION, seed), *at = start;
    PUT(at, 0x31, 0xc0); /* xor eax, eax */
    uint8_t *top = at, *add = before ? at + 7 + gap : at, *increment = before ? at : at + 5 + gap;
    uint32_t value = next_random(seed) >> 32;
    memset(at, 0x90, 12 + gap);
    PUT(add, 0x05); /* add eax, value */
    memcpy(add, &value, 4);
    PUT(increment, 0x83, 0x05); /* add dword [value], 1 */
    increment = put_relative(increment, add, 1);
    *increment = 1;
    at += 12 + gap;
    PUT(at, 0xff, 0xcf, 0x75, top - (at + 4), 0xc3); /* dec edi; jnz top; ret */
    uint32_t times = 1 + next_random(seed) % 200;
    uint32_t got = as_function(start)(times);
    uint32_t expected = value * times + (before ? times * (times + 1) : times * (times - 1)) / 2;
    if (got != expected)
        fail("a loop of %u at %p that patches itself %s: %08x, not %08x", times, start, before ? "ahead" : "behind", got,
             expected);
}

/* A loop that turns its own `je` into `jne` and back. */
static void patch_branch(uint8_t *room, uint64_t *seed)
{
    size_t gap = next_random(seed) % LONGEST_GAP;
    uint8_t *start = room + random_place(PAGES, LONGEST_FUNCTION, seed), *at = start;
    PUT(at, 0x31, 0xc0); /* xor eax, eax */
    uint8_t *top = at, *branch = at + 9 + gap;
    PUT(at, 0x80, 0x35); /* xor byte [branch], 1 */
    at = put_relative(at, branch, 1);
    PUT(at, 1);
    memset(at, 0x90, gap);
    at += gap;
    /* cmp edi, edi; je over; inc eax; over: dec edi; jnz top; ret */
    PUT(at, 0x39, 0xff, 0x74, 2, 0xff, 0xc0, 0xff, 0xcf, 0x75, top - (at + 10), 0xc3);
    uint32_t times = 1 + next_random(seed) % 200, got = as_function(start)(times), expected = (times + 1) / 2;
    if (got != expected)
        fail("a loop of %u at %p that turns a branch: %u, not %u", times, start, got, expected);
}

void self_patching(uint64_t count)
{
    uint64_t seed = 2;
    uint8_t *room = map_anonymous(PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (uint64_t n = 0; n < count; n++) {
        progress("self-patching", n, count);
        patch_ahead(room, n, &seed);
        patch_loop(room, n, &seed);
        patch_branch(room, &seed);
    }
    munmap(room, PAGES * PAGE);
}
