/* Two processes hand a byte back and forth through pipes: system calls and switches of address space. */
#include "workloads.h"
#include <sys/wait.h>
#include <unistd.h>

uint64_t pipe_pingpong(uint64_t count)
{
    int to[2], from[2];
    uint64_t sum = 0;
    uint8_t byte = 1;
    if (pipe(to) != 0 || pipe(from) != 0)
        fail("pipe");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        close(to[1]);
        while (read(to[0], &byte, 1) == 1) {
            byte = byte * 5 + 1;
            if (write(from[1], &byte, 1) != 1)
                _exit(1);
        }
        _exit(0);
    }
    for (uint64_t n = 0; n < count; n++) {
        if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1)
            fail("ping-pong");
        sum = fold(sum, byte);
    }
    close(to[1]);
    waitpid(child, 0, 0);
    return sum;
}
