/* Permutations and orders are those of the tables of tests/data/make_orders.py. argv[1] is an empty
 * directory, argv[2] is permutations.tsv, argv[3] is orders.tsv. */
#include "check.h"

/* Checks that the call fails with this status and this message. */
#define FAILS(status, message, call)                                                               \
    do {                                                                                           \
        tfr_error *error = NULL;                                                                   \
        CHECK((call) == (status));                                                                 \
        CHECK(strcmp(tfr_error_message(error), message) == 0);                                     \
        tfr_error_free(error);                                                                     \
    } while (0)

static char line[1000];

/* Opens a table and skips its first line. */
static FILE *table(const char *path) {
    FILE *file = fopen(path, "r");
    CHECK(file != NULL && fgets(line, sizeof line, file) != NULL && line[0] == '#');
    return file;
}

static void permutations(const char *path) {
    FILE *file = table(path);
    int rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        uint64_t len, seed, position, number, found;
        tfr_permutation *permutation = NULL;
        tfr_error *error = NULL;
        CHECK(sscanf(line, "%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64, &len, &seed,
                     &position, &number) == 4);
        CHECK(tfr_permutation_new(len, seed, &permutation, &error) == TFR_OK && error == NULL);
        CHECK(tfr_permutation_len(permutation) == len);
        CHECK(tfr_permutation_get(permutation, position, &found, &error) == TFR_OK);
        CHECK(found == number);
        CHECK(tfr_permutation_position(permutation, number, &found, &error) == TFR_OK);
        CHECK(found == position && error == NULL);
        tfr_permutation_free(permutation);
        rows++;
    }
    CHECK(rows > 700 && fclose(file) == 0);
}

static void permutations_are_filled(void) {
    tfr_permutation *permutation = NULL;
    tfr_error *no_error = NULL;
    uint64_t numbers[300], number = 0;
    size_t count = 0, done = 0;
    CHECK(tfr_permutation_new(1000, 7, &permutation, &no_error) == TFR_OK);
    while (tfr_permutation_fill(permutation, done, numbers, 300, &count, NULL) == TFR_OK &&
           count > 0) {
        for (size_t i = 0; i < count; i++) {
            CHECK(tfr_permutation_get(permutation, done + i, &number, NULL) == TFR_OK);
            CHECK(number == numbers[i]);
        }
        done += count;
        CHECK(count == (done == 1000 ? 100 : 300));
    }
    CHECK(done == 1000);
    CHECK(tfr_permutation_fill(permutation, UINT64_MAX, numbers, 300, &count, NULL) == TFR_OK);
    CHECK(count == 0);
    FAILS(TFR_ERR_OUT_OF_RANGE, "position 1000 is out of range, the permutation has 1000 numbers",
          tfr_permutation_get(permutation, 1000, &number, &error));
    FAILS(TFR_ERR_OUT_OF_RANGE, "number 1000 is out of range, the permutation has 1000 numbers",
          tfr_permutation_position(permutation, 1000, &number, &error));
    tfr_permutation_free(permutation);
}

static void orders(const char *path) {
    FILE *file = table(path);
    int rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        uint64_t num_records, epoch, rank, world_size, start, len, i, record, found;
        char seed[30], chunk[30], remainder[10];
        tfr_order *order = NULL;
        size_t count = 0;
        CHECK(sscanf(line,
                     "%" SCNu64 "\t%29s\t%29s\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64 "\t%9s\t%" SCNu64
                     "\t%" SCNu64 "\t%" SCNu64 "\t%" SCNu64,
                     &num_records, seed, chunk, &epoch, &rank, &world_size, remainder, &start, &len,
                     &i, &record) == 11);
        CHECK(tfr_order_new(num_records, &order, NULL) == TFR_OK);
        if (strcmp(chunk, "-") != 0) {
            CHECK(tfr_order_set_shuffle_chunks(order, strtoull(seed, NULL, 10),
                                               strtoull(chunk, NULL, 10), NULL) == TFR_OK);
        } else if (strcmp(seed, "-") != 0) {
            CHECK(tfr_order_set_shuffle(order, strtoull(seed, NULL, 10), NULL) == TFR_OK);
        }
        CHECK(tfr_order_set_epoch(order, epoch, NULL) == TFR_OK);
        CHECK(tfr_order_set_shard(order, rank, world_size,
                                  strcmp(remainder, "keep") == 0   ? TFR_REMAINDER_KEEP
                                  : strcmp(remainder, "drop") == 0 ? TFR_REMAINDER_DROP
                                                                   : TFR_REMAINDER_PAD,
                                  NULL) == TFR_OK);
        CHECK(tfr_order_set_start(order, start, NULL) == TFR_OK);
        CHECK(tfr_order_len(order) == len);
        CHECK(tfr_order_get(order, i, &found, NULL) == TFR_OK && found == record);
        CHECK(tfr_order_fill(order, i, &found, 1, &count, NULL) == TFR_OK);
        CHECK(count == 1 && found == record);
        tfr_order_free(order);
        rows++;
    }
    CHECK(rows > 700 && fclose(file) == 0);
}

static void wrong_orders_are_refused(void) {
    tfr_order *order = NULL;
    uint64_t record = 9;
    size_t count = 9;
    CHECK(tfr_order_new(9, &order, NULL) == TFR_OK);
    CHECK(tfr_order_set_shard(order, 1, 2, TFR_REMAINDER_KEEP, NULL) == TFR_OK);
    FAILS(TFR_ERR_INVALID_ARGUMENT, "rank must be less than world_size, 2, not 2",
          tfr_order_set_shard(order, 2, 2, TFR_REMAINDER_KEEP, &error));
    FAILS(TFR_ERR_INVALID_ARGUMENT, "remainder is 3, which is not a member of tfr_remainder",
          tfr_order_set_shard(order, 0, 2, 3, &error));
    FAILS(TFR_ERR_INVALID_ARGUMENT,
          "start must be at most 5, the number of records of rank 1 of 2, not 6",
          tfr_order_set_start(order, 6, &error));
    FAILS(TFR_ERR_INVALID_ARGUMENT, "chunk_records must be at least 1, not 0",
          tfr_order_set_shuffle_chunks(order, 7, 0, &error));
    CHECK(tfr_order_len(order) == 5); /* it did not change */
    CHECK(tfr_order_get(order, 0, &record, NULL) == TFR_OK && record == 4);
    FAILS(TFR_ERR_OUT_OF_RANGE, "5 is out of range, the order has 5 records",
          tfr_order_get(order, 5, &record, &error));
    CHECK(tfr_order_fill(order, 5, &record, 1, &count, NULL) == TFR_OK && count == 0);
    CHECK(tfr_order_fill(order, 0, NULL, 0, &count, NULL) == TFR_OK && count == 0);
    CHECK(record == 4);
    tfr_order_free(order);
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    permutations(argv[2]);
    permutations_are_filled();
    orders(argv[3]);
    wrong_orders_are_refused();
    return 0;
}
