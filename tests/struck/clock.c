/* Loaded before the C library (LD_PRELOAD): a clock that is CLOCK_AHEAD seconds ahead, until the file CLOCK_UNTIL is there
   and it is set right. That of the kernel, and so of the file system, is right all the time. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t which, struct timespec *now)
{
    int answer = syscall(SYS_clock_gettime, which, now);
    const char *ahead = getenv("CLOCK_AHEAD"), *until = getenv("CLOCK_UNTIL");
    if (which == CLOCK_REALTIME && ahead && until && access(until, F_OK) != 0)
        now->tv_sec += atol(ahead);
    return answer;
}
