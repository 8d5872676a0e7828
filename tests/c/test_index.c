/* Every function of the C ABI, used as intended. argv[1] is an empty directory. */
#include "check.h"

static char folder[4096];

static const char *in_folder(const char *name) {
    static char path[5000];
    CHECK(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path);
    return path;
}

static void write_file(const char *name, const void *bytes, size_t size) {
    FILE *file = fopen(in_folder(name), "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes, 1, size, file) == size);
    CHECK(fclose(file) == 0);
}

static void expect_file(const char *name, const char *text) {
    char bytes[256];
    FILE *file = fopen(in_folder(name), "rb");
    CHECK(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    CHECK(fclose(file) == 0);
    CHECK(size == strlen(text) && memcmp(bytes, text, size) == 0);
}

static void expect_three(const tfr_index *index) {
    const tfr_entry expected[] = {{0, 21}, {21, 16}, {37, 19}};
    CHECK(tfr_index_len(index) == 3);
    const tfr_entry *entries = tfr_index_entries(index);
    for (size_t i = 0; i < 3; i++) {
        tfr_entry entry = {0, 0};
        CHECK(tfr_index_get(index, i, &entry, NULL) == TFR_OK);
        CHECK(entry.offset == expected[i].offset && entry.size == expected[i].size);
        CHECK(entries[i].offset == entry.offset && entries[i].size == entry.size);
    }
}

static void versions_and_names(void) {
    CHECK(tfr_abi_version() == TFR_ABI_VERSION);
    CHECK(strcmp(tfr_version(), EXPECTED_VERSION) == 0);
    CHECK(strcmp(tfr_status_name(TFR_OK), "TFR_OK") == 0);
    CHECK(strcmp(tfr_status_name(TFR_ERR_PANIC), "TFR_ERR_PANIC") == 0);
    CHECK(strcmp(tfr_status_name(-1), "TFR_UNKNOWN_STATUS") == 0);
    CHECK(strcmp(tfr_status_name(19), "TFR_UNKNOWN_STATUS") == 0);
}

static void files(void) {
    uint64_t count = 0;
    tfr_error *error = NULL;
    tfr_index *index = NULL;

    write_file("three.tfrecord", THREE, THREE_SIZE);
    char data_path[5000];
    strcpy(data_path, in_folder("three.tfrecord"));

    /* By default the data's path gives the index's path. */
    CHECK(tfr_index_create(data_path, NULL, NULL, &count, &error) == TFR_OK);
    CHECK(count == 3 && error == NULL);
    expect_file("three.tfrecord.idx", "0 21\n21 16\n37 19\n");
    CHECK(tfr_index_create(data_path, in_folder("other"), NULL, NULL, NULL) == TFR_OK);
    expect_file("other", "0 21\n21 16\n37 19\n");

    CHECK(tfr_index_read(in_folder("other"), &index, &error) == TFR_OK);
    expect_three(index);
    CHECK(tfr_index_write(index, in_folder("copy"), &error) == TFR_OK);
    expect_file("copy", "0 21\n21 16\n37 19\n");
    tfr_index_free(index);

    CHECK(tfr_index_scan(data_path, NULL, &index, &error) == TFR_OK);
    expect_three(index);
    tfr_index_free(index);

    /* The data itself is never replaced. */
    CHECK(tfr_index_create(data_path, data_path, NULL, &count, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(tfr_error_path(error), data_path) == 0);
    tfr_error_free(error);
}

static void memory(void) {
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_index_from_bytes(THREE, THREE_SIZE, NULL, &index, &error) == TFR_OK);
    expect_three(index);

    char *text = NULL;
    size_t size = 0;
    CHECK(tfr_index_to_text(index, &text, &size, &error) == TFR_OK);
    CHECK(strcmp(text, "0 21\n21 16\n37 19\n") == 0 && size == strlen(text));
    tfr_index *again = NULL;
    CHECK(tfr_index_from_text(text, size, &again, &error) == TFR_OK);
    expect_three(again);
    tfr_index_free(again);
    tfr_text_free(text);

    /* A selection: every other record, backwards. */
    const tfr_entry *entries = tfr_index_entries(index);
    const tfr_entry chosen[] = {entries[2], entries[0]};
    tfr_index *selection = NULL;
    CHECK(tfr_index_from_entries(chosen, 2, &selection, &error) == TFR_OK);
    CHECK(tfr_index_to_text(selection, &text, NULL, &error) == TFR_OK);
    CHECK(strcmp(text, "37 19\n0 21\n") == 0);
    tfr_text_free(text);
    tfr_index_free(selection);
    tfr_index_free(index);

    /* No bytes, no text and no entries are an empty index. */
    CHECK(tfr_index_from_bytes(NULL, 0, NULL, &index, &error) == TFR_OK);
    CHECK(tfr_index_len(index) == 0 && tfr_index_entries(index) == NULL);
    CHECK(tfr_index_to_text(index, &text, &size, &error) == TFR_OK);
    CHECK(size == 0 && text[0] == '\0');
    tfr_text_free(text);
    tfr_index_free(index);
    CHECK(tfr_index_from_text(NULL, 0, &index, &error) == TFR_OK);
    tfr_index_free(index);
    CHECK(tfr_index_from_entries(NULL, 0, &index, &error) == TFR_OK);
    tfr_index_free(index);
}

static void errors(void) {
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    tfr_entry entry = {7, 7};

    /* A file that isn't there. */
    const char *missing = in_folder("missing");
    CHECK(tfr_index_read(missing, &index, &error) == TFR_ERR_IO);
    CHECK(index == NULL);
    CHECK(tfr_error_status(error) == TFR_ERR_IO);
    CHECK(tfr_error_os_error(error) == 2); /* ENOENT */
    CHECK(strcmp(tfr_error_path(error), missing) == 0);
    CHECK(strstr(tfr_error_message(error), missing) != NULL);
    CHECK(tfr_error_record(error) == TFR_UNKNOWN);
    CHECK(tfr_error_offset(error) == TFR_UNKNOWN);
    tfr_error_free(error);

    /* Data that ends in the middle of record 2. */
    CHECK(tfr_index_from_bytes(THREE, THREE_SIZE - 1, NULL, &index, &error) == TFR_ERR_TRUNCATED);
    CHECK(index == NULL);
    CHECK(tfr_error_record(error) == 2 && tfr_error_offset(error) == 37);
    CHECK(tfr_error_path(error) == NULL && tfr_error_os_error(error) == 0);
    CHECK(tfr_error_format(error) == NULL && tfr_error_stored_crc(error) == TFR_UNKNOWN);
    tfr_error_free(error);

    /* Data of another format. */
    const char *page = "<!DOCTYPE html>\n<title>404 Not Found</title>\n";
    CHECK(tfr_index_from_bytes((const uint8_t *)page, strlen(page), NULL, &index, &error) ==
          TFR_ERR_NOT_TFRECORD);
    CHECK(strcmp(tfr_error_format(error), "HTML") == 0);
    tfr_error_free(error);

    /* A record that isn't there leaves the output alone; success clears the error. */
    CHECK(tfr_index_from_bytes(THREE, THREE_SIZE, NULL, &index, &error) == TFR_OK);
    CHECK(error == NULL);
    CHECK(tfr_index_get(index, 3, &entry, &error) == TFR_ERR_OUT_OF_RANGE);
    CHECK(entry.offset == 7 && tfr_error_record(error) == 3);
    tfr_error_free(error);
    CHECK(tfr_index_get(index, SIZE_MAX, &entry, NULL) == TFR_ERR_OUT_OF_RANGE);
    tfr_index_free(index);

    /* Counts too large for any memory. */
    CHECK(tfr_index_from_bytes(THREE, SIZE_MAX, NULL, &index, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_index_from_entries(&entry, SIZE_MAX / 16 + 1, &index, NULL) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_index_from_entries((const tfr_entry *)((const char *)&entry + 1), 1, &index, NULL) ==
          TFR_ERR_INVALID_ARGUMENT);
}

struct progress {
    int calls;
    uint64_t bytes_done, bytes_total, records;
    int32_t answer;
};

static int32_t on_progress(void *context, uint64_t bytes_done, uint64_t bytes_total,
                           uint64_t records) {
    struct progress *progress = context;
    progress->calls++;
    progress->bytes_done = bytes_done;
    progress->bytes_total = bytes_total;
    progress->records = records;
    return progress->answer;
}

static void options(void) {
    tfr_options *options = NULL;
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    uint8_t damaged[THREE_SIZE];
    memcpy(damaged, THREE, THREE_SIZE);
    damaged[12] ^= 1; /* the first payload */

    CHECK(tfr_options_new(&options, &error) == TFR_OK);
    CHECK(tfr_index_from_bytes(damaged, THREE_SIZE, options, &index, &error) == TFR_OK);
    tfr_index_free(index);
    CHECK(tfr_options_set_checksums(options, TFR_CHECKSUMS_FULL, &error) == TFR_OK);
    CHECK(tfr_index_from_bytes(damaged, THREE_SIZE, options, &index, &error) ==
          TFR_ERR_PAYLOAD_CRC);
    CHECK(tfr_error_record(error) == 0 && tfr_error_offset(error) == 0);
    CHECK(tfr_error_stored_crc(error) == 0x191c1fbb);
    CHECK(tfr_error_computed_crc(error) != TFR_UNKNOWN);
    tfr_error_free(error);
    CHECK(tfr_options_set_checksums(options, 4, &error) == TFR_ERR_INVALID_ARGUMENT);
    tfr_error_free(error);
    CHECK(tfr_options_set_checksums(options, -1, NULL) == TFR_ERR_INVALID_ARGUMENT);

    CHECK(tfr_options_set_threads(options, 2, &error) == TFR_OK);
    struct progress progress = {0, 0, 0, 0, 0};
    CHECK(tfr_options_set_progress(options, on_progress, &progress, &error) == TFR_OK);
    CHECK(tfr_index_from_bytes(THREE, THREE_SIZE, options, &index, &error) == TFR_OK);
    CHECK(progress.calls == 2 && progress.records == 3);
    CHECK(progress.bytes_done == THREE_SIZE && progress.bytes_total == THREE_SIZE);
    tfr_index_free(index);

    /* A cancelled scan leaves no file. */
    progress.answer = 1;
    write_file("cancelled.tfrecord", THREE, THREE_SIZE);
    CHECK(tfr_index_create(in_folder("cancelled.tfrecord"), NULL, options, NULL, &error) ==
          TFR_ERR_CANCELLED);
    CHECK(fopen(in_folder("cancelled.tfrecord.idx"), "rb") == NULL);
    tfr_error_free(error);

    CHECK(tfr_options_set_progress(options, NULL, NULL, NULL) == TFR_OK);
    CHECK(tfr_index_from_bytes(THREE, THREE_SIZE, options, &index, NULL) == TFR_OK);
    tfr_index_free(index);
    tfr_options_free(options);
}

struct region {
    int calls;
    uint64_t start, end, record;
    tfr_status status;
    int32_t incomplete_tail;
    int32_t answer;
};

static int32_t on_skipped(void *context, const tfr_skipped *skipped) {
    struct region *region = context;
    region->calls++;
    region->start = skipped->start;
    region->end = skipped->end;
    region->record = skipped->record;
    region->status = tfr_error_status(skipped->error);
    region->incomplete_tail = skipped->incomplete_tail;
    CHECK(tfr_error_offset(skipped->error) == skipped->start);
    return region->answer;
}

static void salvage(void) {
    tfr_options *options = NULL;
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    struct region region = {0, 0, 0, 0, TFR_OK, 7, 0};
    uint8_t damaged[THREE_SIZE];
    memcpy(damaged, THREE, THREE_SIZE);
    damaged[21] ^= 1; /* the second length */

    CHECK(tfr_index_from_bytes(damaged, THREE_SIZE, NULL, &index, NULL) == TFR_ERR_LENGTH_CRC);
    CHECK(tfr_options_new(&options, &error) == TFR_OK);
    CHECK(tfr_options_set_salvage(options, 1, &error) == TFR_OK);
    CHECK(tfr_options_set_on_skipped(options, on_skipped, &region, &error) == TFR_OK);
    CHECK(tfr_index_from_bytes(damaged, THREE_SIZE, options, &index, &error) == TFR_OK);
    CHECK(tfr_index_len(index) == 2 && tfr_index_entries(index)[1].offset == 37);
    CHECK(region.calls == 1 && region.start == 21 && region.end == 37 && region.record == 1);
    CHECK(region.status == TFR_ERR_LENGTH_CRC && region.incomplete_tail == 0);
    tfr_index_free(index);

    region.answer = 1;
    CHECK(tfr_index_from_bytes(damaged, THREE_SIZE, options, &index, NULL) == TFR_ERR_CANCELLED);
    CHECK(region.calls == 2 && index == NULL);
    CHECK(tfr_options_set_on_skipped(options, NULL, NULL, NULL) == TFR_OK);
    CHECK(tfr_index_from_bytes(damaged, THREE_SIZE, options, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == 2 && region.calls == 2);
    tfr_index_free(index);
    CHECK(tfr_options_set_salvage(options, 0, NULL) == TFR_OK);
    CHECK(tfr_index_from_bytes(damaged, THREE_SIZE, options, &index, NULL) == TFR_ERR_LENGTH_CRC);
    tfr_options_free(options);
}

/* A file that grows while it is indexed. */
static void resume(void) {
    tfr_options *options = NULL;
    tfr_error *error = NULL;
    uint64_t count = 0;
    struct region tail = {0, 0, 0, 0, TFR_OK, 0, 0};
    const char *path;

    write_file("growing.tfrecord", THREE, 40);
    CHECK(tfr_options_new(&options, &error) == TFR_OK);
    CHECK(tfr_options_set_allow_incomplete_tail(options, 1, &error) == TFR_OK);
    CHECK(tfr_options_set_on_skipped(options, on_skipped, &tail, &error) == TFR_OK);
    CHECK(tfr_options_set_resume(options, 1, &error) == TFR_OK);
    path = in_folder("growing.tfrecord");
    CHECK(tfr_index_create(path, NULL, options, &count, &error) == TFR_OK && count == 2);
    CHECK(tail.calls == 1 && tail.start == 37 && tail.end == 40 && tail.record == 2);
    CHECK(tail.status == TFR_ERR_TRUNCATED && tail.incomplete_tail == 1);
    expect_file("growing.tfrecord.idx", "0 21\n21 16\n");
    write_file("growing.tfrecord", THREE, THREE_SIZE);
    path = in_folder("growing.tfrecord");
    CHECK(tfr_index_create(path, NULL, options, &count, &error) == TFR_OK && count == 3);
    CHECK(tail.calls == 1);
    expect_file("growing.tfrecord.idx", "0 21\n21 16\n37 19\n");
    write_file("growing.tfrecord", THREE, 21);
    path = in_folder("growing.tfrecord");
    CHECK(tfr_index_create(path, NULL, options, &count, &error) == TFR_ERR_MISMATCH);
    tfr_error_free(error);
    tfr_options_free(options);
}

static void check(void) {
    tfr_index *index = NULL;
    tfr_options *options = NULL;
    tfr_error *error = NULL;
    tfr_fit fit = {7, 7};

    write_file("checked.tfrecord", THREE, THREE_SIZE);
    char path[5000];
    strcpy(path, in_folder("checked.tfrecord"));
    CHECK(tfr_index_scan(path, NULL, &index, NULL) == TFR_OK);
    for (int32_t level = TFR_CHECK_QUICK; level <= TFR_CHECK_FULL; level++) {
        CHECK(tfr_index_check(index, path, level, NULL, &fit, &error) == TFR_OK);
        CHECK(fit.uncovered_bytes == 0 && fit.flags == 0 && error == NULL);
        CHECK(tfr_index_check(index, path, level, NULL, NULL, NULL) == TFR_OK);
    }
    CHECK(tfr_index_check(index, path, 3, NULL, NULL, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_index_check(index, path, -1, NULL, NULL, NULL) == TFR_ERR_INVALID_ARGUMENT);

    /* The file is cut short. */
    write_file("cut.tfrecord", THREE, THREE_SIZE - 1);
    fit.uncovered_bytes = fit.flags = 7;
    CHECK(tfr_index_check(index, in_folder("cut.tfrecord"), TFR_CHECK_QUICK, NULL, &fit, &error) ==
          TFR_ERR_STALE);
    CHECK(fit.uncovered_bytes == 7 && fit.flags == 7);
    CHECK(tfr_error_record(error) == 2 && tfr_error_offset(error) == 37);
    CHECK(strcmp(tfr_error_path(error), in_folder("cut.tfrecord")) == 0);
    tfr_error_free(error);
    tfr_index_free(index);

    /* An index of only the first records is stale, unless the caller accepts that. */
    CHECK(tfr_index_from_text("21 16\n0 21\n0 21\n", 16, &index, NULL) == TFR_OK);
    CHECK(tfr_index_check(index, path, TFR_CHECK_QUICK, NULL, NULL, NULL) == TFR_ERR_STALE);
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_allow_partial(options, 1, &error) == TFR_OK);
    CHECK(tfr_options_set_checksums(options, TFR_CHECKSUMS_NONE, NULL) == TFR_OK);
    CHECK(tfr_index_check(index, path, TFR_CHECK_FULL, options, &fit, NULL) == TFR_OK);
    CHECK(fit.uncovered_bytes == 19);
    CHECK(fit.flags ==
          (TFR_FIT_REORDERED | TFR_FIT_REPEATED | TFR_FIT_CHECKSUMS_SKIPPED | TFR_FIT_PARTIAL));
    CHECK(tfr_options_set_allow_partial(options, 0, NULL) == TFR_OK);
    CHECK(tfr_index_check(index, path, TFR_CHECK_FULL, options, NULL, NULL) == TFR_ERR_STALE);
    tfr_options_free(options);
    tfr_index_free(index);
}

/* Every part of each frame; the third frame has one wrong bit. */
static void locate(void) {
    tfr_location at;
    tfr_error *error = NULL;
    char path[5000];
    uint8_t damaged[THREE_SIZE];
    memcpy(damaged, THREE, THREE_SIZE);
    damaged[50] ^= 1;
    write_file("located.tfrecord", damaged, THREE_SIZE);
    strcpy(path, in_folder("located.tfrecord"));
    static const struct {
        uint64_t byte, record, offset, length;
        tfr_part part;
    } PLACES[] = {
        {0, 0, 0, 5, TFR_PART_LENGTH},        {8, 0, 0, 5, TFR_PART_LENGTH_CRC},
        {16, 0, 0, 5, TFR_PART_PAYLOAD},      {17, 0, 0, 5, TFR_PART_PAYLOAD_CRC},
        {36, 1, 21, 0, TFR_PART_PAYLOAD_CRC}, {49, 2, 37, 3, TFR_PART_PAYLOAD},
    };
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++) {
        CHECK(tfr_locate(path, PLACES[i].byte, NULL, &at, &error) == TFR_OK && error == NULL);
        CHECK(at.record == PLACES[i].record && at.offset == PLACES[i].offset);
        CHECK(at.length == PLACES[i].length && at.part == PLACES[i].part);
        CHECK(at.stored_length_crc == at.computed_length_crc);
        CHECK(at.stored_payload_crc != TFR_UNKNOWN);
        CHECK((at.stored_payload_crc == at.computed_payload_crc) == (at.record < 2));
    }
    CHECK(tfr_locate(path, THREE_SIZE, NULL, &at, &error) == TFR_ERR_OUT_OF_RANGE);
    CHECK(strcmp(tfr_error_path(error), path) == 0);
    tfr_error_free(error);
    write_file("located.tfrecord", THREE, 40); /* nobody knows where the third one ends */
    CHECK(tfr_locate(path, 38, NULL, &at, NULL) != TFR_OK || at.stored_payload_crc == TFR_UNKNOWN);
}

int main(int argc, char **argv) {
    CHECK(argc == 2 && strlen(argv[1]) < sizeof folder);
    strcpy(folder, argv[1]);
    versions_and_names();
    files();
    memory();
    errors();
    options();
    salvage();
    resume();
    check();
    locate();
    return 0;
}
