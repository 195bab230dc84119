/* Code patching: one immediate in a loop body is rewritten and the loop run again, as inline caches and jump labels
 * do. */
#include "workloads.h"
#include <string.h>
#include <sys/mman.h>

/* mov eax, edi; mov ecx, 8; again: add eax, IMM32; rol eax, 3; dec ecx; jnz again; ret */
static const uint8_t CODE[] = {
    0x89, 0xf8, 0xb9, 8, 0, 0, 0, 0x05, 0, 0, 0, 0, 0xc1, 0xc0, 3, 0xff, 0xc9, 0x75, 0xf4, 0xc3,
};
enum { IMM = 8, ROOM = 4096, FUNCTIONS = 16, APART = 64 };

uint64_t patch(uint64_t count)
{
    uint64_t sum = 1;
    uint8_t *room = mmap(0, ROOM, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED)
        fail("mmap");
    for (int i = 0; i < FUNCTIONS; i++)
        memcpy(room + i * APART, CODE, sizeof CODE);
    for (uint64_t n = 0; n < count; n++) {
        uint8_t *code = room + n % FUNCTIONS * APART;
        uint32_t imm = n * 2654435761u;
        memcpy(code + IMM, &imm, 4);
        uint32_t (*function)(uint32_t) = (uint32_t (*)(uint32_t))(uintptr_t)code;
        for (int i = 0; i < 4; i++)
            sum = fold(sum, function(sum));
    }
    munmap(room, ROOM);
    return sum;
}
