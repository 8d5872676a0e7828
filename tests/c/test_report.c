/* A report of a set of which one file is missing. argv[1] is an empty directory. */
#include <errno.h>

#include "check.h"

static int cancel(void *context, uint64_t done, uint64_t total, uint64_t records) {
    (void)context, (void)done, (void)total, (void)records;
    return 1;
}

static int64_t read_at(void *context, uint64_t offset, uint8_t *buffer, size_t size) {
    const uint8_t *bytes = context;
    if (offset >= THREE_SIZE)
        return 0;
    if (size > THREE_SIZE - offset)
        size = (size_t)(THREE_SIZE - offset);
    memcpy(buffer, bytes + offset, size);
    return (int64_t)size;
}

/* Shard 0 is in memory; there is no other. */
static int32_t open_shard(void *context, size_t shard, tfr_opened_shard *opened, char *message) {
    if (shard != 0) {
        snprintf(message, TFR_MESSAGE_SIZE, "no such object");
        return -ENOENT;
    }
    return tfr_source_new(read_at, context, THREE_SIZE, &opened->data, NULL) == TFR_OK ? 0 : -EIO;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    char path[4096], missing[4096], page[4096];
    snprintf(path, sizeof path, "%s/there", argv[1]);
    snprintf(missing, sizeof missing, "%s/missing", argv[1]);
    snprintf(page, sizeof page, "%s/report.html", argv[1]);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(THREE, 1, THREE_SIZE, file) == THREE_SIZE && fclose(file) == 0);

    const char *const paths[] = {path, missing};
    tfr_shards *shards = NULL;
    tfr_report *report = NULL;
    char *text = NULL;
    CHECK(tfr_shards_from_paths(paths, NULL, 2, &shards, NULL) == TFR_OK);
    CHECK(tfr_report_new(shards, 10, 7, 1000, 1, NULL, &report, NULL) == TFR_OK);
    CHECK(tfr_report_to_json(report, &text, NULL) == TFR_OK);
    CHECK(strstr(text, "\"total\":{\"files\":2,\"failed\":1,\"records\":3,") != NULL);
    tfr_text_free(text);
    CHECK(tfr_report_to_html(report, &text, NULL) == TFR_OK);
    CHECK(strncmp(text, "<!doctype html>", 15) == 0 && strstr(text, ">hello<") != NULL);
    CHECK(tfr_report_write(report, page, NULL) == TFR_OK);
    CHECK(tfr_report_write(report, page, NULL) == TFR_OK);
    CHECK(tfr_report_write(report, path, NULL) == TFR_ERR_INVALID_ARGUMENT);
    char read[16] = "";
    file = fopen(page, "rb");
    CHECK(file != NULL && fread(read, 1, 15, file) == 15 && fclose(file) == 0);
    CHECK(strcmp(read, "<!doctype html>") == 0);
    tfr_text_free(text);
    tfr_report_free(report);

    const char *const urls[] = {"s3://bucket/there", "s3://bucket/missing"};
    static uint8_t object[THREE_SIZE];
    memcpy(object, THREE, THREE_SIZE);
    CHECK(tfr_report_from_opener(urls, 2, open_shard, object, 10, 7, 1000, 1, NULL, &report,
                                 NULL) == TFR_OK);
    CHECK(tfr_report_to_json(report, &text, NULL) == TFR_OK);
    CHECK(strstr(text, "\"total\":{\"files\":2,\"failed\":1,\"records\":3,") != NULL);
    CHECK(strstr(text, "no such object") != NULL && strstr(text, "s3://bucket/missing") != NULL);
    tfr_text_free(text);
    tfr_report_free(report);

    tfr_options *options = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_progress(options, cancel, NULL, NULL) == TFR_OK);
    CHECK(tfr_report_new(shards, 10, 7, 1000, 0, options, &report, NULL) == TFR_ERR_CANCELLED);
    CHECK(report == NULL);
    tfr_options_free(options);
    tfr_shards_free(shards);
    return 0;
}
