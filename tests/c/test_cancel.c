/* A thread that is cancelled (pthread_cancel) in a call ends after it: the call does its work.
 * argv[1] is an empty directory. */
#include <pthread.h>
#include <unistd.h>

#include "check.h"

#define RECORDS 3000

static char path[5000], written[5000], index_path[5000];
static tfr_reader *reader;
static tfr_writer *writer;

/* From here on, any cancellation point ends this thread: open, read, write, close and others. */
static void cancel_this_thread(void) { CHECK(pthread_cancel(pthread_self()) == 0); }

static void create(void) {
    uint64_t count = 0;
    CHECK(tfr_index_create(path, NULL, NULL, &count, NULL) == TFR_OK && count == RECORDS);
}

static void scan(void) {
    tfr_index *index = NULL;
    CHECK(tfr_index_scan(path, NULL, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == RECORDS);
    CHECK(tfr_index_check(index, path, TFR_CHECK_FULL, NULL, NULL, NULL) == TFR_OK);
    CHECK(tfr_index_write(index, index_path, NULL) == TFR_OK);
    tfr_index_free(index);
    CHECK(tfr_index_read(index_path, &index, NULL) == TFR_OK);
    tfr_index_free(index);
}

static void open_reader(void) {
    CHECK(tfr_reader_open(path, NULL, NULL, &reader, NULL) == TFR_OK);
    uint8_t payload[5];
    size_t size = 0;
    CHECK(tfr_reader_read(reader, 3, payload, sizeof payload, &size, NULL) == TFR_OK && size == 5);
}

static void free_reader(void) { tfr_reader_free(reader); }

static void open_writer(void) {
    CHECK(tfr_writer_create(written, NULL, NULL, &writer, NULL) == TFR_OK);
}

static void write_records(void) {
    for (int i = 0; i < RECORDS; i++) {
        CHECK(tfr_writer_write(writer, THREE, THREE_SIZE, NULL) == TFR_OK);
    }
    CHECK(tfr_writer_flush(writer, NULL) == TFR_OK);
}

static void finish_writer(void) {
    uint64_t count = 0;
    CHECK(tfr_writer_finish(writer, &count, NULL) == TFR_OK && count == RECORDS);
}

static void free_writer(void) { tfr_writer_free(writer); }

/* The caller's callback is not cancelled either: the library is on the stack below it. */
static int64_t read_at(void *context, uint64_t offset, uint8_t *buffer, size_t size) {
    (void)context;
    for (size_t i = 0; i < size; i++) {
        buffer[i] = THREE[(offset + i) % THREE_SIZE];
    }
    usleep(1);
    return (int64_t)size;
}

static void create_from_source(void) {
    tfr_source *source = NULL;
    uint64_t count = 0;
    CHECK(tfr_source_new(read_at, NULL, RECORDS / 3 * THREE_SIZE, &source, NULL) == TFR_OK);
    CHECK(tfr_index_create_from_source(source, index_path, NULL, &count, NULL) == TFR_OK);
    CHECK(count == RECORDS);
    tfr_source_free(source);
}

/* The threads that read ahead are not cancelled; they end normally. */
static void iterate(void) {
    tfr_reader *opened = NULL;
    tfr_iterator *iterator = NULL;
    const uint8_t *payload = NULL;
    size_t size = 0, count = 0;
    CHECK(tfr_reader_open(path, NULL, NULL, &opened, NULL) == TFR_OK);
    CHECK(tfr_reader_iterate(opened, NULL, RECORDS, &iterator, NULL) == TFR_OK);
    while (tfr_iterator_next(iterator, &payload, &size, NULL) == TFR_OK && payload != NULL) {
        count++;
    }
    CHECK(count == RECORDS);
    tfr_iterator_free(iterator);
    tfr_reader_free(opened);
}

static int returned;

static void *run(void *function) {
    int type;
    CHECK(pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type) == 0);
    cancel_this_thread();
    (*(void (**)(void))function)();
    returned = 1;
    pthread_testcancel();
    CHECK(0);
    return NULL;
}

/* The function is called by a thread that is being cancelled. */
static void cancelled(void (*function)(void)) {
    pthread_t thread;
    void *result = NULL;
    returned = 0;
    CHECK(pthread_create(&thread, NULL, run, &function) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(returned && result == PTHREAD_CANCELED);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    CHECK(snprintf(path, sizeof path, "%s/x", arguments[1]) > 0);
    CHECK(snprintf(written, sizeof written, "%s/written", arguments[1]) > 0);
    CHECK(snprintf(index_path, sizeof index_path, "%s/x.idx", arguments[1]) > 0);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    for (int i = 0; i < RECORDS / 3; i++) {
        CHECK(fwrite(THREE, THREE_SIZE, 1, file) == 1);
    }
    CHECK(fclose(file) == 0);
    cancelled(create);
    cancelled(scan);
    cancelled(create_from_source);
    cancelled(open_reader);
    cancelled(free_reader);
    cancelled(iterate);
    cancelled(open_writer);
    cancelled(write_records);
    cancelled(finish_writer);
    cancelled(free_writer);
    cancelled(open_writer);
    cancelled(write_records);
    cancelled(free_writer); /* which abandons what was written */
    return 0;
}
