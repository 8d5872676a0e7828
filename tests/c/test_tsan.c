/* A program built with -fsanitize=thread. The library is not built with it, so ThreadSanitizer
 * reports false races without the suppressions of docs/embedding.md. argv[1] is an empty
 * directory; with argv[2], "race", there is one in this program. */
#include <pthread.h>

#include "check.h"

#define RECORDS 30000
#define THREADS 3

static char path[5000], index_path[5000];
static const tfr_options *options;
static const tfr_reader *reader;
static tfr_writer *writer;
static int races;
static long shared;

static void *use(void *unused) {
    (void)unused;
    if (races) {
        shared++;
    }
    uint64_t count = 0;
    CHECK(tfr_index_create(path, index_path, options, &count, NULL) == TFR_OK);
    CHECK(count == 3 * RECORDS);
    tfr_index *index = NULL;
    CHECK(tfr_index_scan(path, options, &index, NULL) == TFR_OK);
    CHECK(tfr_index_len(index) == count);
    tfr_index_free(index);
    for (size_t i = 0; i < 1000; i++) {
        uint8_t payload[5];
        size_t size = 0;
        CHECK(tfr_reader_read(reader, i * 31 % count, payload, sizeof payload, &size, NULL) ==
              TFR_OK);
        CHECK(tfr_writer_write(writer, payload, size, NULL) == TFR_OK);
    }
    uint8_t *large = calloc(1, 100000);
    CHECK(large != NULL);
    for (size_t i = 0; i < 20; i++) {
        CHECK(tfr_writer_write(writer, large, i % 2 == 0 ? 100000 : 10000, NULL) == TFR_OK);
    }
    free(large);
    return NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 2 || count == 3);
    races = count == 3;
    char written[5000], written_index[5000];
    CHECK(snprintf(path, sizeof path, "%s/x", arguments[1]) > 0);
    CHECK(snprintf(index_path, sizeof index_path, "%s/x.idx", arguments[1]) > 0);
    CHECK(snprintf(written, sizeof written, "%s/y", arguments[1]) > 0);
    CHECK(snprintf(written_index, sizeof written_index, "%s/y.idx", arguments[1]) > 0);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    for (int i = 0; i < RECORDS; i++) {
        CHECK(fwrite(THREE, THREE_SIZE, 1, file) == 1);
    }
    CHECK(fclose(file) == 0);
    tfr_options *made = NULL;
    CHECK(tfr_options_new(&made, NULL) == TFR_OK);
    CHECK(tfr_options_set_threads(made, 3, NULL) == TFR_OK);
    options = made;
    tfr_reader *opened = NULL;
    CHECK(tfr_reader_open(path, NULL, options, &opened, NULL) == TFR_OK);
    reader = opened;
    CHECK(tfr_writer_create(written, written_index, NULL, &writer, NULL) == TFR_OK);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, use, NULL) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(tfr_writer_finish(writer, NULL, NULL) == TFR_OK);
    tfr_writer_free(writer);
    tfr_reader_free(opened);
    tfr_options_free(made);
    return 0;
}
