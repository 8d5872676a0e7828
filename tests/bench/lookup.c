/* A million look-ups in an index from C, at random: lookup library|array INDEX
 *
 * `library` asks the array that tfr_index_entries() lends, `array` a copy of it, which is as fast
 * as memory is. Prints {"seconds": …, "answer": …}: the sum of all that was looked up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tfr_index.h>
#include <time.h>

#define LOOKUPS 1000000

static double now(void) {
    struct timespec time;
    timespec_get(&time, TIME_UTC);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int count, char **words) {
    tfr_index *index = NULL;
    tfr_error *error = NULL;
    if (count != 3 || tfr_index_read(words[2], &index, &error) != TFR_OK) {
        fprintf(stderr, "%s\n", tfr_error_message(error));
        return 1;
    }
    size_t length = tfr_index_len(index);
    const tfr_entry *entries = tfr_index_entries(index);
    tfr_entry *copy = malloc(length * sizeof *copy + 1);
    size_t *records = malloc(LOOKUPS * sizeof *records);
    if (copy == NULL || records == NULL) {
        return 1;
    }
    memcpy(copy, entries, length * sizeof *copy);
    for (uint64_t i = 0; i < LOOKUPS; i++) {
        records[i] = (size_t)(i * 2654435761U % length); /* as in worker.py */
    }
    const tfr_entry *asked = strcmp(words[1], "library") == 0 ? entries : copy;

    double start = now();
    uint64_t sum = 0;
    for (size_t i = 0; i < LOOKUPS; i++) {
        sum += asked[records[i]].offset + asked[records[i]].size;
    }
    printf("{\"seconds\": %.9f, \"answer\": %llu}\n", now() - start, (unsigned long long)sum);

    free(records);
    free(copy);
    tfr_index_free(index);
    return 0;
}
