/* A program that generates code, runs it, changes it and runs it again, in memory that it may write and execute:
 * everything new, one instruction in few stores or byte by byte, and a new end. */
#include "code.h"
#include <string.h>
#include <sys/mman.h>

enum { PAGES = 4 };

void jit(uint64_t count)
{
    uint64_t seed = 1;
    uint8_t *room = map_anonymous(PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    struct program program;
    uint8_t code[LONGEST_CODE], bytes[6];
    for (uint64_t n = 0; n < count; n++) {
        progress("jit", n, count);
        random_program(&program, &seed);
        size_t size = encode(&program, code);
        uint8_t *at = room + random_place(PAGES, size, &seed);
        memcpy(at, code, size);
        check_program(&program, at, "new code", n);
        for (int i = 0; i < 4; i++) {
            int which = next_random(&seed) % program.length;
            struct operation *operation = &program.operations[which];
            *operation = random_replacement(*operation, &seed);
            size_t length = encode_operation(*operation, bytes);
            volatile uint8_t *to = at + program.at[which];
            if (i & 1)
                while (length-- > 0)
                    to[length] = bytes[length];
            else
                memcpy((uint8_t *)to, bytes, length);
            check_program(&program, at, "a changed instruction", n);
        }
        program.length = 1 + next_random(&seed) % program.length;
        int last = program.length - 1;
        at[program.at[last] + encode_operation(program.operations[last], bytes)] = 0xc3;
        check_program(&program, at, "an earlier end", n);
    }
    munmap(room, PAGES * PAGE);
}
