/* One index, one reader, one file and one set of options for many threads, and for a process forked
 * from their midst. argv[1] is an empty directory. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define RECORDS 50000
#define THREADS 4

static char path[5000];
static const tfr_index *whole;
static const tfr_reader *reader;
static const tfr_options *options;

static void expect_whole(tfr_index *index) {
    CHECK(tfr_index_len(index) == tfr_index_len(whole));
    size_t bytes = tfr_index_len(whole) * sizeof(tfr_entry);
    CHECK(memcmp(tfr_index_entries(index), tfr_index_entries(whole), bytes) == 0);
    tfr_index_free(index);
}

/* Reads one record, and all of them, with the shared reader. */
static void read_records(size_t number) {
    static const char *const payloads[] = {"hello", "", "abc"};
    for (size_t i = 0; i < 1000; i++) {
        char payload[5];
        size_t record = (i * 7919 + number) % tfr_reader_len(reader), size = 0;
        CHECK(tfr_reader_read(reader, record, (uint8_t *)payload, sizeof payload, &size, NULL) ==
              TFR_OK);
        CHECK(size == strlen(payloads[record % 3]));
        CHECK(memcmp(payload, payloads[record % 3], size) == 0);
    }
    size_t count = tfr_reader_len(reader), capacity = RECORDS * strlen("helloabc");
    size_t *records = malloc(count * sizeof *records);
    size_t *offsets = malloc((count + 1) * sizeof *offsets);
    char *buffer = malloc(capacity);
    CHECK(records != NULL && offsets != NULL && buffer != NULL);
    for (size_t i = 0; i < count; i++) {
        records[i] = i;
    }
    CHECK(tfr_reader_read_many(reader, records, count, (uint8_t *)buffer, capacity, offsets,
                               NULL) == TFR_OK);
    CHECK(offsets[count] == capacity);
    for (size_t i = 0; i < capacity; i += strlen("helloabc")) {
        CHECK(memcmp(buffer + i, "helloabc", strlen("helloabc")) == 0);
    }
    free(records);
    free(offsets);
    free(buffer);
}

/* Uses an index in every way, and makes one. */
static void *use(void *number) {
    read_records((size_t)number);
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    for (size_t i = 0; i < 1000; i++) {
        tfr_entry entry;
        size_t record = (i * 7919 + (size_t)number) % tfr_index_len(whole);
        CHECK(tfr_index_get(whole, record, &entry, &error) == TFR_OK);
        CHECK(memcmp(&entry, &tfr_index_entries(whole)[record], sizeof entry) == 0);
    }
    CHECK(tfr_index_get(whole, RECORDS * 3, (tfr_entry[1]){{0, 0}}, &error) ==
          TFR_ERR_OUT_OF_RANGE);
    tfr_error_free(error);

    char *text = NULL;
    size_t size = 0;
    CHECK(tfr_index_to_text(whole, &text, &size, NULL) == TFR_OK);
    CHECK(tfr_index_from_text(text, size, &index, NULL) == TFR_OK);
    expect_whole(index);
    tfr_text_free(text);

    CHECK(tfr_index_scan(path, options, &index, NULL) == TFR_OK);
    expect_whole(index);
    CHECK(tfr_index_create(path, NULL, options, NULL, NULL) == TFR_OK);
    char index_path[5100];
    CHECK(snprintf(index_path, sizeof index_path, "%s.idx", path) > 0);
    CHECK(tfr_index_read(index_path, &index, NULL) == TFR_OK);
    expect_whole(index);
    return NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    CHECK(snprintf(path, sizeof path, "%s/x", arguments[1]) > 0);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    for (int i = 0; i < RECORDS; i++) {
        CHECK(fwrite(THREE, THREE_SIZE, 1, file) == 1);
    }
    CHECK(fclose(file) == 0);
    tfr_options *made = NULL;
    CHECK(tfr_options_new(&made, NULL) == TFR_OK);
    CHECK(tfr_options_set_threads(made, 3, NULL) == TFR_OK);
    options = made;
    tfr_index *index = NULL;
    CHECK(tfr_index_scan(path, options, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == 3 * RECORDS);
    whole = index;
    tfr_reader *opened = NULL;
    CHECK(tfr_reader_open(path, index, options, &opened, NULL) == TFR_OK);
    reader = opened;

    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, use, (void *)i) == 0);
    }
    pid_t child = fork();
    if (child == 0) {
        use(NULL);
        execl("/bin/true", "true",
              (char *)NULL); /* memory of the other threads is not a leak here */
        _exit(1);
    }
    CHECK(child > 0);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    int ended = -1;
    CHECK(waitpid(child, &ended, 0) == child && ended == 0);
    read_records(0);
    tfr_reader_free(opened);
    tfr_options_free(made);
    tfr_index_free(index);
    return 0;
}
