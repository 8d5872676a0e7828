/* Every function with NULL for each pointer that must not be NULL, and for all of them; and with
 * unaligned pointers. argv[1] is an empty directory. */
#include "check.h"

static int64_t read_nothing(void *context, uint64_t offset, uint8_t *buffer, size_t size) {
    (void)context, (void)offset, (void)buffer, (void)size;
    return 0;
}

static int32_t opens_nothing(void *context, size_t shard, tfr_opened_shard *opened, char *message) {
    (void)context, (void)shard, (void)opened, (void)message;
    return 0;
}

static int contexts_freed;

static void free_context(void *context) {
    (void)context;
    contexts_freed++;
}

/* The call fails as it should, sets the handle to NULL and names the argument. */
#define REFUSES(name, call)                                                                        \
    do {                                                                                           \
        tfr_error *error = NULL, **error_out = &error;                                             \
        CHECK((call) == TFR_ERR_INVALID_ARGUMENT);                                                 \
        CHECK(strcmp(tfr_error_message(error), name " is NULL") == 0);                             \
        tfr_error_free(error);                                                                     \
        error_out = NULL;                                                                          \
        CHECK((call) == TFR_ERR_INVALID_ARGUMENT);                                                 \
    } while (0)

/* The call fails as it should, and names the argument; what it points to stays as it is. */
#define REFUSES_MISALIGNED(name, call)                                                             \
    do {                                                                                           \
        tfr_error *error = NULL;                                                                   \
        CHECK((call) == TFR_ERR_INVALID_ARGUMENT);                                                 \
        CHECK(strcmp(tfr_error_message(error), name " is not aligned") == 0);                      \
        tfr_error_free(error);                                                                     \
        CHECK(memcmp(memory, untouched, sizeof memory) == 0);                                      \
    } while (0)

static void misaligned(const tfr_index *index, const char *path) {
    static const char untouched[64];
    static char memory[64];
    static uint64_t aligned[8]; /* so that one byte on isn't */
    void *odd = memory + 1 + (8 - (uintptr_t)memory % 8);
    const void *odd_input = (char *)aligned + 1;
    tfr_index *made = NULL;
    char *text = NULL;
    tfr_source *source = NULL;
    CHECK(tfr_source_new(read_nothing, NULL, 0, &source, NULL) == TFR_OK);
    REFUSES_MISALIGNED("index_out", tfr_index_from_bytes(THREE, THREE_SIZE, NULL, odd, &error));
    REFUSES_MISALIGNED("entry_out", tfr_index_get(index, 0, odd, &error));
    REFUSES_MISALIGNED("text_out", tfr_index_to_text(index, odd, NULL, &error));
    REFUSES_MISALIGNED("size_out", tfr_index_to_text(index, &text, odd, &error));
    REFUSES_MISALIGNED("records", tfr_index_select(index, odd_input, 1, &made, &error));
    REFUSES_MISALIGNED("index", tfr_index_shuffle(odd_input, 1, &made, &error));
    REFUSES_MISALIGNED("fit_out", tfr_index_check(index, path, 0, NULL, odd, &error));
    REFUSES_MISALIGNED("location_out", tfr_locate(path, 0, NULL, odd, &error));
    REFUSES_MISALIGNED("source", tfr_index_from_source(odd_input, NULL, &made, &error));
    REFUSES_MISALIGNED("writer_out", tfr_writer_create(path, NULL, NULL, odd, &error));
    /* Without an output the call does nothing. */
    REFUSES_MISALIGNED("count_out", tfr_index_create_from_source(source, path, NULL, odd, &error));
    tfr_source_free(source);
    CHECK(fopen(path, "rb") == NULL);
    CHECK(tfr_index_get(index, 9, odd, odd) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(memcmp(memory, untouched, sizeof memory) == 0);
}

static void features_are_required(const char *path) {
    tfr_features *features = NULL, *suggested = NULL;
    tfr_columns *columns = NULL;
    tfr_batch *batch = NULL;
    const tfr_bytes missing = {NULL, 1};
    const size_t zero[1] = {0};
    size_t count = 7;
    REFUSES("features_out", tfr_features_new(NULL, error_out));
    CHECK(tfr_features_new(&features, NULL) == TFR_OK);
    REFUSES("features", tfr_features_add(NULL, "a", 1, 1, NULL, error_out));
    REFUSES("name", tfr_features_add(features, NULL, 1, 1, NULL, error_out));
    CHECK(tfr_features_add(features, NULL, 0, 1, NULL, NULL) == TFR_OK);
    REFUSES("features", tfr_features_set_shape(NULL, 0, NULL, 0, error_out));
    REFUSES("shape", tfr_features_set_shape(features, 0, NULL, 1, error_out));
    REFUSES("features", tfr_features_set_ragged(NULL, 0, error_out));
    REFUSES("features", tfr_features_set_sequence(NULL, 0, 0, error_out));
    CHECK(tfr_features_is_sequence(NULL, 0) == 0 && tfr_features_allows_missing(NULL, 0) == 0);
    CHECK(tfr_columns_step_offsets(NULL, 0) == NULL);
    REFUSES("features", tfr_features_set_default_int64(NULL, 0, NULL, 0, error_out));
    REFUSES("values", tfr_features_set_default_int64(features, 0, NULL, 1, error_out));
    REFUSES("features", tfr_features_set_default_float(NULL, 0, NULL, 0, error_out));
    REFUSES("values", tfr_features_set_default_float(features, 0, NULL, 1, error_out));
    REFUSES("features", tfr_features_set_default_bytes(NULL, 0, NULL, 0, error_out));
    REFUSES("values", tfr_features_set_default_bytes(features, 0, NULL, 1, error_out));
    REFUSES("a value", tfr_features_set_default_bytes(features, 0, &missing, 1, error_out));
    CHECK(tfr_features_len(NULL) == 0 && tfr_features_name(NULL, 0).bytes == NULL);
    CHECK(tfr_features_kind(NULL, 0) == 0 && tfr_features_is_ragged(NULL, 0) == 0);
    CHECK(tfr_features_shape(NULL, 0, &count) == NULL && count == 0);
    CHECK(tfr_features_shape(NULL, 0, NULL) == NULL);

    REFUSES("features", tfr_columns_decode(NULL, NULL, 0, NULL, 0, 0, &columns, error_out));
    REFUSES("payloads", tfr_columns_decode(features, NULL, 1, NULL, 0, 0, &columns, error_out));
    REFUSES("offsets", tfr_columns_decode(features, NULL, 0, NULL, 1, 0, &columns, error_out));
    REFUSES("columns_out", tfr_columns_decode(features, NULL, 0, zero, 0, 0, NULL, error_out));
    CHECK(columns == NULL && tfr_columns_len(NULL) == 0 && tfr_columns_offsets(NULL, 0) == NULL);
    CHECK(tfr_columns_int64(NULL, 0, NULL) == NULL && tfr_columns_float(NULL, 0, NULL) == NULL);
    CHECK(tfr_columns_bytes(NULL, 0, NULL) == NULL && tfr_batch_columns(NULL) == NULL);
    tfr_columns_free(NULL);

    tfr_shards *shards = NULL;
    tfr_error *warning = NULL;
    CHECK(tfr_shards_from_paths(NULL, NULL, 0, &shards, NULL) == TFR_OK);
    REFUSES("shards", tfr_features_infer(NULL, 0, NULL, &suggested, error_out));
    REFUSES("features_out", tfr_features_infer(shards, 0, NULL, NULL, error_out));
    REFUSES("open",
            tfr_features_infer_from_opener(NULL, 0, NULL, NULL, 0, NULL, &suggested, error_out));
    REFUSES("paths", tfr_features_infer_from_opener(NULL, 1, opens_nothing, NULL, 0, NULL,
                                                    &suggested, error_out));
    REFUSES("features_out",
            tfr_features_infer_from_opener(NULL, 0, opens_nothing, NULL, 0, NULL, NULL, error_out));
    REFUSES("features", tfr_features_warning(NULL, 0, &warning, error_out));
    REFUSES("warning_out", tfr_features_warning(features, 0, NULL, error_out));
    CHECK(suggested == NULL && warning == NULL);
    tfr_report *report = NULL;
    char *text = NULL;
    REFUSES("shards", tfr_report_new(NULL, 0, 0, 0, 0, NULL, &report, error_out));
    REFUSES("report_out", tfr_report_new(shards, 0, 0, 0, 0, NULL, NULL, error_out));
    REFUSES("open",
            tfr_report_from_opener(NULL, 0, NULL, NULL, 0, 0, 0, 0, NULL, &report, error_out));
    REFUSES("paths", tfr_report_from_opener(NULL, 1, opens_nothing, NULL, 0, 0, 0, 0, NULL, &report,
                                            error_out));
    REFUSES("report_out", tfr_report_from_opener(NULL, 0, opens_nothing, NULL, 0, 0, 0, 0, NULL,
                                                 NULL, error_out));
    CHECK(report == NULL);
    CHECK(tfr_report_new(shards, 0, 0, 0, 0, NULL, &report, NULL) == TFR_OK);
    REFUSES("report", tfr_report_to_html(NULL, &text, error_out));
    REFUSES("text_out", tfr_report_to_html(report, NULL, error_out));
    REFUSES("report", tfr_report_to_json(NULL, &text, error_out));
    REFUSES("text_out", tfr_report_to_json(report, NULL, error_out));
    REFUSES("report", tfr_report_write(NULL, path, error_out));
    REFUSES("path", tfr_report_write(report, NULL, error_out));
    CHECK(text == NULL);
    tfr_report_free(report);
    tfr_report_free(NULL);
    tfr_shards_free(shards);

    const tfr_feature_values no_name = {NULL, 1, 1, NULL, 0, NULL};
    const tfr_feature_values no_values = {"a", 1, 3, NULL, 1, NULL};
    const tfr_feature_values no_value = {"a", 1, 1, &missing, 1, NULL};
    REFUSES("batch_out", tfr_encode_examples(0, NULL, 0, NULL, error_out));
    REFUSES("features", tfr_encode_examples(0, NULL, 1, &batch, error_out));
    REFUSES("a name", tfr_encode_examples(0, &no_name, 1, &batch, error_out));
    REFUSES("values", tfr_encode_examples(1, &no_values, 1, &batch, error_out));
    REFUSES("a value", tfr_encode_examples(1, &no_value, 1, &batch, error_out));
    REFUSES("writer", tfr_writer_write_examples(NULL, 0, NULL, 0, error_out));
    tfr_writer *writer = NULL;
    CHECK(tfr_writer_create(path, NULL, NULL, &writer, NULL) == TFR_OK);
    REFUSES("features", tfr_writer_write_examples(writer, 0, NULL, 1, error_out));
    REFUSES("values", tfr_writer_write_examples(writer, 1, &no_values, 1, error_out));
    tfr_writer_free(writer);

    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fclose(file) == 0);
    tfr_reader *reader = NULL;
    tfr_dataset *dataset = NULL;
    tfr_order *order = NULL;
    tfr_batches *batches = NULL;
    CHECK(tfr_reader_open(path, NULL, NULL, &reader, NULL) == TFR_OK);
    CHECK(tfr_dataset_open(&path, NULL, NULL, NULL, 1, NULL, &dataset, NULL) == TFR_OK);
    REFUSES("reader", tfr_reader_read_columns(NULL, NULL, 0, features, &batch, error_out));
    REFUSES("records", tfr_reader_read_columns(reader, NULL, 1, features, &batch, error_out));
    REFUSES("features", tfr_reader_read_columns(reader, NULL, 0, NULL, &batch, error_out));
    REFUSES("batch_out", tfr_reader_read_columns(reader, NULL, 0, features, NULL, error_out));
    REFUSES("dataset", tfr_dataset_read_columns(NULL, NULL, 0, features, &batch, error_out));
    REFUSES("records", tfr_dataset_read_columns(dataset, NULL, 1, features, &batch, error_out));
    REFUSES("features", tfr_dataset_read_columns(dataset, NULL, 0, NULL, &batch, error_out));
    REFUSES("batch_out", tfr_dataset_read_columns(dataset, NULL, 0, features, NULL, error_out));
    CHECK(tfr_order_new(0, &order, NULL) == TFR_OK);
    CHECK(tfr_batches_new(dataset, order, 1, 0, 0, &batches, NULL) == TFR_OK);
    REFUSES("batches", tfr_batches_set_features(NULL, features, error_out));
    REFUSES("features", tfr_batches_set_features(batches, NULL, error_out));
    tfr_batches_free(batches);
    tfr_order_free(order);
    tfr_dataset_free(dataset);
    tfr_reader_free(reader);
    CHECK(batch == NULL && remove(path) == 0);
    tfr_features_free(features);
    tfr_features_free(NULL);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/x", argv[1]) < (int)sizeof path);
    tfr_entry entry = {0, 16};
    tfr_index *index = NULL, *made = NULL;
    tfr_options *options = NULL;
    char *text = NULL;
    size_t size = 0;
    CHECK(tfr_index_from_entries(&entry, 1, &index, NULL) == TFR_OK);

    CHECK(tfr_error_status(NULL) == TFR_OK);
    CHECK(strcmp(tfr_error_message(NULL), "") == 0);
    CHECK(tfr_error_path(NULL) == NULL);
    CHECK(tfr_error_record(NULL) == TFR_UNKNOWN);
    CHECK(tfr_error_offset(NULL) == TFR_UNKNOWN);
    CHECK(tfr_error_format(NULL) == NULL);
    CHECK(tfr_error_feature(NULL) == NULL);
    CHECK(tfr_error_stored_crc(NULL) == TFR_UNKNOWN);
    CHECK(tfr_error_computed_crc(NULL) == TFR_UNKNOWN);
    CHECK(tfr_error_os_error(NULL) == 0);
    tfr_error_free(NULL);

    misaligned(index, path);

    REFUSES("options_out", tfr_options_new(NULL, error_out));
    REFUSES("options", tfr_options_set_checksums(NULL, 0, error_out));
    REFUSES("options", tfr_options_set_threads(NULL, 0, error_out));
    REFUSES("options", tfr_options_set_allow_partial(NULL, 1, error_out));
    REFUSES("options", tfr_options_set_progress(NULL, NULL, NULL, error_out));
    REFUSES("options", tfr_options_set_salvage(NULL, 1, error_out));
    REFUSES("options", tfr_options_set_allow_incomplete_tail(NULL, 1, error_out));
    REFUSES("options", tfr_options_set_on_skipped(NULL, NULL, NULL, error_out));
    REFUSES("options", tfr_options_set_resume(NULL, 1, error_out));
    REFUSES("options", tfr_options_set_sync(NULL, 1, error_out));
    REFUSES("options", tfr_options_set_compression(NULL, TFR_COMPRESSION_GZIP, error_out));
    REFUSES("options", tfr_options_set_raw_frames(NULL, 1, error_out));
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_checksums(options, 0, NULL) == TFR_OK);
    CHECK(tfr_options_set_threads(options, 0, NULL) == TFR_OK);
    CHECK(tfr_options_set_progress(options, NULL, NULL, NULL) == TFR_OK);
    tfr_options_free(options);
    tfr_options_free(NULL);

    REFUSES("tfrecord_path", tfr_index_create(NULL, path, NULL, NULL, error_out));
    REFUSES("tfrecord_path", tfr_index_create(NULL, NULL, NULL, NULL, error_out));

    REFUSES("tfrecord_path", tfr_index_update(NULL, path, 1, NULL, NULL, error_out));

    const char *const no_paths[1] = {NULL};
    REFUSES("tfrecord_paths",
            tfr_create_indexes(NULL, NULL, 1, 0, 0, 0, NULL, NULL, NULL, NULL, error_out));
    REFUSES("tfrecord_paths[0]",
            tfr_create_indexes(no_paths, NULL, 1, 0, 0, 0, NULL, NULL, NULL, NULL, error_out));
    const char *const paths[] = {path, NULL}, *const missing[] = {NULL};

    REFUSES("tfrecord_path", tfr_index_find(NULL, NULL, &text, error_out));
    REFUSES("path_out", tfr_index_find(path, NULL, NULL, error_out));

    tfr_shards *shards = NULL;
    REFUSES("paths", tfr_shards_find(NULL, 1, NULL, NULL, 0, &shards, error_out));
    REFUSES("paths", tfr_shards_find(paths, 2, NULL, NULL, 0, &shards, error_out));
    REFUSES("shards_out", tfr_shards_find(paths, 1, NULL, NULL, 0, NULL, error_out));
    REFUSES("paths", tfr_shards_from_paths(NULL, NULL, 1, &shards, error_out));
    REFUSES("paths", tfr_shards_from_paths(paths, NULL, 2, &shards, error_out));
    REFUSES("shards_out", tfr_shards_from_paths(paths, NULL, 1, NULL, error_out));
    CHECK(shards == NULL && tfr_shards_len(NULL) == 0 && tfr_shards_path(NULL, 0) == NULL);
    CHECK(tfr_shards_index_path(NULL, 0) == NULL && tfr_shards_note(NULL, 0) == NULL);
    REFUSES("set", tfr_reshard(NULL, NULL, path, NULL, 1, 0, NULL, NULL, NULL, NULL, error_out));
    CHECK(tfr_shards_from_paths(paths, NULL, 1, &shards, NULL) == TFR_OK);
    REFUSES("directory",
            tfr_reshard(shards, missing, NULL, NULL, 1, 0, NULL, NULL, NULL, NULL, error_out));
    tfr_shards_free(shards);
    tfr_shards_free(NULL);

    tfr_manifest *manifest = NULL;
    tfr_manifest_row row;
    REFUSES("shards", tfr_manifest_build(NULL, NULL, &manifest, error_out));
    REFUSES("manifest_out", tfr_manifest_build(NULL, NULL, NULL, error_out));
    const tfr_manifest_row pathless = {NULL, NULL, 1, 1, INT64_MIN, NULL};
    REFUSES("rows", tfr_manifest_from_rows(NULL, 1, &manifest, error_out));
    REFUSES("a path in rows", tfr_manifest_from_rows(&pathless, 1, &manifest, error_out));
    REFUSES("manifest_out", tfr_manifest_from_rows(NULL, 0, NULL, error_out));
    REFUSES("path", tfr_manifest_read(NULL, &manifest, error_out));
    REFUSES("manifest_out", tfr_manifest_read(path, NULL, error_out));
    REFUSES("directory", tfr_manifest_from_tfds(NULL, path, NULL, &manifest, error_out));
    REFUSES("split", tfr_manifest_from_tfds(path, NULL, NULL, &manifest, error_out));
    REFUSES("manifest_out", tfr_manifest_from_tfds(path, path, NULL, NULL, error_out));
    REFUSES("manifest", tfr_manifest_write(NULL, path, error_out));
    REFUSES("manifest", tfr_manifest_write_tfds(NULL, path, path, error_out));
    REFUSES("manifest", tfr_manifest_refresh(NULL, NULL, NULL, NULL, error_out));
    REFUSES("manifest", tfr_manifest_get(NULL, 0, &row, error_out));
    REFUSES("manifest", tfr_manifest_shards(NULL, &shards, error_out));
    REFUSES("shards_out", tfr_manifest_shards(NULL, NULL, error_out));
    CHECK(manifest == NULL && tfr_manifest_len(NULL) == 0 && tfr_manifest_total_records(NULL) == 0);
    CHECK(tfr_changes_len(NULL, 1) == 0 && tfr_changes_path(NULL, 1, 0) == NULL);
    CHECK(!tfr_changes_reordered(NULL));
    tfr_manifest_free(NULL);
    tfr_changes_free(NULL);

    REFUSES("tfrecord_path", tfr_index_scan(NULL, NULL, &made, error_out));
    REFUSES("index_out", tfr_index_scan(path, NULL, NULL, error_out));
    REFUSES("index_out", tfr_index_scan(NULL, NULL, NULL, error_out));

    REFUSES("index_path", tfr_index_read(NULL, &made, error_out));
    REFUSES("index_out", tfr_index_read(path, NULL, error_out));
    REFUSES("index_out", tfr_index_read(NULL, NULL, error_out));

    REFUSES("data", tfr_index_from_bytes(NULL, 1, NULL, &made, error_out));
    REFUSES("index_out", tfr_index_from_bytes(THREE, THREE_SIZE, NULL, NULL, error_out));
    REFUSES("index_out", tfr_index_from_bytes(NULL, 0, NULL, NULL, error_out));

    REFUSES("text", tfr_index_from_text(NULL, 1, &made, error_out));
    REFUSES("index_out", tfr_index_from_text("", 0, NULL, error_out));
    REFUSES("index_out", tfr_index_from_text(NULL, 0, NULL, error_out));

    REFUSES("entries", tfr_index_from_entries(NULL, 1, &made, error_out));
    REFUSES("index_out", tfr_index_from_entries(&entry, 1, NULL, error_out));
    REFUSES("index_out", tfr_index_from_entries(NULL, 0, NULL, error_out));

    CHECK(tfr_index_len(NULL) == 0);
    CHECK(tfr_index_entries(NULL) == NULL);

    REFUSES("index", tfr_index_get(NULL, 0, &entry, error_out));
    REFUSES("entry_out", tfr_index_get(index, 0, NULL, error_out));
    REFUSES("index", tfr_index_get(NULL, 0, NULL, error_out));

    REFUSES("index", tfr_index_to_text(NULL, &text, &size, error_out));
    REFUSES("text_out", tfr_index_to_text(index, NULL, &size, error_out));
    REFUSES("text_out", tfr_index_to_text(NULL, NULL, NULL, error_out));
    CHECK(tfr_index_to_text(index, &text, NULL, NULL) == TFR_OK);
    tfr_text_free(text);
    tfr_text_free(NULL);

    REFUSES("index", tfr_index_select(NULL, &size, 1, &made, error_out));
    REFUSES("records", tfr_index_select(index, NULL, 1, &made, error_out));
    REFUSES("index_out", tfr_index_select(index, &size, 1, NULL, error_out));
    REFUSES("index_out", tfr_index_select(NULL, NULL, 0, NULL, error_out));

    REFUSES("index", tfr_index_filter_size(NULL, 0, 1, &made, error_out));
    REFUSES("index_out", tfr_index_filter_size(index, 0, 1, NULL, error_out));
    REFUSES("index_out", tfr_index_filter_size(NULL, 0, 1, NULL, error_out));

    REFUSES("index", tfr_index_shuffle(NULL, 0, &made, error_out));
    REFUSES("index_out", tfr_index_shuffle(index, 0, NULL, error_out));
    REFUSES("index_out", tfr_index_shuffle(NULL, 0, NULL, error_out));

    REFUSES("index", tfr_index_sample(NULL, 0, 0, &made, error_out));
    REFUSES("index_out", tfr_index_sample(index, 0, 0, NULL, error_out));
    REFUSES("index_out", tfr_index_sample(NULL, 0, 0, NULL, error_out));

    REFUSES("index", tfr_index_shard(NULL, 0, 1, 0, 0, &made, error_out));
    REFUSES("index_out", tfr_index_shard(index, 0, 1, 0, 0, NULL, error_out));
    REFUSES("index_out", tfr_index_shard(NULL, 0, 1, 0, 0, NULL, error_out));

    const tfr_index *indexes[] = {index, NULL};
    const uint64_t sizes[] = {16, 16};
    REFUSES("indexes", tfr_index_concat(NULL, sizes, 1, &made, error_out));
    REFUSES("an index", tfr_index_concat(indexes, sizes, 2, &made, error_out));
    REFUSES("data_sizes", tfr_index_concat(indexes, NULL, 1, &made, error_out));
    REFUSES("index_out", tfr_index_concat(indexes, sizes, 1, NULL, error_out));
    REFUSES("index_out", tfr_index_concat(NULL, NULL, 0, NULL, error_out));

    REFUSES("index", tfr_index_check(NULL, path, 0, NULL, NULL, error_out));
    REFUSES("tfrecord_path", tfr_index_check(index, NULL, 0, NULL, NULL, error_out));
    REFUSES("index", tfr_index_check(NULL, NULL, 0, NULL, NULL, error_out));

    tfr_location location;
    REFUSES("tfrecord_path", tfr_locate(NULL, 0, NULL, &location, error_out));
    REFUSES("location_out", tfr_locate(path, 0, NULL, NULL, error_out));
    REFUSES("location_out", tfr_locate(NULL, 0, NULL, NULL, error_out));

    tfr_source *source = NULL, *no_source = NULL;
    REFUSES("read_at", tfr_source_new(NULL, NULL, 0, &no_source, error_out));
    REFUSES("source_out", tfr_source_new(read_nothing, NULL, 0, NULL, error_out));
    REFUSES("source_out", tfr_source_new(NULL, NULL, 0, NULL, error_out));
    REFUSES("data", tfr_source_from_memory(NULL, 1, &no_source, error_out));
    REFUSES("source_out", tfr_source_from_memory(THREE, 1, NULL, error_out));
    REFUSES("source_out", tfr_source_from_memory(NULL, 0, NULL, error_out));
    REFUSES("source", tfr_source_set_free(NULL, free, error_out));
    REFUSES("source", tfr_source_set_cost(NULL, 1, 1, 1, error_out));
    REFUSES("source", tfr_source_set_least_skip(NULL, 1, error_out));
    REFUSES("source", tfr_gzip_source(NULL, NULL, &no_source, error_out));
    REFUSES("source", tfr_source_share(NULL, &no_source, error_out));
    CHECK(no_source == NULL);
    CHECK(tfr_source_new(read_nothing, NULL, 0, &source, NULL) == TFR_OK);
    CHECK(tfr_source_set_free(source, NULL, NULL) == TFR_OK);
    REFUSES("source_out", tfr_gzip_source(source, NULL, NULL, error_out));
    REFUSES("source_out", tfr_source_share(source, NULL, error_out));
    REFUSES("source", tfr_index_create_from_source(NULL, path, NULL, NULL, error_out));
    REFUSES("index_path", tfr_index_create_from_source(source, NULL, NULL, NULL, error_out));
    REFUSES("source", tfr_index_create_from_source(NULL, NULL, NULL, NULL, error_out));
    REFUSES("source", tfr_index_from_source(NULL, NULL, &made, error_out));
    REFUSES("index_out", tfr_index_from_source(source, NULL, NULL, error_out));
    REFUSES("index_out", tfr_index_from_source(NULL, NULL, NULL, error_out));
    REFUSES("index", tfr_index_check_source(NULL, source, 0, NULL, NULL, error_out));
    REFUSES("source", tfr_index_check_source(index, NULL, 0, NULL, NULL, error_out));
    REFUSES("index", tfr_index_check_source(NULL, NULL, 0, NULL, NULL, error_out));

    tfr_indexer *indexer = NULL;
    size_t taken = 0, count = 0;
    REFUSES("indexer_out", tfr_indexer_new(NULL, NULL, error_out));
    CHECK(tfr_indexer_new(NULL, &indexer, NULL) == TFR_OK);
    REFUSES("indexer", tfr_indexer_push(NULL, THREE, 1, &entry, 1, &taken, &count, error_out));
    REFUSES("data", tfr_indexer_push(indexer, NULL, 1, &entry, 1, &taken, &count, error_out));
    REFUSES("entries_out", tfr_indexer_push(indexer, THREE, 1, NULL, 1, &taken, &count, error_out));
    REFUSES("taken_out", tfr_indexer_push(indexer, THREE, 1, &entry, 1, NULL, &count, error_out));
    REFUSES("count_out", tfr_indexer_push(indexer, THREE, 1, &entry, 1, &taken, NULL, error_out));
    REFUSES("indexer", tfr_indexer_push(NULL, NULL, 0, NULL, 0, NULL, NULL, error_out));
    CHECK(tfr_indexer_push(indexer, NULL, 0, &entry, 1, &taken, &count, NULL) == TFR_OK);
    REFUSES("indexer", tfr_indexer_finish(NULL, error_out));
    CHECK(tfr_indexer_finish(indexer, NULL) == TFR_OK); /* the indexer took no data */
    tfr_indexer_free(indexer);
    tfr_indexer_free(NULL);

    REFUSES("index", tfr_index_write(NULL, path, error_out));
    REFUSES("index_path", tfr_index_write(index, NULL, error_out));
    REFUSES("index", tfr_index_write(NULL, NULL, error_out));

    tfr_writer *writer = NULL, *opened = NULL;
    size_t offsets[] = {0, 1};
    CHECK(tfr_writer_create(path, NULL, NULL, &writer, NULL) == TFR_OK);
    REFUSES("tfrecord_path", tfr_writer_create(NULL, NULL, NULL, &opened, error_out));
    REFUSES("writer_out", tfr_writer_create(path, NULL, NULL, NULL, error_out));
    REFUSES("writer_out", tfr_writer_create(NULL, NULL, NULL, NULL, error_out));
    REFUSES("tfrecord_path", tfr_writer_append(NULL, NULL, NULL, &opened, error_out));
    REFUSES("writer_out", tfr_writer_append(path, NULL, NULL, NULL, error_out));
    REFUSES("writer_out", tfr_writer_append(NULL, NULL, NULL, NULL, error_out));
    REFUSES("writer", tfr_writer_write(NULL, THREE, 1, error_out));
    REFUSES("payload", tfr_writer_write(writer, NULL, 1, error_out));
    REFUSES("writer", tfr_writer_write(NULL, NULL, 0, error_out));
    REFUSES("writer", tfr_writer_write_many(NULL, THREE, offsets, 1, error_out));
    REFUSES("payloads", tfr_writer_write_many(writer, NULL, offsets, 1, error_out));
    REFUSES("offsets", tfr_writer_write_many(writer, THREE, NULL, 1, error_out));
    REFUSES("writer", tfr_writer_write_many(NULL, NULL, NULL, 0, error_out));
    REFUSES("writer", tfr_writer_flush(NULL, error_out));
    REFUSES("writer", tfr_writer_finish(NULL, NULL, error_out));
    CHECK(tfr_writer_num_records(NULL) == 0);
    CHECK(tfr_writer_write(writer, NULL, 0, NULL) == TFR_OK);
    CHECK(tfr_writer_write_many(writer, NULL, NULL, 0, NULL) == TFR_OK);
    CHECK(tfr_writer_flush(writer, NULL) == TFR_OK);
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
    CHECK(tfr_writer_num_records(writer) == 1);
    tfr_writer_free(writer);
    tfr_writer_free(NULL);
    tfr_reader *reader = NULL;
    REFUSES("tfrecord_path", tfr_reader_open(NULL, index, NULL, &reader, error_out));
    REFUSES("reader_out", tfr_reader_open(path, NULL, NULL, NULL, error_out));
    REFUSES("reader_out", tfr_reader_open(NULL, NULL, NULL, NULL, error_out));
    REFUSES("source", tfr_reader_from_source(NULL, index, NULL, &reader, error_out));
    REFUSES("reader_out", tfr_reader_from_source(source, NULL, NULL, NULL, error_out));
    tfr_source_free(source);
    tfr_source_free(NULL);
    REFUSES("reader_out", tfr_reader_from_source(NULL, NULL, NULL, NULL, error_out));
    CHECK(tfr_reader_len(NULL) == 0);
    REFUSES("reader", tfr_reader_entry(NULL, 0, NULL, error_out));
    REFUSES("index_out", tfr_reader_index(NULL, NULL, error_out));
    REFUSES("reader", tfr_reader_read(NULL, 0, NULL, 0, NULL, error_out));
    REFUSES("reader", tfr_reader_read_many(NULL, NULL, 0, NULL, 0, NULL, error_out));
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(THREE, THREE_SIZE, 1, file) == 1 && fclose(file) == 0);
    CHECK(tfr_reader_open(path, NULL, NULL, &reader, NULL) == TFR_OK);
    REFUSES("entry_out", tfr_reader_entry(reader, 0, NULL, error_out));
    REFUSES("index_out", tfr_reader_index(reader, NULL, error_out));
    tfr_index *none = NULL;
    REFUSES("reader", tfr_reader_index(NULL, &none, error_out));
    CHECK(tfr_reader_read(reader, 1, NULL, 0, NULL, NULL) == TFR_OK); /* it is empty */
    CHECK(tfr_reader_read(reader, 0, NULL, 0, NULL, NULL) == TFR_ERR_INVALID_ARGUMENT);
    REFUSES("buffer", tfr_reader_read(reader, 0, NULL, 5, &size, error_out));
    REFUSES("reader", tfr_reader_sizes(NULL, NULL, 0, &size, error_out));
    REFUSES("records", tfr_reader_sizes(reader, NULL, 1, &size, error_out));
    REFUSES("sizes_out", tfr_reader_sizes(reader, NULL, 0, NULL, error_out));
    REFUSES("reader", tfr_reader_offsets(NULL, NULL, 0, &size, error_out));
    REFUSES("records", tfr_reader_offsets(reader, NULL, 1, &size, error_out));
    REFUSES("offsets_out", tfr_reader_offsets(reader, NULL, 0, NULL, error_out));
    REFUSES("records", tfr_reader_read_many(reader, NULL, 1, NULL, 0, &size, error_out));
    REFUSES("buffer", tfr_reader_read_many(reader, &size, 0, NULL, 5, &size, error_out));
    CHECK(tfr_reader_read_many(reader, NULL, 0, NULL, 0, NULL, NULL) == TFR_OK);
    REFUSES("reader", tfr_reader_read_each(NULL, NULL, 0, NULL, NULL, error_out));
    REFUSES("records", tfr_reader_read_each(reader, NULL, 1, NULL, &size, error_out));
    REFUSES("capacities", tfr_reader_read_each(reader, &size, 1, NULL, NULL, error_out));
    REFUSES("buffers", tfr_reader_read_each(reader, &size, 1, NULL, &size, error_out));
    uint8_t *no_buffer = NULL;
    const size_t first = 0, five = 5;
    REFUSES("buffer", tfr_reader_read_each(reader, &first, 1, &no_buffer, &five, error_out));
    const char *const no_path = NULL;
    tfr_dataset *dataset = NULL, *no_dataset = NULL;
    tfr_batch *batch = NULL;
    tfr_batches *batches = NULL;
    tfr_error *warning = NULL;
    tfr_order *no_records = NULL;
    uint64_t found = 0;
    int32_t ready = 0;
    REFUSES("options", tfr_options_set_max_open_files(NULL, 1, error_out));
    REFUSES("options", tfr_options_set_index_memory(NULL, 1, error_out));
    REFUSES("options", tfr_options_set_on_error(NULL, 0, error_out));
    REFUSES("paths", tfr_dataset_open(NULL, NULL, NULL, NULL, 1, NULL, &no_dataset, error_out));
    REFUSES("a path in paths",
            tfr_dataset_open(&no_path, NULL, NULL, NULL, 1, NULL, &no_dataset, error_out));
    REFUSES("manifest", tfr_dataset_from_manifest(NULL, NULL, &no_dataset, error_out));
    REFUSES("dataset_out", tfr_dataset_from_manifest(NULL, NULL, NULL, error_out));
    REFUSES("shards", tfr_dataset_from_shards(NULL, NULL, NULL, NULL, &no_dataset, error_out));
    REFUSES("dataset_out", tfr_dataset_from_shards(NULL, NULL, NULL, NULL, NULL, error_out));
    int calls = contexts_freed;
    REFUSES("open", (calls++, tfr_dataset_from_opener(NULL, NULL, NULL, 0, NULL, NULL, free_context,
                                                      NULL, &no_dataset, error_out)));
    REFUSES("paths",
            (calls++, tfr_dataset_from_opener(NULL, NULL, NULL, 1, opens_nothing, NULL,
                                              free_context, NULL, &no_dataset, error_out)));
    REFUSES("dataset_out",
            (calls++, tfr_dataset_from_opener(NULL, NULL, NULL, 0, opens_nothing, NULL,
                                              free_context, NULL, NULL, error_out)));
    CHECK(calls >= 3 && contexts_freed == calls);
    REFUSES("dataset_out", tfr_dataset_open(NULL, NULL, NULL, NULL, 0, NULL, NULL, error_out));
    CHECK(no_dataset == NULL);
    CHECK(tfr_dataset_open(NULL, NULL, NULL, NULL, 0, NULL, &dataset, NULL) == TFR_OK);
    CHECK(tfr_dataset_len(NULL) == 0 && tfr_dataset_num_shards(NULL) == 0);
    CHECK(tfr_dataset_num_warnings(NULL) == 0);
    CHECK(tfr_dataset_path(NULL, 0) == NULL && tfr_dataset_num_skipped(NULL) == 0);
    REFUSES("dataset", tfr_dataset_locate(NULL, 0, &size, &found, error_out));
    REFUSES("shard_out", tfr_dataset_locate(dataset, 0, NULL, &found, error_out));
    REFUSES("record_out", tfr_dataset_locate(dataset, 0, &size, NULL, error_out));
    REFUSES("dataset", tfr_dataset_chunk_records(NULL, &found, error_out));
    REFUSES("records_out", tfr_dataset_chunk_records(dataset, NULL, error_out));
    REFUSES("dataset", tfr_dataset_records_of(NULL, 0, &found, &found, error_out));
    REFUSES("first_out", tfr_dataset_records_of(dataset, 0, NULL, &found, error_out));
    REFUSES("count_out", tfr_dataset_records_of(dataset, 0, &found, NULL, error_out));
    REFUSES("dataset", tfr_dataset_index_of(NULL, 0, &made, error_out));
    REFUSES("index_out", tfr_dataset_index_of(dataset, 0, NULL, error_out));
    REFUSES("dataset", tfr_dataset_warning(NULL, 0, &warning, error_out));
    REFUSES("warning_out", tfr_dataset_warning(dataset, 0, NULL, error_out));
    REFUSES("dataset", tfr_dataset_skipped(NULL, 0, &warning, error_out));
    REFUSES("skipped_out", tfr_dataset_skipped(dataset, 0, NULL, error_out));
    REFUSES("batch", tfr_batch_skipped(NULL, 0, &warning, error_out));
    REFUSES("skipped_out", tfr_batch_skipped(NULL, 0, NULL, error_out));
    REFUSES("dataset", tfr_dataset_close_files(NULL, error_out));
    REFUSES("dataset", tfr_dataset_sizes(NULL, NULL, 0, &size, error_out));
    REFUSES("records", tfr_dataset_sizes(dataset, NULL, 1, &size, error_out));
    REFUSES("sizes_out", tfr_dataset_sizes(dataset, NULL, 0, NULL, error_out));
    REFUSES("dataset", tfr_dataset_entries(NULL, NULL, 0, &entry, error_out));
    REFUSES("records", tfr_dataset_entries(dataset, NULL, 1, &entry, error_out));
    REFUSES("entries_out", tfr_dataset_entries(dataset, NULL, 0, NULL, error_out));
    REFUSES("dataset", tfr_dataset_offsets(NULL, NULL, 0, &size, error_out));
    REFUSES("records", tfr_dataset_offsets(dataset, NULL, 1, &size, error_out));
    REFUSES("offsets_out", tfr_dataset_offsets(dataset, NULL, 0, NULL, error_out));
    REFUSES("dataset", tfr_dataset_read(NULL, 0, NULL, 0, NULL, error_out));
    REFUSES("buffer", tfr_dataset_read(dataset, 0, NULL, 5, NULL, error_out));
    REFUSES("dataset", tfr_dataset_read_many(NULL, NULL, 0, NULL, 0, NULL, error_out));
    REFUSES("records", tfr_dataset_read_many(dataset, NULL, 1, NULL, 0, NULL, error_out));
    REFUSES("buffer", tfr_dataset_read_many(dataset, NULL, 0, NULL, 5, NULL, error_out));
    CHECK(tfr_dataset_read_many(dataset, NULL, 0, NULL, 0, NULL, NULL) == TFR_OK);
    REFUSES("dataset", tfr_dataset_read_each(NULL, NULL, 0, NULL, NULL, error_out));
    REFUSES("records", tfr_dataset_read_each(dataset, NULL, 1, NULL, &size, error_out));
    REFUSES("dataset", tfr_dataset_read_batch(NULL, NULL, 0, &batch, error_out));
    REFUSES("records", tfr_dataset_read_batch(dataset, NULL, 1, &batch, error_out));
    REFUSES("batch_out", tfr_dataset_read_batch(dataset, NULL, 0, NULL, error_out));
    CHECK(batch == NULL && tfr_batch_len(NULL) == 0 && tfr_batch_bytes(NULL) == NULL);
    CHECK(tfr_batch_offsets(NULL) == NULL && tfr_batch_records(NULL) == NULL);
    CHECK(tfr_order_new(0, &no_records, NULL) == TFR_OK);
    REFUSES("dataset", tfr_batches_new(NULL, no_records, 1, 0, 0, &batches, error_out));
    REFUSES("order", tfr_batches_new(dataset, NULL, 1, 0, 0, &batches, error_out));
    REFUSES("batches_out", tfr_batches_new(dataset, no_records, 1, 0, 0, NULL, error_out));
    REFUSES("dataset", tfr_batches_of(NULL, 0, 1, no_records, 1, 0, 0, 0, &batches, error_out));
    REFUSES("order", tfr_batches_of(dataset, 0, 1, NULL, 1, 0, 0, 0, &batches, error_out));
    REFUSES("batches_out", tfr_batches_of(dataset, 0, 1, no_records, 1, 0, 0, 0, NULL, error_out));
    CHECK(batches == NULL);
    CHECK(tfr_batches_new(dataset, no_records, 1, 0, 0, &batches, NULL) == TFR_OK);
    REFUSES("batches", tfr_batches_next(NULL, &batch, error_out));
    REFUSES("batch_out", tfr_batches_next(batches, NULL, error_out));
    REFUSES("batches", tfr_batches_wait(NULL, 0, &ready, error_out));
    REFUSES("ready_out", tfr_batches_wait(batches, 0, NULL, error_out));
    CHECK(tfr_batches_next(batches, &batch, NULL) == TFR_OK && batch == NULL);
    CHECK(tfr_batches_state(NULL) == 0);
    tfr_batch_free(NULL);
    tfr_batches_free(batches);
    tfr_batches_free(NULL);
    tfr_order_free(no_records);
    tfr_dataset_free(dataset);
    tfr_dataset_free(NULL);
    tfr_iterator *iterator = NULL, *no_iterator = NULL;
    const uint8_t *payload = NULL;
    REFUSES("reader", tfr_reader_iterate(NULL, NULL, 0, &no_iterator, error_out));
    REFUSES("iterator_out", tfr_reader_iterate(reader, NULL, 0, NULL, error_out));
    REFUSES("iterator_out", tfr_reader_iterate(NULL, NULL, 0, NULL, error_out));
    CHECK(no_iterator == NULL);
    CHECK(tfr_reader_iterate(reader, NULL, 3, &iterator, NULL) == TFR_OK);
    REFUSES("iterator", tfr_iterator_next(NULL, &payload, &size, error_out));
    REFUSES("payload_out", tfr_iterator_next(iterator, NULL, &size, error_out));
    REFUSES("size_out", tfr_iterator_next(iterator, &payload, NULL, error_out));
    REFUSES("payload_out", tfr_iterator_next(NULL, NULL, NULL, error_out));
    CHECK(tfr_iterator_next(iterator, &payload, &size, NULL) == TFR_OK && size == 5);
    tfr_iterator_free(iterator);
    tfr_iterator_free(NULL);
    tfr_reader_free(reader);
    tfr_reader_free(NULL);

    uint64_t number = 0;
    tfr_permutation *permutation = NULL;
    REFUSES("permutation_out", tfr_permutation_new(1, 0, NULL, error_out));
    CHECK(tfr_permutation_new(1, 0, &permutation, NULL) == TFR_OK);
    CHECK(tfr_permutation_len(NULL) == 0);
    REFUSES("permutation", tfr_permutation_get(NULL, 0, &number, error_out));
    REFUSES("number_out", tfr_permutation_get(permutation, 0, NULL, error_out));
    REFUSES("permutation", tfr_permutation_get(NULL, 0, NULL, error_out));
    REFUSES("permutation", tfr_permutation_position(NULL, 0, &number, error_out));
    REFUSES("position_out", tfr_permutation_position(permutation, 0, NULL, error_out));
    REFUSES("permutation", tfr_permutation_position(NULL, 0, NULL, error_out));
    REFUSES("permutation", tfr_permutation_fill(NULL, 0, &number, 1, &count, error_out));
    REFUSES("numbers_out", tfr_permutation_fill(permutation, 0, NULL, 1, &count, error_out));
    REFUSES("count_out", tfr_permutation_fill(permutation, 0, &number, 1, NULL, error_out));
    REFUSES("permutation", tfr_permutation_fill(NULL, 0, NULL, 0, NULL, error_out));
    CHECK(tfr_permutation_fill(permutation, 0, NULL, 0, &count, NULL) == TFR_OK);
    tfr_permutation_free(permutation);
    tfr_permutation_free(NULL);

    tfr_order *order = NULL;
    REFUSES("order_out", tfr_order_new(1, NULL, error_out));
    CHECK(tfr_order_new(1, &order, NULL) == TFR_OK);
    REFUSES("order", tfr_order_set_shuffle(NULL, 0, error_out));
    REFUSES("order", tfr_order_set_shuffle_chunks(NULL, 0, 1, error_out));
    REFUSES("order", tfr_order_set_epoch(NULL, 0, error_out));
    REFUSES("order", tfr_order_set_shard(NULL, 0, 1, 0, error_out));
    REFUSES("order", tfr_order_set_start(NULL, 0, error_out));
    CHECK(tfr_order_len(NULL) == 0);
    REFUSES("order", tfr_order_get(NULL, 0, &number, error_out));
    REFUSES("record_out", tfr_order_get(order, 0, NULL, error_out));
    REFUSES("order", tfr_order_get(NULL, 0, NULL, error_out));
    REFUSES("order", tfr_order_fill(NULL, 0, &number, 1, &count, error_out));
    REFUSES("records_out", tfr_order_fill(order, 0, NULL, 1, &count, error_out));
    REFUSES("count_out", tfr_order_fill(order, 0, &number, 1, NULL, error_out));
    REFUSES("order", tfr_order_fill(NULL, 0, NULL, 0, NULL, error_out));
    tfr_order_free(order);
    tfr_order_free(NULL);

    features_are_required(path);

    /* Handles are NULL after a failure, whatever they were before. */
    made = index;
    CHECK(tfr_index_read(NULL, &made, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(made == NULL);

    tfr_index_free(index);
    tfr_index_free(NULL);
    return 0;
}
