/* Prints the number of records in a TFRecord file, and the sizes and first bytes of some records.
 *
 *     make && make install PREFIX=$PWD/target/usr
 *     cc examples/random_access.c -o target/access $(pkg-config --cflags --libs tfr_index)
 *     target/access tests/data/examples.tfrecord 42 7
 *
 * For a PREFIX outside the system's directories, pkg-config needs
 * PKG_CONFIG_PATH=$PWD/target/usr/lib/pkgconfig, and the program needs
 * LD_LIBRARY_PATH=$PWD/target/usr/lib. */
#include <stdio.h>
#include <stdlib.h>
#include <tfr_index.h>

static tfr_status print_record(const tfr_reader *reader, size_t record, tfr_error **error) {
    size_t size = 0;
    tfr_status status = tfr_reader_sizes(reader, &record, 1, &size, error);
    if (status != TFR_OK) {
        return status;
    }
    uint8_t *payload = malloc(size + 1);
    if (payload == NULL) {
        return TFR_ERR_OUT_OF_MEMORY;
    }
    status = tfr_reader_read(reader, record, payload, size, &size, error);
    if (status == TFR_OK) {
        printf("record %zu: %zu bytes ", record, size);
        for (size_t i = 0; i < size && i < 8; i++) {
            printf("%02x", (unsigned)payload[i]);
        }
        printf("\n");
    }
    free(payload);
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE [RECORD...]\n", argv[0]);
        return 2;
    }
    tfr_reader *reader = NULL;
    tfr_error *error = NULL;
    tfr_status status = tfr_reader_open(argv[1], NULL, NULL, &reader, &error);
    if (status == TFR_OK) {
        printf("%zu records\n", tfr_reader_len(reader));
    }
    for (int i = 2; status == TFR_OK && i < argc; i++) {
        status = print_record(reader, strtoull(argv[i], NULL, 10), &error);
    }
    if (status != TFR_OK) {
        fprintf(stderr, "%s\n",
                error ? tfr_error_message(error) : tfr_status_name((int32_t)status));
    }
    tfr_error_free(error);
    tfr_reader_free(reader);
    return status == TFR_OK ? 0 : 1;
}
