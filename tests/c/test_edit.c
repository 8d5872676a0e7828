/* Edits of indexes: what each edit gives, and what it refuses. argv[1] is an empty directory. */
#include "check.h"

static const char *FIVE = "0 21\n21 16\n37 19\n56 116\n172 16\n";

static tfr_index *five(void) {
    tfr_index *index = NULL;
    CHECK(tfr_index_from_text(FIVE, strlen(FIVE), &index, NULL) == TFR_OK);
    return index;
}

/* Checks that an index has this text, and frees it. */
static void expect(tfr_index *index, const char *expected) {
    char *text = NULL;
    CHECK(tfr_index_to_text(index, &text, NULL, NULL) == TFR_OK);
    CHECK(strcmp(text, expected) == 0);
    tfr_text_free(text);
    tfr_index_free(index);
}

/* Checks that the call makes an index with this text. */
#define MAKES(expected, call)                                                                      \
    do {                                                                                           \
        tfr_index *made = NULL;                                                                    \
        tfr_error *error = NULL;                                                                   \
        CHECK((call) == TFR_OK && error == NULL);                                                  \
        expect(made, expected);                                                                    \
    } while (0)

/* Checks that the call fails with this status, and that the error names this record. */
#define FAILS(status, record, call)                                                                \
    do {                                                                                           \
        tfr_index *made = NULL;                                                                    \
        tfr_error *error = NULL;                                                                   \
        CHECK((call) == (status) && made == NULL);                                                 \
        CHECK(tfr_error_record(error) == (record));                                                \
        tfr_error_free(error);                                                                     \
    } while (0)

static void selections(const tfr_index *index) {
    const size_t chosen[] = {4, 0, 4}, none[] = {1, 5};
    MAKES("172 16\n0 21\n172 16\n", tfr_index_select(index, chosen, 3, &made, &error));
    MAKES("", tfr_index_select(index, NULL, 0, &made, &error));
    FAILS(TFR_ERR_OUT_OF_RANGE, 5, tfr_index_select(index, none, 2, &made, &error));

    MAKES("0 21\n37 19\n", tfr_index_filter_size(index, 1, 5, &made, &error));
    MAKES("56 116\n", tfr_index_filter_size(index, 100, UINT64_MAX, &made, &error));
    MAKES("", tfr_index_filter_size(index, 6, 5, &made, &error));
}

/* The orders are those of the Rust and the Python tests. */
static void random_orders(void) {
    static const unsigned order[] = {741, 160, 280, 346, 41, 868, 223, 802};
    tfr_entry entries[1000];
    tfr_index *index = NULL, *shuffled = NULL, *sample = NULL;
    for (size_t i = 0; i < 1000; i++) {
        entries[i].offset = i * 16;
        entries[i].size = 16;
    }
    CHECK(tfr_index_from_entries(entries, 1000, &index, NULL) == TFR_OK);
    CHECK(tfr_index_shuffle(index, 42, &shuffled, NULL) == TFR_OK);
    CHECK(tfr_index_len(shuffled) == 1000);
    for (size_t i = 0; i < 8; i++) {
        CHECK(tfr_index_entries(shuffled)[i].offset == 16 * order[i]);
    }
    CHECK(tfr_index_sample(index, 3, 42, &sample, NULL) == TFR_OK);
    expect(sample, "2560 16\n4480 16\n11856 16\n");
    FAILS(TFR_ERR_INVALID_ARGUMENT, TFR_UNKNOWN, tfr_index_sample(index, 1001, 42, &made, &error));
    tfr_index_free(shuffled);
    tfr_index_free(index);
}

static void shards(const tfr_index *index) {
    const int32_t records = TFR_SHARD_BY_RECORDS, bytes = TFR_SHARD_BY_BYTES;
    const int32_t keep = TFR_REMAINDER_KEEP, drop = TFR_REMAINDER_DROP, pad = TFR_REMAINDER_PAD;
    MAKES("0 21\n21 16\n", tfr_index_shard(index, 0, 2, records, keep, &made, &error));
    MAKES("37 19\n56 116\n172 16\n", tfr_index_shard(index, 1, 2, records, keep, &made, &error));
    MAKES("37 19\n56 116\n", tfr_index_shard(index, 1, 2, records, drop, &made, &error));
    MAKES("0 21\n21 16\n37 19\n", tfr_index_shard(index, 0, 2, records, pad, &made, &error));
    MAKES("0 21\n21 16\n37 19\n", tfr_index_shard(index, 0, 2, bytes, keep, &made, &error));
    MAKES("56 116\n172 16\n", tfr_index_shard(index, 1, 2, bytes, keep, &made, &error));

#define REFUSED(...)                                                                               \
    FAILS(TFR_ERR_INVALID_ARGUMENT, TFR_UNKNOWN, tfr_index_shard(index, __VA_ARGS__, &made, &error))
    REFUSED(2, 2, records, keep);
    REFUSED(0, 0, records, keep);
    REFUSED(0, 2, bytes, drop);
    REFUSED(0, 2, 2, keep);
    REFUSED(0, 2, -1, keep);
    REFUSED(0, 2, records, 3);
}

static void concatenations(const tfr_index *index) {
    const tfr_index *twice[] = {index, index};
    const uint64_t sizes[] = {188, 200}, less[] = {188, 187}, giant[] = {INT64_MAX, INT64_MAX};
    MAKES("0 21\n21 16\n37 19\n56 116\n172 16\n188 21\n209 16\n225 19\n244 116\n360 16\n",
          tfr_index_concat(twice, sizes, 2, &made, &error));
    MAKES("", tfr_index_concat(NULL, NULL, 0, &made, &error));
    FAILS(TFR_ERR_MISMATCH, 4, tfr_index_concat(twice, less, 2, &made, &error));
    FAILS(TFR_ERR_INVALID_INDEX, 0, tfr_index_concat(twice, giant, 2, &made, &error));

    /* An output that is also an input is not lost. */
    tfr_index *own[] = {five(), five()}, *first = own[0], *second = own[1];
    const tfr_index *const *parts = (const tfr_index *const *)own;
    for (int i = 0; i < 2; i++) {
        CHECK(tfr_index_concat(parts, sizes, 2, &own[i], NULL) == TFR_ERR_INVALID_ARGUMENT);
        CHECK(own[0] == first && own[1] == second);
    }
    CHECK(tfr_index_concat(parts, sizes, 1, &own[1], NULL) == TFR_OK); /* not one of the inputs */
    tfr_index_free(second);
    expect(own[1], FIVE);
    tfr_index_free(first);
}

int main(void) {
    tfr_index *index = five();
    selections(index);
    random_orders();
    shards(index);
    concatenations(index);
    expect(index, FIVE); /* none of the edits changed it */
    return 0;
}
