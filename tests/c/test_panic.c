/* Panics end in a status: the process lives, nothing is printed, the library works on. argv[1] is
 * an empty directory. */
#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define RECORDS 4096
#define SIZE 16384

static volatile int broken; /* the clock: Rust's standard library panics if it fails */

/* Replaces the C library's function, here and in the library. */
int clock_gettime(clockid_t clock, struct timespec *now) {
    if (broken) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}

/* Breaks the clock once the library's own threads are at work. */
static int32_t break_late(void *context, uint64_t bytes_done, uint64_t bytes_total,
                          uint64_t records) {
    (void)context, (void)bytes_total, (void)records;
    broken = bytes_done > 0;
    return 0;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    char path[5000], log[5000];
    CHECK(snprintf(path, sizeof path, "%s/x", arguments[1]) > 0);
    CHECK(snprintf(log, sizeof log, "%s/stderr", arguments[1]) > 0);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    for (long i = 0; i < RECORDS; i++) {
        CHECK(fseek(file, i * SIZE, SEEK_SET) == 0);
        CHECK(fwrite("\xf0\x3f\0\0\0\0\0\0\x07\x9e\xe4\x10", 12, 1, file) == 1);
    }
    CHECK(fclose(file) == 0 && truncate(path, (long)RECORDS * SIZE) == 0);
    int stderr_before = dup(STDERR_FILENO);
    CHECK(stderr_before >= 0 && freopen(log, "w", stderr) != NULL);

    tfr_options *options = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_threads(options, 4, NULL) == TFR_OK);
    for (int late = 0; late < 2; late++) {
        CHECK(tfr_options_set_progress(options, late ? break_late : NULL, NULL, NULL) == TFR_OK);
        broken = !late;
        tfr_index *index = (tfr_index *)path; /* anything but NULL */
        tfr_error *error = NULL;
        tfr_status scanned = tfr_index_scan(path, options, &index, &error);
        broken = !late;
        tfr_status created = tfr_index_create(path, NULL, options, NULL, NULL);
        broken = 0;
        CHECK(scanned == TFR_ERR_PANIC && created == TFR_ERR_PANIC);
        CHECK(index == NULL && tfr_error_status(error) == TFR_ERR_PANIC);
        CHECK(strstr(tfr_error_message(error), "a bug in tfr-index, please report it: ") != NULL);
        tfr_error_free(error);

        CHECK(tfr_index_scan(path, NULL, &index, NULL) == TFR_OK);
        CHECK(tfr_index_len(index) == RECORDS);
        tfr_index_free(index);
        struct stat status;
        CHECK(strcat(path, ".idx") && stat(path, &status) != 0);
        path[strlen(path) - 4] = '\0';
    }
    tfr_options_free(options);

    CHECK(fflush(stderr) == 0);
    struct stat status;
    CHECK(stat(log, &status) == 0);
    CHECK(dup2(stderr_before, STDERR_FILENO) >= 0 && close(stderr_before) == 0);
    CHECK(status.st_size == 0);
    return 0;
}
