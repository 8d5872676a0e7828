/* Index files that are found by name, and made only where there is need. argv[1] is an empty
 * directory. */
#include "check.h"
#include <errno.h>
#include <sys/stat.h>

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

static void shards(void) {
    char set[4096], data[2][8192], missing[8192];
    snprintf(set, sizeof set, "%s/set", folder);
    CHECK(mkdir(set, 0777) == 0);
    for (int i = 0; i < 2; i++) {
        snprintf(data[i], sizeof data[i], "%s/t-%05d-of-00003", set, i);
        write_file(data[i], THREE, THREE_SIZE);
    }
    snprintf(missing, sizeof missing, "%s/t-00002-of-00003", set);
    const char *const path = set;
    const char *const twice[] = {data[0], data[0]};
    tfr_shards *found = NULL;
    tfr_error *error = NULL;

    CHECK(tfr_shards_find(&path, 1, NULL, NULL, 0, &found, &error) == TFR_ERR_IO && found == NULL);
    CHECK(strcmp(tfr_error_path(error), missing) == 0 && tfr_error_os_error(error) == ENOENT);
    tfr_error_free(error);
    CHECK(tfr_shards_find(&path, 1, NULL, "indexes", TFR_FIND_ALLOW_MISSING, &found, NULL) ==
          TFR_OK);
    CHECK(tfr_shards_len(found) == 2 && strcmp(tfr_shards_path(found, 1), data[1]) == 0);
    CHECK(strcmp(tfr_shards_index_path(found, 1), "indexes/t-00001-of-00003.idx") == 0);
    CHECK(tfr_shards_path(found, 2) == NULL && tfr_shards_index_path(found, 2) == NULL);
    CHECK(strstr(tfr_shards_note(found, 0), missing) != NULL && tfr_shards_note(found, 1) == NULL);
    tfr_shards_free(found);
    CHECK(tfr_shards_find(&path, 1, "*0-of*", NULL, 1, &found, NULL) == TFR_OK);
    CHECK(tfr_shards_len(found) == 1 && tfr_shards_index_path(found, 0) == NULL);
    tfr_shards_free(found);

    CHECK(tfr_shards_find(twice, 2, NULL, NULL, 0, &found, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_shards_find(twice, 2, NULL, NULL, TFR_FIND_ALLOW_REPEATED, &found, NULL) == TFR_OK);
    CHECK(tfr_shards_len(found) == 2);
    tfr_shards_free(found);
    CHECK(tfr_shards_find(NULL, 0, NULL, NULL, 0, &found, NULL) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_shards_find(&path, 1, NULL, NULL, 4, &found, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(tfr_error_message(error), "tfr_find_flags") != NULL);
    tfr_error_free(error);

    const char *const indexes[] = {NULL, "b.idx"};
    CHECK(tfr_shards_from_paths(twice, indexes, 2, &found, NULL) == TFR_OK);
    CHECK(tfr_shards_index_path(found, 0) == NULL);
    CHECK(strcmp(tfr_shards_index_path(found, 1), "b.idx") == 0);
    tfr_shards_free(found);
    CHECK(tfr_shards_from_paths(NULL, NULL, 0, &found, NULL) == TFR_OK);
    CHECK(tfr_shards_len(found) == 0);
    tfr_shards_free(found);
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

static int32_t seen(void *context, const tfr_created *created) {
    size_t *count = context;
    CHECK(created->number == (*count)++);
    if (created->number == 1) {
        CHECK(created->error != NULL && tfr_error_os_error(created->error) == ENOENT);
        CHECK(created->records == TFR_UNKNOWN && created->bytes == 0);
        CHECK(strcmp(tfr_error_path(created->error), created->tfrecord_path) == 0);
    } else {
        CHECK(created->error == NULL && created->bytes == THREE_SIZE);
        CHECK(created->records == 3 && created->skipped_regions == 0);
        CHECK(strstr(created->index_path, created->number == 2 ? "/new/x.idx" : ".idx") != NULL);
    }
    return 0;
}

static int32_t stop(void *context, const tfr_created *created) {
    (void)context, (void)created;
    return 1;
}

/* Many files at once: one of them is missing, and one has an index in a new directory. */
static void many(void) {
    char other[4096], none[4096], index[4096];
    snprintf(other, sizeof other, "%s/other", folder);
    snprintf(none, sizeof none, "%s/none", folder);
    snprintf(index, sizeof index, "%s/new/x.idx", folder);
    write_file(other, THREE, THREE_SIZE);
    const char *const paths[3] = {data_path, none, other};
    const char *const indexes[3] = {NULL, NULL, index};
    for (size_t jobs = 0; jobs < 3; jobs++) {
        size_t count = 0;
        tfr_create_totals totals;
        CHECK(tfr_create_indexes(paths, indexes, 3, jobs, 0, 0, NULL, seen, &count, &totals,
                                 NULL) == TFR_OK);
        CHECK(count == 3 && totals.created == 2 && totals.failed == 1 && totals.records == 6);
        CHECK(totals.bytes == 2 * THREE_SIZE && totals.skipped_regions == 0);
        CHECK(tfr_create_indexes(paths, indexes, 3, jobs, TFR_ONLY_STALE, 0, NULL, NULL, NULL,
                                 &totals, NULL) == TFR_OK);
        CHECK(totals.up_to_date == 2 && totals.created == 0 && totals.failed == 1);
        CHECK(tfr_create_indexes(paths, indexes, 3, jobs, 0, 1, NULL, NULL, NULL, &totals, NULL) ==
              TFR_OK);
        CHECK(totals.created == 0 && totals.planned + totals.failed == 3);
        CHECK(tfr_create_indexes(paths, NULL, 3, jobs, 0, 0, NULL, stop, NULL, NULL, NULL) ==
              TFR_ERR_CANCELLED);
    }
    CHECK(tfr_create_indexes(paths, NULL, 3, 0, 7, 0, NULL, NULL, NULL, NULL, NULL) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(tfr_create_indexes(NULL, NULL, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL) == TFR_OK);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    snprintf(folder, sizeof folder, "%s", argv[1]);
    snprintf(data_path, sizeof data_path, "%s/train.tfrecord", argv[1]);
    snprintf(index_path, sizeof index_path, "%s/train.tfrecord.idx", argv[1]);
    write_file(data_path, THREE, THREE_SIZE);
    updated();
    found();
    shards();
    event_files();
    many();
    return 0;
}
