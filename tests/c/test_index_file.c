/* Index files that are found by name, and made only where there is need. argv[1] is an empty
 * directory. */
#include "check.h"
#include <errno.h>

static char folder[2048], data_path[4096], index_path[4096];

static void write_file(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

static void updated(void) {
    uint64_t count = 0;
    CHECK(tfr_index_update(data_path, NULL, TFR_ONLY_MISSING, NULL, &count, NULL) == TFR_OK);
    CHECK(count == 3);
    CHECK(tfr_index_update(data_path, NULL, TFR_ONLY_STALE, NULL, &count, NULL) == TFR_OK);
    CHECK(count == TFR_UNKNOWN);
    write_file(index_path, "0 21\n", 5);
    CHECK(tfr_index_update(data_path, index_path, TFR_ONLY_MISSING, NULL, &count, NULL) == TFR_OK);
    CHECK(count == TFR_UNKNOWN);
    CHECK(tfr_index_update(data_path, index_path, TFR_ONLY_STALE, NULL, &count, NULL) == TFR_OK);
    CHECK(count == 3);
    for (int32_t none = 0; none <= 3; none += 3) {
        tfr_error *error = NULL;
        CHECK(tfr_index_update(data_path, NULL, none, NULL, NULL, &error) ==
              TFR_ERR_INVALID_ARGUMENT);
        CHECK(strstr(tfr_error_message(error), "not a member of tfr_only") != NULL);
        tfr_error_free(error);
    }
}

static void found(void) {
    char *path = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_index_find(data_path, NULL, &path, NULL) == TFR_OK && strcmp(path, index_path) == 0);
    tfr_text_free(path);
    CHECK(tfr_index_find("elsewhere/train.tfrecord", folder, &path, NULL) == TFR_OK);
    CHECK(strcmp(path, index_path) == 0);
    tfr_text_free(path);
    CHECK(tfr_index_find("none", folder, &path, &error) == TFR_ERR_IO && path == NULL);
    CHECK(tfr_error_os_error(error) == ENOENT);
    tfr_error_free(error);
}

/* TensorBoard would read an index beside its file as a newer event file. */
static void event_files(void) {
    char events[4096], index[4096];
    snprintf(events, sizeof events, "%s/events.out.tfevents.1.host", folder);
    snprintf(index, sizeof index, "%s/events.idx", folder);
    write_file(events, THREE, THREE_SIZE);
    tfr_error *errors[3] = {NULL, NULL, NULL};
    tfr_writer *writer = NULL;
    CHECK(tfr_index_create(events, NULL, NULL, NULL, &errors[0]) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_index_update(events, NULL, TFR_ONLY_STALE, NULL, NULL, &errors[1]) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_writer_append(events, NULL, NULL, &writer, &errors[2]) == TFR_ERR_INVALID_ARGUMENT);
    for (int i = 0; i < 3; i++) {
        CHECK(strstr(tfr_error_message(errors[i]), "TensorBoard") != NULL);
        CHECK(strstr(tfr_error_message(errors[i]), "give index_path") != NULL);
        tfr_error_free(errors[i]);
    }
    CHECK(tfr_index_create(events, index, NULL, NULL, NULL) == TFR_OK);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    snprintf(folder, sizeof folder, "%s", argv[1]);
    snprintf(data_path, sizeof data_path, "%s/train.tfrecord", argv[1]);
    snprintf(index_path, sizeof index_path, "%s/train.tfrecord.idx", argv[1]);
    write_file(data_path, THREE, THREE_SIZE);
    updated();
    found();
    event_files();
    return 0;
}
