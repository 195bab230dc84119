/* An interpreter loop: a register machine with a switch per instruction counts primes by trial division. */
#include "workloads.h"

enum op { SET, ADD, ADDI, MUL, MOD, JUMP_LE, JUMP_ZERO, JUMP, FOLD, HALT };

struct insn { uint8_t op, a, b, c; int32_t imm; };

/* r0 candidate, r1 divisor, r2 limit, r3 square or remainder, r4 number of primes. */
static const struct insn PROGRAM[] = {
    { SET, 0, 0, 0, 2 },
    { SET, 4, 0, 0, 0 },
    { JUMP_LE, 0, 2, 0, 4 },    /* 2: next candidate */
    { HALT, 0, 0, 0, 0 },
    { SET, 1, 0, 0, 2 },
    { MUL, 3, 1, 1, 0 },        /* 5: next divisor */
    { JUMP_LE, 3, 0, 0, 10 },
    { ADDI, 4, 4, 0, 1 },
    { FOLD, 0, 0, 0, 0 },
    { JUMP, 0, 0, 0, 13 },
    { MOD, 3, 0, 1, 0 },        /* 10 */
    { JUMP_ZERO, 3, 0, 0, 13 },
    { JUMP, 0, 0, 0, 15 },
    { ADDI, 0, 0, 0, 1 },       /* 13 */
    { JUMP, 0, 0, 0, 2 },
    { ADDI, 1, 1, 0, 1 },       /* 15 */
    { JUMP, 0, 0, 0, 5 },
};

uint64_t bytecode(uint64_t count)
{
    uint64_t r[8] = { 0 }, sum = 0;
    r[2] = count;
    for (const struct insn *pc = PROGRAM;;) {
        const struct insn i = *pc++;
        switch ((enum op)i.op) {
        case SET: r[i.a] = i.imm; break;
        case ADD: r[i.a] = r[i.b] + r[i.c]; break;
        case ADDI: r[i.a] = r[i.b] + i.imm; break;
        case MUL: r[i.a] = r[i.b] * r[i.c]; break;
        case MOD: r[i.a] = (uint32_t)r[i.b] % (uint32_t)r[i.c]; break;
        case JUMP_LE: if (r[i.a] <= r[i.b]) pc = PROGRAM + i.imm; break;
        case JUMP_ZERO: if (r[i.a] == 0) pc = PROGRAM + i.imm; break;
        case JUMP: pc = PROGRAM + i.imm; break;
        case FOLD: sum = fold(sum, r[i.a]); break;
        case HALT: return fold(sum, r[4]);
        }
    }
}
