/* Data sets and their batches: what they read, in which order, and on many threads.
 * argv[1] is an empty directory. */
#include <errno.h>
#include <pthread.h>

#include "check.h"

enum { SHARDS = 5, RECORDS = 4, ALL = SHARDS * RECORDS };

static char paths[SHARDS][5000];
static const char *path_of[SHARDS];

/* The payload of a record: its number, repeated twice its number in the shard. */
static size_t payload(uint64_t record, uint8_t *bytes) {
    size_t size = (size_t)(record % RECORDS) * 2;
    memset(bytes, (int)record, size);
    return size;
}

static void write_shards(const char *directory) {
    for (size_t shard = 0; shard < SHARDS; shard++) {
        snprintf(paths[shard], sizeof paths[shard], "%s/%zu.tfrecord", directory, shard);
        path_of[shard] = paths[shard];
        tfr_writer *writer = NULL;
        CHECK(tfr_writer_create(paths[shard], NULL, NULL, &writer, NULL) == TFR_OK);
        for (uint64_t record = 0; record < RECORDS; record++) {
            uint8_t bytes[2 * RECORDS];
            size_t size = payload(shard * RECORDS + record, bytes);
            CHECK(tfr_writer_write(writer, bytes, size, NULL) == TFR_OK);
        }
        CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
        tfr_writer_free(writer);
    }
}

static tfr_dataset *open_dataset(const tfr_options *options) {
    tfr_dataset *dataset = NULL;
    tfr_error *error = NULL;
    tfr_status status =
        tfr_dataset_open(path_of, NULL, NULL, NULL, SHARDS, options, &dataset, &error);
    if (status != TFR_OK) {
        fprintf(stderr, "%s\n", tfr_error_message(error));
    }
    CHECK(status == TFR_OK && dataset != NULL);
    CHECK(tfr_dataset_len(dataset) == ALL && tfr_dataset_num_shards(dataset) == SHARDS);
    return dataset;
}

static tfr_options *few_files(void) {
    tfr_options *options = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_max_open_files(options, 2, NULL) == TFR_OK);
    CHECK(tfr_options_set_index_memory(options, 1000, NULL) == TFR_OK);
    return options;
}

static void places(const tfr_dataset *dataset) {
    size_t shard = 77;
    uint64_t record = 77, count = 77;
    CHECK(tfr_dataset_locate(dataset, 9, &shard, &record, NULL) == TFR_OK);
    CHECK(shard == 2 && record == 1);
    CHECK(strcmp(tfr_dataset_path(dataset, 2), paths[2]) == 0);
    CHECK(tfr_dataset_path(dataset, SHARDS) == NULL);
    CHECK(tfr_dataset_records_of(dataset, 2, &record, &count, NULL) == TFR_OK);
    CHECK(record == 8 && count == RECORDS);
    tfr_index *index = NULL;
    CHECK(tfr_dataset_index_of(dataset, 4, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == RECORDS);
    tfr_index_free(index);
    tfr_error *error = NULL;
    CHECK(tfr_dataset_index_of(dataset, SHARDS, &index, &error) == TFR_ERR_OUT_OF_RANGE);
    tfr_error_free(error);
    uint64_t chunk = 0;
    CHECK(tfr_dataset_chunk_records(dataset, &chunk, NULL) == TFR_OK && chunk > ALL);
    CHECK(tfr_dataset_locate(dataset, ALL, &shard, &record, &error) == TFR_ERR_OUT_OF_RANGE);
    CHECK(tfr_error_record(error) == ALL && shard == 2);
    tfr_error_free(error);
    CHECK(tfr_dataset_num_warnings(dataset) == 0);
    CHECK(tfr_dataset_warning(dataset, 0, &error, NULL) == TFR_OK && error == NULL);
    CHECK(tfr_dataset_skipped(dataset, 0, &error, NULL) == TFR_OK && error == NULL);
    CHECK(tfr_dataset_num_skipped(dataset) == 0);
}

static void one_and_many(const tfr_dataset *dataset) {
    const uint64_t records[] = {19, 0, 7, 9, 7, 18};
    enum { COUNT = sizeof records / sizeof *records };
    size_t sizes[COUNT], offsets[COUNT + 1], found[COUNT + 1];
    CHECK(tfr_dataset_sizes(dataset, records, COUNT, sizes, NULL) == TFR_OK);
    CHECK(tfr_dataset_offsets(dataset, records, COUNT, offsets, NULL) == TFR_OK);
    tfr_entry entries[COUNT];
    CHECK(tfr_dataset_entries(dataset, records, COUNT, entries, NULL) == TFR_OK);
    CHECK(entries[1].offset == 0 && entries[2].offset > entries[3].offset);
    uint8_t many[ALL * 2 * RECORDS], one[2 * RECORDS], expected[2 * RECORDS], each[COUNT][10];
    CHECK(tfr_dataset_read_many(dataset, records, COUNT, many, sizeof many, found, NULL) == TFR_OK);
    CHECK(memcmp(offsets, found, sizeof found) == 0);
    uint8_t *buffers[COUNT];
    size_t capacities[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        buffers[i] = each[i];
        capacities[i] = sizes[i];
    }
    CHECK(tfr_dataset_read_each(dataset, records, COUNT, buffers, capacities, NULL) == TFR_OK);
    for (size_t i = 0; i < COUNT; i++) {
        size_t size = 77;
        CHECK(payload(records[i], expected) == sizes[i] && entries[i].size == sizes[i] + 16);
        CHECK(offsets[i + 1] - offsets[i] == sizes[i]);
        CHECK(memcmp(many + offsets[i], expected, sizes[i]) == 0);
        CHECK(memcmp(each[i], expected, sizes[i]) == 0);
        CHECK(tfr_dataset_read(dataset, records[i], one, sizeof one, &size, NULL) == TFR_OK);
        CHECK(size == sizes[i] && memcmp(one, expected, size) == 0);
    }
    tfr_error *error = NULL;
    CHECK(tfr_dataset_read(dataset, 19, one, 5, NULL, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(strcmp(tfr_error_path(error), paths[4]) == 0 && tfr_error_record(error) == 3);
    tfr_error_free(error);
    CHECK(tfr_dataset_close_files(dataset, NULL) == TFR_OK);
}

/* Reads all batches of an order, from `start` on. Returns where the last one ends. */
static uint64_t epoch(const tfr_dataset *dataset, uint64_t start, size_t prefetch, size_t most) {
    tfr_order *order = NULL;
    tfr_batches *batches = NULL;
    CHECK(tfr_order_new(ALL, &order, NULL) == TFR_OK);
    CHECK(tfr_order_set_shuffle(order, 7, NULL) == TFR_OK);
    CHECK(tfr_order_set_start(order, start, NULL) == TFR_OK);
    CHECK(tfr_batches_new(dataset, order, 3, prefetch, 0, &batches, NULL) == TFR_OK);
    uint64_t next = 0;
    for (size_t i = 0; i < most; i++) {
        int32_t ready = 0;
        while (!ready) {
            CHECK(tfr_batches_wait(batches, 10, &ready, NULL) == TFR_OK);
        }
        tfr_batch *batch = NULL;
        CHECK(tfr_batches_next(batches, &batch, NULL) == TFR_OK);
        if (batch == NULL) {
            break;
        }
        const uint8_t *bytes = tfr_batch_bytes(batch);
        const size_t *offsets = tfr_batch_offsets(batch);
        for (size_t n = 0; n < tfr_batch_len(batch); n++) {
            uint64_t record = 77;
            uint8_t expected[2 * RECORDS];
            CHECK(tfr_order_get(order, next++, &record, NULL) == TFR_OK);
            CHECK(tfr_batch_records(batch)[n] == record);
            CHECK(offsets[n + 1] - offsets[n] == payload(record, expected));
            CHECK(memcmp(bytes + offsets[n], expected, offsets[n + 1] - offsets[n]) == 0);
        }
        tfr_batch_free(batch);
        CHECK(tfr_batches_state(batches) == start + next);
    }
    uint64_t state = tfr_batches_state(batches);
    tfr_batches_free(batches);
    tfr_order_free(order);
    return state;
}

static void in_batches(const tfr_dataset *dataset) {
    for (size_t prefetch = 0; prefetch < 5; prefetch++) {
        uint64_t state = epoch(dataset, 0, prefetch, 3);
        CHECK(state == 9);
        CHECK(epoch(dataset, state, prefetch, ALL) == ALL);
    }
    tfr_order *order = NULL;
    tfr_batches *batches = NULL;
    CHECK(tfr_order_new(ALL - 1, &order, NULL) == TFR_OK);
    CHECK(tfr_batches_new(dataset, order, 3, 2, 0, &batches, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(batches == NULL);
    tfr_order_free(order);
}

static void given_indexes(void) {
    tfr_index *last = NULL;
    tfr_dataset *dataset = NULL;
    CHECK(tfr_index_from_text("0 16\n", 5, &last, NULL) == TFR_OK);
    char index_path[5100];
    snprintf(index_path, sizeof index_path, "%s.idx", paths[0]);
    const char *twice[] = {paths[0], paths[0]};
    const char *index_paths[] = {index_path, NULL};
    const tfr_index *indexes[] = {NULL, last};
    tfr_error *error = NULL;
    CHECK(tfr_dataset_open(twice, NULL, NULL, NULL, 2, NULL, &dataset, &error) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(tfr_error_message(error), "twice") != NULL && dataset == NULL);
    tfr_error_free(error);
    CHECK(tfr_dataset_open(twice, index_paths, indexes, NULL, 2, NULL, &dataset, NULL) == TFR_OK);
    tfr_index_free(last);
    CHECK(tfr_dataset_len(dataset) == RECORDS + 1);
    CHECK(tfr_dataset_read(dataset, RECORDS, NULL, 0, NULL, NULL) == TFR_OK);
    tfr_dataset_free(dataset);
}

/* Every second record, from the last one on, in batches of at most 7 bytes. */
static void a_part(const tfr_dataset *dataset) {
    tfr_order *order = NULL;
    tfr_batches *batches = NULL;
    tfr_batch *batch = NULL;
    CHECK(tfr_order_new(ALL / 2, &order, NULL) == TFR_OK);
    CHECK(tfr_batches_of(dataset, ALL - 1, 2, order, 9, 7, 1, 0, &batches, NULL) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_batches_of(dataset, ALL - 1, -2, order, 9, 7, 1, 0, &batches, NULL) == TFR_OK);
    uint64_t record = ALL - 1, seen = 0;
    while (tfr_batches_next(batches, &batch, NULL) == TFR_OK && batch != NULL) {
        size_t size = tfr_batch_len(batch);
        CHECK(size == 1 || tfr_batch_offsets(batch)[size] <= 7);
        for (size_t i = 0; i < size; i++, record -= 2, seen++) {
            CHECK(tfr_batch_records(batch)[i] == record);
        }
        tfr_batch_free(batch);
    }
    CHECK(seen == ALL / 2 && tfr_batches_state(batches) == seen);
    tfr_batches_free(batches);
    tfr_order_free(order);
}

static int32_t cancel(void *calls, uint64_t bytes_done, uint64_t bytes_total, uint64_t records) {
    CHECK(bytes_total == TFR_UNKNOWN && bytes_done == 0 && records == 0);
    ++*(int *)calls;
    return 1;
}

static void counts(void) {
    tfr_options *options = NULL;
    tfr_dataset *dataset = NULL;
    int calls = 0;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_progress(options, cancel, &calls, NULL) == TFR_OK);
    CHECK(tfr_dataset_open(path_of, NULL, NULL, NULL, SHARDS, options, &dataset, NULL) ==
          TFR_ERR_CANCELLED);
    CHECK(calls == 1 && dataset == NULL);
    tfr_shards *shards = NULL;
    CHECK(tfr_shards_from_paths(path_of, NULL, SHARDS, &shards, NULL) == TFR_OK);
    CHECK(tfr_dataset_from_shards(shards, NULL, NULL, options, &dataset, NULL) ==
          TFR_ERR_CANCELLED);
    CHECK(calls == 2 && dataset == NULL);
    CHECK(tfr_dataset_from_shards(shards, NULL, NULL, NULL, &dataset, NULL) == TFR_OK);
    tfr_shards_free(shards);
    CHECK(tfr_dataset_len(dataset) == ALL);
    tfr_dataset_free(dataset);
    /* With counts there is nothing to cancel: no file is opened. */
    uint64_t counts[SHARDS] = {RECORDS, RECORDS, RECORDS + 1, RECORDS, RECORDS};
    CHECK(tfr_dataset_open(path_of, NULL, NULL, counts, SHARDS, options, &dataset, NULL) == TFR_OK);
    tfr_options_free(options);
    CHECK(calls == 2 && tfr_dataset_len(dataset) == ALL + 1);
    uint8_t bytes[2 * RECORDS];
    CHECK(tfr_dataset_read(dataset, 7, bytes, sizeof bytes, NULL, NULL) == TFR_OK);
    tfr_error *error = NULL;
    CHECK(tfr_dataset_read(dataset, 9, bytes, sizeof bytes, NULL, &error) == TFR_ERR_MISMATCH);
    CHECK(strcmp(tfr_error_path(error), paths[2]) == 0);
    tfr_error_free(error);
    tfr_dataset_free(dataset);
}

static void *read_on_a_thread(void *dataset) {
    for (int i = 0; i < 20; i++) {
        one_and_many(dataset);
        CHECK(epoch(dataset, 0, 2, ALL) == ALL);
    }
    return NULL;
}

static void on_threads(tfr_dataset *dataset) {
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_on_a_thread, dataset) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

/* What opens shards, and how often the parts of it were freed. */
struct opener {
    uint8_t *data[SHARDS];
    size_t size[SHARDS];
    int freed, sources_freed;
    size_t missing;
};

static struct opener opener;

static void free_opener(void *context) { ((struct opener *)context)->freed++; }

static void free_source(void *data) {
    (void)data;
    __atomic_add_fetch(&opener.sources_freed, 1, __ATOMIC_SEQ_CST);
}

static int32_t open_shard(void *context, size_t shard, tfr_opened_shard *opened, char *message) {
    const struct opener *from = context;
    CHECK(opened->data == NULL && opened->index_file == NULL && opened->seek_file == NULL &&
          opened->given_index == NULL);
    if (shard == from->missing) {
        CHECK(TFR_MESSAGE_SIZE >= 20);
        memcpy(message, "the bucket is gone", 19);
        return -ENOENT;
    }
    CHECK(tfr_source_from_memory(from->data[shard], from->size[shard], &opened->data, NULL) ==
          TFR_OK);
    return tfr_source_set_free(opened->data, free_source, NULL) == TFR_OK ? 0 : -EIO;
}

/* A data set of shards that are in memory. */
static void by_an_opener(void) {
    for (size_t shard = 0; shard < SHARDS; shard++) {
        FILE *file = fopen(paths[shard], "rb");
        CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
        opener.size[shard] = (size_t)ftell(file);
        opener.data[shard] = malloc(opener.size[shard]);
        rewind(file);
        CHECK(fread(opener.data[shard], 1, opener.size[shard], file) == opener.size[shard]);
        CHECK(fclose(file) == 0);
    }
    opener.missing = SHARDS;
    tfr_dataset *dataset = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_dataset_from_opener(path_of, NULL, NULL, SHARDS, open_shard, &opener, free_opener,
                                  NULL, &dataset, NULL) == TFR_OK);
    CHECK(tfr_dataset_len(dataset) == ALL && opener.freed == 0);
    one_and_many(dataset);
    in_batches(dataset);
    on_threads(dataset);
    tfr_dataset_free(dataset);
    CHECK(opener.freed == 1 && opener.sources_freed >= SHARDS);

    opener.missing = 2;
    CHECK(tfr_dataset_from_opener(path_of, NULL, NULL, SHARDS, open_shard, &opener, free_opener,
                                  NULL, &dataset, &error) == TFR_ERR_IO);
    CHECK(dataset == NULL && opener.freed == 2 && tfr_error_os_error(error) == ENOENT);
    CHECK(strcmp(tfr_error_path(error), paths[2]) == 0);
    CHECK(strstr(tfr_error_message(error), "the bucket is gone") != NULL);
    tfr_error_free(error);

    /* With counts, nothing is opened before it is used. */
    const uint64_t counts[SHARDS] = {RECORDS, RECORDS, RECORDS, RECORDS, RECORDS};
    opener.sources_freed = 0;
    CHECK(tfr_dataset_from_opener(path_of, NULL, counts, SHARDS, open_shard, &opener, NULL, NULL,
                                  &dataset, NULL) == TFR_OK);
    uint8_t bytes[2 * RECORDS];
    CHECK(tfr_dataset_read(dataset, 7, bytes, sizeof bytes, NULL, NULL) == TFR_OK);
    CHECK(tfr_dataset_read(dataset, 2 * RECORDS, bytes, sizeof bytes, NULL, NULL) == TFR_ERR_IO);
    tfr_dataset_free(dataset);
    CHECK(opener.freed == 2 && opener.sources_freed == 1);
    for (size_t shard = 0; shard < SHARDS; shard++) {
        free(opener.data[shard]);
    }
}

/* Damages the last record of shard 1, and removes shard 3. */
static void what_is_bad(void) {
    tfr_options *options = few_files();
    CHECK(tfr_options_set_on_error(options, TFR_ON_ERROR_SKIP, NULL) == TFR_OK);
    CHECK(tfr_options_set_on_error(options, 2, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_options_set_index_memory(options, 1, NULL) == TFR_OK);
    tfr_dataset *skipping = open_dataset(options), *failing = open_dataset(NULL);
    tfr_options_free(options);
    CHECK(tfr_dataset_close_files(failing, NULL) == TFR_OK);
    CHECK(tfr_dataset_close_files(skipping, NULL) == TFR_OK);
    FILE *file = fopen(paths[1], "r+b");
    CHECK(file != NULL && fseek(file, -5, SEEK_END) == 0 && fputc('!', file) == '!');
    CHECK(fclose(file) == 0 && remove(paths[3]) == 0);

    const uint64_t records[] = {7, 12, 6, 13, 19};
    tfr_batch *batch = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_dataset_read_batch(failing, records, 5, &batch, &error) == TFR_ERR_PAYLOAD_CRC);
    CHECK(batch == NULL && tfr_error_record(error) == 3);
    tfr_error_free(error);
    CHECK(tfr_dataset_read_batch(skipping, records, 5, &batch, NULL) == TFR_OK);
    CHECK(tfr_batch_len(batch) == 2 && tfr_batch_offsets(batch)[2] == 10);
    CHECK(tfr_batch_records(batch)[0] == 6 && tfr_batch_records(batch)[1] == 19);
    CHECK(tfr_batch_skipped(batch, 0, &error, NULL) == TFR_OK);
    CHECK(tfr_error_status(error) == TFR_ERR_PAYLOAD_CRC && tfr_error_record(error) == 3);
    tfr_error_free(error);
    CHECK(tfr_batch_skipped(batch, 1, &error, NULL) == TFR_OK);
    CHECK(strcmp(tfr_error_path(error), paths[3]) == 0);
    tfr_error_free(error);
    CHECK(tfr_batch_skipped(batch, 2, &error, NULL) == TFR_OK && error == NULL);
    tfr_batch_free(batch);
    CHECK(tfr_dataset_num_skipped(skipping) == 3);
    CHECK(tfr_dataset_skipped(skipping, 0, &error, NULL) == TFR_OK);
    CHECK(tfr_error_status(error) == TFR_ERR_PAYLOAD_CRC && tfr_error_record(error) == 3);
    CHECK(strcmp(tfr_error_path(error), paths[1]) == 0);
    tfr_error_free(error);
    CHECK(tfr_dataset_skipped(skipping, 1, &error, NULL) == TFR_OK);
    CHECK(tfr_error_os_error(error) != 0 && strcmp(tfr_error_path(error), paths[3]) == 0);
    tfr_error_free(error);
    CHECK(tfr_dataset_skipped(skipping, 2, &error, NULL) == TFR_OK && error == NULL);
    tfr_dataset_free(failing);
    tfr_dataset_free(skipping);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    write_shards(arguments[1]);
    tfr_dataset *dataset = open_dataset(NULL);
    places(dataset);
    one_and_many(dataset);
    in_batches(dataset);
    tfr_dataset_free(dataset);
    tfr_options *options = few_files();
    dataset = open_dataset(options);
    tfr_options_free(options);
    one_and_many(dataset);
    in_batches(dataset);
    on_threads(dataset);
    a_part(dataset);
    tfr_dataset_free(dataset);
    counts();
    by_an_opener();
    given_indexes();
    what_is_bad();
    return 0;
}
