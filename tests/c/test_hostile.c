/* The tables of good and bad input: argv[1] is an empty directory, argv[2] is hostile.tsv, argv[3]
 * is hostile_index.tsv (see tests/data/make_hostile.py). */
#include "check.h"

static char line[1 << 16];
static uint8_t bytes[1 << 15];

/* Cuts the next cell off the row. */
static char *cell(char **row) {
    char *start = *row, *end = start + strcspn(start, "\t\n");
    CHECK(*end != '\0');
    *end = '\0';
    *row = end + 1;
    return start;
}

static size_t from_hex(const char *hex) {
    size_t size = strlen(hex) / 2;
    CHECK(size < sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        unsigned byte = 0;
        CHECK(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        bytes[i] = (uint8_t)byte;
    }
    return size;
}

/* Compares a call's outcome with the table's cell, and frees the index and the error. */
static void expect(const char *name, const char *outcome, tfr_status status, tfr_index *index,
                   tfr_error *error) {
    static char actual[1 << 16];
    size_t used = 0;
    if (status == TFR_OK) {
        used = (size_t)sprintf(actual, "ok:");
        for (size_t i = 0; i < tfr_index_len(index); i++) {
            tfr_entry entry = tfr_index_entries(index)[i];
            CHECK(used + 64 < sizeof actual);
            used += (size_t)sprintf(actual + used, "%s%" PRIu64 "+%" PRIu64, i == 0 ? "" : ",",
                                    entry.offset, entry.size);
        }
    } else {
        CHECK(index == NULL && tfr_error_status(error) == status);
        sprintf(actual, "%s:%" PRIu64 ":%" PRIu64, tfr_status_name((int32_t)status),
                tfr_error_record(error), tfr_error_offset(error));
    }
    if (strcmp(actual, outcome) != 0) {
        fprintf(stderr, "%s: expected %s, got %s\n", name, outcome, actual);
        exit(1);
    }
    tfr_index_free(index);
    tfr_error_free(error);
}

static void write_file(const char *path, size_t size) {
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

static void data_row(char *row, const char *path) {
    const int policies[] = {TFR_CHECKSUMS_AUTO, TFR_CHECKSUMS_NONE, TFR_CHECKSUMS_LENGTH,
                            TFR_CHECKSUMS_FULL};
    const char *name = cell(&row);
    size_t size = from_hex(cell(&row));
    write_file(path, size);
    for (size_t i = 0; i < 4; i++) {
        const char *outcome = cell(&row);
        tfr_options *options = NULL;
        tfr_index *index = NULL;
        tfr_error *error = NULL;
        tfr_status status;
        CHECK(tfr_options_new(&options, NULL) == TFR_OK);
        CHECK(tfr_options_set_checksums(options, policies[i], NULL) == TFR_OK);

        status = tfr_index_from_bytes(bytes, size, options, &index, &error);
        expect(name, outcome, status, index, error);

        status = tfr_index_scan(path, options, &index, &error);
        expect(name, outcome, status, index, error);

        /* Creating writes just what is expected, or nothing. */
        char index_path[5000];
        uint64_t count = 0;
        snprintf(index_path, sizeof index_path, "%s.idx", path);
        status = tfr_index_create(path, NULL, options, &count, &error);
        index = NULL;
        if (status == TFR_OK) {
            CHECK(tfr_index_read(index_path, &index, NULL) == TFR_OK);
            CHECK(tfr_index_len(index) == count && remove(index_path) == 0);
        } else {
            CHECK(fopen(index_path, "rb") == NULL);
        }
        expect(name, outcome, status, index, error);
        tfr_options_free(options);
    }
}

static void index_row(char *row, const char *path) {
    const char *name = cell(&row);
    size_t size = from_hex(cell(&row));
    const char *outcome = cell(&row);
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    tfr_status status = tfr_index_from_text((const char *)bytes, size, &index, &error);
    expect(name, outcome, status, index, error);
    write_file(path, size);
    status = tfr_index_read(path, &index, &error);
    expect(name, outcome, status, index, error);
}

static int for_each_row(const char *table, const char *path, void (*test)(char *, const char *)) {
    int rows = 0;
    FILE *file = fopen(table, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '#') {
            test(line, path);
            rows++;
        }
    }
    CHECK(fclose(file) == 0);
    return rows;
}

int main(int argc, char **argv) {
    char path[4096];
    CHECK(argc == 4);
    CHECK(snprintf(path, sizeof path, "%s/x", argv[1]) < (int)sizeof path);
    CHECK(for_each_row(argv[2], path, data_row) > 600);
    CHECK(for_each_row(argv[3], path, index_row) > 90);
    return 0;
}
