/* A host that closed its standard streams, and prints nevertheless, prints into no file of the
 * library's. argv[1] is an empty directory. */
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

static char data_path[4096], index_path[4096];

/* Whether the standard streams are still closed. Prints to them. */
static int are_closed(void) {
    int closed = 1;
    for (int stream = 0; stream < 3; stream++) {
        closed = closed && write(stream, "printed by the host\n", 20) == -1;
        closed = closed && fcntl(stream, F_GETFD) == -1;
    }
    return closed;
}

static int32_t is_running(void *context, uint64_t done, uint64_t total, uint64_t records) {
    (void)done, (void)total, (void)records;
    *(int *)context = *(int *)context && are_closed();
    return 0;
}

static void write_records(int append, uint64_t expected) {
    tfr_writer *writer = NULL;
    static const uint8_t payload[1000];
    uint64_t count = 0;
    CHECK((append ? tfr_writer_append : tfr_writer_create)(data_path, index_path, NULL, &writer,
                                                           NULL) == TFR_OK);
    CHECK(are_closed());
    for (int i = 0; i < 2000; i++) {
        CHECK(tfr_writer_write(writer, payload, sizeof payload, NULL) == TFR_OK);
        CHECK(are_closed());
    }
    CHECK(tfr_writer_finish(writer, &count, NULL) == TFR_OK && count == expected);
    tfr_writer_free(writer);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    CHECK(snprintf(data_path, sizeof data_path, "%s/data", argv[1]) > 0);
    CHECK(snprintf(index_path, sizeof index_path, "%s/index", argv[1]) > 0);
    for (int stream = 0; stream < 3; stream++) {
        CHECK(close(stream) == 0);
    }
    write_records(0, 2000);
    write_records(1, 4000);

    int closed = 1;
    tfr_options *options = NULL;
    tfr_index *index = NULL;
    tfr_reader *reader = NULL;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_progress(options, is_running, &closed, NULL) == TFR_OK);
    CHECK(tfr_options_set_sync(options, 1, NULL) == TFR_OK);
    for (int append = 0; append < 2; append++) {
        CHECK(tfr_options_set_resume(options, append, NULL) == TFR_OK);
        CHECK(tfr_index_create(data_path, index_path, options, NULL, NULL) == TFR_OK && closed);
    }
    CHECK(tfr_index_read(index_path, &index, NULL) == TFR_OK && are_closed());
    CHECK(tfr_index_check(index, data_path, TFR_CHECK_FULL, options, NULL, NULL) == TFR_OK);
    CHECK(closed && tfr_index_write(index, index_path, NULL) == TFR_OK && are_closed());
    CHECK(tfr_reader_open(data_path, index, NULL, &reader, NULL) == TFR_OK && are_closed());
    CHECK(tfr_reader_len(reader) == 4000);
    tfr_reader_free(reader);
    tfr_index_free(index);
    tfr_options_free(options);
    return 0;
}
