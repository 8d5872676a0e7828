/* Reads features of tf.train.Example records as columns, from the file that examples/features.py
 * writes.
 *
 *     make && make install PREFIX=$PWD/target/usr
 *     cc examples/features.c -o target/features $(pkg-config --cflags --libs tfr_index)
 *     target/features target/features.tfrecord
 *
 * For a PREFIX outside the system's directories, pkg-config needs
 * PKG_CONFIG_PATH=$PWD/target/usr/lib/pkgconfig, and the program needs
 * LD_LIBRARY_PATH=$PWD/target/usr/lib. */
#include <inttypes.h>
#include <stdio.h>
#include <tfr_index.h>

/* The numbers of the features, in the order in which they are added. */
enum { LABEL, BOX, WORDS, WEIGHT };

/* A number, two numbers, any number of words, and a number that the records lack. */
static tfr_status add_wanted(tfr_features *features, tfr_error **error) {
    const size_t two = 2;
    const float one = 1.0F;
    tfr_status status;
    if ((status = tfr_features_add(features, "label", 5, TFR_FEATURE_INT64, NULL, error)) ||
        (status = tfr_features_add(features, "box", 3, TFR_FEATURE_FLOAT, NULL, error)) ||
        (status = tfr_features_set_shape(features, BOX, &two, 1, error)) ||
        (status = tfr_features_add(features, "words", 5, TFR_FEATURE_BYTES, NULL, error)) ||
        (status = tfr_features_set_ragged(features, WORDS, error)) ||
        (status = tfr_features_add(features, "weight", 6, TFR_FEATURE_FLOAT, NULL, error)) ||
        (status = tfr_features_set_default_float(features, WEIGHT, &one, 1, error))) {
        return status;
    }
    return TFR_OK;
}

static void print_batch(const tfr_batch *batch) {
    const tfr_columns *columns = tfr_batch_columns(batch);
    const int64_t *labels = tfr_columns_int64(columns, LABEL, NULL);
    const float *boxes = tfr_columns_float(columns, BOX, NULL);
    const float *weights = tfr_columns_float(columns, WEIGHT, NULL);
    const tfr_bytes *words = tfr_columns_bytes(columns, WORDS, NULL);
    const size_t *offsets = tfr_columns_offsets(columns, WORDS);
    int64_t sum = 0;
    for (size_t i = 0; i < tfr_batch_len(batch); i++) {
        printf("record %" PRIu64 ": label %" PRId64 ", weight %.1f\n", tfr_batch_records(batch)[i],
               labels[i], weights[i]);
        printf("box %.1f %.1f, %zu words:", boxes[2 * i], boxes[2 * i + 1],
               offsets[i + 1] - offsets[i]);
        for (size_t word = offsets[i]; word < offsets[i + 1]; word++) {
            putchar(' ');
            fwrite(words[word].bytes, 1, words[word].size, stdout); /* there is no NUL */
        }
        printf("\n");
        sum += labels[i];
    }
    printf("sum of the labels: %" PRId64 "\n", sum);
}

/* Asks for a feature that the records lack. */
static tfr_status read_missing(const tfr_reader *reader, tfr_features *features, tfr_batch **batch,
                               tfr_error **error) {
    const size_t first = 0;
    tfr_status status = tfr_features_add(features, "size", 4, TFR_FEATURE_INT64, NULL, error);
    if (status == TFR_OK) {
        status = tfr_reader_read_columns(reader, &first, 1, features, batch, error);
    }
    return status;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    const size_t records[] = {2, 0};
    tfr_features *features = NULL;
    tfr_reader *reader = NULL;
    tfr_batch *batch = NULL;
    tfr_error *error = NULL;
    tfr_status status = tfr_features_new(&features, &error);
    if (status == TFR_OK) {
        status = add_wanted(features, &error);
    }
    if (status == TFR_OK) {
        status = tfr_reader_open(argv[1], NULL, NULL, &reader, &error);
    }
    if (status == TFR_OK) {
        status = tfr_reader_read_columns(reader, records, 2, features, &batch, &error);
    }
    if (status == TFR_OK) {
        print_batch(batch);
        tfr_batch_free(batch);
        batch = NULL;
        status = read_missing(reader, features, &batch, &error);
    }
    if (status == TFR_ERR_FEATURE) {
        printf("record %" PRIu64 " lacks feature %s\n", tfr_error_record(error),
               tfr_error_feature(error));
    } else if (status != TFR_OK) {
        fprintf(stderr, "%s\n",
                error ? tfr_error_message(error) : tfr_status_name((int32_t)status));
    }
    tfr_error_free(error);
    tfr_batch_free(batch);
    tfr_reader_free(reader);
    tfr_features_free(features);
    return status == TFR_OK || status == TFR_ERR_FEATURE ? 0 : 1;
}
