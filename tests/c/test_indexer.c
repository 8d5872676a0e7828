/* The index of a stream, pushed in pieces. argv[1] is an empty directory. */
#include "check.h"

#define MANY ((size_t)100)

/* Pushes all of `data` in pieces, into an array with room for `capacity` entries at a time; the
 * entries go to `entries`, their number to `count`. */
static tfr_status push_all(const tfr_options *options, const uint8_t *data, size_t size,
                           size_t piece, size_t capacity, tfr_entry *entries, size_t *count,
                           tfr_error **error) {
    tfr_indexer *indexer = NULL;
    tfr_status status = tfr_indexer_new(options, &indexer, error);
    *count = 0;
    for (size_t at = 0; at < size && status == TFR_OK;) {
        size_t taken = 0, complete = 0, rest = size - at;
        status = tfr_indexer_push(indexer, data + at, rest < piece ? rest : piece, entries + *count,
                                  capacity, &taken, &complete, error);
        if (status == TFR_OK) {
            CHECK(taken <= piece && complete <= capacity && (taken > 0 || complete > 0));
        }
        at += taken;
        *count += complete;
    }
    if (status == TFR_OK) {
        status = tfr_indexer_finish(indexer, error);
    }
    tfr_indexer_free(indexer);
    return status;
}

/* Pieces of any size and arrays of any length give the same index as memory. */
static void test_pieces(const uint8_t *data, size_t size) {
    tfr_entry entries[3 * MANY + 1];
    for (int32_t checksums = TFR_CHECKSUMS_AUTO; checksums <= TFR_CHECKSUMS_FULL; checksums++) {
        tfr_options *options = NULL;
        tfr_index *index = NULL;
        CHECK(tfr_options_new(&options, NULL) == TFR_OK);
        CHECK(tfr_options_set_checksums(options, checksums, NULL) == TFR_OK);
        CHECK(tfr_index_from_bytes(data, size, options, &index, NULL) == TFR_OK);
        for (size_t piece = 1; piece <= size; piece += 1 + piece / 3) {
            for (size_t capacity = 1; capacity <= MANY; capacity *= 10) {
                size_t count = 0;
                CHECK(push_all(options, data, size, piece, capacity, entries, &count, NULL) ==
                      TFR_OK);
                CHECK(count == tfr_index_len(index));
                CHECK(memcmp(entries, tfr_index_entries(index), count * sizeof *entries) == 0);
            }
        }
        tfr_index_free(index);
        tfr_options_free(options);
    }
}

/* Cut off anywhere, it gives the same outcome as memory. */
static void test_cuts(void) {
    for (size_t size = 0; size <= THREE_SIZE; size++) {
        for (size_t piece = 1; piece <= THREE_SIZE; piece++) {
            tfr_entry entries[4];
            tfr_index *index = NULL;
            tfr_error *error = NULL, *expected = NULL;
            size_t count = 0;
            tfr_status status = tfr_index_from_bytes(THREE, size, NULL, &index, &expected);
            CHECK(push_all(NULL, THREE, size, piece, 3, entries, &count, &error) == status);
            CHECK(tfr_error_record(error) == tfr_error_record(expected));
            CHECK(tfr_error_offset(error) == tfr_error_offset(expected));
            CHECK(count == (status == TFR_OK ? tfr_index_len(index) : tfr_error_record(expected)));
            tfr_index_free(index);
            tfr_error_free(error);
            tfr_error_free(expected);
        }
    }
}

/* Gives the good records before the damage, then the error, each time. */
static void test_damage(void) {
    uint8_t data[THREE_SIZE];
    memcpy(data, THREE, THREE_SIZE);
    data[THREE_SIZE - 5] ^= 1; /* the last payload */
    tfr_options *options = NULL;
    tfr_indexer *indexer = NULL;
    tfr_entry entries[4];
    tfr_error *error = NULL;
    size_t taken = 0, count = 0;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_checksums(options, TFR_CHECKSUMS_FULL, NULL) == TFR_OK);
    CHECK(tfr_indexer_new(options, &indexer, NULL) == TFR_OK);
    tfr_options_free(options); /* the indexer keeps no reference */
    CHECK(tfr_indexer_push(indexer, data, THREE_SIZE, entries, 4, &taken, &count, NULL) == TFR_OK);
    CHECK(count == 2 && entries[1].offset == 21 && taken <= THREE_SIZE);
    for (int i = 0; i < 3; i++) {
        tfr_status status =
            i == 2 ? tfr_indexer_finish(indexer, &error)
                   : tfr_indexer_push(indexer, THREE, 1, entries, 4, &taken, &count, &error);
        CHECK(status == TFR_ERR_PAYLOAD_CRC && count == 2);
        CHECK(tfr_error_record(error) == 2 && tfr_error_offset(error) == 37);
        tfr_error_free(error);
    }
    tfr_indexer_free(indexer);
}

static void test_refusals(void) {
    tfr_options *options = NULL;
    tfr_indexer *indexer = (tfr_indexer *)&options; /* anything but NULL */
    tfr_error *error = NULL;
    tfr_entry entry;
    size_t taken = 7, count = 7;
    CHECK(tfr_options_new(&options, NULL) == TFR_OK);
    CHECK(tfr_options_set_salvage(options, 1, NULL) == TFR_OK);
    CHECK(tfr_indexer_new(options, &indexer, &error) == TFR_ERR_INVALID_ARGUMENT);
    CHECK(indexer == NULL && strncmp(tfr_error_message(error), "salvage ", 8) == 0);
    tfr_error_free(error);
    tfr_options_free(options);

    CHECK(tfr_indexer_new(NULL, &indexer, NULL) == TFR_OK);
    CHECK(tfr_indexer_push(indexer, THREE, THREE_SIZE, &entry, 0, &taken, &count, &error) ==
          TFR_ERR_INVALID_ARGUMENT);
    CHECK(strncmp(tfr_error_message(error), "capacity is 0", 13) == 0);
    CHECK(taken == 7 && count == 7);
    tfr_error_free(error);
    tfr_indexer_free(indexer);
}

int main(int argc, char **argv) {
    CHECK(argc == 2 && argv[1] != NULL);
    uint8_t *data = malloc(MANY * THREE_SIZE);
    CHECK(data != NULL);
    for (size_t i = 0; i < MANY; i++) {
        memcpy(data + i * THREE_SIZE, THREE, THREE_SIZE);
    }
    test_pieces(data, MANY * THREE_SIZE);
    free(data);
    test_cuts();
    test_damage();
    test_refusals();
    return 0;
}
