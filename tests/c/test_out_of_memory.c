/* Too little memory for the result is an error, whatever the amount: nothing aborts. argv[1] is an
 * empty folder. */
#include <errno.h>
#include <malloc.h>

#include "check.h"

#define RECORDS ((size_t)1 << 19)
#define MIB ((size_t)1 << 20)

/* The same inputs for all: a data file of empty records, the same in memory, its index. */
static char data_path[5000], index_path[5000];
static uint8_t *data;
static tfr_entry *entries;
static size_t *numbers;
static char *text;
static size_t text_size;
static tfr_index *whole;
static tfr_reader *reader;

static tfr_status scan(tfr_index **index, tfr_error **error) {
    return tfr_index_scan(data_path, NULL, index, error);
}

static tfr_status from_bytes(tfr_index **index, tfr_error **error) {
    return tfr_index_from_bytes(data, RECORDS * 16, NULL, index, error);
}

static tfr_status read_back(tfr_index **index, tfr_error **error) {
    return tfr_index_read(index_path, index, error);
}

static tfr_status from_text(tfr_index **index, tfr_error **error) {
    return tfr_index_from_text(text, text_size, index, error);
}

static tfr_status from_entries(tfr_index **index, tfr_error **error) {
    return tfr_index_from_entries(entries, RECORDS, index, error);
}

static tfr_status to_text(tfr_index **index, tfr_error **error) {
    char *copy = NULL;
    size_t size = 0;
    tfr_status status = tfr_index_to_text(whole, &copy, &size, error);
    CHECK(status == TFR_OK ? size == text_size && memcmp(copy, text, size) == 0 : copy == NULL);
    tfr_text_free(copy);
    *index = NULL;
    return status;
}

static tfr_status create(tfr_index **index, tfr_error **error) {
    *index = NULL;
    return tfr_index_create(data_path, NULL, NULL, NULL, error);
}

static tfr_status open_reader(tfr_index **index, tfr_error **error) {
    tfr_reader *opened = NULL;
    tfr_status status = tfr_reader_open(data_path, NULL, NULL, &opened, error);
    CHECK(tfr_reader_len(opened) == (status == TFR_OK ? RECORDS : 0));
    tfr_reader_free(opened);
    *index = NULL;
    return status;
}

static tfr_status read_many(tfr_index **index, tfr_error **error) {
    static size_t offsets[RECORDS + 1];
    static uint8_t buffer[1];
    *index = NULL;
    return tfr_reader_read_many(reader, numbers, RECORDS, buffer, 1, offsets, error);
}

static tfr_status select_all(tfr_index **index, tfr_error **error) {
    return tfr_index_select(whole, numbers, RECORDS, index, error);
}

static tfr_status shuffle(tfr_index **index, tfr_error **error) {
    return tfr_index_shuffle(whole, 7, index, error);
}

static tfr_status sample(tfr_index **index, tfr_error **error) {
    return tfr_index_sample(whole, RECORDS, 7, index, error);
}

static tfr_status concat(tfr_index **index, tfr_error **error) {
    const uint64_t size = RECORDS * 16;
    return tfr_index_concat((const tfr_index *const *)&whole, &size, 1, index, error);
}

static size_t in_use, most_in_use = SIZE_MAX;

/* Lets the process use `bytes` more memory than it uses now. */
static void limit_to(size_t bytes) {
    most_in_use = __atomic_load_n(&in_use, __ATOMIC_RELAXED) + bytes;
}

static void lift_limit(void) { most_in_use = SIZE_MAX; }

/* The C library's own functions, and what takes their place in this process. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

/* Blocks of a fixed size, which are small, are there whatever the limit is: buffers, and what
 * Rust's standard library needs for channels and threads. If one of those fails, the process ends.
 * What grows with the data must never do that. */
static int has_room_for(size_t size, size_t before) {
    size_t used = __atomic_load_n(&in_use, __ATOMIC_RELAXED);
    size_t more = size - before;
    return size <= before || size <= 128 << 10 ||
           (used <= most_in_use && more <= most_in_use - used);
}

static void *count(void *block) {
    (void)__atomic_add_fetch(&in_use, malloc_usable_size(block), __ATOMIC_RELAXED);
    return block;
}

static void discount(void *block) {
    (void)__atomic_sub_fetch(&in_use, malloc_usable_size(block), __ATOMIC_RELAXED);
}

void *malloc(size_t size) { return has_room_for(size, 0) ? count(__libc_malloc(size)) : NULL; }

void *calloc(size_t number, size_t size) {
    return has_room_for(number * size, 0) ? count(__libc_calloc(number, size)) : NULL;
}

void *realloc(void *block, size_t size) {
    size_t before = malloc_usable_size(block);
    if (!has_room_for(size, before)) {
        return NULL;
    }
    void *moved = __libc_realloc(block, size);
    if (moved != NULL) {
        (void)__atomic_sub_fetch(&in_use, before, __ATOMIC_RELAXED);
        count(moved);
    }
    return moved;
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    *block = has_room_for(size, 0) ? count(__libc_memalign(alignment, size)) : NULL;
    return *block == NULL ? ENOMEM : 0;
}

void free(void *block) {
    discount(block);
    __libc_free(block);
}

/* Calls with ever more memory. The last limit that is too small must be `least` to `most`. */
static void with_ever_more(const char *name, tfr_status (*call)(tfr_index **, tfr_error **),
                           size_t least, size_t most) {
    size_t failed = 0;
    for (size_t limit = MIB / 4; limit <= 32 * MIB; limit += limit / 8) {
        tfr_index *index = NULL;
        tfr_error *error = NULL;
        limit_to(limit);
        tfr_status status = call(&index, &error);
        lift_limit();
        if (status == TFR_OK) {
            CHECK(error == NULL && (index == NULL || tfr_index_len(index) == RECORDS));
        } else {
            CHECK(status == TFR_ERR_OUT_OF_MEMORY && index == NULL);
            CHECK(strstr(tfr_error_message(error), "memory") != NULL);
            failed = limit;
        }
        tfr_index_free(index);
        tfr_error_free(error);
    }
    printf("%s: too little up to %zu MiB\n", name, failed / MIB);
    CHECK(least <= failed && failed <= most);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    CHECK(snprintf(data_path, sizeof data_path, "%s/x", arguments[1]) > 0);
    CHECK(snprintf(index_path, sizeof index_path, "%s/x.idx", arguments[1]) > 0);
    static const uint8_t EMPTY[] = "\0\0\0\0\0\0\0\0\x29\x03\x98\x07\xd8\xea\x82\xa2";
    data = malloc(RECORDS * 16);
    entries = malloc(RECORDS * sizeof *entries);
    numbers = malloc(RECORDS * sizeof *numbers);
    CHECK(data != NULL && entries != NULL && numbers != NULL);
    for (size_t i = 0; i < RECORDS; i++) {
        memcpy(data + 16 * i, EMPTY, 16);
        entries[i] = (tfr_entry){16 * i, 16};
        numbers[i] = i;
    }
    FILE *file = fopen(data_path, "wb");
    CHECK(file != NULL && fwrite(data, 16, RECORDS, file) == RECORDS && fclose(file) == 0);
    CHECK(tfr_index_create(data_path, NULL, NULL, NULL, NULL) == TFR_OK);
    CHECK(from_entries(&whole, NULL) == TFR_OK);
    CHECK(tfr_index_to_text(whole, &text, &text_size, NULL) == TFR_OK);
    CHECK(tfr_reader_open(data_path, whole, NULL, &reader, NULL) == TFR_OK);

    with_ever_more("scan", scan, 6 * MIB, 16 * MIB);
    with_ever_more("from_bytes", from_bytes, 6 * MIB, 16 * MIB);
    with_ever_more("read", read_back, 6 * MIB, 16 * MIB);
    with_ever_more("from_text", from_text, 6 * MIB, 16 * MIB);
    with_ever_more("from_entries", from_entries, 6 * MIB, 16 * MIB);
    with_ever_more("to_text", to_text, 4 * MIB, 16 * MIB);
    with_ever_more("select", select_all, 6 * MIB, 16 * MIB);
    with_ever_more("shuffle", shuffle, 6 * MIB, 16 * MIB);
    with_ever_more("sample", sample, 4 * MIB, 16 * MIB);
    with_ever_more("concat", concat, 6 * MIB, 16 * MIB);
    with_ever_more("create", create, 0, 4 * MIB);
    with_ever_more("open", open_reader, 0, 4 * MIB); /* a reader has a byte or two for a record */
    with_ever_more("read_many", read_many, 16 * MIB, 31 * MIB);

    tfr_reader_free(reader);
    tfr_text_free(text);
    tfr_index_free(whole);
    free(numbers);
    free(entries);
    free(data);
    return 0;
}
