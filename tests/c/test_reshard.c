/* A copy of a data set in files of other sizes. argv[1] is an empty directory. */
#include "check.h"

static int warnings;

static void count_warning(void *context, const tfr_error *warning) {
    CHECK(context == &warnings && tfr_error_message(warning) != NULL);
    warnings++;
}

static int cancel(void *context, uint64_t done, uint64_t total, uint64_t records) {
    (void)context, (void)done, (void)total, (void)records;
    return 1;
}

/* The number of records of a shard, which is empty if there is none. */
static size_t records(const char *directory, const char *name) {
    char path[4096];
    tfr_reader *reader = NULL;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (tfr_reader_open(path, NULL, NULL, &reader, NULL) != TFR_OK)
        return 0;
    const size_t count = tfr_reader_len(reader);
    tfr_reader_free(reader);
    return count;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    char path[4096], index_path[4096], bad[4096], copy[4096], packed[4096];
    snprintf(path, sizeof path, "%s/old", argv[1]);
    snprintf(index_path, sizeof index_path, "%s/old.idx", argv[1]);
    snprintf(bad, sizeof bad, "%s/bad", argv[1]);
    snprintf(copy, sizeof copy, "%s/new", argv[1]);
    tfr_writer *writer = NULL;
    CHECK(tfr_writer_create(path, index_path, NULL, &writer, NULL) == TFR_OK);
    for (uint8_t i = 0; i < 10; i++)
        CHECK(tfr_writer_write(writer, &i, 1, NULL) == TFR_OK);
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
    tfr_writer_free(writer);
    FILE *file = fopen(bad, "wb"); /* a record of 1 byte, with 0 in place of its checksums */
    CHECK(file != NULL && fwrite("\1\0\0\0\0\0\0\0\0\0\0\0x\0\0\0\0", 1, 17, file) == 17);
    CHECK(fclose(file) == 0);

    const char *paths[] = {path, bad}, *index_paths[] = {index_path, NULL};
    const uint64_t seed = 7;
    tfr_shards *both = NULL, *one = NULL;
    CHECK(tfr_shards_from_paths(paths, NULL, 2, &both, NULL) == TFR_OK);
    CHECK(tfr_shards_from_paths(paths, NULL, 1, &one, NULL) == TFR_OK);
    tfr_options *options = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_compression(options, TFR_COMPRESSION_GZIP, NULL) == TFR_OK);
    CHECK(tfr_options_set_compression(options, 2, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(tfr_error_message(error), "compression") != NULL);
    tfr_error_free(error);
    snprintf(packed, sizeof packed, "%s/packed", argv[1]);
    CHECK(tfr_reshard(one, NULL, packed, NULL, 2, 0, NULL, options, NULL, NULL, NULL) == TFR_OK);
    CHECK(records(packed, "train-00001-of-00002.tfrecord.gz") == 5);
    CHECK(tfr_options_set_progress(options, cancel, NULL, NULL) == TFR_OK);
    CHECK(tfr_reshard(both, NULL, copy, NULL, 2, 0, NULL, options, NULL, NULL, &error) ==
          TFR_ERR_CANCELLED);
    tfr_error_free(error);
    tfr_options_free(options);
    CHECK(tfr_reshard(both, index_paths, copy, NULL, 0, 100, NULL, NULL, count_warning, &warnings,
                      NULL) == TFR_OK);
    CHECK(warnings == 1);
    CHECK(records(copy, "train-00000-of-00002.tfrecord") == 6);
    CHECK(records(copy, "train-00001-of-00002.tfrecord") == 5);
    CHECK(tfr_reshard(one, NULL, copy, "x", 1, 0, &seed, NULL, NULL, NULL, &error) == TFR_ERR_IO);
    tfr_error_free(error);
    snprintf(copy, sizeof copy, "%s/newer", argv[1]);
    CHECK(tfr_reshard(one, NULL, copy, "x", 1, 0, &seed, NULL, NULL, NULL, NULL) == TFR_OK);
    CHECK(records(copy, "x-00000-of-00001.tfrecord") == 10);
    CHECK(tfr_reshard(one, NULL, copy, "x", 1, 1, NULL, NULL, NULL, NULL, NULL) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_reshard(one, NULL, copy, "\xff", 1, 0, NULL, NULL, NULL, NULL, NULL) ==
          TFR_ERR_INVALID_ARGUMENT);
    tfr_shards_free(both);
    tfr_shards_free(one);
    return 0;
}
