/* Forked processes decode with their parent's features, whose columns keep memory for others, while
 * a thread of the parent does so. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static tfr_features *features;
static tfr_batch *batch;

static void encode_two(void) {
    const int64_t ids[] = {7, -1};
    const tfr_feature_values values = {"id", 2, TFR_FEATURE_INT64, ids, 2, NULL};
    CHECK(tfr_features_new(&features, NULL) == TFR_OK);
    CHECK(tfr_features_add(features, "id", 2, TFR_FEATURE_INT64, NULL, NULL) == TFR_OK);
    CHECK(tfr_encode_examples(2, &values, 1, &batch, NULL) == TFR_OK);
}

static void decode(void) {
    const size_t *offsets = tfr_batch_offsets(batch);
    tfr_columns *columns = NULL;
    CHECK(tfr_columns_decode(features, tfr_batch_bytes(batch), offsets[2], offsets, 2, 1, &columns,
                             NULL) == TFR_OK);
    const int64_t *ids = tfr_columns_int64(columns, 0, NULL);
    CHECK(ids[0] == 7 && ids[1] == -1);
    tfr_columns_free(columns);
}

static void *decode_on_a_thread(void *unused) {
    for (int i = 0; i < 100000; i++) {
        decode();
    }
    return unused;
}

int main(void) {
    encode_two();
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, decode_on_a_thread, NULL) == 0);
    for (int i = 0; i < 30; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            decode();
            decode();
            tfr_features_free(features);
            _exit(0);
        }
        int status = 1;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    tfr_batch_free(batch);
    tfr_features_free(features);
    return 0;
}
