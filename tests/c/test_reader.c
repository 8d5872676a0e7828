/* Readers: one record, many records, many threads. argv[1] is an empty directory. */
#include <pthread.h>

#include "check.h"

static const char *const PAYLOADS[] = {"hello", "", "abc"};
static char path[5000];

static void write_file(const uint8_t *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

static tfr_reader *open_reader(const tfr_index *index, const tfr_options *options) {
    tfr_reader *reader = NULL;
    tfr_error *error = NULL;
    tfr_status status = tfr_reader_open(path, index, options, &reader, &error);
    if (status != TFR_OK) {
        fprintf(stderr, "%s\n", tfr_error_message(error));
    }
    CHECK(status == TFR_OK && error == NULL && reader != NULL);
    return reader;
}

static void one_record(const tfr_reader *reader) {
    CHECK(tfr_reader_len(reader) == 3);
    tfr_entry entry = {0};
    CHECK(tfr_reader_entry(reader, 2, &entry, NULL) == TFR_OK && entry.offset == 37);
    CHECK(tfr_reader_entry(reader, 3, &entry, NULL) == TFR_ERR_OUT_OF_RANGE && entry.offset == 37);
    tfr_index *index = NULL;
    CHECK(tfr_reader_index(reader, &index, NULL) == TFR_OK && tfr_index_len(index) == 3);
    CHECK(tfr_index_entries(index)[2].offset == 37);
    tfr_index_free(index);
    for (size_t i = 0; i < 3; i++) {
        uint8_t buffer[8] = {0};
        size_t size = 77;
        CHECK(tfr_reader_sizes(reader, &i, 1, &size, NULL) == TFR_OK);
        CHECK(size == strlen(PAYLOADS[i]));
        size = 77;
        CHECK(tfr_reader_read(reader, i, buffer, sizeof buffer, &size, NULL) == TFR_OK);
        CHECK(size == strlen(PAYLOADS[i]) && memcmp(buffer, PAYLOADS[i], size) == 0);
        CHECK(tfr_reader_read(reader, i, buffer, size, NULL, NULL) == TFR_OK);
    }

    uint8_t buffer[4];
    size_t size = 77;
    tfr_error *error = NULL;
    CHECK(tfr_reader_read(reader, 0, buffer, 4, &size, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(size == 77 && tfr_error_record(error) == 0);
    CHECK(strstr(tfr_error_message(error), "needs 5") != NULL);
    tfr_error_free(error);
    CHECK(tfr_reader_read(reader, 0, buffer, 0, &size, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_reader_read(reader, 3, buffer, 4, &size, &error) == TFR_ERR_OUT_OF_RANGE);
    CHECK(tfr_error_record(error) == 3 && strcmp(tfr_error_path(error), path) == 0);
    tfr_error_free(error);
    CHECK(tfr_reader_read(reader, SIZE_MAX, NULL, 0, &size, NULL) == TFR_ERR_OUT_OF_RANGE);
    CHECK(tfr_reader_read(reader, 0, NULL, 0, &size, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(tfr_error_message(error), "needs 5") != NULL);
    tfr_error_free(error);
    CHECK(size == 77 && tfr_reader_read(reader, 1, NULL, 0, &size, NULL) == TFR_OK && size == 0);
}

static void many_records(const tfr_reader *reader) {
    const size_t records[] = {2, 0, 0, 1};
    size_t offsets[5] = {0};
    size_t sizes[4] = {0};
    const size_t expected_sizes[] = {3, 5, 5, 0};
    CHECK(tfr_reader_sizes(reader, records, 4, sizes, NULL) == TFR_OK);
    CHECK(memcmp(sizes, expected_sizes, sizeof sizes) == 0);
    CHECK(tfr_reader_offsets(reader, records, 4, offsets, NULL) == TFR_OK);
    CHECK(offsets[0] == 0 && offsets[4] == 13);
    CHECK(tfr_reader_read_many(reader, records, 4, NULL, 0, offsets, NULL) ==
          TFR_ERR_INVALID_ARGUMENT);
    uint8_t *buffer = malloc(offsets[4]);
    CHECK(buffer != NULL);
    memset(offsets, 0xff, sizeof offsets);
    CHECK(tfr_reader_read_many(reader, records, 4, buffer, 13, offsets, NULL) == TFR_OK);
    CHECK(memcmp(buffer, "abchellohello", 13) == 0);
    const size_t expected[] = {0, 3, 8, 13, 13};
    CHECK(memcmp(offsets, expected, sizeof expected) == 0);
    memset(buffer, 0, 13);
    CHECK(tfr_reader_read_many(reader, records, 4, buffer, 13, NULL, NULL) == TFR_OK);
    CHECK(memcmp(buffer, "abchellohello", 13) == 0);
    CHECK(tfr_reader_read_many(reader, NULL, 0, NULL, 0, offsets, NULL) == TFR_OK);
    CHECK(offsets[0] == 0);

    tfr_error *error = NULL;
    memset(offsets, 0xff, sizeof offsets);
    CHECK(tfr_reader_read_many(reader, records, 4, buffer, 12, offsets, &error) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(tfr_error_message(error), "need 13") != NULL);
    CHECK(offsets[0] == SIZE_MAX);
    tfr_error_free(error);
    CHECK(tfr_reader_read_many(reader, (size_t[]){1, 3}, 2, buffer, 13, offsets, &error) ==
          TFR_ERR_OUT_OF_RANGE);
    CHECK(tfr_error_record(error) == 3);
    tfr_error_free(error);
    memset(offsets, 0xff, sizeof offsets);
    CHECK(tfr_reader_offsets(reader, (size_t[]){1, 3}, 2, offsets, NULL) == TFR_ERR_OUT_OF_RANGE);
    CHECK(tfr_reader_sizes(reader, (size_t[]){1, 3}, 2, offsets, &error) == TFR_ERR_OUT_OF_RANGE);
    CHECK(tfr_error_record(error) == 3 && offsets[0] == SIZE_MAX);
    tfr_error_free(error);
    free(buffer);
}

static void buffers_of_their_own(const tfr_reader *reader) {
    const size_t records[] = {2, 0, 1, 0};
    char one[3], other[] = "......", tight[5];
    uint8_t *buffers[] = {(uint8_t *)one, (uint8_t *)other, NULL, (uint8_t *)tight};
    size_t capacities[] = {3, 6, 0, 5};
    CHECK(tfr_reader_read_each(reader, records, 4, buffers, capacities, NULL) == TFR_OK);
    CHECK(memcmp(one, "abc", 3) == 0 && memcmp(other, "hello.", 6) == 0);
    CHECK(memcmp(tight, "hello", 5) == 0);
    CHECK(tfr_reader_read_each(reader, NULL, 0, NULL, NULL, NULL) == TFR_OK);

    tfr_error *error = NULL;
    capacities[3] = 4;
    CHECK(tfr_reader_read_each(reader, records, 4, buffers, capacities, &error) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(tfr_error_message(error), "needs 5") != NULL && tfr_error_record(error) == 0);
    tfr_error_free(error);
}

static void raw_frames(void) {
    tfr_options *options = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_raw_frames(options, 1, NULL) == TFR_OK);
    tfr_reader *reader = open_reader(NULL, options);
    tfr_options_free(options);
    uint8_t frames[THREE_SIZE];
    size_t offsets[4];
    CHECK(tfr_reader_read_many(reader, (size_t[]){0, 1, 2}, 3, frames, sizeof frames, offsets,
                               NULL) == TFR_OK);
    CHECK(offsets[3] == THREE_SIZE && memcmp(frames, THREE, THREE_SIZE) == 0);
    tfr_reader_free(reader);
}

static void given_index(void) {
    tfr_index *index = NULL;
    CHECK(tfr_index_from_text("37 19\n0 21\n0 22\n0 999\n", 21, &index, NULL) == TFR_OK);
    tfr_reader *reader = open_reader(index, NULL);
    tfr_index_free(index); /* the reader keeps its own reference */
    uint8_t buffer[1000];
    size_t size = 0;
    tfr_error *error = NULL;
    CHECK(tfr_reader_len(reader) == 4);
    CHECK(tfr_reader_read(reader, 0, buffer, sizeof buffer, &size, NULL) == TFR_OK);
    CHECK(size == 3 && memcmp(buffer, "abc", 3) == 0);
    for (size_t record = 2; record < 4; record++) {
        CHECK(tfr_reader_read(reader, record, buffer, sizeof buffer, NULL, &error) ==
              TFR_ERR_MISMATCH);
        CHECK(tfr_error_record(error) == record && tfr_error_offset(error) == 0);
        tfr_error_free(error);
    }
    tfr_reader_free(reader);
}

/* An index that is found must account for all records; one that is given is used as it is. */
static void an_index_is_found_or_given(void) {
    tfr_index *part = NULL;
    char index_path[sizeof path + 4];
    snprintf(index_path, sizeof index_path, "%s.idx", path);
    write_file(THREE, THREE_SIZE);
    CHECK(tfr_index_from_text("21 16\n37 19\n", 12, &part, NULL) == TFR_OK);
    CHECK(tfr_index_write(part, index_path, NULL) == TFR_OK);
    tfr_reader *found = open_reader(NULL, NULL);
    CHECK(tfr_reader_len(found) == 3);
    const tfr_error *warning = tfr_reader_warning(found);
    CHECK(tfr_error_status(warning) == TFR_ERR_STALE);
    CHECK(strcmp(tfr_error_path(warning), index_path) == 0);
    CHECK(strstr(tfr_error_message(warning), "is not used") != NULL);
    tfr_reader_free(found);
    tfr_reader *given = open_reader(part, NULL);
    CHECK(tfr_reader_len(given) == 2 && tfr_reader_warning(given) == NULL);
    tfr_reader_free(given);
    tfr_index_free(part);
    CHECK(remove(index_path) == 0);
    CHECK(tfr_reader_warning(NULL) == NULL);
}

/* A sparse terabyte that begins with THREE. */
static int64_t read_three(void *context, uint64_t offset, uint8_t *buffer, size_t size) {
    (void)context;
    memset(buffer, 0, size);
    if (offset < THREE_SIZE) {
        size_t left = THREE_SIZE - (size_t)offset;
        memcpy(buffer, THREE + offset, left < size ? left : size);
    }
    return (int64_t)size;
}

static void memory_is_taken_for_what_is_there(void) {
    tfr_source *source = NULL;
    CHECK(tfr_source_new(read_three, NULL, UINT64_C(1) << 40, &source, NULL) == TFR_OK);
    tfr_index *index = NULL;
    tfr_reader *reader = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_index_from_text("37 19\n0 1099511627776\n", 22, &index, NULL) == TFR_OK);
    CHECK(tfr_reader_from_source(source, index, NULL, &reader, NULL) == TFR_OK);
    tfr_source_free(source);
    tfr_index_free(index);
    size_t size = 77, offsets[3];
    CHECK(tfr_reader_sizes(reader, (size_t[]){0}, 1, &size, NULL) == TFR_OK && size == 3);
    CHECK(tfr_reader_sizes(reader, (size_t[]){1}, 1, &size, &error) == TFR_ERR_MISMATCH);
    CHECK(size == 3);
    CHECK(tfr_error_record(error) == 1 && tfr_error_offset(error) == 0);
    tfr_error_free(error);
    CHECK(tfr_reader_offsets(reader, (size_t[]){0, 1}, 2, offsets, &error) == TFR_ERR_MISMATCH);
    CHECK(tfr_error_record(error) == 1);
    tfr_error_free(error);
    tfr_iterator *iterator = NULL;
    const uint8_t *payload = NULL;
    CHECK(tfr_reader_iterate(reader, NULL, 2, &iterator, NULL) == TFR_OK);
    CHECK(tfr_iterator_next(iterator, &payload, &size, NULL) == TFR_OK && size == 3);
    CHECK(tfr_iterator_next(iterator, &payload, &size, NULL) == TFR_ERR_MISMATCH);
    CHECK(tfr_iterator_next(iterator, &payload, &size, NULL) == TFR_OK && payload == NULL);
    tfr_iterator_free(iterator);
    tfr_reader_free(reader);
}

static void damage(void) {
    uint8_t bytes[THREE_SIZE];
    memcpy(bytes, THREE, THREE_SIZE);
    bytes[13] ^= 1;
    write_file(bytes, THREE_SIZE);
    tfr_reader *reader = open_reader(NULL, NULL);
    uint8_t buffer[64];
    size_t offsets[4];
    tfr_error *error = NULL;
    CHECK(tfr_reader_read(reader, 1, buffer, sizeof buffer, NULL, NULL) == TFR_OK);
    CHECK(tfr_reader_read(reader, 0, buffer, sizeof buffer, NULL, &error) == TFR_ERR_PAYLOAD_CRC);
    CHECK(tfr_error_record(error) == 0 && tfr_error_stored_crc(error) != TFR_UNKNOWN);
    tfr_error_free(error);
    CHECK(tfr_reader_read_many(reader, (size_t[]){2, 0, 1}, 3, buffer, sizeof buffer, offsets,
                               &error) == TFR_ERR_PAYLOAD_CRC);
    CHECK(tfr_error_record(error) == 0 && tfr_error_offset(error) == 0);
    tfr_error_free(error);
    write_file(bytes, 30); /* while it is open */
    CHECK(tfr_reader_read(reader, 2, buffer, sizeof buffer, NULL, &error) == TFR_ERR_TRUNCATED);
    tfr_error_free(error);
    tfr_reader_free(reader);

    reader = (tfr_reader *)&bytes;
    CHECK(tfr_reader_open(path, NULL, NULL, &reader, NULL) == TFR_ERR_TRUNCATED);
    CHECK(reader == NULL);
    write_file(THREE, THREE_SIZE);
}

static void *use(void *reader) {
    for (size_t i = 0; i < 300; i++) {
        one_record(reader);
        many_records(reader);
    }
    return NULL;
}

static void threads(tfr_reader *reader) {
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, use, reader) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    CHECK(snprintf(path, sizeof path, "%s/x", argv[1]) > 0);
    write_file(THREE, THREE_SIZE);
    tfr_reader *reader = open_reader(NULL, NULL);
    one_record(reader);
    many_records(reader);
    buffers_of_their_own(reader);
    threads(reader);
    tfr_reader_free(reader);
    raw_frames();
    given_index();
    an_index_is_found_or_given();
    memory_is_taken_for_what_is_there();
    damage();
    write_file(THREE, 0);
    reader = open_reader(NULL, NULL);
    CHECK(tfr_reader_len(reader) == 0);
    tfr_reader_free(reader);
    return 0;
}
