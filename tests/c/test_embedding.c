/* What docs/embedding.md promises to programs: descriptors, signals, and a library that stays.
 * argv[1] is an empty directory. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"

static char data_path[4096], index_path[4096], new_path[4096], new_index_path[4096];

/* The library's descriptors, which are all close-on-exec. */
static int count_descriptors(void) {
    int count = 0;
    for (int file = 3; file < 100; file++) {
        int flags = fcntl(file, F_GETFD);
        if (flags != -1) {
            CHECK((flags & FD_CLOEXEC) != 0);
            count++;
        }
    }
    return count;
}

static int32_t count_amid(void *context, uint64_t done, uint64_t total, uint64_t records) {
    (void)done, (void)total, (void)records;
    *(int *)context = count_descriptors();
    return 0;
}

static void descriptors_are_few(void) {
    int before = count_descriptors(), amid = 0;
    tfr_options *options = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_progress(options, count_amid, &amid, NULL) == TFR_OK);
    for (int replaced = 0; replaced < 2; replaced++) {
        CHECK(tfr_index_create(data_path, index_path, options, NULL, NULL) == TFR_OK);
        CHECK(amid - before == 3);
    }
    tfr_options_free(options);
    tfr_reader *reader = NULL;
    CHECK(tfr_reader_open(data_path, NULL, NULL, &reader, NULL) == TFR_OK);
    CHECK(count_descriptors() - before == 1);
    tfr_reader_free(reader);

    for (int replaced = 0; replaced < 3; replaced++) {
        tfr_writer *writer = NULL;
        CHECK((replaced == 2 ? tfr_writer_append : tfr_writer_create)(
                  new_path, new_index_path, NULL, &writer, NULL) == TFR_OK);
        int open = count_descriptors() - before;
        CHECK(replaced == 0 ? open == 4 : open == 5 || open == 6);
        CHECK(tfr_writer_write(writer, (const uint8_t *)"x", 1, NULL) == TFR_OK);
        CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
        tfr_writer_free(writer);
    }
    CHECK(count_descriptors() == before);
}

static int count_files(const char *path) {
    DIR *directory = opendir(path);
    CHECK(directory != NULL);
    int count = 0;
    while (readdir(directory) != NULL) {
        count++;
    }
    CHECK(closedir(directory) == 0);
    return count;
}

/* With ever more free descriptors, until there are enough. */
static void a_limit_of_descriptors_is_an_error(const char *directory) {
    int files = count_files(directory);
    struct rlimit before, few;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    tfr_status status = TFR_ERR_IO;
    for (rlim_t limit = 3; status != TFR_OK; limit++) {
        CHECK(limit < 100);
        few = before;
        few.rlim_cur = limit;
        CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
        tfr_error *error = NULL;
        status = tfr_index_create(data_path, index_path, NULL, NULL, &error);
        CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
        CHECK(status == TFR_OK || tfr_error_status(error) == TFR_ERR_IO);
        CHECK(status == TFR_OK || strstr(tfr_error_message(error), "Too many open files") != NULL);
        CHECK(count_files(directory) == files);
        tfr_error_free(error);
    }
}

static void ignored_signals_are_errors(void) {
    CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    int ends[2];
    char path[40];
    CHECK(pipe(ends) == 0 && close(ends[0]) == 0);
    CHECK(snprintf(path, sizeof path, "/dev/fd/%d", ends[1]) > 0);
    tfr_error *error = NULL;
    CHECK(tfr_index_create(data_path, path, NULL, NULL, &error) == TFR_ERR_IO);
    CHECK(strstr(tfr_error_message(error), "Broken pipe") != NULL);
    tfr_error_free(error);
    CHECK(close(ends[1]) == 0);

    struct rlimit before, little;
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    little = before;
    little.rlim_cur = 1;
    CHECK(setrlimit(RLIMIT_FSIZE, &little) == 0);
    CHECK(tfr_index_create(data_path, index_path, NULL, NULL, &error) == TFR_ERR_IO);
    CHECK(strstr(tfr_error_message(error), "File too large") != NULL);
    tfr_error_free(error);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
}

/* A source's function: on which threads it runs, and with which signals blocked. */
struct data {
    pthread_t caller;
    uint8_t *bytes;
    size_t size;
    int on_others;
    int unblocked;
    pthread_mutex_t mutex;
};

static int64_t read_data(void *context, uint64_t offset, uint8_t *buffer, size_t size) {
    struct data *data = context;
    sigset_t blocked;
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0);
    CHECK(pthread_mutex_lock(&data->mutex) == 0);
    data->on_others += !pthread_equal(pthread_self(), data->caller);
    data->unblocked += !sigismember(&blocked, SIGUSR1);
    CHECK(pthread_mutex_unlock(&data->mutex) == 0);
    size = size < data->size - offset ? size : data->size - offset;
    memcpy(buffer, data->bytes + offset, size);
    return (int64_t)size;
}

static void threads_take_over_the_signal_mask(void) {
    enum { COUNT = 300000 };
    struct data data = {.caller = pthread_self(), .size = COUNT * THREE_SIZE};
    CHECK(pthread_mutex_init(&data.mutex, NULL) == 0);
    data.bytes = malloc(data.size);
    CHECK(data.bytes != NULL);
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(data.bytes + i * THREE_SIZE, THREE, THREE_SIZE);
    }
    sigset_t signals;
    CHECK(sigemptyset(&signals) == 0 && sigaddset(&signals, SIGUSR1) == 0);
    CHECK(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
    for (uint32_t threads = 1; threads < 5; threads += 3) {
        tfr_options *options = NULL;
        CHECK(tfr_options_new(&options, NULL) == TFR_OK);
        CHECK(tfr_options_set_threads(options, threads, NULL) == TFR_OK);
        tfr_source *source = NULL;
        CHECK(tfr_source_new(read_data, &data, data.size, &source, NULL) == TFR_OK);
        CHECK(tfr_index_create_from_source(source, index_path, options, NULL, NULL) == TFR_OK);
        tfr_source_free(source);
        CHECK((data.on_others > 0) == (threads > 1) && data.unblocked == 0);
        tfr_options_free(options);
    }
    CHECK(pthread_sigmask(SIG_UNBLOCK, &signals, NULL) == 0);
    free(data.bytes);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    for (int file = 3; file < 100; file++) {
        close(file); /* what the program was started with */
    }
    CHECK(snprintf(data_path, sizeof data_path, "%s/x", arguments[1]) > 0);
    CHECK(snprintf(index_path, sizeof index_path, "%s/x.idx", arguments[1]) > 0);
    CHECK(snprintf(new_path, sizeof new_path, "%s/y", arguments[1]) > 0);
    CHECK(snprintf(new_index_path, sizeof new_index_path, "%s/y.idx", arguments[1]) > 0);
    FILE *file = fopen(data_path, "wb");
    CHECK(file != NULL && fwrite(THREE, THREE_SIZE, 1, file) == 1 && fclose(file) == 0);
    descriptors_are_few();
    a_limit_of_descriptors_is_an_error(arguments[1]);
    ignored_signals_are_errors();
    threads_take_over_the_signal_mask();
    return 0;
}
