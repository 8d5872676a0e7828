/* Forked processes use their parent's data set and its batches, while threads of the parent use
 * both. argv[1] is an empty directory. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { SHARDS = 8, RECORDS = 3, ALL = SHARDS * RECORDS };

static tfr_dataset *dataset;
static tfr_order *order;

static tfr_dataset *open_dataset(const char *directory, size_t max_open_files) {
    static char paths[SHARDS][5000];
    const char *path_of[SHARDS];
    for (size_t shard = 0; shard < SHARDS; shard++) {
        snprintf(paths[shard], sizeof paths[shard], "%s/%zu.tfrecord", directory, shard);
        path_of[shard] = paths[shard];
        FILE *file = fopen(paths[shard], "wb");
        CHECK(file != NULL && fwrite(THREE, THREE_SIZE, 1, file) == 1 && fclose(file) == 0);
    }
    tfr_options *options = NULL;
    tfr_dataset *opened = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_max_open_files(options, max_open_files, NULL) == TFR_OK);
    CHECK(tfr_dataset_open(path_of, NULL, NULL, NULL, SHARDS, options, &opened, NULL) == TFR_OK);
    CHECK(tfr_dataset_len(opened) == ALL);
    tfr_options_free(options);
    return opened;
}

static void read_some(void) {
    static const char *const payloads[] = {"hello", "", "abc"};
    const uint64_t records[] = {23, 0, 9, 13, 5, 6};
    tfr_batch *batch = NULL;
    CHECK(tfr_dataset_read_batch(dataset, records, 6, &batch, NULL) == TFR_OK);
    for (size_t i = 0; i < 6; i++) {
        const char *expected = payloads[records[i] % RECORDS];
        const size_t *offsets = tfr_batch_offsets(batch);
        CHECK(offsets[i + 1] - offsets[i] == strlen(expected));
        CHECK(memcmp(tfr_batch_bytes(batch) + offsets[i], expected, strlen(expected)) == 0);
    }
    tfr_batch_free(batch);
}

/* Takes the next batch, which starts with this record. */
static void take(tfr_batches *batches, uint64_t first) {
    tfr_batch *batch = NULL;
    CHECK(tfr_batches_next(batches, &batch, NULL) == TFR_OK && batch != NULL);
    CHECK(tfr_batch_records(batch)[0] == first);
    CHECK(tfr_batches_state(batches) == first + tfr_batch_len(batch));
    tfr_batch_free(batch);
}

static void read_epoch(void) {
    tfr_batches *batches = NULL;
    CHECK(tfr_batches_new(dataset, order, 5, 2, 0, &batches, NULL) == TFR_OK);
    for (uint64_t record = 0; record < ALL; record += 5) {
        take(batches, record);
    }
    tfr_batches_free(batches);
}

static void *read_on_a_thread(void *unused) {
    for (int i = 0; i < 100; i++) {
        read_some();
        read_epoch();
    }
    return unused;
}

static void fork_while_reading(tfr_batches *batches) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, read_on_a_thread, NULL) == 0);
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            read_some();
            read_epoch();
            take(batches, 5);
            take(batches, 10);
            tfr_batches_free(batches);
            tfr_dataset_free(dataset);
            _exit(0);
        }
        int status = 1;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    CHECK(pthread_join(thread, NULL) == 0);
}

int main(int count, char **arguments) {
    CHECK(count == 2 && tfr_order_new(ALL, &order, NULL) == TFR_OK);
    for (size_t most = 1; most < SHARDS + 2; most += 4) {
        dataset = open_dataset(arguments[1], most);
        tfr_batches *batches = NULL;
        CHECK(tfr_batches_new(dataset, order, 5, 2, 0, &batches, NULL) == TFR_OK);
        take(batches, 0);
        fork_while_reading(batches);
        take(batches, 5);
        tfr_batches_free(batches);
        tfr_dataset_free(dataset);
    }
    tfr_order_free(order);
    return 0;
}
