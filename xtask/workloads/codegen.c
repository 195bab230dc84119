/* Code generation as a JIT does it: straight-line functions are written into writable and executable memory, run a
 * few times, and the room is used again. */
#include "workloads.h"
#include <string.h>
#include <sys/mman.h>

enum { ROOM = 1 << 16, LONGEST = 600 };

static uint8_t *emit(uint8_t *at, const char *code, size_t size, uint32_t imm)
{
    memcpy(at, code, size);
    memcpy(at + size, &imm, 4);
    return at + size + 4;
}

uint64_t codegen(uint64_t count)
{
    uint64_t seed = 424242, sum = 1;
    uint8_t *room = mmap(0, ROOM, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        fail("mmap");
    for (uint64_t n = 0, used = 0; n < count; n++) {
        if (used + LONGEST > ROOM)
            used = 0;
        uint8_t *start = room + used, *at = start;
        *at++ = 0x89, *at++ = 0xf8; /* mov eax, edi */
        for (int i = 20 + next_random(&seed) % 60; i > 0; i--) {
            uint64_t r = next_random(&seed);
            uint32_t imm = r >> 32;
            switch (r & 3) {
            case 0: at = emit(at, "\x05", 1, imm); break;                 /* add eax, imm32 */
            case 1: at = emit(at, "\x35", 1, imm); break;                 /* xor eax, imm32 */
            case 2: at = emit(at, "\x69\xc0", 2, imm | 1); break;         /* imul eax, eax, imm32 */
            case 3: *at++ = 0xc1, *at++ = 0xc0, *at++ = imm % 31 + 1; break; /* rol eax, imm8 */
            }
        }
        *at++ = 0xc3; /* ret */
        used = ((at - room) + 15) & ~15u;
        uint32_t (*function)(uint32_t) = (uint32_t (*)(uint32_t))(uintptr_t)start;
        for (int i = 0; i < 8; i++)
            sum = fold(sum, function(sum + i));
    }
    munmap(room, ROOM);
    return sum;
}
