/* Preloaded, makes reads at an offset take TFR_SLOW_READS microseconds longer, as those of a file
 * system on the network do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void wait_for_storage(void) {
    const char *text = getenv("TFR_SLOW_READS");
    if (text != NULL) {
        long microseconds = atol(text);
        struct timespec time = {microseconds / 1000000, microseconds % 1000000 * 1000};
        nanosleep(&time, NULL);
    }
}

ssize_t pread64(int file, void *buffer, size_t size, off64_t offset) {
    ssize_t (*real)(int, void *, size_t, off64_t) =
        (ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, "pread64");
    wait_for_storage();
    return real(file, buffer, size, offset);
}

ssize_t preadv64(int file, const struct iovec *parts, int count, off64_t offset) {
    ssize_t (*real)(int, const struct iovec *, int, off64_t) =
        (ssize_t (*)(int, const struct iovec *, int, off64_t))dlsym(RTLD_NEXT, "preadv64");
    wait_for_storage();
    return real(file, parts, count, offset);
}
