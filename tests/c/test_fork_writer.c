/* A process that is forked from a writer's can do nothing with the writer, and does it no harm: not
 * by any call, whatever it writes, and not if another thread is amid a call. argv[1] is an empty
 * directory. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char data_path[4096], index_path[4096];

/* More records than the buffers for data and index hold. */
#define RECORDS 20000
static const uint8_t payload[100];

static int is_refused(tfr_status status, tfr_error **error) {
    int refused = status == TFR_ERR_INVALID_ARGUMENT && *error != NULL &&
                  strstr(tfr_error_message(*error), "forked") != NULL;
    tfr_error_free(*error);
    *error = NULL;
    return refused;
}

/* Makes every call many times, in the forked process. */
static void use(tfr_writer *writer) {
    tfr_error *error = NULL;
    const size_t offsets[] = {0, 10, sizeof payload};
    for (int i = 0; i < RECORDS; i++) {
        CHECK(is_refused(tfr_writer_write(writer, payload, sizeof payload, &error), &error));
        CHECK(is_refused(tfr_writer_write_many(writer, payload, offsets, 2, &error), &error));
    }
    CHECK(is_refused(tfr_writer_flush(writer, &error), &error));
    CHECK(tfr_writer_num_records(writer) == 0);
    CHECK(is_refused(tfr_writer_finish(writer, NULL, &error), &error));
    CHECK(is_refused(tfr_writer_finish(writer, NULL, &error), &error));
    tfr_writer_free(writer);
}

/* Uses the writer in a process of its own, which then ends as C programs do. */
static void use_in_fork(tfr_writer *writer) {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        use(writer);
        exit(0);
    }
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child && ended == 0);
}

static void check_written(uint64_t count) {
    tfr_index *index = NULL;
    CHECK(tfr_index_read(index_path, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == count);
    CHECK(tfr_index_check(index, data_path, TFR_CHECK_FULL, NULL, NULL, NULL) == TFR_OK);
    tfr_index_free(index);
}

static void forked_between_calls(int append) {
    tfr_writer *writer = NULL;
    uint64_t count = 0;
    CHECK((append ? tfr_writer_append : tfr_writer_create)(data_path, index_path, NULL, &writer,
                                                           NULL) == TFR_OK);
    uint64_t before = tfr_writer_num_records(writer);
    use_in_fork(writer);
    for (int i = 0; i < RECORDS; i++) {
        CHECK(tfr_writer_write(writer, payload, (size_t)i % sizeof payload, NULL) == TFR_OK);
        if (i == 5 || i == RECORDS / 2) {
            use_in_fork(writer);
        }
    }
    use_in_fork(writer);
    CHECK(tfr_writer_finish(writer, &count, NULL) == TFR_OK && count == before + RECORDS);
    tfr_writer_free(writer);
    check_written(count);
}

static void *write_all(void *writer) {
    for (int i = 0; i < RECORDS; i++) {
        CHECK(tfr_writer_write(writer, payload, sizeof payload, NULL) == TFR_OK);
    }
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
    return NULL;
}

/* Another thread is inside a call: it waits until somebody reads from a pipe that is full. */
static void forked_amid_a_call(void) {
    tfr_writer *writer = NULL;
    pthread_t thread;
    uint8_t bytes[116];
    CHECK(mkfifo(data_path, 0600) == 0);
    int pipe = open(data_path, O_RDWR);
    CHECK(pipe >= 0);
    CHECK(tfr_writer_create(data_path, index_path, NULL, &writer, NULL) == TFR_OK);
    CHECK(pthread_create(&thread, NULL, write_all, writer) == 0);
    CHECK(read(pipe, bytes, sizeof bytes) == sizeof bytes); /* it has begun */
    for (int i = 0; i < 20; i++) {
        use_in_fork(writer);
    }
    for (size_t left = (RECORDS - 1) * sizeof bytes; left > 0;) {
        ssize_t size = read(pipe, bytes, sizeof bytes);
        CHECK(size > 0);
        left -= (size_t)size;
    }
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(tfr_writer_num_records(writer) == RECORDS);
    close(pipe);
    tfr_writer_free(writer);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    CHECK(snprintf(data_path, sizeof data_path, "%s/data", argv[1]) > 0);
    CHECK(snprintf(index_path, sizeof index_path, "%s/index", argv[1]) > 0);
    forked_between_calls(0);
    forked_between_calls(1);
    CHECK(unlink(data_path) == 0 && unlink(index_path) == 0);
    forked_amid_a_call();
    return 0;
}
