/* Data that is read through a function. argv[1] is an empty folder. */
#include <errno.h>
#include <pthread.h>

#include "check.h"

#define REPEATS ((size_t)30000) /* enough that threads share the work */
#define SIZE (REPEATS * THREE_SIZE)
#define RECORDS (3 * REPEATS)

static uint8_t *data;
static char path[5000];

/* Gives at most so many bytes at a time. From a byte on, it returns `answer` instead. With `alone`,
 * it is called by that thread alone. */
typedef struct reads {
    size_t most;
    uint64_t fails_from;
    int64_t answer;
    const pthread_t *alone;
} reads;

static int64_t read_at(void *context, uint64_t offset, uint8_t *buffer, size_t size) {
    const reads *how = context;
    CHECK(size > 0 && offset < SIZE && size <= SIZE - offset);
    CHECK(how->alone == NULL || pthread_equal(*how->alone, pthread_self()));
    if (offset >= how->fails_from) {
        return how->answer;
    }
    size_t count = size < how->most ? size : how->most;
    memcpy(buffer, data + offset, count);
    return (int64_t)count;
}

static const reads ALL = {SIZE, UINT64_MAX, 0, NULL};

static tfr_source source_of(reads *how) {
    tfr_source source = {how, SIZE, read_at};
    return source;
}

static tfr_options *options_with(size_t threads, int32_t checksums) {
    tfr_options *options = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_threads(options, threads, NULL) == TFR_OK);
    CHECK(tfr_options_set_checksums(options, checksums, NULL) == TFR_OK);
    return options;
}

static void check_equal(const tfr_index *index) {
    CHECK(tfr_index_len(index) == RECORDS);
    for (size_t i = 0; i < RECORDS; i += 3) {
        const tfr_entry *entries = tfr_index_entries(index) + i;
        CHECK(entries[0].offset == i / 3 * THREE_SIZE && entries[0].size == 21);
        CHECK(entries[1].size == 16 && entries[2].size == 19);
    }
}

static void test_all_calls(void) {
    pthread_t self = pthread_self();
    for (size_t threads = 0; threads <= 4; threads++) {
        for (int32_t checksums = TFR_CHECKSUMS_AUTO; checksums <= TFR_CHECKSUMS_FULL; checksums++) {
            tfr_options *options = options_with(threads, checksums);
            reads how = ALL;
            how.most = 1000 + 10000 * threads;
            how.alone = threads == 1 ? &self : NULL;
            tfr_source source = source_of(&how);
            tfr_index *index = NULL;
            uint64_t count = 0, skipped = 7;
            uint32_t notes = 7;
            CHECK(tfr_index_from_source(&source, options, &index, NULL) == TFR_OK);
            check_equal(index);
            for (int32_t level = TFR_CHECK_QUICK; level <= TFR_CHECK_FULL; level++) {
                CHECK(tfr_index_check_source(index, &source, level, options, &skipped, &notes,
                                             NULL) == TFR_OK);
                CHECK(skipped == 0);
                CHECK(notes == (checksums == TFR_CHECKSUMS_NONE ? TFR_FIT_CHECKSUMS_SKIPPED : 0));
            }
            tfr_index_free(index);
            CHECK(tfr_index_create_from_source(&source, path, options, &count, NULL) == TFR_OK);
            CHECK(count == RECORDS && tfr_index_read(path, &index, NULL) == TFR_OK);
            check_equal(index);
            tfr_index_free(index);
            tfr_options_free(options);
        }
    }
}

/* Memory is a source, too, and so is what is mapped from a file. */
static void test_memory(void) {
    tfr_source source = {data, SIZE, tfr_read_memory};
    tfr_index *index = NULL;
    tfr_reader *reader = NULL;
    const size_t records[] = {RECORDS - 1, 0};
    size_t offsets[3];
    uint8_t payloads[8], copy[THREE_SIZE];
    uint64_t count = 0;
    CHECK(tfr_index_from_source(&source, NULL, &index, NULL) == TFR_OK);
    check_equal(index);
    CHECK(tfr_index_check_source(index, &source, TFR_CHECK_FULL, NULL, NULL, NULL, NULL) == TFR_OK);
    tfr_index_free(index);
    CHECK(tfr_index_create_from_source(&source, path, NULL, &count, NULL) == TFR_OK);
    CHECK(count == RECORDS);
    CHECK(tfr_reader_from_source(&source, NULL, NULL, &reader, NULL) == TFR_OK);
    CHECK(tfr_reader_read_many(reader, records, 2, payloads, 8, offsets, NULL) == TFR_OK);
    CHECK(offsets[1] == 3 && offsets[2] == 8 && memcmp(payloads + 3, "hello", 5) == 0);
    tfr_reader_free(reader);
    CHECK(tfr_read_memory(data, THREE_SIZE, copy, THREE_SIZE) == THREE_SIZE);
    CHECK(memcmp(copy, data, THREE_SIZE) == 0);
    CHECK(tfr_read_memory(NULL, 0, copy, 1) == -EINVAL);
    CHECK(tfr_read_memory(data, 0, NULL, 1) == -EINVAL);
    source.context = NULL;
    CHECK(tfr_index_from_source(&source, NULL, &index, NULL) == TFR_ERR_IO && index == NULL);
    source.size = 0;
    CHECK(tfr_index_from_source(&source, NULL, &index, NULL) == TFR_OK);
    tfr_index_free(index);
}

/* Fails at any place, with whatever number: an error that names it, and the index stays. */
static void test_failures(void) {
    static const struct {
        int64_t answer;
        int32_t number;
        tfr_status status;
    } FAILURES[] = {
        {-EIO, EIO, TFR_ERR_IO},       {-EINTR, EINTR, TFR_ERR_IO},
        {-EACCES, EACCES, TFR_ERR_IO}, {-ENOMEM, ENOMEM, TFR_ERR_OUT_OF_MEMORY},
        {-4096, 0, TFR_ERR_IO},        {INT64_MIN, 0, TFR_ERR_IO},
        {INT32_MIN, 0, TFR_ERR_IO},    {INT64_MAX, 0, TFR_ERR_IO},
        {1 << 30, 0, TFR_ERR_IO},      {0, 0, TFR_ERR_TRUNCATED},
    };
    tfr_index *good = NULL;
    CHECK(tfr_index_from_bytes(data, SIZE, NULL, &good, NULL) == TFR_OK);
    for (size_t i = 0; i < sizeof FAILURES / sizeof *FAILURES; i++) {
        for (uint64_t at = 0; at < SIZE; at += SIZE / 2) {
            for (size_t threads = 0; threads <= 2; threads++) {
                tfr_options *options = options_with(threads, TFR_CHECKSUMS_AUTO);
                reads how = ALL;
                how.most = 100000;
                how.fails_from = at;
                how.answer = FAILURES[i].answer;
                tfr_source source = source_of(&how);
                tfr_index *index = good; /* anything but NULL */
                tfr_error *error = NULL;
                tfr_status status = tfr_index_from_source(&source, options, &index, &error);
                CHECK(status == FAILURES[i].status && index == NULL);
                CHECK(tfr_error_os_error(error) == FAILURES[i].number);
                CHECK(tfr_error_record(error) < RECORDS && tfr_error_path(error) == NULL);
                tfr_error_free(error);
                CHECK(tfr_index_create_from_source(&source, path, options, NULL, NULL) == status);
                CHECK(tfr_index_check_source(good, &source, TFR_CHECK_HEADERS, options, NULL, NULL,
                                             NULL) != TFR_OK);
                CHECK(tfr_index_read(path, &index, NULL) == TFR_OK); /* what was there */
                check_equal(index);
                tfr_index_free(index);
                tfr_options_free(options);
            }
        }
    }
    tfr_index_free(good);
}

/* Is interrupted before each read. */
static int64_t read_interrupted(void *context, uint64_t offset, uint8_t *buffer, size_t size) {
    static int interrupted;
    reads how = ALL;
    (void)context;
    interrupted = !interrupted;
    return interrupted ? -EINTR : read_at(&how, offset, buffer, size);
}

static void test_interruptions_and_sizes(void) {
    tfr_options *options = options_with(1, TFR_CHECKSUMS_AUTO);
    tfr_source source = {NULL, SIZE, read_interrupted};
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_index_from_source(&source, options, &index, NULL) == TFR_OK);
    check_equal(index);
    tfr_index_free(index);
    reads how = ALL;
    source = source_of(&how);
    source.size = (uint64_t)INT64_MAX + 1;
    CHECK(tfr_index_from_source(&source, options, &index, NULL) == TFR_ERR_INVALID_ARGUMENT);
    source.size = SIZE - 1;
    CHECK(tfr_index_from_source(&source, options, &index, &error) == TFR_ERR_TRUNCATED);
    CHECK(tfr_error_record(error) == RECORDS - 1);
    tfr_error_free(error);
    source.size = 0;
    CHECK(tfr_index_from_source(&source, options, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == 0);
    tfr_index_free(index);
    tfr_options_free(options);
}

/* Records are read through the function, too, by the index that is given or by a scan. */
static void test_reader(void) {
    reads how = ALL;
    tfr_source source = source_of(&how);
    tfr_index *index = NULL;
    CHECK(tfr_index_from_source(&source, NULL, &index, NULL) == TFR_OK);
    for (int given = 0; given < 2; given++) {
        tfr_reader *reader = NULL;
        uint8_t payload[64];
        size_t size = 0;
        CHECK(tfr_reader_from_source(&source, given ? index : NULL, NULL, &reader, NULL) == TFR_OK);
        CHECK(tfr_reader_len(reader) == RECORDS);
        for (size_t i = 0; i < RECORDS; i += 7) {
            tfr_entry entry = tfr_index_entries(index)[i];
            CHECK(tfr_reader_read(reader, i, payload, sizeof payload, &size, NULL) == TFR_OK);
            CHECK(size == entry.size - 16);
            CHECK(memcmp(payload, data + entry.offset + 12, size) == 0);
        }
        tfr_reader_free(reader);
    }
    tfr_index_free(index);
}

static int32_t count_regions(void *context, uint64_t start, uint64_t end, uint64_t record,
                             const tfr_error *error) {
    (void)record;
    CHECK(start < end && tfr_error_status(error) == TFR_ERR_TRUNCATED);
    ++*(int *)context;
    return 0;
}

/* An index of what was there is continued, as that of a file. */
static void test_growing(void) {
    tfr_options *options = options_with(0, TFR_CHECKSUMS_AUTO);
    reads how = ALL;
    tfr_source source = source_of(&how);
    tfr_index *index = NULL;
    uint64_t count = 0;
    int left = 0;
    CHECK(tfr_options_set_allow_incomplete_tail(options, count_regions, &left, NULL) == TFR_OK);
    source.size = 10 * THREE_SIZE + 30;
    CHECK(tfr_index_create_from_source(&source, path, options, &count, NULL) == TFR_OK);
    CHECK(count == 31 && left == 1);
    CHECK(tfr_options_set_resume(options, 1, NULL) == TFR_OK);
    source.size = SIZE;
    CHECK(tfr_index_create_from_source(&source, path, options, &count, NULL) == TFR_OK);
    CHECK(count == RECORDS && left == 1 && tfr_index_read(path, &index, NULL) == TFR_OK);
    check_equal(index);
    source.size = THREE_SIZE;
    CHECK(tfr_index_create_from_source(&source, path, options, &count, NULL) == TFR_ERR_MISMATCH);
    tfr_index_free(index);
    tfr_options_free(options);
}

int main(int argc, char **argv) {
    CHECK(argc == 2 && snprintf(path, sizeof path, "%s/x.idx", argv[1]) > 0);
    data = malloc(SIZE);
    CHECK(data != NULL);
    for (size_t i = 0; i < REPEATS; i++) {
        memcpy(data + i * THREE_SIZE, THREE, THREE_SIZE);
    }
    test_all_calls();
    test_memory();
    test_failures();
    test_interruptions_and_sizes();
    test_reader();
    test_growing();
    free(data);
    return 0;
}
