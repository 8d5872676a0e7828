/* Manifests: built, written, read and refreshed. argv[1] is an empty directory. */
#include "check.h"
#include <errno.h>

static char folder[2048], paths[3][4096], file[4096];

static void write_file(const char *path, size_t copies) {
    FILE *opened = fopen(path, "wb");
    CHECK(opened != NULL);
    for (size_t i = 0; i < copies; i++) {
        CHECK(fwrite(THREE, 1, THREE_SIZE, opened) == THREE_SIZE);
    }
    CHECK(fclose(opened) == 0);
}

/* The files from `first` on. */
static tfr_shards *files(size_t first, size_t count) {
    const char *const given[] = {paths[0], paths[1], paths[2]};
    tfr_shards *shards = NULL;
    CHECK(tfr_shards_from_paths(given + first, NULL, count, &shards, NULL) == TFR_OK);
    return shards;
}

static void built_and_written(void) {
    tfr_shards *shards = files(0, 2), *same = NULL;
    tfr_manifest *manifest = NULL, *read = NULL;
    tfr_manifest_row row;
    tfr_error *error = NULL;
    CHECK(tfr_manifest_build(shards, NULL, &manifest, NULL) == TFR_OK);
    CHECK(tfr_manifest_len(manifest) == 2 && tfr_manifest_total_records(manifest) == 9);
    CHECK(tfr_manifest_write(manifest, file, NULL) == TFR_OK);
    CHECK(tfr_manifest_read(file, &read, NULL) == TFR_OK);
    CHECK(tfr_manifest_len(read) == 2 && tfr_manifest_total_records(read) == 9);
    CHECK(tfr_manifest_get(read, 1, &row, NULL) == TFR_OK);
    CHECK(strcmp(row.path, paths[1]) == 0 && row.index_path == NULL);
    CHECK(row.bytes == 2 * THREE_SIZE && row.records == 6 && row.mtime_ns > 0);
    CHECK(tfr_manifest_get(read, 2, &row, &error) == TFR_ERR_OUT_OF_RANGE);
    CHECK(tfr_error_record(error) == 2 && row.records == 6);
    tfr_error_free(error);
    CHECK(tfr_manifest_shards(read, &same, NULL) == TFR_OK && tfr_shards_len(same) == 2);
    CHECK(strcmp(tfr_shards_path(same, 0), paths[0]) == 0);
    tfr_shards_free(same);
    tfr_dataset *dataset = NULL;
    uint8_t payload[8];
    size_t size = 0;
    CHECK(tfr_dataset_from_manifest(read, NULL, &dataset, NULL) == TFR_OK);
    CHECK(tfr_dataset_len(dataset) == 9 && tfr_dataset_num_shards(dataset) == 2);
    CHECK(tfr_dataset_read(dataset, 8, payload, sizeof payload, &size, NULL) == TFR_OK);
    CHECK(size == 3 && memcmp(payload, "abc", 3) == 0);
    tfr_dataset_free(dataset);
    /* Where paths are given, the file stands for its shards, and has their numbers of records. */
    const char *given = file;
    CHECK(tfr_shards_find(&given, 1, NULL, NULL, 0, &same, NULL) == TFR_OK);
    CHECK(tfr_shards_len(same) == 2 && strcmp(tfr_shards_path(same, 1), paths[1]) == 0);
    CHECK(rename(paths[0], paths[2]) == 0);
    CHECK(tfr_dataset_from_shards(same, NULL, NULL, NULL, &dataset, NULL) == TFR_OK);
    CHECK(tfr_dataset_len(dataset) == 9);
    CHECK(tfr_dataset_read(dataset, 8, payload, sizeof payload, &size, NULL) == TFR_OK);
    CHECK(tfr_dataset_read(dataset, 0, payload, sizeof payload, &size, NULL) == TFR_ERR_IO);
    CHECK(rename(paths[2], paths[0]) == 0);
    tfr_dataset_free(dataset);
    tfr_shards_free(same);
    tfr_manifest_free(read);
    tfr_manifest_free(manifest);
    tfr_shards_free(shards);
}

static void made_of_rows(void) {
    const tfr_manifest_row rows[] = {
        {"data/a", "ix/a.idx", 100, 3, 5, "\"v1\""},
        {"data/b", NULL, 0, 0, INT64_MIN, NULL},
    };
    tfr_manifest *manifest = NULL;
    tfr_manifest_row row;
    CHECK(tfr_manifest_from_rows(rows, 2, &manifest, NULL) == TFR_OK);
    CHECK(tfr_manifest_len(manifest) == 2 && tfr_manifest_total_records(manifest) == 3);
    CHECK(tfr_manifest_get(manifest, 0, &row, NULL) == TFR_OK && row.path != rows[0].path);
    CHECK(strcmp(row.path, "data/a") == 0 && strcmp(row.index_path, "ix/a.idx") == 0);
    CHECK(row.bytes == 100 && row.records == 3 && row.mtime_ns == 5);
    CHECK(strcmp(row.etag, "\"v1\"") == 0);
    CHECK(tfr_manifest_get(manifest, 1, &row, NULL) == TFR_OK);
    CHECK(row.index_path == NULL && row.etag == NULL && row.mtime_ns == INT64_MIN);
    tfr_manifest_free(manifest);
    const tfr_manifest_row many[] = {{"a", NULL, 0, UINT64_MAX, 0, NULL},
                                     {"b", NULL, 0, 1, 0, NULL}};
    tfr_error *error = NULL;
    CHECK(tfr_manifest_from_rows(many, 2, &manifest, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(manifest == NULL && strstr(tfr_error_message(error), "2^64 - 1") != NULL);
    tfr_error_free(error);
    CHECK(tfr_manifest_from_rows(NULL, 0, &manifest, NULL) == TFR_OK);
    CHECK(tfr_manifest_len(manifest) == 0);
    tfr_manifest_free(manifest);
}

static void refreshed(void) {
    tfr_shards *shards = files(1, 2);
    tfr_manifest *manifest = NULL;
    tfr_changes *changes = NULL;
    CHECK(tfr_manifest_read(file, &manifest, NULL) == TFR_OK);
    tfr_dataset *dataset = NULL;
    CHECK(tfr_dataset_from_manifest(manifest, NULL, &dataset, NULL) == TFR_OK);
    write_file(paths[1], 3);
    uint8_t payload[8];
    size_t size = 0;
    tfr_error *changed = NULL;
    CHECK(tfr_dataset_read(dataset, 3, payload, sizeof payload, &size, &changed) ==
          TFR_ERR_MISMATCH);
    CHECK(strcmp(tfr_error_path(changed), paths[1]) == 0);
    tfr_error_free(changed);
    tfr_dataset_free(dataset);
    CHECK(tfr_manifest_refresh(manifest, shards, NULL, &changes, NULL) == TFR_OK);
    CHECK(tfr_manifest_total_records(manifest) == 10);
    const char *const names[] = {paths[2], paths[1], paths[0]};
    for (int32_t change = TFR_CHANGE_ADDED; change <= TFR_CHANGE_GONE; change++) {
        CHECK(tfr_changes_len(changes, change) == 1);
        CHECK(strcmp(tfr_changes_path(changes, change, 0), names[change - 1]) == 0);
        CHECK(tfr_changes_path(changes, change, 1) == NULL);
    }
    CHECK(!tfr_changes_reordered(changes));
    CHECK(tfr_changes_len(changes, TFR_CHANGE_INDEXED) == 0);
    CHECK(tfr_changes_len(changes, 0) == 0 && tfr_changes_path(changes, 5, 0) == NULL);
    tfr_changes_free(changes);
    CHECK(tfr_manifest_refresh(manifest, shards, NULL, NULL, NULL) == TFR_OK);
    CHECK(remove(paths[2]) == 0);
    tfr_error *error = NULL;
    CHECK(tfr_manifest_refresh(manifest, shards, NULL, &changes, &error) == TFR_ERR_IO);
    CHECK(changes == NULL && tfr_error_os_error(error) == ENOENT);
    CHECK(tfr_manifest_total_records(manifest) == 10);
    tfr_error_free(error);
    tfr_manifest_free(manifest);
    tfr_shards_free(shards);
}

static void refused(void) {
    tfr_manifest *manifest = NULL;
    tfr_error *error = NULL;
    CHECK(tfr_manifest_read(paths[0], &manifest, &error) == TFR_ERR_INVALID_MANIFEST);
    CHECK(manifest == NULL && strcmp(tfr_error_path(error), paths[0]) == 0);
    tfr_error_free(error);
    CHECK(tfr_manifest_from_tfds(folder, "train", NULL, &manifest, &error) == TFR_ERR_IO);
    CHECK(strstr(tfr_error_message(error), "dataset_info.json") != NULL);
    tfr_error_free(error);
    const char *const others[] = {file, folder};
    for (int i = 0; i < 2; i++) {
        tfr_dataset *dataset = NULL;
        CHECK(tfr_dataset_open(&others[i], NULL, NULL, NULL, 1, NULL, &dataset, &error) != TFR_OK);
        CHECK(dataset == NULL && strstr(tfr_error_message(error), others[i]) != NULL);
        CHECK(strstr(tfr_error_message(error), "tfr_shards_find()") != NULL);
        tfr_error_free(error);
    }
    CHECK(tfr_manifest_read(file, &manifest, NULL) == TFR_OK);
    CHECK(tfr_manifest_write_tfds(manifest, folder, "train", &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(strstr(tfr_error_message(error), "00000-of-00002") != NULL);
    tfr_error_free(error);
    tfr_manifest_free(manifest);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    snprintf(folder, sizeof folder, "%s", arguments[1]);
    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%d.tfrecord", folder, i);
    }
    write_file(paths[0], 1);
    write_file(paths[1], 2);
    snprintf(file, sizeof file, "%s/set.manifest.json", folder);
    built_and_written();
    made_of_rows();
    FILE *added = fopen(paths[2], "wb");
    CHECK(added != NULL && fwrite(THREE, 1, 21, added) == 21 && fclose(added) == 0);
    refreshed();
    refused();
    return 0;
}
