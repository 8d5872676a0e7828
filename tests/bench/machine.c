/* What the benchmarks ask of the machine itself, in a process of a megabyte:
 *
 *   machine run COMMAND…       runs it; the last line of output is "SECONDS PEAK_RSS_KIB EXIT_CODE"
 *   machine read FILE          reads it through 1 MB reads, as dd bs=1M does
 *   machine floor FILE BYTES OUT   the same, then writes so many bytes through 1 MB writes
 *   machine warm FILE          brings it into the page cache; prints its pages there, and all
 *   machine evict FILE         takes it out; prints the same
 *
 * A process inherits its parent's peak RSS when it is started, so what starts one to measure it
 * must be small, and Python is not. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEGABYTE (1 << 20)

static char *buffer;

static void *checked(void *pointer, const char *what) {
    if (pointer == NULL || pointer == MAP_FAILED) {
        perror(what);
        exit(1);
    }
    return pointer;
}

static long long require(long long result, const char *what) {
    if (result < 0) {
        perror(what);
        exit(1);
    }
    return result;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static int run(char **command) {
    struct rusage usage;
    int status = 0;
    double start = now();
    pid_t child = (pid_t)require(vfork(), "vfork");
    if (child == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    require(wait4(child, &status, 0, &usage), "wait4");
    double seconds = now() - start;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    printf("\n%.6f %ld %d\n", seconds, usage.ru_maxrss, code);
    return 0;
}

static void read_all(const char *path) {
    int file = (int)require(open(path, O_RDONLY), path);
    while (require(read(file, buffer, MEGABYTE), path) > 0) {
    }
    close(file);
}

static void write_all(long long bytes, const char *path) {
    int file = (int)require(open(path, O_WRONLY | O_CREAT | O_EXCL, 0666), path);
    while (bytes > 0) {
        bytes -= require(write(file, buffer, bytes < MEGABYTE ? (size_t)bytes : MEGABYTE), path);
    }
    close(file);
}

static void print_pages(const char *path) {
    struct stat about;
    int file = (int)require(open(path, O_RDONLY), path);
    require(fstat(file, &about), path);
    size_t size = (size_t)about.st_size, page = (size_t)sysconf(_SC_PAGESIZE);
    size_t all = (size + page - 1) / page, there = 0;
    unsigned char *resident = checked(malloc(all), "malloc");
    void *memory = checked(mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0), path);
    require(mincore(memory, size, resident), "mincore");
    for (size_t i = 0; i < all; i++) {
        there += resident[i] & 1;
    }
    printf("%zu %zu\n", there, all);
}

static void evict(const char *path) {
    int file = (int)require(open(path, O_RDONLY), path);
    require(fsync(file), path); /* pages that are not written yet would stay */
    errno = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    require(errno ? -1 : 0, "posix_fadvise");
    close(file);
}

int main(int count, char **words) {
    const char *what = count > 2 ? words[1] : "";
    if (strcmp(what, "run") == 0) {
        return run(words + 2);
    }
    buffer = checked(aligned_alloc(4096, MEGABYTE), "aligned_alloc");
    memset(buffer, 'x', MEGABYTE);
    if (strcmp(what, "read") == 0) {
        read_all(words[2]);
    } else if (strcmp(what, "floor") == 0 && count == 5) {
        read_all(words[2]);
        write_all(atoll(words[3]), words[4]);
    } else if (strcmp(what, "warm") == 0) {
        read_all(words[2]);
        print_pages(words[2]);
    } else if (strcmp(what, "evict") == 0) {
        evict(words[2]);
        print_pages(words[2]);
    } else {
        return 2;
    }
    return 0;
}
