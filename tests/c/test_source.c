/* Sources: data that a function reads. argv[1] is an empty directory. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "check.h"

#define REPEATS ((size_t)30000) /* enough for several threads */
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

static tfr_source *source_of(tfr_read_at_fn function, reads *how, uint64_t size) {
    tfr_source *source = NULL;
    CHECK(tfr_source_new(function, how, size, &source, NULL) == TFR_OK);
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

static void test_all_calls(bool is_distant) {
    pthread_t self = pthread_self();
    for (size_t threads = 0; threads <= 4; threads++) {
        for (int32_t checksums = TFR_CHECKSUMS_AUTO; checksums <= TFR_CHECKSUMS_FULL; checksums++) {
            tfr_options *options = options_with(threads, checksums);
            reads how = ALL;
            how.most = 1000 + 10000 * threads;
            how.alone = threads == 1 ? &self : NULL;
            tfr_source *source = source_of(read_at, &how, SIZE);
            if (is_distant) {
                CHECK(tfr_source_set_cost(source, 1000000, 100000000, 8, NULL) == TFR_OK);
                CHECK(tfr_source_set_least_skip(source, threads % 2 ? 1000 : UINT64_MAX, NULL) ==
                      TFR_OK);
            }
            tfr_index *index = NULL;
            uint64_t count = 0;
            tfr_fit fit = {7, 7};
            CHECK(tfr_index_from_source(source, options, &index, NULL) == TFR_OK);
            check_equal(index);
            for (int32_t level = TFR_CHECK_QUICK; level <= TFR_CHECK_FULL; level++) {
                CHECK(tfr_index_check_source(index, source, level, options, &fit, NULL) == TFR_OK);
                CHECK(fit.uncovered_bytes == 0);
                CHECK(fit.flags ==
                      (checksums == TFR_CHECKSUMS_NONE ? TFR_FIT_CHECKSUMS_SKIPPED : 0));
            }
            tfr_index_free(index);
            CHECK(tfr_index_create_from_source(source, path, options, &count, NULL) == TFR_OK);
            CHECK(count == RECORDS && tfr_index_read(path, &index, NULL) == TFR_OK);
            check_equal(index);
            tfr_index_free(index);
            tfr_source_free(source);
            tfr_options_free(options);
        }
    }
}

/* Memory is a source, too, and so is what is mapped from a file. */
static void test_memory(void) {
    tfr_source *source = NULL;
    tfr_index *index = NULL;
    tfr_reader *reader = NULL;
    const size_t records[] = {RECORDS - 1, 0};
    size_t offsets[3];
    uint8_t payloads[8];
    uint64_t count = 0;
    CHECK(tfr_source_from_memory(data, SIZE, &source, NULL) == TFR_OK);
    CHECK(tfr_index_from_source(source, NULL, &index, NULL) == TFR_OK);
    check_equal(index);
    CHECK(tfr_index_check_source(index, source, TFR_CHECK_FULL, NULL, NULL, NULL) == TFR_OK);
    tfr_index_free(index);
    CHECK(tfr_index_create_from_source(source, path, NULL, &count, NULL) == TFR_OK);
    CHECK(count == RECORDS);
    CHECK(tfr_reader_from_source(source, NULL, NULL, &reader, NULL) == TFR_OK);
    CHECK(tfr_reader_read_many(reader, records, 2, payloads, 8, offsets, NULL) == TFR_OK);
    CHECK(offsets[1] == 3 && offsets[2] == 8 && memcmp(payloads + 3, "hello", 5) == 0);
    tfr_reader_free(reader);
    tfr_source_free(source);
    CHECK(tfr_source_from_memory(NULL, 0, &source, NULL) == TFR_OK);
    CHECK(tfr_index_from_source(source, NULL, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == 0);
    tfr_index_free(index);
    tfr_source_free(source);
}

static uint8_t *read_file(const char *name, size_t *size) {
    FILE *file = fopen(name, "rb");
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    *size = (size_t)ftell(file);
    uint8_t *bytes = malloc(*size + 1);
    CHECK(bytes != NULL && fseek(file, 0, SEEK_SET) == 0);
    CHECK(fread(bytes, 1, *size, file) == *size && fclose(file) == 0);
    return bytes;
}

/* A compressed source, with its seek file and without; both may be freed before. */
static void test_gzip(void) {
    char packed[sizeof path + 10], seek[sizeof path + 10];
    tfr_options *options = options_with(0, TFR_CHECKSUMS_FULL);
    tfr_writer *writer = NULL;
    size_t size = 0, seek_size = 0;
    CHECK(snprintf(packed, sizeof packed, "%s.gz", path) > 0);
    CHECK(snprintf(seek, sizeof seek, "%.*s.seek", (int)strlen(path) - 4, path) > 0);
    CHECK(tfr_options_set_compression(options, TFR_COMPRESSION_GZIP, NULL) == TFR_OK);
    CHECK(tfr_writer_create(packed, path, options, &writer, NULL) == TFR_OK);
    for (uint32_t number = 0; number < 1000; number++) {
        CHECK(tfr_writer_write(writer, (const uint8_t *)&number, 4, NULL) == TFR_OK);
    }
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
    tfr_writer_free(writer);
    uint8_t *bytes = read_file(packed, &size), *points = read_file(seek, &seek_size);
    for (int with_points = 0; with_points < 2; with_points++) {
        tfr_source *source = NULL, *seek_file = NULL, *gzip = NULL;
        tfr_reader *reader = NULL;
        tfr_error *error = NULL;
        uint32_t number = 0;
        CHECK(tfr_source_from_memory(bytes, size, &source, NULL) == TFR_OK);
        CHECK(tfr_source_from_memory(points, seek_size, &seek_file, NULL) == TFR_OK);
        CHECK(tfr_gzip_source(source, with_points ? seek_file : NULL, &gzip, NULL) == TFR_OK);
        CHECK(tfr_source_set_free(gzip, free, &error) == TFR_ERR_INVALID_ARGUMENT);
        CHECK(strstr(tfr_error_message(error), "for the source that it reads") != NULL);
        tfr_error_free(error);
        tfr_source_free(source);
        tfr_source_free(seek_file);
        CHECK(tfr_reader_from_source(gzip, NULL, options, &reader, NULL) == TFR_OK);
        tfr_source_free(gzip);
        CHECK(tfr_reader_len(reader) == 1000);
        CHECK(tfr_reader_read(reader, 321, (uint8_t *)&number, 4, NULL, NULL) == TFR_OK);
        CHECK(number == 321);
        tfr_reader_free(reader);

        gzip = NULL;
        CHECK(tfr_source_from_memory(bytes, size - 1, &source, NULL) == TFR_OK);
        CHECK(tfr_source_from_memory(points, seek_size, &seek_file, NULL) == TFR_OK);
        if (with_points) {
            CHECK(tfr_gzip_source(source, seek_file, &gzip, NULL) == TFR_ERR_MISMATCH);
            CHECK(gzip == NULL);
        } else {
            CHECK(tfr_gzip_source(source, NULL, &gzip, NULL) == TFR_OK);
            CHECK(tfr_reader_from_source(gzip, NULL, NULL, &reader, NULL) == TFR_ERR_TRUNCATED);
            tfr_source_free(gzip);
        }
        tfr_source_free(source);
        tfr_source_free(seek_file);
    }
    tfr_set_cache_bytes(0);
    CHECK(tfr_cache_bytes() == 0);
    tfr_set_cache_bytes(64 << 20);
    free(bytes);
    free(points);
    tfr_options_free(options);
}

static void count_call(void *context) { ++*(int *)context; }

/* The context is freed once, with the last that needs it: the source, a reader of it, an iterator.
 */
static void test_ownership(void) {
    for (int last = 0; last < 3; last++) {
        tfr_source *source = NULL;
        tfr_reader *reader = NULL;
        tfr_iterator *iterator = NULL;
        tfr_error *error = NULL;
        const uint8_t *payload = NULL;
        size_t size = 0;
        int freed = 0;
        CHECK(tfr_source_new(read_at, &freed, SIZE, &source, NULL) == TFR_OK);
        CHECK(tfr_source_set_free(source, count_call, NULL) == TFR_OK);
        CHECK(tfr_source_set_free(source, NULL, NULL) == TFR_OK);
        tfr_source_free(source);
        CHECK(freed == 0);

        uint8_t *bytes = malloc(THREE_SIZE);
        CHECK(bytes != NULL);
        memcpy(bytes, THREE, THREE_SIZE);
        CHECK(tfr_source_from_memory(bytes, THREE_SIZE, &source, NULL) == TFR_OK);
        CHECK(tfr_source_set_free(source, free, NULL) == TFR_OK);
        if (last > 0) {
            CHECK(tfr_reader_from_source(source, NULL, NULL, &reader, NULL) == TFR_OK);
            CHECK(tfr_source_set_free(source, NULL, &error) == TFR_ERR_INVALID_ARGUMENT);
            CHECK(strcmp(tfr_error_message(error), "the source is in use by a reader") == 0);
            tfr_error_free(error);
        }
        tfr_source_free(source);
        if (last > 1) {
            CHECK(tfr_reader_iterate(reader, NULL, 3, &iterator, NULL) == TFR_OK);
        }
        if (last == 1) {
            uint8_t buffer[5];
            CHECK(tfr_reader_read(reader, 0, buffer, 5, NULL, NULL) == TFR_OK);
        }
        tfr_reader_free(reader);
        if (last > 1) {
            CHECK(tfr_iterator_next(iterator, &payload, &size, NULL) == TFR_OK);
            CHECK(size == 5 && memcmp(payload, "hello", 5) == 0);
        }
        tfr_iterator_free(iterator); /* valgrind and the sanitizers see what is freed, and when */

        reads how = ALL;
        CHECK(tfr_source_new(read_at, &how, SIZE, &source, NULL) == TFR_OK);
        CHECK(tfr_reader_from_source(source, NULL, NULL, &reader, NULL) == TFR_OK);
        tfr_reader_free(reader);
        CHECK(tfr_source_set_free(source, NULL, NULL) == TFR_OK); /* the last reference */
        tfr_source_free(source);
        CHECK(tfr_source_new(read_at, &freed, 0, &source, NULL) == TFR_OK);
        CHECK(tfr_source_set_free(source, count_call, NULL) == TFR_OK);
        CHECK(tfr_reader_from_source(source, NULL, NULL, &reader, NULL) == TFR_OK);
        tfr_source_free(source);
        CHECK(freed == 0);
        tfr_reader_free(reader);
        CHECK(freed == 1);
    }
}

/* Fails at any byte with any number: the error has the number, and the index stays. */
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
                tfr_source *source = source_of(read_at, &how, SIZE);
                tfr_index *index = good; /* anything but NULL */
                tfr_error *error = NULL;
                tfr_status status = tfr_index_from_source(source, options, &index, &error);
                CHECK(status == FAILURES[i].status && index == NULL);
                CHECK(tfr_error_os_error(error) == FAILURES[i].number);
                CHECK(tfr_error_record(error) < RECORDS && tfr_error_path(error) == NULL);
                tfr_error_free(error);
                CHECK(tfr_index_create_from_source(source, path, options, NULL, NULL) == status);
                CHECK(tfr_index_check_source(good, source, TFR_CHECK_HEADERS, options, NULL,
                                             NULL) != TFR_OK);
                CHECK(tfr_index_read(path, &index, NULL) == TFR_OK); /* what was there */
                check_equal(index);
                tfr_index_free(index);
                tfr_source_free(source);
                tfr_options_free(options);
            }
        }
    }
    tfr_index_free(good);
}

/* A source that is interrupted before each read. */
static int64_t read_interrupted(void *context, uint64_t offset, uint8_t *buffer, size_t size) {
    static int interrupted;
    reads how = ALL;
    (void)context;
    interrupted = !interrupted;
    return interrupted ? -EINTR : read_at(&how, offset, buffer, size);
}

static void test_interruptions_and_sizes(void) {
    tfr_options *options = options_with(1, TFR_CHECKSUMS_AUTO);
    tfr_source *source = source_of(read_interrupted, NULL, SIZE);
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_index_from_source(source, options, &index, NULL) == TFR_OK);
    check_equal(index);
    tfr_index_free(index);
    tfr_source_free(source);
    reads how = ALL;
    source = source_of(read_at, &how, (uint64_t)INT64_MAX + 1);
    CHECK(tfr_index_from_source(source, options, &index, NULL) == TFR_ERR_INVALID_ARGUMENT);
    tfr_source_free(source);
    source = source_of(read_at, &how, SIZE - 1);
    CHECK(tfr_index_from_source(source, options, &index, &error) == TFR_ERR_TRUNCATED);
    CHECK(tfr_error_record(error) == RECORDS - 1);
    tfr_error_free(error);
    tfr_source_free(source);
    source = source_of(read_at, &how, 0);
    CHECK(tfr_index_from_source(source, options, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == 0);
    tfr_index_free(index);
    tfr_source_free(source);
    tfr_options_free(options);
}

/* Records are read through the function, too, by the index that is given or by a scan. */
static void test_reader(void) {
    reads how = ALL;
    tfr_source *source = source_of(read_at, &how, SIZE);
    tfr_index *index = NULL;
    CHECK(tfr_index_from_source(source, NULL, &index, NULL) == TFR_OK);
    for (int given = 0; given < 2; given++) {
        tfr_reader *reader = NULL;
        uint8_t payload[64];
        size_t size = 0;
        CHECK(tfr_reader_from_source(source, given ? index : NULL, NULL, &reader, NULL) == TFR_OK);
        CHECK(tfr_reader_len(reader) == RECORDS);
        for (size_t i = 0; i < RECORDS; i += 7) {
            tfr_entry entry = tfr_index_entries(index)[i];
            CHECK(tfr_reader_read(reader, i, payload, sizeof payload, &size, NULL) == TFR_OK);
            CHECK(size == entry.size - 16);
            CHECK(memcmp(payload, data + entry.offset + 12, size) == 0);
        }
        tfr_reader_free(reader);
    }
    tfr_source_free(source);
    tfr_index_free(index);
}

static int32_t count_regions(void *context, const tfr_skipped *region) {
    CHECK(region->start < region->end && region->incomplete_tail);
    CHECK(tfr_error_status(region->error) == TFR_ERR_TRUNCATED);
    ++*(int *)context;
    return 0;
}

/* An index of the first bytes is resumed, as for a file. */
static void test_growing(void) {
    tfr_options *options = options_with(0, TFR_CHECKSUMS_AUTO);
    reads how = ALL;
    tfr_index *index = NULL;
    uint64_t count = 0;
    int left = 0;
    CHECK(tfr_options_set_allow_incomplete_tail(options, 1, NULL) == TFR_OK);
    CHECK(tfr_options_set_on_skipped(options, count_regions, &left, NULL) == TFR_OK);
    tfr_source *source = source_of(read_at, &how, 10 * THREE_SIZE + 30);
    CHECK(tfr_index_create_from_source(source, path, options, &count, NULL) == TFR_OK);
    CHECK(count == 31 && left == 1);
    CHECK(tfr_options_set_resume(options, 1, NULL) == TFR_OK);
    tfr_source_free(source);
    source = source_of(read_at, &how, SIZE);
    CHECK(tfr_index_create_from_source(source, path, options, &count, NULL) == TFR_OK);
    CHECK(count == RECORDS && left == 1 && tfr_index_read(path, &index, NULL) == TFR_OK);
    check_equal(index);
    tfr_source_free(source);
    source = source_of(read_at, &how, THREE_SIZE);
    CHECK(tfr_index_create_from_source(source, path, options, &count, NULL) == TFR_ERR_MISMATCH);
    tfr_source_free(source);
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
    test_all_calls(false);
    test_all_calls(true);
    test_memory();
    test_ownership();
    test_failures();
    test_interruptions_and_sizes();
    test_reader();
    test_growing();
    test_gzip();
    free(data);
    return 0;
}
