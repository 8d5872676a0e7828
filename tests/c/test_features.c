/* Features of tf.train.Example records: decoded, read with their records, encoded. argv[1] is an
 * empty directory. */
#include <errno.h>

#include "check.h"

/* The call fails with this status, and its message ends with this text. */
#define FAILS(status, end, call)                                                                   \
    do {                                                                                           \
        tfr_error *error = NULL;                                                                   \
        CHECK((call) == (status));                                                                 \
        CHECK(ends_with(tfr_error_message(error), end));                                           \
        tfr_error_free(error);                                                                     \
    } while (0)

static int ends_with(const char *text, const char *end) {
    size_t size = strlen(text), tail = strlen(end);
    return size >= tail && strcmp(text + size - tail, end) == 0;
}

static int is(tfr_bytes bytes, const char *text) {
    return bytes.size == strlen(text) && memcmp(bytes.bytes, text, bytes.size) == 0;
}

/* id, box (2 floats, with a default) and words (ragged). */
static tfr_features *wanted(void) {
    tfr_features *features = NULL;
    const size_t two = 2;
    const float half = 0.5F;
    size_t id = 9, box = 9, words = 9;
    CHECK(tfr_features_new(&features, NULL) == TFR_OK);
    CHECK(tfr_features_add(features, "id", 2, TFR_FEATURE_INT64, &id, NULL) == TFR_OK);
    CHECK(tfr_features_add(features, "box", 3, TFR_FEATURE_FLOAT, &box, NULL) == TFR_OK);
    CHECK(tfr_features_add(features, "words", 5, TFR_FEATURE_BYTES, &words, NULL) == TFR_OK);
    CHECK(id == 0 && box == 1 && words == 2);
    CHECK(tfr_features_set_shape(features, box, &two, 1, NULL) == TFR_OK);
    CHECK(tfr_features_set_default_float(features, box, &half, 1, NULL) == TFR_OK);
    CHECK(tfr_features_set_ragged(features, words, NULL) == TFR_OK);
    return features;
}

/* Three records: 0 to 2 words; box is not there. */
static const int64_t ids_of_three[] = {7, -1, INT64_MIN};
static const tfr_bytes words_of_three[] = {
    {(const uint8_t *)"a", 1}, {(const uint8_t *)"few", 3}, {(const uint8_t *)"words", 5}};
static const size_t offsets_of_three[] = {0, 1, 1, 3};
static const tfr_feature_values values_of_three[] = {
    {"words", 5, TFR_FEATURE_BYTES, words_of_three, 3, offsets_of_three},
    {"id", 2, TFR_FEATURE_INT64, ids_of_three, 3, NULL},
};

static tfr_batch *three(void) {
    tfr_batch *batch = NULL;
    CHECK(tfr_encode_examples(3, values_of_three, 2, &batch, NULL) == TFR_OK);
    CHECK(tfr_batch_len(batch) == 3 && tfr_batch_records(batch)[2] == 2);
    CHECK(tfr_batch_columns(batch) == NULL);
    return batch;
}

static void check_columns(const tfr_columns *columns) {
    size_t count = 0;
    CHECK(tfr_columns_len(columns) == 3);
    const int64_t *ids = tfr_columns_int64(columns, 0, &count);
    CHECK(count == 3 && ids[0] == 7 && ids[1] == -1 && ids[2] == INT64_MIN);
    CHECK(tfr_columns_offsets(columns, 0) == NULL && tfr_columns_offsets(columns, 1) == NULL);
    const float *boxes = tfr_columns_float(columns, 1, &count);
    CHECK(count == 6 && boxes[0] == 0.5F && boxes[5] == 0.5F);
    const tfr_bytes *words = tfr_columns_bytes(columns, 2, &count);
    CHECK(count == 3 && is(words[0], "a") && is(words[1], "few") && is(words[2], "words"));
    const size_t *offsets = tfr_columns_offsets(columns, 2);
    CHECK(offsets[0] == 0 && offsets[1] == 1 && offsets[2] == 1 && offsets[3] == 3);
    /* Of another kind, or not there. */
    CHECK(tfr_columns_float(columns, 0, &count) == NULL && count == 0);
    CHECK(tfr_columns_bytes(columns, 1, &count) == NULL && count == 0);
    CHECK(tfr_columns_int64(columns, 3, &count) == NULL && count == 0);
    CHECK(tfr_columns_offsets(columns, 3) == NULL);
}

static void features_say_what_they_are(void) {
    tfr_features *features = wanted();
    size_t dimensions = 9;
    CHECK(tfr_features_len(features) == 3 && is(tfr_features_name(features, 1), "box"));
    CHECK(tfr_features_kind(features, 2) == TFR_FEATURE_BYTES);
    CHECK(tfr_features_is_ragged(features, 2) == 1 && tfr_features_is_ragged(features, 1) == 0);
    const size_t *shape = tfr_features_shape(features, 1, &dimensions);
    CHECK(dimensions == 1 && shape[0] == 2);
    CHECK(tfr_features_shape(features, 0, &dimensions) != NULL && dimensions == 0);
    CHECK(tfr_features_shape(features, 3, &dimensions) == NULL && dimensions == 0);
    CHECK(tfr_features_kind(features, 3) == 0 && tfr_features_name(features, 3).bytes == NULL);
    FAILS(TFR_ERR_OUT_OF_RANGE, "feature 3 is out of range, there are 3 features",
          tfr_features_set_ragged(features, 3, &error));
    FAILS(TFR_ERR_INVALID_ARGUMENT, "kind is 4, which is not a member of tfr_feature_kind",
          tfr_features_add(features, "x", 1, 4, NULL, &error));
    CHECK(tfr_features_len(features) == 3);
    /* What contradicts itself is an error when it is used, until it is changed. */
    tfr_columns *columns = NULL;
    const int64_t one = 1;
    CHECK(tfr_features_set_default_int64(features, 2, &one, 1, NULL) == TFR_OK);
    FAILS(TFR_ERR_INVALID_ARGUMENT,
          "a ragged feature has no default: it is empty where a record lacks it",
          tfr_columns_decode(features, NULL, 0, NULL, 0, 0, &columns, &error));
    CHECK(tfr_features_set_shape(features, 2, NULL, 0, NULL) == TFR_OK);
    FAILS(TFR_ERR_INVALID_ARGUMENT,
          "the default has int64 values, but the feature has bytes values",
          tfr_columns_decode(features, NULL, 0, NULL, 0, 0, &columns, &error));
    const tfr_bytes none = {(const uint8_t *)"none", 4};
    CHECK(tfr_features_set_default_bytes(features, 2, &none, 1, NULL) == TFR_OK);
    CHECK(tfr_columns_decode(features, NULL, 0, NULL, 0, 0, &columns, NULL) == TFR_OK);
    CHECK(tfr_columns_len(columns) == 0);
    tfr_columns_free(columns);
    tfr_features_free(features);
}

static void payloads_are_decoded(void) {
    tfr_features *features = wanted();
    tfr_batch *batch = three();
    const uint8_t *bytes = tfr_batch_bytes(batch);
    const size_t *offsets = tfr_batch_offsets(batch);
    tfr_columns *columns = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_columns_decode(features, bytes, offsets[3], offsets, 3, 0, &columns, &error) ==
          TFR_OK);
    check_columns(columns);
    tfr_columns_free(columns);

    const size_t descending[] = {0, 3, 2};
    FAILS(TFR_ERR_INVALID_ARGUMENT, "the offsets must ascend, to at most the size of the payloads",
          tfr_columns_decode(features, bytes, offsets[3], descending, 2, 0, &columns, &error));
    const size_t cut[] = {0, offsets[1] - 1};
    FAILS(TFR_ERR_EXAMPLE, "the payload is not a tf.train.Example, or it is damaged",
          tfr_columns_decode(features, bytes, offsets[3], cut, 1, 0, &columns, &error));
    CHECK(columns == NULL);

    /* A default of bytes is in the columns. */
    const tfr_bytes none = {(const uint8_t *)"none", 4};
    CHECK(tfr_features_add(features, "other", 5, TFR_FEATURE_BYTES, NULL, NULL) == TFR_OK);
    CHECK(tfr_columns_decode(features, bytes, offsets[3], offsets, 3, 0, &columns, &error) ==
          TFR_ERR_FEATURE);
    CHECK(tfr_error_record(error) == 0 && strcmp(tfr_error_feature(error), "other") == 0);
    CHECK(tfr_error_offset(error) == TFR_UNKNOWN && tfr_error_path(error) == NULL);
    tfr_error_free(error);
    CHECK(tfr_features_set_default_bytes(features, 3, &none, 1, NULL) == TFR_OK);
    CHECK(tfr_columns_decode(features, bytes, offsets[3], offsets, 3, 1, &columns, NULL) == TFR_OK);
    tfr_features_free(features);
    check_columns(columns);
    size_t count = 0;
    const tfr_bytes *others = tfr_columns_bytes(columns, 3, &count);
    CHECK(count == 3 && is(others[0], "none") && is(others[2], "none"));
    tfr_columns_free(columns);
    tfr_batch_free(batch);
}

static void records_are_read_and_decoded(const char *directory) {
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/x.tfrecord", directory) < (int)sizeof path);
    tfr_writer *writer = NULL;
    CHECK(tfr_writer_create(path, NULL, NULL, &writer, NULL) == TFR_OK);
    FAILS(TFR_ERR_INVALID_ARGUMENT, "give offsets if records have different numbers of values",
          tfr_writer_write_examples(writer, 2, values_of_three, 2, &error));
    CHECK(tfr_writer_num_records(writer) == 0);
    CHECK(tfr_writer_write_examples(writer, 3, values_of_three, 2, NULL) == TFR_OK);
    CHECK(tfr_writer_write(writer, NULL, 0, NULL) == TFR_OK); /* an Example without features */
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
    FAILS(TFR_ERR_INVALID_ARGUMENT, "the writer is finished: nothing more can be written",
          tfr_writer_write_examples(writer, 3, values_of_three, 2, &error));
    tfr_writer_free(writer);

    tfr_batch *batch = NULL;
    tfr_features *features = wanted();
    tfr_reader *reader = NULL;
    tfr_error *error = NULL;
    const size_t numbers[] = {0, 1, 2, 3};
    CHECK(tfr_reader_open(path, NULL, NULL, &reader, NULL) == TFR_OK);
    CHECK(tfr_reader_read_columns(reader, numbers, 3, features, &batch, NULL) == TFR_OK);
    check_columns(tfr_batch_columns(batch));
    CHECK(tfr_batch_records(batch)[1] == 1 && tfr_batch_len(batch) == 3);
    tfr_batch_free(batch);
    CHECK(tfr_reader_read_columns(reader, numbers, 4, features, &batch, &error) == TFR_ERR_FEATURE);
    CHECK(batch == NULL && tfr_error_record(error) == 3 && tfr_error_offset(error) > 0);
    CHECK(strcmp(tfr_error_path(error), path) == 0);
    CHECK(
        ends_with(tfr_error_message(error), "feature \"id\": is missing, and there is no default"));
    tfr_error_free(error);
    tfr_reader_free(reader);

    const uint64_t records[] = {0, 1, 2, 3};
    const char *const paths[] = {path};
    tfr_options *options = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    for (int32_t skip = 0; skip < 2; skip++) {
        tfr_dataset *dataset = NULL;
        tfr_order *order = NULL;
        tfr_batches *batches = NULL;
        int32_t on_error = skip ? TFR_ON_ERROR_SKIP : TFR_ON_ERROR_FAIL;
        CHECK(tfr_options_set_on_error(options, on_error, NULL) == TFR_OK);
        CHECK(tfr_dataset_open(paths, NULL, NULL, NULL, 1, options, &dataset, NULL) == TFR_OK);
        CHECK(tfr_dataset_read_columns(dataset, records, 3, features, &batch, NULL) == TFR_OK);
        check_columns(tfr_batch_columns(batch));
        tfr_batch_free(batch);
        tfr_status status = tfr_dataset_read_columns(dataset, records, 4, features, &batch, &error);
        CHECK(status == (skip ? TFR_OK : TFR_ERR_FEATURE));
        CHECK(tfr_error_record(error) == (skip ? TFR_UNKNOWN : 3));
        tfr_error_free(error);
        CHECK(tfr_dataset_num_skipped(dataset) == (uint64_t)skip);
        tfr_batch_free(batch);
        /* The last batch has only the bad record. */
        CHECK(tfr_order_new(4, &order, NULL) == TFR_OK);
        CHECK(tfr_batches_new(dataset, order, 3, 2, 0, &batches, NULL) == TFR_OK);
        CHECK(tfr_batches_set_features(batches, features, NULL) == TFR_OK);
        CHECK(tfr_batches_next(batches, &batch, NULL) == TFR_OK);
        check_columns(tfr_batch_columns(batch));
        tfr_batch_free(batch);
        status = tfr_batches_next(batches, &batch, &error);
        CHECK(status == (skip ? TFR_OK : TFR_ERR_FEATURE) && batch == NULL);
        tfr_error_free(error);
        tfr_batches_free(batches);
        tfr_order_free(order);
        tfr_dataset_free(dataset);
    }
    tfr_options_free(options);
    tfr_features_free(features);
}

static void features_are_inferred(const char *directory) {
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/x.tfrecord", directory) < (int)sizeof path);
    const char *const paths[] = {path};
    tfr_shards *shards = NULL;
    tfr_features *features = NULL;
    tfr_error *warning = NULL;
    CHECK(tfr_shards_from_paths(paths, NULL, 1, &shards, NULL) == TFR_OK);
    /* The first three records have all features, the last one has none. */
    for (uint64_t records = 0; records < 4; records += 3) {
        CHECK(tfr_features_infer(shards, records, NULL, &features, NULL) == TFR_OK);
        CHECK(tfr_features_len(features) == 2 && is(tfr_features_name(features, 1), "words"));
        CHECK(tfr_features_is_ragged(features, 0) == (records == 0));
        CHECK(tfr_features_is_ragged(features, 1));
        CHECK(tfr_features_warning(features, 0, &warning, NULL) == TFR_OK && warning == NULL);
        tfr_features_free(features);
    }
    tfr_shards_free(shards);
}

static uint8_t object[4096];

/* Each shard is the same object. */
static int32_t open_object(void *context, size_t shard, tfr_opened_shard *opened, char *message) {
    if (shard == 2) {
        snprintf(message, TFR_MESSAGE_SIZE, "no such object");
        return -ENOENT;
    }
    const size_t size = *(const size_t *)context;
    return tfr_source_from_memory(object, size, &opened->data, NULL) == TFR_OK ? 0 : -EIO;
}

static void features_of_objects_are_inferred(const char *directory) {
    char path[4096];
    CHECK(snprintf(path, sizeof path, "%s/x.tfrecord", directory) < (int)sizeof path);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    size_t size = fread(object, 1, sizeof object, file);
    CHECK(size > 0 && size < sizeof object && fclose(file) == 0);
    const char *const urls[] = {"s3://bucket/x", "s3://bucket/y", "s3://bucket/missing"};
    tfr_features *features = NULL;
    tfr_error *error = NULL;
    /* Three of each shard, and all. */
    for (uint64_t records = 0; records <= 6; records += 6) {
        CHECK(tfr_features_infer_from_opener(urls, 2, open_object, &size, records, NULL, &features,
                                             NULL) == TFR_OK);
        CHECK(tfr_features_len(features) == 2 && is(tfr_features_name(features, 1), "words"));
        CHECK(tfr_features_is_ragged(features, 0) == (records == 0));
        tfr_features_free(features);
    }
    CHECK(tfr_features_infer_from_opener(urls, 3, open_object, &size, 0, NULL, &features, &error) ==
          TFR_ERR_IO);
    CHECK(features == NULL && strcmp(tfr_error_path(error), urls[2]) == 0);
    CHECK(strstr(tfr_error_message(error), "no such object") != NULL);
    tfr_error_free(error);
}

static void steps_of_sequences_are_decoded(void) {
    /* feature_lists { "t": steps [7, 8] and [9] }, then a record without a list. */
    static const uint8_t payload[] = "\x12\x18\x0a\x16\x0a\x01t\x12\x11\x0a\x06\x1a\x04\x0a\x02\x07"
                                     "\x08\x0a\x07\x1a\x05\x0a\x01\x09\x10";
    const size_t size = sizeof payload, offsets[] = {0, size, size};
    tfr_features *features = NULL;
    tfr_columns *columns = NULL;
    size_t count = 0;
    CHECK(tfr_features_new(&features, NULL) == TFR_OK);
    CHECK(tfr_features_add(features, "t", 1, TFR_FEATURE_INT64, NULL, NULL) == TFR_OK);
    CHECK(tfr_features_is_sequence(features, 0) == 0);
    CHECK(tfr_features_set_ragged(features, 0, NULL) == TFR_OK);
    CHECK(tfr_features_set_sequence(features, 0, 0, NULL) == TFR_OK);
    CHECK(tfr_features_is_sequence(features, 0) == 1);
    CHECK(tfr_features_allows_missing(features, 0) == 0);
    CHECK(tfr_columns_decode(features, payload, size, offsets, 2, 1, &columns, NULL) ==
          TFR_ERR_FEATURE);
    CHECK(tfr_features_set_sequence(features, 0, 1, NULL) == TFR_OK);
    CHECK(tfr_features_is_sequence(features, 0) == 1 && tfr_features_is_sequence(features, 1) == 0);
    CHECK(tfr_features_allows_missing(features, 0) == 1);
    CHECK(tfr_features_allows_missing(features, 1) == 0);
    CHECK(tfr_columns_decode(features, payload, size, offsets, 2, 1, &columns, NULL) == TFR_OK);
    const int64_t *values = tfr_columns_int64(columns, 0, &count);
    CHECK(count == 3 && values[0] == 7 && values[2] == 9);
    const size_t *steps = tfr_columns_offsets(columns, 0);
    CHECK(steps[0] == 0 && steps[1] == 2 && steps[2] == 2);
    const size_t *ends = tfr_columns_step_offsets(columns, 0);
    CHECK(ends[0] == 0 && ends[1] == 2 && ends[2] == 3);
    CHECK(tfr_columns_step_offsets(columns, 1) == NULL);
    tfr_columns_free(columns);
    tfr_features_free(features);
}

static void bad_values_are_refused(void) {
    const int64_t ids[] = {1, 2, 3};
    const size_t offsets[] = {0, 2, 1};
    tfr_feature_values values = {"id", 2, TFR_FEATURE_INT64, ids, 3, NULL};
    tfr_batch *batch = NULL;
    FAILS(TFR_ERR_INVALID_ARGUMENT, "give offsets if records have different numbers of values",
          tfr_encode_examples(2, &values, 1, &batch, &error));
    values.offsets = offsets;
    FAILS(TFR_ERR_INVALID_ARGUMENT, "that ascend from 0 to 3, the number of values",
          tfr_encode_examples(2, &values, 1, &batch, &error));
    values.kind = 0;
    FAILS(TFR_ERR_INVALID_ARGUMENT, "kind is 0, which is not a member of tfr_feature_kind",
          tfr_encode_examples(2, &values, 1, &batch, &error));
    CHECK(batch == NULL);
}

static tfr_columns *decoded(const tfr_features *features, const tfr_batch *batch) {
    tfr_columns *columns = NULL;
    const size_t *offsets = tfr_batch_offsets(batch);
    CHECK(tfr_columns_decode(features, tfr_batch_bytes(batch), offsets[3], offsets, 3, 1, &columns,
                             NULL) == TFR_OK);
    check_columns(columns);
    return columns;
}

static void memory_of_freed_columns_is_used_again(void) {
    tfr_features *features = wanted();
    tfr_batch *batch = three();
    tfr_columns *one = decoded(features, batch);
    const int64_t *ids = tfr_columns_int64(one, 0, NULL);
    tfr_columns_free(one);
    one = decoded(features, batch);
    CHECK(tfr_columns_int64(one, 0, NULL) == ids);
    tfr_columns *other = decoded(features, batch);
    CHECK(tfr_columns_int64(other, 0, NULL) != ids);
    check_columns(one);
    /* Columns may outlive their features. */
    tfr_columns_free(one);
    tfr_features_free(features);
    check_columns(other);
    tfr_columns_free(other);
    tfr_batch_free(batch);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    features_say_what_they_are();
    payloads_are_decoded();
    memory_of_freed_columns_is_used_again();
    records_are_read_and_decoded(argv[1]);
    features_are_inferred(argv[1]);
    features_of_objects_are_inferred(argv[1]);
    steps_of_sequences_are_decoded();
    bad_values_are_refused();
    return 0;
}
