/* Writers: used correctly and wrongly, by many threads and in a forked process. argv[1]
 * is an empty directory. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static char data_path[5000], index_path[5010];

static int files(const char *folder) {
    int count = 0;
    DIR *entries = opendir(folder);
    CHECK(entries != NULL);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL; count++) {
    }
    closedir(entries);
    return count - 2; /* . and .. */
}

static void expect_file(const char *path, const void *bytes, size_t size) {
    char found[1000];
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fread(found, 1, sizeof found, file) == size && memcmp(found, bytes, size) == 0);
    CHECK(fclose(file) == 0);
}

static void expect_three(void) {
    const char *lines = "0 21\n21 16\n37 19\n";
    expect_file(data_path, THREE, THREE_SIZE);
    expect_file(index_path, lines, strlen(lines));
}

/* Checks that the index fits the data, payloads included. */
static void expect_records(size_t count) {
    tfr_index *index = NULL;
    CHECK(tfr_index_read(index_path, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == count);
    CHECK(tfr_index_check(index, data_path, TFR_CHECK_FULL, NULL, NULL, NULL) == TFR_OK);
    tfr_index_free(index);
}

static void write_and_append(void) {
    tfr_writer *writer = NULL;
    tfr_error *error = NULL;
    uint64_t count = 0;
    CHECK(tfr_writer_create(data_path, NULL, NULL, &writer, &error) == TFR_OK && error == NULL);
    CHECK(tfr_writer_write(writer, (const uint8_t *)"hello", 5, &error) == TFR_OK);
    CHECK(tfr_writer_num_records(writer) == 1);
    /* Offsets may start at any byte. */
    const size_t offsets[] = {2, 2, 5};
    const uint8_t *payloads = (const uint8_t *)"..abc";
    CHECK(tfr_writer_write_many(writer, payloads, offsets, 2, &error) == TFR_OK);
    CHECK(tfr_writer_finish(writer, &count, &error) == TFR_OK && count == 3);
    expect_three();

    /* A finished writer refuses more records. */
    CHECK(tfr_writer_write(writer, NULL, 0, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(tfr_error_message(error), "finished") != NULL);
    tfr_error_free(error);
    CHECK(tfr_writer_flush(writer, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_writer_num_records(writer) == 3);
    tfr_writer_free(writer);
    expect_three();

    /* Freed without finish: it leaves nothing. */
    for (int append = 0; append < 2; append++) {
        CHECK((append ? tfr_writer_append : tfr_writer_create)(data_path, index_path, NULL, &writer,
                                                               NULL) == TFR_OK);
        CHECK(tfr_writer_num_records(writer) == (append ? 3 : 0));
        CHECK(tfr_writer_write(writer, THREE, THREE_SIZE, NULL) == TFR_OK);
        CHECK(tfr_writer_flush(writer, NULL) == TFR_OK);
        tfr_writer_free(writer);
        expect_three();
    }

    CHECK(tfr_writer_append(data_path, NULL, NULL, &writer, NULL) == TFR_OK);
    CHECK(tfr_writer_write(writer, THREE, THREE_SIZE, NULL) == TFR_OK);
    CHECK(tfr_writer_finish(writer, &count, NULL) == TFR_OK && count == 4);
    tfr_writer_free(writer);
    expect_records(4);
}

static void refused(void) {
    tfr_writer *writer = NULL, *second = (tfr_writer *)&writer;
    tfr_error *error = NULL;
    CHECK(tfr_writer_create(data_path, data_path, NULL, &second, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(second == NULL);
    CHECK(tfr_writer_create(data_path, NULL, NULL, &writer, NULL) == TFR_OK);
    CHECK(tfr_writer_create(data_path, NULL, NULL, &second, &error) == TFR_ERR_IO &&
          second == NULL);
    CHECK(tfr_error_os_error(error) == EBUSY);
    CHECK(strcmp(tfr_error_path(error), data_path) == 0);
    tfr_error_free(error);

    /* Impossible offsets: nothing is written, and the writer can still be used. */
    const size_t descending[] = {0, 2, 1}, giant[] = {0, SIZE_MAX};
    CHECK(tfr_writer_write_many(writer, THREE, descending, 2, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_writer_write_many(writer, THREE, giant, 1, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_writer_write_many(writer, THREE, giant, SIZE_MAX, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_writer_write(writer, THREE, SIZE_MAX, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_writer_num_records(writer) == 0);
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
    tfr_writer_free(writer);
    expect_records(0);
}

#define THREADS 4
#define RECORDS 5000

static void *write_some(void *writer) {
    static const size_t offsets[] = {0, 5, 5, 8};
    for (int i = 0; i < RECORDS; i += 4) {
        CHECK(tfr_writer_write(writer, THREE, (size_t)i % 40, NULL) == TFR_OK);
        CHECK(tfr_writer_write_many(writer, THREE, offsets, 3, NULL) == TFR_OK);
    }
    return NULL;
}

static void threads_share_a_writer(void) {
    tfr_writer *writer = NULL;
    pthread_t threads[THREADS];
    CHECK(tfr_writer_create(data_path, NULL, NULL, &writer, NULL) == TFR_OK);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, write_some, writer) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
    tfr_writer_free(writer);
    expect_records(THREADS * RECORDS);
}

/* A forked process does no harm, whatever it does with the writer. */
static void forks_leave_a_writer_alone(void) {
    tfr_writer *writer = NULL;
    for (int append = 0; append < 2; append++) {
        CHECK((append ? tfr_writer_append : tfr_writer_create)(data_path, NULL, NULL, &writer,
                                                               NULL) == TFR_OK);
        uint64_t before = tfr_writer_num_records(writer);
        CHECK(tfr_writer_write(writer, THREE, 5, NULL) == TFR_OK);
        /* The writer's thread is at work. */
        static const uint8_t zeros[20000];
        for (int i = 0; i < 100; i++) {
            CHECK(tfr_writer_write(writer, zeros, sizeof zeros, NULL) == TFR_OK);
        }
        pid_t children[3];
        for (int i = 0; i < 3; i++) {
            children[i] = fork();
            CHECK(children[i] >= 0);
            if (children[i] == 0) {
                tfr_status refused = TFR_ERR_INVALID_ARGUMENT;
                CHECK(i == 0 || tfr_writer_flush(writer, NULL) == refused);
                CHECK(i == 1 || tfr_writer_finish(writer, NULL, NULL) == refused);
                tfr_writer_free(writer);
                pause(); /* with its open files */
            }
        }
        usleep(1000);
        CHECK(tfr_writer_write(writer, THREE, 6, NULL) == TFR_OK);
        CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
        tfr_writer_free(writer);
        expect_records(before + 102);
        /* No lock remains. */
        CHECK(tfr_writer_append(data_path, NULL, NULL, &writer, NULL) == TFR_OK);
        tfr_writer_free(writer);
        for (int i = 0; i < 3; i++) {
            CHECK(kill(children[i], SIGKILL) == 0);
            CHECK(waitpid(children[i], NULL, 0) == children[i]);
        }
        expect_records(before + 102);
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    CHECK(snprintf(data_path, sizeof data_path, "%s/x", argv[1]) < (int)sizeof data_path);
    CHECK(snprintf(index_path, sizeof index_path, "%s.idx", data_path) < (int)sizeof index_path);
    write_and_append();
    refused();
    threads_share_a_writer();
    forks_leave_a_writer_alone();
    CHECK(files(argv[1]) == 2);
    return 0;
}
