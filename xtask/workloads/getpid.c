/* The cheapest system call, in a loop. */
#include "workloads.h"
#include <sys/syscall.h>
#include <unistd.h>

uint64_t getpid_loop(uint64_t count)
{
    uint64_t same = 0, pid = getpid();
    for (uint64_t n = 0; n < count; n++)
        same += (uint64_t)syscall(SYS_getpid) == pid;
    return same;
}
