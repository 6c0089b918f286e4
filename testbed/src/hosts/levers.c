/*
 * What is wrong with a host's disk and its clock, as the programs on it see them.
 *
 * Loaded into a host's controller and executor (LD_PRELOAD), in front of the C library. What is
 * wrong is in a file that the testbed writes and all of them map, /testbed/levers/HOST: `levers.rs`
 * has the same layout. All zero is a host in good health. Only files of the data folder are
 * touched: sockets, pipes and logs are not the disk that is meant.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DATA "/var/lib/lockstep/"
#define SECTOR 512

struct levers {
    int64_t clock_ms;    /* the date is ahead by this */
    int64_t write_errno; /* writes fail so */
    int64_t sync_errno;  /* syncs fail so, and sync nothing */
    int64_t slow_ms;     /* a sync takes longer by this */
    int64_t tears;       /* the next write is cut off, and the process dies: once */
    int64_t lies;        /* syncs succeed, and sync nothing */
    int64_t late_ms;     /* syncs succeed at once, and sync this much later */
};

static struct levers good;
static struct levers *levers = &good;

__attribute__((constructor)) static void find_levers(void) {
    char host[65] = "", path[128];
    gethostname(host, sizeof host - 1);
    snprintf(path, sizeof path, "/testbed/levers/%s", host);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof good, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED)
        levers = page;
}

/* The function of this name that would have been called without this file. */
#define NEXT(type, name, ...)                                        \
    static type (*next)(__VA_ARGS__);                                \
    if (!next)                                                       \
        *(void **)&next = dlsym(RTLD_NEXT, name)

static int64_t now(const int64_t *lever) {
    return __atomic_load_n(lever, __ATOMIC_ACQUIRE);
}

static int is_data(int file) {
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    size_t data = strlen(DATA);
    const char *ending = strrchr(path, '.');
    /* The folder itself is synced too. */
    return (!strncmp(path, DATA, data) || !strcmp(path, "/var/lib/lockstep")) &&
           !(ending && !strcmp(ending, ".log"));
}

/* --- the clock */

int clock_gettime(clockid_t clock, struct timespec *time) {
    NEXT(int, "clock_gettime", clockid_t, struct timespec *);
    int done = next(clock, time);
    int64_t ms = now(&levers->clock_ms);
    if (done == 0 && ms && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ns = time->tv_nsec + ms % 1000 * 1000000;
        time->tv_sec += ms / 1000 + (ns >= 1000000000) - (ns < 0);
        time->tv_nsec = (ns + 1000000000) % 1000000000;
    }
    return done;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone) {
    (void)zone;
    struct timespec time;
    int done = clock_gettime(CLOCK_REALTIME, &time);
    value->tv_sec = time.tv_sec;
    value->tv_usec = time.tv_nsec / 1000;
    return done;
}

time_t time(time_t *told) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    if (told)
        *told = time.tv_sec;
    return time.tv_sec;
}

/* --- the disk */

static void wait_ms(int64_t ms) {
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&pause, &pause) && errno == EINTR) {
    }
}

/* What was said to be synced is so only now, if nobody took the power away. */
static void *sync_late(void *of) {
    int file = (int)(intptr_t)of;
    wait_ms(now(&levers->late_ms));
    NEXT(int, "fsync", int);
    next(file);
    close(file);
    return NULL;
}

static int sync_file(int file, int (*next)(int)) {
    int64_t slow_ms = now(&levers->slow_ms), error = now(&levers->sync_errno);
    int64_t lies = now(&levers->lies), late_ms = now(&levers->late_ms);
    if ((slow_ms || error || lies || late_ms) && is_data(file)) {
        wait_ms(slow_ms);
        if (error) {
            errno = (int)error;
            return -1;
        }
        if (lies)
            return 0;
        pthread_t later;
        intptr_t copy = late_ms ? dup(file) : -1;
        if (copy >= 0 && !pthread_create(&later, NULL, sync_late, (void *)copy))
            return pthread_detach(later);
    }
    return next(file);
}

int fsync(int file) {
    NEXT(int, "fsync", int);
    return sync_file(file, next);
}

int fdatasync(int file) {
    NEXT(int, "fdatasync", int);
    return sync_file(file, next);
}

/*
 * How much of a write gets through: all of it, or nothing with an error. A write that tears gets
 * to a sector's end, about half of it: what a disk has of it when power is lost.
 */
static ssize_t passes(int file, const void *bytes, size_t count, off64_t offset,
                      ssize_t (*next)(int, const void *, size_t, off64_t)) {
    int64_t error = now(&levers->write_errno);
    if (error && is_data(file)) {
        errno = (int)error;
        return -1;
    }
    if (now(&levers->tears) && count > 1 && is_data(file) &&
        __atomic_exchange_n(&levers->tears, 0, __ATOMIC_ACQ_REL)) {
        off64_t middle = offset + (off64_t)count / 2;
        off64_t end = middle - middle % SECTOR;
        if (end > offset)
            next(file, bytes, (size_t)(end - offset), offset);
        fdatasync(file);
        kill(getpid(), SIGKILL);
    }
    return (ssize_t)count;
}

static ssize_t write_there(int file, const void *bytes, size_t count, off64_t offset) {
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return next(file, bytes, count, offset);
}

static int is_well(void) {
    return !now(&levers->write_errno) && !now(&levers->tears);
}

ssize_t write(int file, const void *bytes, size_t count) {
    NEXT(ssize_t, "write", int, const void *, size_t);
    if (is_well())
        return next(file, bytes, count);
    off64_t at = lseek64(file, 0, SEEK_CUR);
    return passes(file, bytes, count, at < 0 ? 0 : at, write_there) < 0 ? -1
                                                                         : next(file, bytes, count);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    return !is_well() && passes(file, bytes, count, offset, write_there) < 0
               ? -1
               : write_there(file, bytes, count, offset);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    return pwrite64(file, bytes, count, offset);
}
