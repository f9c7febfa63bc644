/* Count each thread's calls of fsync and fdatasync, and their time. bench.scale preloads this library into the daemon.
 * SQLite syncs its journal with fdatasync, scanmend files and folders with fsync. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static __thread unsigned long long spent, calls;

static unsigned long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static int timed(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    unsigned long long begun = now();
    int result = real(fd);
    spent += now() - begun;
    calls++;
    return result;
}

int fsync(int fd) { return timed("fsync", fd); }
int fdatasync(int fd) { return timed("fdatasync", fd); }

unsigned long long syncs_spent(void) { return spent; } /* nanoseconds in the calling thread */
unsigned long long syncs_calls(void) { return calls; }
