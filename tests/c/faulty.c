/* Preloaded into a process, this makes one of its calls fail, or transfer fewer bytes.
 *
 * FAULTY_FOLDER: only calls for files in this directory count, and those that start threads.
 * FAULTY_COUNTS: a file to which the process writes how often it called each function.
 * FAULTY_CALL: "FUNCTION NUMBER FAULT", where FAULT is an error's number, or 0 for a call that
 * reads or writes fewer bytes. NUMBER 0 is every call. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct function {
    const char *name;
    atomic_int calls;
    struct function *next;
};

static _Atomic(struct function *) functions;
static const char *folder, *counts;
static char faulty_name[40];
static int faulty_number, fault;

__attribute__((constructor)) static void start(void) {
    folder = getenv("FAULTY_FOLDER");
    counts = getenv("FAULTY_COUNTS");
    const char *call = getenv("FAULTY_CALL");
    if (call != NULL && sscanf(call, "%39s %d %d", faulty_name, &faulty_number, &fault) != 3) {
        abort();
    }
}

__attribute__((destructor)) static void end(void) {
    FILE *file = counts == NULL ? NULL : fopen(counts, "w");
    if (file != NULL) {
        for (struct function *function = functions; function != NULL; function = function->next) {
            fprintf(file, "%s %d\n", function->name, function->calls);
        }
        fclose(file);
    }
}

/* Counts a call; returns whether it is the faulty one. */
static int is_faulty(struct function *function) {
    int number = atomic_fetch_add(&function->calls, 1) + 1;
    if (number == 1) {
        function->next = atomic_exchange(&functions, function);
    }
    int is_meant = faulty_number == 0 || faulty_number == number;
    return is_meant && strcmp(faulty_name, function->name) == 0;
}

static int is_in_folder(const char *path) {
    return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

/* The wrappers must not be called here. */
static int leads_to_folder(const char *link) {
    char path[4096] = "";
    return syscall(SYS_readlink, link, path, sizeof path - 1) > 0 && is_in_folder(path);
}

static int is_ours(int file) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    return leads_to_folder(link);
}

static int is_at(int directory, const char *path) {
    if (path == NULL || path[0] == '\0') {
        return is_ours(directory);
    }
    if (path[0] == '/') {
        return is_in_folder(path);
    }
    return directory == AT_FDCWD ? leads_to_folder("/proc/self/cwd") : is_ours(directory);
}

#define FUNCTION(name)                                                                             \
    static struct function function = {#name, 0, NULL};                                            \
    __typeof__(name) *next;                                                                        \
    *(void **)&next = dlsym(RTLD_NEXT, #name)

#define FAIL                                                                                       \
    do {                                                                                           \
        errno = fault;                                                                             \
        return -1;                                                                                 \
    } while (0)

/* A function that fails with -1 and sets errno. */
#define CALL(type, name, ours, parameters, arguments)                                              \
    type name parameters {                                                                         \
        FUNCTION(name);                                                                            \
        if (ours && is_faulty(&function)) {                                                        \
            FAIL;                                                                                  \
        }                                                                                          \
        return next arguments;                                                                     \
    }

CALL(int, stat64, is_at(AT_FDCWD, path), (const char *path, struct stat64 *to), (path, to))
CALL(int, lstat64, is_at(AT_FDCWD, path), (const char *path, struct stat64 *to), (path, to))
CALL(int, fstat64, is_ours(file), (int file, struct stat64 *to), (file, to))
CALL(int, fstatat64, is_at(at, path), (int at, const char *path, struct stat64 *to, int flags),
     (at, path, to, flags))
CALL(int, statx, is_at(at, path),
     (int at, const char *path, int flags, unsigned int mask, struct statx *to),
     (at, path, flags, mask, to))
CALL(int, flock, is_ours(file), (int file, int how), (file, how))
CALL(int, fsync, is_ours(file), (int file), (file))
CALL(int, fdatasync, is_ours(file), (int file), (file))
CALL(int, ftruncate64, is_ours(file), (int file, off64_t size), (file, size))
CALL(int, fchmod, is_ours(file), (int file, mode_t mode), (file, mode))
CALL(int, fchown, is_ours(file), (int file, uid_t user, gid_t group), (file, user, group))
CALL(int, mkdir, is_at(AT_FDCWD, path), (const char *path, mode_t mode), (path, mode))
CALL(int, rename, is_at(AT_FDCWD, to), (const char *from, const char *to), (from, to))
CALL(int, renameat, is_at(at, to), (int from_at, const char *from, int at, const char *to),
     (from_at, from, at, to))
CALL(int, renameat2, is_at(at, to),
     (int from_at, const char *from, int at, const char *to, unsigned int flags),
     (from_at, from, at, to, flags))
CALL(int, link, is_at(AT_FDCWD, to), (const char *from, const char *to), (from, to))
CALL(int, linkat, is_at(at, to), (int from_at, const char *from, int at, const char *to, int flags),
     (from_at, from, at, to, flags))
CALL(int, unlink, is_at(AT_FDCWD, path), (const char *path), (path))
CALL(int, unlinkat, is_at(at, path), (int at, const char *path, int flags), (at, path, flags))
CALL(ssize_t, readlink, is_at(AT_FDCWD, path), (const char *path, char *to, size_t size),
     (path, to, size))
CALL(int, dup, is_ours(file), (int file), (file))

#define MODE                                                                                       \
    va_list more;                                                                                  \
    va_start(more, flags);                                                                         \
    mode_t mode = va_arg(more, mode_t);                                                            \
    va_end(more)

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        FUNCTION(name);                                                                            \
        MODE;                                                                                      \
        if (is_at(AT_FDCWD, path) && is_faulty(&function)) {                                       \
            FAIL;                                                                                  \
        }                                                                                          \
        return next(path, flags, mode);                                                            \
    }

OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    int name(int at, const char *path, int flags, ...) {                                           \
        FUNCTION(name);                                                                            \
        MODE;                                                                                      \
        if (is_at(at, path) && is_faulty(&function)) {                                             \
            FAIL;                                                                                  \
        }                                                                                          \
        return next(at, path, flags, mode);                                                        \
    }

OPENAT(openat)
OPENAT(openat64)

#define FCNTL(name)                                                                                \
    int name(int file, int command, ...) {                                                         \
        FUNCTION(name);                                                                            \
        va_list more;                                                                              \
        va_start(more, command);                                                                   \
        void *argument = va_arg(more, void *);                                                     \
        va_end(more);                                                                              \
        if (is_ours(file) && is_faulty(&function)) {                                               \
            FAIL;                                                                                  \
        }                                                                                          \
        return next(file, command, argument);                                                      \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

/* A file is closed even if close fails. */
int close(int file) {
    FUNCTION(close);
    int fails = is_ours(file) && is_faulty(&function);
    int closed = next(file);
    if (fails) {
        FAIL;
    }
    return closed;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *argument) {
    FUNCTION(pthread_create);
    return is_faulty(&function) ? fault : next(thread, attributes, run, argument);
}

/* Half the bytes, or at most a few in each of all calls. */
static size_t fewer(size_t size) {
    size_t few = faulty_number == 0 ? 1000 : size / 2 + 1;
    return size < few ? size : few;
}

/* A function that returns how many of `size` bytes it read or wrote. */
#define TRANSFER(name, parameters, arguments)                                                      \
    ssize_t name parameters {                                                                      \
        FUNCTION(name);                                                                            \
        if (is_ours(file) && is_faulty(&function)) {                                               \
            if (fault != 0) {                                                                      \
                FAIL;                                                                              \
            }                                                                                      \
            size = fewer(size);                                                                    \
        }                                                                                          \
        return next arguments;                                                                     \
    }

TRANSFER(read, (int file, void *to, size_t size), (file, to, size))
TRANSFER(write, (int file, const void *from, size_t size), (file, from, size))
TRANSFER(pread64, (int file, void *to, size_t size, off64_t at), (file, to, size, at))
TRANSFER(pwrite64, (int file, const void *from, size_t size, off64_t at), (file, from, size, at))

/* As above, but only the first buffer that is not empty is used. */
#define TRANSFER_MANY(name, parameters, arguments)                                                 \
    ssize_t name parameters {                                                                      \
        FUNCTION(name);                                                                            \
        struct iovec one;                                                                          \
        if (is_ours(file) && is_faulty(&function)) {                                               \
            if (fault != 0) {                                                                      \
                FAIL;                                                                              \
            }                                                                                      \
            while (count > 1 && buffers->iov_len == 0) {                                           \
                buffers++, count--;                                                                \
            }                                                                                      \
            if (count > 0) {                                                                       \
                one.iov_base = buffers->iov_base;                                                  \
                one.iov_len = fewer(buffers->iov_len);                                             \
                buffers = &one, count = 1;                                                         \
            }                                                                                      \
        }                                                                                          \
        return next arguments;                                                                     \
    }

TRANSFER_MANY(readv, (int file, const struct iovec *buffers, int count), (file, buffers, count))
TRANSFER_MANY(writev, (int file, const struct iovec *buffers, int count), (file, buffers, count))
TRANSFER_MANY(preadv, (int file, const struct iovec *buffers, int count, off_t at),
              (file, buffers, count, at))
