/* Random functions from 32 bits to 32 bits, in machine code and as something to compute with: what the machine code
 * must return. They are position independent and touch EAX, EDI and the flags only. */
#pragma once
#include "tests.h"

enum { LONGEST = 48, LONGEST_CODE = 2 + 6 * LONGEST + 1 };

/* One instruction: EAX becomes EAX op value. */
struct operation {
    enum kind { ADD, XOR, SUB, AND, OR, MULTIPLY, ROTATE, ADD_ARGUMENT, KINDS } kind;
    uint32_t value;
};

struct program {
    int length;
    struct operation operations[LONGEST];
    /* Where each instruction starts in the code. */
    uint16_t at[LONGEST];
};

/* A program of 1 to LONGEST operations. */
void random_program(struct program *program, uint64_t *seed);

/* A random operation whose code is as long as that of `operation`. */
struct operation random_replacement(struct operation operation, uint64_t *seed);

/* Writes the code of one operation, 6 bytes at most; returns its size. */
size_t encode_operation(struct operation operation, uint8_t *code);

/* Writes the code of a program to `code`, LONGEST_CODE bytes at most, and notes `at`; returns its size. */
size_t encode(struct program *program, uint8_t *code);

/* What EAX is after `operation` in a function called with `argument`. */
uint32_t apply(struct operation operation, uint32_t eax, uint32_t argument);

/* What the code returns for `argument`. */
uint32_t evaluate(const struct program *program, uint32_t argument);

/* Calls the code at `code` with a few arguments, and fails if it is not `program`. `what` says what was done. */
void check_program(const struct program *program, const void *code, const char *what, uint64_t round);

/* An offset for `size` bytes of code (2 at least) in `pages` pages (2 at least); every other time such that it goes
 * over a page boundary. */
size_t random_place(int pages, size_t size, uint64_t *seed);
