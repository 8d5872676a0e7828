/* Iterators: records in order, read ahead. argv[1] is an empty directory. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define REPEATS ((size_t)60000) /* some MiB, which are more than one piece */
#define RECORDS (3 * REPEATS)

static const char *const PAYLOADS[] = {"hello", "", "abc"};
static char path[5000];

static tfr_reader *open_reader(size_t threads) {
    tfr_reader *reader = NULL;
    tfr_options *options = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_threads(options, threads, NULL) == TFR_OK);
    CHECK(tfr_reader_open(path, NULL, options, &reader, NULL) == TFR_OK);
    CHECK(tfr_reader_len(reader) == RECORDS);
    tfr_options_free(options);
    return reader;
}

/* Checks that the next payload is that of this record. */
static void expect(tfr_iterator *iterator, size_t record) {
    const uint8_t *payload = NULL;
    size_t size = 77;
    tfr_error *error = NULL;
    CHECK(tfr_iterator_next(iterator, &payload, &size, &error) == TFR_OK && error == NULL);
    CHECK(payload != NULL && size == strlen(PAYLOADS[record % 3]));
    CHECK(memcmp(payload, PAYLOADS[record % 3], size) == 0);
}

static void expect_end(tfr_iterator *iterator) {
    for (int again = 0; again < 2; again++) {
        const uint8_t *payload = THREE;
        size_t size = 77;
        CHECK(tfr_iterator_next(iterator, &payload, &size, NULL) == TFR_OK);
        CHECK(payload == NULL && size == 0);
    }
}

static void all_and_some(size_t threads) {
    tfr_reader *reader = open_reader(threads);
    tfr_iterator *iterator = NULL;
    CHECK(tfr_reader_iterate(reader, NULL, RECORDS, &iterator, NULL) == TFR_OK);
    for (size_t i = 0; i < RECORDS; i++) {
        expect(iterator, i);
    }
    expect_end(iterator);
    tfr_iterator_free(iterator);

    size_t *records = malloc(RECORDS * sizeof *records);
    CHECK(records != NULL);
    for (size_t i = 0; i < RECORDS; i++) {
        records[i] = i * 7919 % RECORDS;
    }
    CHECK(tfr_reader_iterate(reader, records, RECORDS, &iterator, NULL) == TFR_OK);
    free(records); /* they are copied, and the reader is shared */
    tfr_reader_free(reader);
    for (size_t i = 0; i < RECORDS; i++) {
        expect(iterator, i * 7919 % RECORDS);
    }
    expect_end(iterator);
    tfr_iterator_free(iterator);

    reader = open_reader(threads);
    tfr_error *error = NULL;
    CHECK(tfr_reader_iterate(reader, (size_t[]){1}, 0, &iterator, NULL) == TFR_OK);
    expect_end(iterator);
    tfr_iterator_free(iterator);
    CHECK(tfr_reader_iterate(reader, NULL, 0, &iterator, NULL) == TFR_OK);
    expect_end(iterator);
    tfr_iterator_free(iterator);
    CHECK(tfr_reader_iterate(reader, (size_t[]){2, RECORDS}, 2, &iterator, &error) ==
          TFR_ERR_OUT_OF_RANGE);
    CHECK(iterator == NULL && tfr_error_record(error) == RECORDS);
    tfr_error_free(error);
    CHECK(tfr_reader_iterate(reader, NULL, RECORDS + 1, &iterator, NULL) == TFR_ERR_OUT_OF_RANGE);
    /* Iterators freed before their end leave nothing. */
    for (size_t given = 0; given < RECORDS; given += RECORDS / 3) {
        CHECK(tfr_reader_iterate(reader, NULL, RECORDS, &iterator, NULL) == TFR_OK);
        for (size_t i = 0; i < given; i++) {
            expect(iterator, i);
        }
        tfr_iterator_free(iterator);
    }
    tfr_reader_free(reader);
}

/* Both processes continue at their positions. */
static void forked(void) {
    tfr_reader *reader = open_reader(0);
    tfr_iterator *iterator = NULL;
    CHECK(tfr_reader_iterate(reader, NULL, RECORDS, &iterator, NULL) == TFR_OK);
    expect(iterator, 0);
    pid_t child = fork();
    for (size_t i = 1; i < RECORDS; i++) {
        expect(iterator, i);
    }
    expect_end(iterator);
    tfr_iterator_free(iterator);
    tfr_reader_free(reader);
    if (child == 0) {
        execl("/bin/true", "true",
              (char *)NULL); /* memory of the other thread is not a leak here */
        _exit(1);
    }
    int ended = -1;
    CHECK(child > 0 && waitpid(child, &ended, 0) == child && ended == 0);
}

static void *read_all(void *reader) {
    tfr_iterator *iterator = NULL;
    CHECK(tfr_reader_iterate(reader, NULL, RECORDS, &iterator, NULL) == TFR_OK);
    for (size_t i = 0; i < RECORDS; i++) {
        expect(iterator, i);
    }
    tfr_iterator_free(iterator);
    return NULL;
}

static void many_threads(void) {
    tfr_reader *reader = open_reader(0);
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_all, reader) == 0);
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    tfr_reader_free(reader);
}

/* A bad record is an error when its turn comes; the others are still given. */
static void damage(void) {
    FILE *file = fopen(path, "r+b");
    CHECK(file != NULL);
    size_t bad[] = {0, 3, 4000, RECORDS / 2, RECORDS - 3};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bad[i] -= bad[i] % 3;
        CHECK(fseek(file, (long)(bad[i] / 3 * THREE_SIZE + 13), SEEK_SET) == 0);
        CHECK(fputc('!', file) == '!');
    }
    CHECK(fclose(file) == 0);
    for (size_t threads = 0; threads < 2; threads++) {
        tfr_reader *reader = open_reader(threads);
        tfr_iterator *iterator = NULL;
        size_t next_bad = 0;
        CHECK(tfr_reader_iterate(reader, NULL, RECORDS, &iterator, NULL) == TFR_OK);
        for (size_t i = 0; i < RECORDS; i++) {
            if (next_bad < sizeof bad / sizeof *bad && i == bad[next_bad]) {
                const uint8_t *payload = NULL;
                size_t size = 0;
                tfr_error *error = NULL;
                CHECK(tfr_iterator_next(iterator, &payload, &size, &error) == TFR_ERR_PAYLOAD_CRC);
                CHECK(tfr_error_record(error) == i && strcmp(tfr_error_path(error), path) == 0);
                tfr_error_free(error);
                next_bad++;
            } else {
                expect(iterator, i);
            }
        }
        expect_end(iterator);
        tfr_iterator_free(iterator);
        tfr_reader_free(reader);
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 2 && snprintf(path, sizeof path, "%s/x", argv[1]) > 0);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    for (size_t i = 0; i < REPEATS; i++) {
        CHECK(fwrite(THREE, THREE_SIZE, 1, file) == 1);
    }
    CHECK(fclose(file) == 0);
    all_and_some(0);
    all_and_some(1);
    forked();
    many_threads();
    damage();
    return 0;
}
