/* Random functions: made, encoded, computed and compared. */
#include "code.h"
#include <string.h>

struct operation random_replacement(struct operation operation, uint64_t *seed)
{
    uint64_t random = next_random(seed);
    struct operation new = { operation.kind, random >> 32 };
    /* The forms of the first five with EAX and 32 bits are five bytes each; the others stand alone. */
    if (new.kind <= OR)
        new.kind = random % (OR + 1);
    if (new.kind == ROTATE)
        new.value = new.value % 31 + 1;
    return new;
}

void random_program(struct program *program, uint64_t *seed)
{
    program->length = 1 + next_random(seed) % LONGEST;
    for (int i = 0; i < program->length; i++) {
        struct operation any = { next_random(seed) % KINDS, 0 };
        program->operations[i] = random_replacement(any, seed);
    }
}

size_t encode_operation(struct operation operation, uint8_t *code)
{
    static const uint8_t WITH_EAX[] = { [ADD] = 0x05, [XOR] = 0x35, [SUB] = 0x2d, [AND] = 0x25, [OR] = 0x0d };
    switch (operation.kind) {
    case MULTIPLY: /* imul eax, eax, imm32 */
        code[0] = 0x69, code[1] = 0xc0;
        memcpy(code + 2, &operation.value, 4);
        return 6;
    case ROTATE: /* rol eax, imm8 */
        code[0] = 0xc1, code[1] = 0xc0, code[2] = operation.value;
        return 3;
    case ADD_ARGUMENT: /* add eax, edi */
        code[0] = 0x01, code[1] = 0xf8;
        return 2;
    default:
        code[0] = WITH_EAX[operation.kind];
        memcpy(code + 1, &operation.value, 4);
        return 5;
    }
}

size_t encode(struct program *program, uint8_t *code)
{
    uint8_t *at = code;
    *at++ = 0x89, *at++ = 0xf8; /* mov eax, edi */
    for (int i = 0; i < program->length; i++) {
        program->at[i] = at - code;
        at += encode_operation(program->operations[i], at);
    }
    *at++ = 0xc3; /* ret */
    return at - code;
}

uint32_t apply(struct operation operation, uint32_t eax, uint32_t argument)
{
    uint32_t value = operation.value;
    switch (operation.kind) {
    case ADD: return eax + value;
    case XOR: return eax ^ value;
    case SUB: return eax - value;
    case AND: return eax & value;
    case OR: return eax | value;
    case MULTIPLY: return eax * value;
    case ROTATE: return eax << value | eax >> (32 - value);
    case ADD_ARGUMENT: return eax + argument;
    default: fail("no operation %d", operation.kind);
    }
}

uint32_t evaluate(const struct program *program, uint32_t argument)
{
    uint32_t eax = argument;
    for (int i = 0; i < program->length; i++)
        eax = apply(program->operations[i], eax, argument);
    return eax;
}

void check_program(const struct program *program, const void *code, const char *what, uint64_t round)
{
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t argument = (round * 3 + i) * 2654435761u, expected = evaluate(program, argument);
        uint32_t got = as_function(code)(argument);
        if (got != expected)
            fail("%s, round %llu, code at %p: f(%08x) = %08x, not %08x", what, (unsigned long long)round, code, argument,
                 got, expected);
    }
}

size_t random_place(int pages, size_t size, uint64_t *seed)
{
    uint64_t random = next_random(seed), place = random >> 8;
    if (random & 1)
        return place % (pages * PAGE - size + 1);
    size_t boundary = (1 + (random >> 1) % (pages - 1)) * PAGE;
    return boundary - 1 - place % (size - 1);
}
