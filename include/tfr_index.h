/**
 * @file
 * tfr-index: indexes for TFRecord files.
 *
 * Generated from src/ffi by cbindgen; do not edit.
 *
 * A TFRecord file has no table of contents: to find record 42, a program must walk records 0 to 41.
 * This library builds that table, an index: the offset and the size of every record's frame. Index
 * files are text with one line "offset size" for each record, the format of NVIDIA DALI.
 *
 * A frame is, in little-endian byte order:
 *
 *     uint64 length | uint32 masked CRC-32C of length | payload | uint32 masked CRC-32C of payload
 *
 * So the payload of an entry has size - 16 bytes and starts at offset + 12.
 *
 * Errors
 *
 * - A function that can fail returns a tfr_status. Its last parameter, error_out, is always
 *   optional. If it is not NULL, the function sets *error_out: to NULL on success, and on failure
 *   to an error that says what went wrong and where. Free it with tfr_error_free().
 * - Output parameters come last. They are written only on success. On failure, output handles are
 *   NULL.
 * - The library never prints and never ends the process. It can raise two signals: SIGPIPE when it
 *   writes an index to a pipe that nobody reads, and SIGXFSZ when a file grows past the process's
 *   limit (RLIMIT_FSIZE, `ulimit -f`). SIGXFSZ ends a process that does not handle it. A program
 *   that may run with such a limit should call signal(SIGXFSZ, SIG_IGN); the write then fails with
 *   TFR_ERR_IO and EFBIG. (Python ignores SIGXFSZ by default.)
 *
 * Pointers
 *
 * - A required pointer must not be NULL. An optional pointer may be NULL. NULL for a required
 *   pointer is TFR_ERR_INVALID_ARGUMENT, never undefined behaviour, and the error names the
 *   parameter. So is a pointer to the caller's memory that is not aligned for its type. Functions
 *   that free accept NULL and do nothing.
 * - A pointer that is not NULL must be valid: a handle of this library that is not freed, a
 *   NUL-terminated string, an array with as many elements as the text says, memory that may be
 *   written for an output.
 * - Paths are bytes with a NUL at the end, as for the operating system. An empty path is
 *   TFR_ERR_INVALID_ARGUMENT. /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N and /proc/self/fd/N
 *   are the process's own file descriptors: the library reads and writes an index at their current
 *   position, and reads data from the start of the file.
 *
 * Threads
 *
 * - Every function may be called on any thread. Many threads may use the same index, reader,
 *   source, error or options at the same time, as long as no thread changes or frees it.
 * - If pthread_cancel() cancels a thread during a call, the thread ends after the call.
 *
 * docs/embedding.md has more about plugins, threads, fork(), file descriptors and sanitizers.
 *
 * This example indexes a file and finds record 42:
 *
 *     #include <inttypes.h>
 *     #include <stdio.h>
 *     #include <tfr_index.h>
 *
 *     int main(int argc, char **argv) {
 *         tfr_index *index = NULL;
 *         tfr_error *error = NULL;
 *         tfr_entry entry;
 *         if (argc == 2 && tfr_index_scan(argv[1], NULL, &index, &error) == TFR_OK &&
 *             tfr_index_get(index, 42, &entry, &error) == TFR_OK) {
 *             printf("%" PRIu64 " bytes of payload at byte %" PRIu64 "\n", entry.size - 16,
 *                    entry.offset + 12);
 *         }
 *         if (error != NULL) {
 *             fprintf(stderr, "%s\n", tfr_error_message(error));
 *         }
 *         tfr_error_free(error);
 *         tfr_index_free(index);
 *         return 0;
 *     }
 */


#ifndef TFR_INDEX_H
#define TFR_INDEX_H

#include <stddef.h>
#include <stdint.h>

/**
 * The ABI version of this header. It changes only when programs must be recompiled. It is also
 * part of the shared library's name, libtfr_index.so.1.
 */
#define TFR_ABI_VERSION 1

/**
 * The value of tfr_error_record() and similar functions when there is no such number, and of
 * tfr_index_update() when it left the index unchanged.
 */
#define TFR_UNKNOWN 18446744073709551615ull

/**
 * The size in bytes of the text in which a tfr_open_shard_fn may say why it failed.
 */
#define TFR_MESSAGE_SIZE 1024

/**
 * The result of a call. The numbers never change. Later versions may add more.
 */
typedef enum tfr_status {
    /**
     * Success.
     */
    TFR_OK = 0,
    /**
     * An argument is invalid: NULL, a number that is not a member of its enum, a path that is not
     * a regular file, or an index path that leads to the TFRecord file itself.
     */
    TFR_ERR_INVALID_ARGUMENT = 1,
    /**
     * The operating system reported an error: see tfr_error_os_error().
     */
    TFR_ERR_IO = 2,
    /**
     * The data is not a TFRecord file, or it is a compressed one: see tfr_error_format().
     */
    TFR_ERR_NOT_TFRECORD = 3,
    /**
     * The data ends inside a record.
     */
    TFR_ERR_TRUNCATED = 4,
    /**
     * A length is wrong: it overflows or extends past the end of the data, and its CRC does not
     * match. In a check: it contradicts the index, although the records around it match.
     */
    TFR_ERR_LENGTH = 5,
    /**
     * The masked CRC-32C of a record's length does not match.
     */
    TFR_ERR_LENGTH_CRC = 6,
    /**
     * The masked CRC-32C of a record's payload does not match.
     */
    TFR_ERR_PAYLOAD_CRC = 7,
    /**
     * The text or the entries are not a valid index.
     */
    TFR_ERR_INVALID_INDEX = 8,
    /**
     * A record number is not less than the length of the index, or a byte is past the end of the
     * data.
     */
    TFR_ERR_OUT_OF_RANGE = 9,
    /**
     * A callback cancelled the call.
     */
    TFR_ERR_CANCELLED = 10,
    /**
     * There is not enough memory for the result.
     */
    TFR_ERR_OUT_OF_MEMORY = 11,
    /**
     * A bug in the library. The library caught the panic at its boundary.
     */
    TFR_ERR_PANIC = 12,
    /**
     * The index does not fit the data: it belongs to another file, or it is damaged.
     */
    TFR_ERR_MISMATCH = 13,
    /**
     * The index fits an earlier version of the data: valid records follow its last one, or the
     * data has become shorter.
     */
    TFR_ERR_STALE = 14,
    /**
     * A file is not a manifest, or it is a damaged one. tfr_error_record() is the row.
     */
    TFR_ERR_INVALID_MANIFEST = 15,
    /**
     * A payload is not a tf.train.Example.
     */
    TFR_ERR_EXAMPLE = 16,
    /**
     * A record lacks a feature, or has values of another kind, or too few or too many of them.
     */
    TFR_ERR_FEATURE = 17,
    /**
     * Compressed data is damaged: a bad block, a wrong checksum or size, or bytes that belong to no
     * member. (If it ends too early, that is TFR_ERR_TRUNCATED.)
     */
    TFR_ERR_COMPRESSED = 18,
} tfr_status;

/**
 * The part of a record's frame that contains a byte.
 */
typedef enum tfr_part {
    /**
     * The payload's length, 8 bytes.
     */
    TFR_PART_LENGTH = 0,
    /**
     * The length's checksum, 4 bytes.
     */
    TFR_PART_LENGTH_CRC = 1,
    /**
     * The payload.
     */
    TFR_PART_PAYLOAD = 2,
    /**
     * The payload's checksum, 4 bytes.
     */
    TFR_PART_PAYLOAD_CRC = 3,
} tfr_part;

/**
 * Which checksums a scan verifies. It always checks the structure: every frame lies inside the
 * file, and the last one ends exactly at the end of the file.
 */
typedef enum tfr_checksums {
    /**
     * The default. If the first header's CRC is valid, every length CRC must be valid. Otherwise
     * no length CRC may be valid: the file counts as written without checksums. A first header
     * that is all zeros, or one bit away from a valid CRC, is an error. So is a later header that
     * is all zeros, unless the first header's CRC is zero.
     */
    TFR_CHECKSUMS_AUTO = 0,
    /**
     * No checksum: structure only.
     */
    TFR_CHECKSUMS_NONE = 1,
    /**
     * Every length CRC.
     */
    TFR_CHECKSUMS_LENGTH = 2,
    /**
     * Every length CRC and every payload CRC. This reads the whole file.
     */
    TFR_CHECKSUMS_FULL = 3,
} tfr_checksums;

/**
 * How the data that a tfr_writer or tfr_reshard() writes is compressed.
 */
typedef enum tfr_compression {
    /**
     * The default: the data is not compressed.
     */
    TFR_COMPRESSION_NONE = 0,
    /**
     * A gzip file (RFC 1952) of level 6, which TensorFlow reads with the compression type "GZIP".
     * Each 256 KiB are a member of their own, so that any record can be read without the bytes
     * before; this costs one percent of the size. The seek file appears next to the index.
     */
    TFR_COMPRESSION_GZIP = 1,
} tfr_compression;

/**
 * How much of the data tfr_index_check() reads.
 */
typedef enum tfr_check_level {
    /**
     * The headers of the first record, the last record and 64 records in between. This takes
     * milliseconds, however large the data and the index are.
     */
    TFR_CHECK_QUICK = 0,
    /**
     * Every header.
     */
    TFR_CHECK_HEADERS = 1,
    /**
     * Every header and every payload.
     */
    TFR_CHECK_FULL = 2,
} tfr_check_level;

/**
 * Which indexes tfr_index_update() creates.
 */
typedef enum tfr_only {
    /**
     * Indexes that do not exist.
     */
    TFR_ONLY_MISSING = 1,
    /**
     * Those, and indexes that are older than their data, do not end where the data ends, or cannot
     * be read.
     */
    TFR_ONLY_STALE = 2,
} tfr_only;

/**
 * What tfr_shards_find() accepts.
 */
typedef enum tfr_find_flags {
    /**
     * Sets that lack files, or have files of a set of another size beside them. tfr_shards_note()
     * names them.
     */
    TFR_FIND_ALLOW_MISSING = 1,
    /**
     * Files that are given twice.
     */
    TFR_FIND_ALLOW_REPEATED = 2,
} tfr_find_flags;

/**
 * A kind of change, for tfr_changes_len() and tfr_changes_path().
 */
typedef enum tfr_change {
    /**
     * Shards that were not in the manifest.
     */
    TFR_CHANGE_ADDED = 1,
    /**
     * Shards with another size or time of modification.
     */
    TFR_CHANGE_CHANGED = 2,
    /**
     * Shards that are no longer in the set.
     */
    TFR_CHANGE_GONE = 3,
    /**
     * Shards that have the same size and time of modification, and an index now.
     */
    TFR_CHANGE_INDEXED = 4,
} tfr_change;

/**
 * What a data set does with a record or a shard that it cannot read.
 */
typedef enum tfr_on_error {
    /**
     * The default: the call fails.
     */
    TFR_ON_ERROR_FAIL = 0,
    /**
     * tfr_dataset_read_batch() and tfr_batches_next() leave the record out, or all records of the
     * shard. tfr_dataset_skipped() reports it.
     */
    TFR_ON_ERROR_SKIP = 1,
} tfr_on_error;

/**
 * The bits of tfr_fit's flags.
 */
typedef enum tfr_fit_flags {
    /**
     * An entry starts before the previous one.
     */
    TFR_FIT_REORDERED = 1,
    /**
     * An entry occurs more than once.
     */
    TFR_FIT_REPEATED = 2,
    /**
     * The check verified no checksum: the data has no valid ones, or the policy is
     * TFR_CHECKSUMS_NONE.
     */
    TFR_FIT_CHECKSUMS_SKIPPED = 4,
    /**
     * The index leaves out valid records. A reader that finds this index next to its data does not
     * use it.
     */
    TFR_FIT_PARTIAL = 8,
} tfr_fit_flags;

/**
 * What tfr_index_shard() divides evenly.
 */
typedef enum tfr_shard_by {
    /**
     * Records: the numbers of records in two shards differ by at most one.
     */
    TFR_SHARD_BY_RECORDS = 0,
    /**
     * Bytes: the size of a shard differs from an equal share by at most the size of the largest
     * frame.
     */
    TFR_SHARD_BY_BYTES = 1,
} tfr_shard_by;

/**
 * What tfr_index_shard() does if the number of records is not a multiple of the number of shards.
 */
typedef enum tfr_remainder {
    /**
     * Some shards have one record more than the others. Every record is in exactly one shard.
     */
    TFR_REMAINDER_KEEP = 0,
    /**
     * All shards get the smaller size. The last record of each larger shard is left out.
     */
    TFR_REMAINDER_DROP = 1,
    /**
     * All shards get the larger size. Each smaller shard also gets the first record of the next
     * shard.
     */
    TFR_REMAINDER_PAD = 2,
} tfr_remainder;

/**
 * The kind of a feature's values: one of the three that tf.train.Feature has.
 */
typedef enum tfr_feature_kind {
    /**
     * Byte strings: text, encoded images, serialised tensors.
     */
    TFR_FEATURE_BYTES = 1,
    /**
     * 32-bit floating-point numbers.
     */
    TFR_FEATURE_FLOAT = 2,
    /**
     * 64-bit signed integers.
     */
    TFR_FEATURE_INT64 = 3,
} tfr_feature_kind;

/**
 * Payloads, concatenated, the numbers of their records in the data set or file, and the columns of
 * their features, if they were asked for.
 *
 * Threads: many threads may read a batch at the same time.
 */
typedef struct tfr_batch tfr_batch;

/**
 * Iterates over the batches of an order. Threads of the library read batches ahead while the
 * caller works.
 *
 * Threads: one thread at a time. After a fork(), the iterator continues in the child, with threads
 * of the child.
 */
typedef struct tfr_batches tfr_batches;

/**
 * What tfr_manifest_refresh() found.
 *
 * Threads: many threads may use it at the same time.
 */
typedef struct tfr_changes tfr_changes;

/**
 * The values of features in a batch of records. Features have the numbers of their tfr_features.
 *
 * A feature of a fixed shape has an array of the values of record 0, then those of record 1 and so
 * on. A ragged one has tfr_columns_offsets(), too. Byte strings are not copied: they point into the
 * payloads that were decoded.
 *
 * Threads: many threads may read columns at the same time.
 */
typedef struct tfr_columns tfr_columns;

/**
 * The records of many TFRecord files, called shards, as one sequence. Record numbers count through
 * the shards in their order, from 0 on.
 *
 * A data set opens a file when it first needs it, and closes the least recently used one when
 * there are too many: see tfr_options_set_max_open_files(). If a file is replaced while it is
 * closed, and then has another number of records, calls that need it fail with TFR_ERR_MISMATCH.
 *
 * Threads: many threads may use a data set at the same time. So may a forked process, which takes
 * over the open files and the indexes.
 */
typedef struct tfr_dataset tfr_dataset;

/**
 * What went wrong, and where. The functions that read an error accept NULL, which means "no
 * error".
 *
 * Threads: many threads may read an error at the same time.
 */
typedef struct tfr_error tfr_error;

/**
 * The features that are wanted of tf.train.Example records. They are numbered from 0 on, in the order
 * in which they were added. They keep up to 16 MiB of the memory of freed columns, and of freed batches
 * of tfr_reader_read_columns(), for the next ones.
 *
 * Threads: many threads may use the same features, as long as no thread changes them.
 */
typedef struct tfr_features tfr_features;

/**
 * An index: an immutable list of entries, one for each record. Any order, gaps and overlaps are
 * allowed, so an index can select and reorder records.
 *
 * Threads: many threads may use an index at the same time.
 */
typedef struct tfr_index tfr_index;

/**
 * Indexes a TFRecord stream (a download, a pipe, the output of a decompressor). It takes the bytes
 * in pieces of any size and returns the entries of the records that are complete. It needs a few
 * kilobytes of memory, whatever the size of the records.
 *
 * Threads: one thread at a time.
 */
typedef struct tfr_indexer tfr_indexer;

/**
 * Iterates over the payloads of records. It reads about 1 MiB at a time. Unless
 * tfr_options_set_threads() is 1, a thread of the library reads ahead in the meantime.
 *
 * Threads: one thread at a time. After a fork(), the iterator continues in the child without the
 * reading thread.
 */
typedef struct tfr_iterator tfr_iterator;

/**
 * The shards of a data set, in order: the path, the size, the time of modification and the number
 * of records of each. It is kept in a JSON file, so that a program knows the length of the set
 * without opening a shard.
 *
 * Threads: many threads may use a manifest at the same time, except during
 * tfr_manifest_refresh().
 */
typedef struct tfr_manifest tfr_manifest;

/**
 * The settings of a scan or a reader. Wherever a function takes options, NULL means the defaults.
 *
 * Threads: many threads may use the same options, as long as no thread changes them.
 */
typedef struct tfr_options tfr_options;

/**
 * The order in which one rank reads the records of a data set in one epoch. It needs no memory,
 * whatever the number of records.
 *
 * The epoch's sequence has all record numbers: from 0 on, or shuffled. Each rank has a run of
 * neighbouring positions of the sequence, as tfr_index_shard() cuts an index by records. The order
 * gives the i-th record of the rank's run without the ones before it, so training resumes in the
 * middle of an epoch at no cost. It is the same in every version, on every platform and in every
 * language.
 *
 * Threads: many threads may use the same order, as long as no thread changes it.
 */
typedef struct tfr_order tfr_order;

/**
 * A random permutation of the numbers from 0 to len - 1 that needs no memory, whatever the length:
 * each number is computed when it is needed, in some 50 ns. A length and a seed mean the same
 * permutation in every version, on every platform and in every language. The documentation of
 * Rust's `Permutation` says how it is computed. Do not use it for secrets.
 *
 * Threads: many threads may use the same permutation.
 */
typedef struct tfr_permutation tfr_permutation;

/**
 * An open TFRecord file and its index: record i is at the place that entry i says. The file may
 * grow while the reader is open.
 *
 * The checksum policy of the options decides what a reader verifies when it reads a record:
 *
 * - TFR_CHECKSUMS_FULL: the CRCs of the length and the payload.
 * - TFR_CHECKSUMS_LENGTH: the CRC of the length.
 * - TFR_CHECKSUMS_AUTO: as TFR_CHECKSUMS_FULL; only the lengths, if the data was written without
 *   valid checksums.
 * - TFR_CHECKSUMS_NONE: nothing. It returns the bytes as they are.
 *
 * Except with TFR_CHECKSUMS_NONE, the length must also match the index.
 *
 * Threads: many threads may use a reader at the same time. They do not wait for each other.
 */
typedef struct tfr_reader tfr_reader;

/**
 * What is in a data set: totals, the state of each file and its index, damaged regions, features of
 * tf.train.Example records and some records. As a page of HTML that needs no network, or as JSON.
 *
 * Threads: many threads may use a report at the same time.
 */
typedef struct tfr_report tfr_report;

/**
 * The files of a data set, in order. It never changes.
 */
typedef struct tfr_shards tfr_shards;

/**
 * Data of known size that can be read at any position: an object store, an archive, a cache,
 * memory. It must not change while it is read.
 *
 * Threads: many threads may use a source at the same time. Unless tfr_options_set_threads() is 1,
 * several threads call its `read_at` at the same time, including threads of the library.
 */
typedef struct tfr_source tfr_source;

/**
 * Writes records to a TFRecord file, with valid checksums, and the index of the file at the same
 * time, without reading the data again. It needs less than 2 MB of memory, whatever it writes;
 * tfr_writer_write_examples() needs twice the size of the largest record, too.
 *
 * Threads: many threads may use a writer at the same time; it writes their records one after
 * another. The writer starts one thread of its own once it has half a megabyte of small records,
 * if the system can start one; tfr_writer_finish() and tfr_writer_free() wait for this thread.
 * After a fork(), every call in the child fails immediately with TFR_ERR_INVALID_ARGUMENT, and
 * tfr_writer_free() changes nothing.
 *
 * If the file system supports locks, only one writer at a time writes a file and its index: any
 * other writer, and a tfr_index_create() of the same index, fails with EBUSY. If two start at the
 * same moment, both may fail.
 */
typedef struct tfr_writer tfr_writer;

/**
 * A callback that reports the progress of a scan: bytes of data done, bytes of data in total,
 * records found. A nonzero return value cancels the scan, which then fails with TFR_ERR_CANCELLED.
 * The callback must return: no longjmp, no C++ exception.
 */
typedef int32_t (*tfr_progress_fn)(void *context,
                                   uint64_t bytes_done,
                                   uint64_t bytes_total,
                                   uint64_t records);

/**
 * A region of the data that a scan skips. Later versions may add members at the end.
 */
typedef struct tfr_skipped {
    /**
     * The first byte of the region: the end of the last good record.
     */
    uint64_t start;
    /**
     * The byte after the region: the start of the next good record, or the end of the data.
     */
    uint64_t end;
    /**
     * The number of good records before the region. This is also the number of the first good
     * record after it.
     */
    uint64_t record;
    /**
     * What is wrong at the start of the region. Borrowed: valid until the callback returns.
     */
    const struct tfr_error *error;
    /**
     * 1 if the region is the last record, which is still being written; 0 if it is damage.
     */
    int32_t incomplete_tail;
} tfr_skipped;

/**
 * A callback for each region that a scan skips. A nonzero return value cancels the scan, which
 * then fails with TFR_ERR_CANCELLED. The callback must return: no longjmp, no C++ exception.
 *
 * Ownership: `skipped` is borrowed. It is valid until the callback returns.
 */
typedef int32_t (*tfr_skipped_fn)(void *context, const struct tfr_skipped *skipped);

/**
 * The place of one record in its TFRecord file. The payload has size - 16 bytes and starts at
 * offset + 12.
 */
typedef struct tfr_entry {
    /**
     * The byte where the record's frame starts.
     */
    uint64_t offset;
    /**
     * The size of the whole frame in bytes: the payload's size plus 16.
     */
    uint64_t size;
} tfr_entry;

/**
 * What tfr_create_indexes() did with a file. Later versions may add members at the end.
 */
typedef struct tfr_created {
    /**
     * The file's number in the arrays of paths.
     */
    size_t number;
    /**
     * The file's path, and the path of its index. Borrowed: valid until the callback returns.
     */
    const char *tfrecord_path;
    const char *index_path;
    /**
     * The number of records in the index. TFR_UNKNOWN if the index was up to date and was left as
     * it is, or if the file failed.
     */
    uint64_t records;
    /**
     * The number of damaged regions that the index leaves out.
     */
    uint64_t skipped_regions;
    /**
     * The file's size in bytes. 0 if no index was created.
     */
    uint64_t bytes;
    /**
     * Why the file failed; NULL if it did not. Borrowed: valid until the callback returns.
     */
    const struct tfr_error *error;
    /**
     * 1 if the index would be created, but for `dry_run`; otherwise 0.
     */
    int32_t planned;
} tfr_created;

/**
 * A callback for each file that tfr_create_indexes() is done with. A nonzero return value cancels
 * the call, which then fails with TFR_ERR_CANCELLED. The callback must return: no longjmp, no C++
 * exception.
 *
 * Ownership: `created` is borrowed. It is valid until the callback returns.
 */
typedef int32_t (*tfr_created_fn)(void *context, const struct tfr_created *created);

/**
 * What tfr_create_indexes() did in all. Later versions may add members at the end.
 */
typedef struct tfr_create_totals {
    /**
     * Files whose index was created, was up to date, or could not be created.
     */
    size_t created;
    size_t up_to_date;
    size_t failed;
    /**
     * Records, and bytes of data, of the indexes that were created.
     */
    uint64_t records;
    uint64_t bytes;
    /**
     * Damaged regions that these indexes leave out.
     */
    uint64_t skipped_regions;
    /**
     * Files whose index would be created, but for `dry_run`.
     */
    size_t planned;
} tfr_create_totals;

/**
 * How an index fits its data.
 */
typedef struct tfr_fit {
    /**
     * The number of bytes of the data that no entry covers. They are damage, or, with
     * TFR_FIT_PARTIAL, also records.
     */
    uint64_t uncovered_bytes;
    /**
     * A bitwise OR of members of tfr_fit_flags. Later versions may add more.
     */
    uint32_t flags;
} tfr_fit;

/**
 * Where a byte of a TFRecord file lies. A stored checksum is valid if it equals the computed one.
 */
typedef struct tfr_location {
    /**
     * The record's number, starting at 0.
     */
    uint64_t record;
    /**
     * The byte where the record's frame starts.
     */
    uint64_t offset;
    /**
     * The stored length of the payload.
     */
    uint64_t length;
    /**
     * The stored masked CRC-32C of the length.
     */
    uint64_t stored_length_crc;
    /**
     * The masked CRC-32C that the length should have.
     */
    uint64_t computed_length_crc;
    /**
     * The stored masked CRC-32C of the payload; TFR_UNKNOWN if the end of the frame is unknown,
     * because the header is damaged or the data is cut short.
     */
    uint64_t stored_payload_crc;
    /**
     * The masked CRC-32C that the payload should have; TFR_UNKNOWN in the same cases.
     */
    uint64_t computed_payload_crc;
    /**
     * The part of the frame that contains the byte.
     */
    enum tfr_part part;
} tfr_location;

/**
 * Reads up to `size` bytes of a source, starting at byte `offset`, into `buffer`. `size` is at
 * least 1, and the range never extends past the end of the source. Returns the number of bytes
 * read, which may be less than `size`; 0 means that the data has become shorter. On failure it
 * returns a negated error number of errno.h, such as -EIO. After -EINTR the library calls it
 * again, up to a thousand times in a row. It must return: no longjmp, no C++ exception.
 */
typedef int64_t (*tfr_read_at_fn)(void *context, uint64_t offset, uint8_t *buffer, size_t size);

/**
 * Frees the context of a source. It must return: no longjmp, no C++ exception.
 */
typedef void (*tfr_free_fn)(void *context);

/**
 * A byte string: `size` bytes from `bytes`, without a NUL at the end.
 */
typedef struct tfr_bytes {
    /**
     * The first byte. It may be NULL if `size` is 0.
     */
    const uint8_t *bytes;
    /**
     * The number of bytes.
     */
    size_t size;
} tfr_bytes;

/**
 * A shard, as a tfr_open_shard_fn opens it. Later versions may add members at the end.
 */
typedef struct tfr_opened_shard {
    /**
     * The data, plain or compressed. Required.
     */
    struct tfr_source *data;
    /**
     * The text of the index that is beside the data. Optional: NULL means that there is none, and
     * the data is scanned.
     */
    struct tfr_source *index_file;
    /**
     * The seek file that is beside compressed data. Optional: without it, the data is decompressed
     * once to open it.
     */
    struct tfr_source *seek_file;
    /**
     * The text of an index that is used as it is, in place of the one beside the data: it may
     * select, reorder and repeat records. Optional: NULL means that there is none.
     */
    struct tfr_source *given_index;
} tfr_opened_shard;

/**
 * Opens the shard of a data set with this number. Sets the members of `*opened`, which are NULL
 * before; the data set takes the sources over, and frees them. Returns 0, or a negated error number
 * of errno.h, such as -ENOENT. It may then write to `message` why, as a text with a NUL at the end,
 * of at most TFR_MESSAGE_SIZE bytes. It must return: no longjmp, no C++ exception.
 */
typedef int32_t (*tfr_open_shard_fn)(void *context,
                                     size_t shard,
                                     struct tfr_opened_shard *opened,
                                     char *message);

/**
 * One row of a manifest.
 */
typedef struct tfr_manifest_row {
    /**
     * The path of the TFRecord file.
     */
    const char *path;
    /**
     * The path of its index; NULL if it had none.
     */
    const char *index_path;
    /**
     * The size of the file in bytes.
     */
    uint64_t bytes;
    /**
     * The number of its records.
     */
    uint64_t records;
    /**
     * When the file was last modified, in nanoseconds since 1970; INT64_MIN if
     * the manifest does not say.
     */
    int64_t mtime_ns;
    /**
     * What names the version of an object in a store, its entity tag; NULL for files. It is UTF-8.
     */
    const char *etag;
} tfr_manifest_row;

/**
 * The values of a feature in many records: those of record 0, then those of record 1 and so on.
 */
typedef struct tfr_feature_values {
    /**
     * The key in the records: `name_size` bytes, usually UTF-8.
     */
    const char *name;
    /**
     * The number of bytes of the name.
     */
    size_t name_size;
    /**
     * A member of tfr_feature_kind.
     */
    int32_t kind;
    /**
     * `count` values: int64_t, float, or tfr_bytes. It may be NULL if `count` is 0.
     */
    const void *values;
    /**
     * The number of values in all records.
     */
    size_t count;
    /**
     * Where the values of each record start, and where the last one's end: one offset more than there
     * are records, from 0 up to `count`. NULL: all records have the same number of values.
     */
    const size_t *offsets;
} tfr_feature_values;

/**
 * A callback for what tfr_reshard() has to report, once the new data set is complete. The callback
 * must return: no longjmp, no C++ exception.
 *
 * Ownership: `warning` is borrowed. It is valid until the callback returns.
 */
typedef void (*tfr_warning_fn)(void *context, const struct tfr_error *warning);

/**
 * A handle and the function that frees it. This is for code that an exception can interrupt
 * between any two steps, such as Python code. Such code first makes an owner of NULL and has its
 * garbage collector call tfr_owner_free(). Then it calls the function that makes the handle, with
 * the owner's address as the output. So the handle has an owner from the start.
 */
typedef struct tfr_owner {
    /**
     * NULL, or an output of a function of this library, such as a tfr_reader. This is the first
     * member, so its address is the owner's address.
     */
    void *handle;
    /**
     * The function that frees the handle, such as tfr_reader_free(). It may be NULL.
     */
    void (*free)(void *handle);
} tfr_owner;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the ABI version of the library. A program that loads the library at run time compares
 * this with the TFR_ABI_VERSION that it was compiled with.
 *
 * Threads: safe on any thread.
 */
uint32_t tfr_abi_version(void);

/**
 * Returns the version of the library, such as "0.1.0".
 *
 * Ownership: static. Never free it.
 *
 * Threads: safe on any thread.
 */
const char *tfr_version(void);

/**
 * Sets how many bytes of decompressed data the process may keep, of all compressed files together.
 * The default is 64 MiB. Data in use comes on top. With 0, each read decompresses its chunk, of
 * about 200 KiB, from the chunk's start. Each data set that is read in an order shuffled in chunks
 * needs 48 MiB; with less, its records cost up to 25 times as much. A forked process has the number
 * of its parent.
 *
 * Threads: safe on any thread at any time.
 */
void tfr_set_cache_bytes(uint64_t bytes);

/**
 * Returns the number that tfr_set_cache_bytes() sets.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_cache_bytes(void);

/**
 * Returns the name of a status, such as "TFR_ERR_IO"; "TFR_UNKNOWN_STATUS" for any other number.
 *
 * Ownership: static. Never free it.
 *
 * Threads: safe on any thread.
 */
const char *tfr_status_name(int32_t status);

/**
 * Returns the status of the failed call; TFR_OK for NULL.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_error_status(const struct tfr_error *error);

/**
 * Returns one line for people: the file, the record, the byte, what is wrong, and what to do; ""
 * for NULL. The wording may change between versions.
 *
 * Ownership: NUL-terminated UTF-8, borrowed from the error. It is valid until the error is freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_error_message(const struct tfr_error *error);

/**
 * Returns the path of the file that the error is about, exactly as the caller passed it; NULL if
 * there is none.
 *
 * Ownership: NUL-terminated, borrowed from the error. It is valid until the error is freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_error_path(const struct tfr_error *error);

/**
 * Returns the number of the bad record, starting at 0; for a bad index, the number of entries
 * before the bad line; TFR_UNKNOWN if there is none.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_error_record(const struct tfr_error *error);

/**
 * Returns the byte where the bad record's frame starts; for a bad index, the byte where the bad
 * line starts; TFR_UNKNOWN if there is none.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_error_offset(const struct tfr_error *error);

/**
 * Returns the detected format, if the data is not a TFRecord file or has non-standard checksums:
 * "gzip", "Git LFS pointer", "HTML", "TFRecord with CRC-32 IEEE checksums" and others; NULL if the
 * format is unknown. Later versions may detect more.
 *
 * Ownership: NUL-terminated UTF-8, borrowed from the error. It is valid until the error is freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_error_format(const struct tfr_error *error);

/**
 * Returns the name of the feature that a record lacks or has wrongly, or that is wrong itself; NULL if
 * the error is not about a feature. Bytes that are not UTF-8, and NULs, are replaced.
 *
 * Ownership: NUL-terminated UTF-8, borrowed from the error. It is valid until the error is freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_error_feature(const struct tfr_error *error);

/**
 * Returns the stored value of the checksum that does not match, a masked CRC-32C; TFR_UNKNOWN if
 * the error is not about a checksum.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_error_stored_crc(const struct tfr_error *error);

/**
 * Returns the value that this checksum should have, computed from the bytes that it covers;
 * TFR_UNKNOWN if the error is not about a checksum.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_error_computed_crc(const struct tfr_error *error);

/**
 * Returns the operating system's error number (errno); 0 if there is none.
 *
 * Threads: safe on any thread.
 */
int32_t tfr_error_os_error(const struct tfr_error *error);

/**
 * Frees an error. NULL does nothing.
 */
void tfr_error_free(struct tfr_error *error);

/**
 * Creates options with the default settings.
 *
 * Parameters: `options_out` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Ownership: free *options_out with tfr_options_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_options_new(struct tfr_options **options_out, struct tfr_error **error_out);

/**
 * Sets the checksum policy.
 *
 * Parameters: `options` is required. `checksums` is a member of tfr_checksums.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL or `checksums` is any other number.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_checksums(struct tfr_options *options,
                                          int32_t checksums,
                                          struct tfr_error **error_out);

/**
 * Sets the number of threads. 1 uses only the calling thread. n > 1 starts n worker threads, each
 * with up to 1 MiB of memory. 0, the default, chooses automatically: one per processor, or more
 * where they wait for the storage. The result is the same with any number.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_threads(struct tfr_options *options,
                                        size_t threads,
                                        struct tfr_error **error_out);

/**
 * Sets whether tfr_index_check() accepts an index that covers only the first records of the data.
 * 0, the default, means no: such an index is stale, because the data has grown since.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_allow_partial(struct tfr_options *options,
                                              int32_t allow,
                                              struct tfr_error **error_out);

/**
 * Sets a progress callback. The scan calls it at the start, at the end, and in between at least
 * about every 16 MiB of data read and every 50 ms of waiting.
 *
 * Parameters: `options` is required. `progress` is optional; NULL removes the callback. `context`
 * is passed to the callback as its first argument and may be NULL.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL.
 *
 * Ownership: the caller keeps the context. It must stay valid as long as the options are used.
 *
 * Threads: no other thread may use `options` during the call. The library calls the callback on
 * the thread that called the scanning function. If several threads scan with the same options, it
 * calls the callback on all of them, possibly at the same time.
 */
enum tfr_status tfr_options_set_progress(struct tfr_options *options,
                                         tfr_progress_fn progress,
                                         void *context,
                                         struct tfr_error **error_out);

/**
 * Sets whether a scan skips damage instead of failing. 0, the default, means no. The index then
 * contains the good records, with a gap for each damaged region. tfr_options_set_on_skipped()
 * reports each region.
 *
 * After a damaged header the scan searches for the next record: a header with a valid CRC that is
 * confirmed by what follows it, which is another valid header, the end of the data, or a valid
 * payload CRC. With TFR_CHECKSUMS_FULL, only the payload CRC confirms it. TFR_CHECKSUMS_AUTO works
 * like TFR_CHECKSUMS_LENGTH here. With TFR_CHECKSUMS_NONE the scan fails with
 * TFR_ERR_INVALID_ARGUMENT. If the payload of a record with a damaged header contains a TFRecord
 * file, the scan cannot tell those records from the records around them. Data without any valid
 * header is an error. The result depends only on the bytes: it is the same for any source and any
 * number of threads.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_salvage(struct tfr_options *options,
                                        int32_t salvage,
                                        struct tfr_error **error_out);

/**
 * Sets whether the data may end inside a record, like a file that is still being written. 0, the
 * default, means no. The scan then skips that record instead of failing, and
 * tfr_options_set_on_skipped() reports it. This needs valid checksums: with TFR_CHECKSUMS_NONE the
 * scan fails with TFR_ERR_INVALID_ARGUMENT.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_allow_incomplete_tail(struct tfr_options *options,
                                                      int32_t allow_incomplete_tail,
                                                      struct tfr_error **error_out);

/**
 * Sets a callback for each region that a scan skips because of tfr_options_set_salvage() or
 * tfr_options_set_allow_incomplete_tail(). Without one, the scan skips regions silently.
 *
 * Parameters: `options` is required. `on_skipped` is optional; NULL removes the callback.
 * `context` is passed to the callback as its first argument and may be NULL.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL.
 *
 * Ownership: the caller keeps the context. It must stay valid as long as the options are used.
 *
 * Threads: as tfr_options_set_progress().
 */
enum tfr_status tfr_options_set_on_skipped(struct tfr_options *options,
                                           tfr_skipped_fn on_skipped,
                                           void *context,
                                           struct tfr_error **error_out);

/**
 * Sets whether tfr_index_create() continues an existing index file. 0, the default, means no. It
 * then scans only the data that was appended since. The index must cover all of the earlier data,
 * in its order and without gaps; otherwise tfr_index_create() fails with TFR_ERR_MISMATCH. To
 * verify that, it reads only about 64 headers of the covered part. If the index already has all
 * records, it does not touch the file.
 *
 * Only one writer at a time may continue an index: while a call does, or while a tfr_writer
 * appends to the file and its index, any other writer of the same index fails with EBUSY. Indexes
 * at other paths are not affected.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_resume(struct tfr_options *options,
                                       int32_t resume,
                                       struct tfr_error **error_out);

/**
 * Sets whether a reader returns whole frames, as they are in the data, instead of payloads. Frames
 * can be written to another TFRecord file unchanged. 0, the default, means payloads.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_raw_frames(struct tfr_options *options,
                                           int32_t raw_frames,
                                           struct tfr_error **error_out);

/**
 * Sets whether tfr_index_create() and tfr_writer_finish() flush what they write to the storage
 * device (fsync) before they return. 0, the default, means no.
 *
 * If the process is killed, each file is either the old one or the new one, complete, with or
 * without this setting. If the system crashes or loses power, it makes a difference:
 *
 * - Without it, a file may be old, new, empty or cut short, and an index may be newer than its
 *   data.
 * - With it, each file is either the old one or the new one, complete, and an index is never newer
 *   than its data. Once the call has returned, both are the new ones.
 *
 * The library syncs each file before it renames it to its final name, and the directory
 * afterwards; the data before its index. It syncs appended data before it replaces the index; if
 * power fails before that, part of the data may remain after the old end. Syncing takes some
 * milliseconds per file on a disk. The guarantee is as strong as that of the system and the disk.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_sync(struct tfr_options *options,
                                     int32_t sync,
                                     struct tfr_error **error_out);

/**
 * Sets how tfr_writer_create() and tfr_reshard() compress what they write. Reading needs no option:
 * the file says how it is compressed.
 *
 * Parameters: `options` is required. `compression` is a member of tfr_compression.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL or `compression` is any other number.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_compression(struct tfr_options *options,
                                            int32_t compression,
                                            struct tfr_error **error_out);

/**
 * Frees options. NULL does nothing.
 */
void tfr_options_free(struct tfr_options *options);

/**
 * Sets how many data files a data set may have open at the same time. The seek file of a compressed
 * file counts, too. 0, the default, means half of the process's limit of open files
 * (RLIMIT_NOFILE), at most 65,536. The data set closes the least recently used files, and opens them again when they are needed. If all are in use by other
 * threads, a call waits. If the process or the system has too many open files, the data set closes
 * files and tries again.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_max_open_files(struct tfr_options *options,
                                               size_t max_open_files,
                                               struct tfr_error **error_out);

/**
 * Sets how many bytes of memory the indexes of a data set may take. 0, the default, means no
 * limit. The data set drops the least recently used indexes, and loads them again when they are
 * needed. Those of files that are being read stay.
 *
 * Parameters: `options` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_index_memory(struct tfr_options *options,
                                             uint64_t index_memory,
                                             struct tfr_error **error_out);

/**
 * Sets what a data set does with records and shards that it cannot read. With TFR_ON_ERROR_SKIP, a
 * shard that tfr_dataset_open() cannot open counts as empty, and is among the warnings. Other
 * calls fail at the first error in any case; so do these if memory or descriptors run out.
 *
 * Parameters: `options` is required. `on_error` is a member of tfr_on_error.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `options` is NULL or `on_error` is any other number.
 *
 * Threads: no other thread may use `options` during the call.
 */
enum tfr_status tfr_options_set_on_error(struct tfr_options *options,
                                         int32_t on_error,
                                         struct tfr_error **error_out);

/**
 * Allows callbacks (`allowed` is 1, the initial state) or refuses them (0), in the whole process.
 * This is for a host that is about to lose what its callbacks need, such as an interpreter that is
 * shutting down. Such a host refuses callbacks, and repeats the call until it returns 0.
 *
 * A refused `read_at` counts as one that returned -ECANCELED. A refused progress or skipped-region
 * callback counts as one that cancelled the call. A refused tfr_free_fn leaves its context
 * unfreed. The thread that refused callbacks can still run its own.
 *
 * Returns the number of callbacks that are running on other threads. After a fork(), callbacks
 * that were running on other threads of the parent still count in the child, where they never
 * return.
 *
 * Threads: safe on any thread.
 */
size_t tfr_callbacks_allow(int32_t allowed);

/**
 * Indexes a TFRecord file and writes the index file, in constant memory. It writes a temporary
 * file next to the index file and renames it when it is complete. On any error it leaves no
 * temporary file, and an existing index file stays unchanged.
 *
 * A file may be compressed with gzip, zlib or TensorFlow's Snappy, here and wherever a TFRecord
 * file is named. Offsets are then those of the decompressed data, and a seek file is written
 * beside the index: its name ends in ".seek" instead of ".idx".
 *
 * Parameters: `tfrecord_path` is required. `index_path` is optional; NULL means `tfrecord_path`
 * with ".idx" appended, except for a TensorBoard event file ("tfevents" in its name), because
 * TensorBoard would take the index for another event file. `options` is optional; NULL means the
 * defaults. `count_out` is optional; it receives the number of records.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if the TFRecord path is an event
 * file and `index_path` is NULL, if the TFRecord path is a device, a pipe or similar, or if both
 * paths lead to the same file. TFR_ERR_IO if a file cannot be opened, read or written, or is a
 * directory. TFR_ERR_NOT_TFRECORD, TFR_ERR_TRUNCATED, TFR_ERR_LENGTH, TFR_ERR_LENGTH_CRC or
 * TFR_ERR_PAYLOAD_CRC for bad data, with the first bad record; TFR_ERR_COMPRESSED for bad compressed
 * data. TFR_ERR_CANCELLED.
 *
 * Threads: safe on any thread. If two calls create the same index at the same time, the result is
 * the complete index of one of them.
 */
enum tfr_status tfr_index_create(const char *tfrecord_path,
                                 const char *index_path,
                                 const struct tfr_options *options,
                                 uint64_t *count_out,
                                 struct tfr_error **error_out);

/**
 * Indexes a TFRecord file in memory, with 16 bytes for each record. It writes no file.
 *
 * Parameters: `tfrecord_path` and `index_out` are required. `options` is optional; NULL means the
 * defaults.
 *
 * Errors: those of tfr_index_create(), and TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: free *index_out with tfr_index_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_scan(const char *tfrecord_path,
                               const struct tfr_options *options,
                               struct tfr_index **index_out,
                               struct tfr_error **error_out);

/**
 * Reads an index file.
 *
 * Parameters: `index_path` and `index_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_IO if the file cannot be
 * read. TFR_ERR_INVALID_INDEX if it is not an index, as for tfr_index_from_text().
 * TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: free *index_out with tfr_index_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_read(const char *index_path,
                               struct tfr_index **index_out,
                               struct tfr_error **error_out);

/**
 * Indexes TFRecord bytes in memory. It does not copy them, and reads payloads only with
 * TFR_CHECKSUMS_FULL.
 *
 * Parameters: `data` points to `size` bytes and may be NULL if `size` is 0. `index_out` is
 * required. `options` is optional; NULL means the defaults.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of tfr_index_create() for
 * bad data. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the call borrows the data. Free *index_out with tfr_index_free(). It is NULL on
 * failure.
 *
 * Threads: safe on any thread. No thread may change the data during the call.
 */
enum tfr_status tfr_index_from_bytes(const uint8_t *data,
                                     size_t size,
                                     const struct tfr_options *options,
                                     struct tfr_index **index_out,
                                     struct tfr_error **error_out);

/**
 * Parses index text: one line "offset size" for each record, in decimal. Spaces, tabs and carriage
 * returns around the numbers are allowed. Blank lines are skipped. The last line needs no line
 * feed.
 *
 * Parameters: `text` points to `size` bytes, without a terminating NUL, and may be NULL if `size`
 * is 0. `index_out` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_INVALID_INDEX if a line
 * is not two numbers, a size is less than 16, or the end of a record exceeds INT64_MAX.
 * TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the call borrows the text. Free *index_out with tfr_index_free(). It is NULL on
 * failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_from_text(const char *text,
                                    size_t size,
                                    struct tfr_index **index_out,
                                    struct tfr_error **error_out);

/**
 * Makes an index from entries, in their order: a selection from another index, for example.
 *
 * Parameters: `entries` points to `count` entries and may be NULL if `count` is 0. `index_out` is
 * required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_INVALID_INDEX if a size
 * is less than 16 or the end of a record exceeds INT64_MAX. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the call copies the entries. Free *index_out with tfr_index_free(). It is NULL on
 * failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_from_entries(const struct tfr_entry *entries,
                                       size_t count,
                                       struct tfr_index **index_out,
                                       struct tfr_error **error_out);

/**
 * Returns the number of records; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
size_t tfr_index_len(const struct tfr_index *index);

/**
 * Returns the entry of one record. For many records, tfr_index_entries() is faster.
 *
 * Parameters: `index` and `entry_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `record`
 * is not less than tfr_index_len().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_get(const struct tfr_index *index,
                              size_t record,
                              struct tfr_entry *entry_out,
                              struct tfr_error **error_out);

/**
 * Returns all entries: an array of tfr_index_len() elements; NULL for an empty index and for NULL.
 *
 * Ownership: borrowed from the index. The array is valid until the index is freed.
 *
 * Threads: safe on any thread.
 */
const struct tfr_entry *tfr_index_entries(const struct tfr_index *index);

/**
 * Returns the index as text: one line "offset size" for each record.
 *
 * Parameters: `index` and `text_out` are required. `size_out` is optional; it receives the size of
 * the text in bytes, without the NUL.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: NUL-terminated ASCII. Free *text_out with tfr_text_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_to_text(const struct tfr_index *index,
                                  char **text_out,
                                  size_t *size_out,
                                  struct tfr_error **error_out);

/**
 * Frees the text of tfr_index_to_text() or the path of tfr_index_find(), which the caller must not
 * have changed. NULL does nothing.
 */
void tfr_text_free(char *text);

/**
 * Writes the index to a file, completely or not at all, like tfr_index_create().
 *
 * Parameters: `index` and `index_path` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_IO if the file cannot be
 * written.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_write(const struct tfr_index *index,
                                const char *index_path,
                                struct tfr_error **error_out);

/**
 * Frees an index, including the array of tfr_index_entries(). NULL does nothing.
 */
void tfr_index_free(struct tfr_index *index);

/**
 * Creates the index file of a TFRecord file, like tfr_index_create(), if the index file is missing
 * or stale. An index is stale if it was modified before its data was, or if its last entry does
 * not end where the data ends. The call compares both files' metadata and the last line of the
 * index. It does not detect data that changed without changing its size and was given an older
 * modification time; tfr_index_check() does.
 *
 * Parameters: `tfrecord_path` is required. `only` is a member of tfr_only. `count_out` is
 * optional; it receives the number of records, or TFR_UNKNOWN if the call left the index
 * unchanged. `index_path` and `options` are optional, as for tfr_index_create().
 *
 * Errors: those of tfr_index_create(), and TFR_ERR_INVALID_ARGUMENT if `only` is any other number.
 *
 * Threads: safe on any thread. Many threads and processes may update the same index at the same
 * time.
 */
enum tfr_status tfr_index_update(const char *tfrecord_path,
                                 const char *index_path,
                                 int32_t only,
                                 const struct tfr_options *options,
                                 uint64_t *count_out,
                                 struct tfr_error **error_out);

/**
 * Finds the index file of a TFRecord file by name: the first one that exists of NAME.idx,
 * NAME.tfindex and STEM.tfindex. For train.tfrecord, the last one is train.tfindex. For DLIO's
 * layout, pass its "index/train" as the directory. The call does not verify that the file is an
 * index.
 *
 * Parameters: `tfrecord_path` and `path_out` are required. `directory` is optional; NULL means the
 * directory of the TFRecord file.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_IO, with ENOENT, if
 * there is no such file.
 *
 * Ownership: free *path_out with tfr_text_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_find(const char *tfrecord_path,
                               const char *directory,
                               char **path_out,
                               struct tfr_error **error_out);

/**
 * Finds the files that paths stand for, in the order of the paths:
 *
 * - a file: that one. A path that exists is never a pattern.
 * - a directory: the TFRecord files in it and in its subdirectories, by their names or their first
 *   header.
 * - a path with *, ?, [a-z] or, for any directories, **: the files that match.
 * - a path with {0..9}, {00..09} or {a,b}: each of these paths, all of which must exist.
 * - a manifest, named x.manifest.json, or x.json and says so: the files that it lists, in its order.
 * - name@8, name@8.tfrecord or name@*: name-00000-of-00008 and so on, with .tfrecord at the end.
 *
 * The files of a directory or a pattern are sorted by the bytes of their paths. Hidden files are
 * left out, and so are indexes of files that are found. A set of files that are named
 * name-00000-of-00008 and so on must be complete, unless all of its files are given one by one. If a
 * directory has a dataset_info.json of TensorFlow Datasets, the shards that it lists must be there.
 *
 * Parameters: `paths` has `count` elements, at least 1. `pattern` is optional: names of the files
 * that are data in a directory, such as "*.tfr". `index_dir` is optional: a directory for the
 * indexes, which mirrors the directories of the files. NULL means that the indexes are next to the
 * files. `flags` is 0, or a bitwise OR of members of tfr_find_flags. `shards_out` is required.
 *
 * Errors: TFR_ERR_IO, with ENOENT, if a pattern matches nothing, or a file of a set is missing.
 * TFR_ERR_IO if a directory cannot be listed. TFR_ERR_INVALID_ARGUMENT if a required pointer is
 * NULL, a directory has no TFRecord file, a file does not belong to its set, or a file is given
 * twice.
 *
 * Ownership: free *shards_out with tfr_shards_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_shards_find(const char *const *paths,
                                size_t count,
                                const char *pattern,
                                const char *index_dir,
                                uint32_t flags,
                                struct tfr_shards **shards_out,
                                struct tfr_error **error_out);

/**
 * Takes these files as they are, in this order. Nothing is searched, and no path is a pattern.
 *
 * Parameters: `paths` has `count` elements. `index_paths` is optional; it has `count` elements,
 * each of which is the path of a file's index, or NULL for an index next to the file.
 * `shards_out` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *shards_out with tfr_shards_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_shards_from_paths(const char *const *paths,
                                      const char *const *index_paths,
                                      size_t count,
                                      struct tfr_shards **shards_out,
                                      struct tfr_error **error_out);

/**
 * Returns the number of files. 0 for NULL.
 *
 * Threads: safe on any thread.
 */
size_t tfr_shards_len(const struct tfr_shards *shards);

/**
 * Returns the path of a file, from 0; NULL if there is no such file, and for NULL.
 *
 * Ownership: borrowed from the shards. The path is valid until they are freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_shards_path(const struct tfr_shards *shards, size_t shard);

/**
 * Returns where the index of a file is, or will be created. NULL means next to the file; and if
 * there is no such file, and for NULL.
 *
 * Ownership: borrowed from the shards. The path is valid until they are freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_shards_index_path(const struct tfr_shards *shards, size_t shard);

/**
 * Returns a sentence for the user, from 0: what a set lacks, if that is allowed, and how many other
 * files tfr_shards_find() left out in a directory. NULL if there are no more, and for NULL.
 *
 * Ownership: borrowed from the shards. The text is valid until they are freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_shards_note(const struct tfr_shards *shards, size_t note);

/**
 * Frees shards, with the texts of their functions. NULL does nothing.
 */
void tfr_shards_free(struct tfr_shards *shards);

/**
 * Creates the indexes of TFRecord files, several at the same time. A file that fails does not stop
 * the others. Each index is created like tfr_index_create() does it: completely, or not at all. It
 * replaces an older index, but no file that is not an index. Missing directories of indexes are
 * made. To continue after an interruption, call it again with TFR_ONLY_STALE.
 *
 * Parameters: `tfrecord_paths` has `count` paths. `index_paths` is optional; it has as many paths,
 * each of which may be NULL. A NULL in place of an index's path means the file's path with ".idx"
 * appended. `jobs` is the number of files to work on at the same time; 0 means one for each
 * processor, or more if the work mostly waits for storage. `only` is a member of tfr_only, or 0 to
 * create all indexes. With `dry_run` other than 0, nothing is changed, and the results say what would
 * be done. `options` is optional. Its threads are for large files that are left when
 * other files need no thread. Its progress callback receives the bytes and records so far, of all
 * files, and TFR_UNKNOWN bytes in total. `on_file` is optional; it is called for each file, in the
 * order of the arrays, with `context`. `totals_out` is optional.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or `only` is any other number.
 * TFR_ERR_CANCELLED if a callback cancelled; each index is then the old or the new one. The errors
 * of files are passed to `on_file`, and are those of tfr_index_create().
 *
 * Threads: safe on any thread. All callbacks are called on the thread that calls this function.
 */
enum tfr_status tfr_create_indexes(const char *const *tfrecord_paths,
                                   const char *const *index_paths,
                                   size_t count,
                                   size_t jobs,
                                   int32_t only,
                                   int32_t dry_run,
                                   const struct tfr_options *options,
                                   tfr_created_fn on_file,
                                   void *context,
                                   struct tfr_create_totals *totals_out,
                                   struct tfr_error **error_out);

/**
 * Makes an index of the given records, in the given order. A number may occur more than once. Like
 * all edits, the new index refers to the same data, and the call reads none of the data.
 *
 * Parameters: `index` and `index_out` are required. `records` points to `count` record numbers and
 * may be NULL if `count` is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if a number
 * is not less than tfr_index_len(). TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: free *index_out with tfr_index_free(). It is NULL on failure. The caller keeps
 * `index`, which does not change.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_select(const struct tfr_index *index,
                                 const size_t *records,
                                 size_t count,
                                 struct tfr_index **index_out,
                                 struct tfr_error **error_out);

/**
 * Makes an index of the records with payloads of `min` to `max` bytes, both inclusive, in the
 * order of `index`.
 *
 * Parameters: `index` and `index_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: as tfr_index_select().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_filter_size(const struct tfr_index *index,
                                      uint64_t min,
                                      uint64_t max,
                                      struct tfr_index **index_out,
                                      struct tfr_error **error_out);

/**
 * Makes an index of all records in a random order. Every order is equally likely. The same seed
 * and number of records give the same order in every version, on every platform and in every
 * language: a Fisher-Yates shuffle that fills the positions from first to last, each with a record
 * drawn from the remaining ones, with numbers from SplitMix64 that Lemire's method brings into
 * range.
 *
 * Parameters: `index` and `index_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: as tfr_index_select().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_shuffle(const struct tfr_index *index,
                                  uint64_t seed,
                                  struct tfr_index **index_out,
                                  struct tfr_error **error_out);

/**
 * Makes an index of `count` different random records, in the order of `index`. Every choice is
 * equally likely. The records are the first `count` ones of tfr_index_shuffle() with the same
 * seed.
 *
 * Parameters: `index` and `index_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or the index has fewer than
 * `count` records. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: as tfr_index_select().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_sample(const struct tfr_index *index,
                                 size_t count,
                                 uint64_t seed,
                                 struct tfr_index **index_out,
                                 struct tfr_error **error_out);

/**
 * Makes an index of shard `rank` of `world_size` shards: a contiguous run of records, in the order
 * of `index`. By records, the shard starts at record len * rank / world_size, rounded down, like
 * the shards of NVIDIA DALI's readers. By bytes, it starts at the record boundary closest to rank
 * / world_size of the frames' total bytes. A shard may be empty if there are few records, or a few
 * very large ones.
 *
 * Parameters: `index` and `index_out` are required. `by` is a member of tfr_shard_by. `remainder`
 * is a member of tfr_remainder; with TFR_SHARD_BY_BYTES it must be TFR_REMAINDER_KEEP.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, `by` or `remainder` is any other
 * number, or `rank` is not less than `world_size`. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: as tfr_index_select().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_shard(const struct tfr_index *index,
                                size_t rank,
                                size_t world_size,
                                int32_t by,
                                int32_t remainder,
                                struct tfr_index **index_out,
                                struct tfr_error **error_out);

/**
 * Makes the index of concatenated files, as `cat a b` concatenates them.
 *
 * Parameters: `indexes` points to the indexes of the files, in that order, and `data_sizes` to the
 * sizes of the files in bytes. Both have `count` elements and may be NULL if `count` is 0.
 * `index_out` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer or an element of `indexes` is NULL, or if
 * `index_out` points to an element of `indexes`, which then stays unchanged. TFR_ERR_MISMATCH if
 * an entry ends after the end of its file. TFR_ERR_INVALID_INDEX if the end of a record exceeds
 * INT64_MAX. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: free *index_out with tfr_index_free(). It is NULL on failure. The caller keeps
 * `indexes`, which do not change.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_concat(const struct tfr_index *const *indexes,
                                 const uint64_t *data_sizes,
                                 size_t count,
                                 struct tfr_index **index_out,
                                 struct tfr_error **error_out);

/**
 * Checks that an index belongs to a TFRecord file. The entries must lie inside the file and must
 * not overlap. Where an entry starts, the data must have the header of a frame of that size. An
 * index may select, reorder and repeat records, and leave out damage. But an index that has all
 * records up to some byte, followed by more valid records, is stale, unless
 * tfr_options_set_allow_partial() allows it. At every level the check searches the bytes that no
 * entry covers for valid records.
 *
 * Parameters: `index` and `tfrecord_path` are required. `level` is a member of tfr_check_level.
 * `options` is optional; NULL means the defaults. The checksum policy decides whether CRCs must be
 * valid (TFR_CHECKSUMS_AUTO decides by the first header of the file); the level decides whether
 * payload CRCs are verified. `fit_out` is optional; it receives how the index fits.
 *
 * Errors: TFR_ERR_MISMATCH if the index belongs to another file. TFR_ERR_STALE if the data has
 * grown or become shorter. TFR_ERR_LENGTH, TFR_ERR_LENGTH_CRC or TFR_ERR_PAYLOAD_CRC if the index
 * fits but the data is damaged. Each of these has the number of an entry: of several bad ones, the
 * first in the data; for a stale index, the first that is missing. TFR_ERR_NOT_TFRECORD if the
 * index does not fit and the data is compressed or similar. TFR_ERR_INVALID_ARGUMENT if a required
 * pointer is NULL or `level` is any other number. TFR_ERR_IO if the file cannot be read.
 * TFR_ERR_CANCELLED. TFR_ERR_OUT_OF_MEMORY.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_index_check(const struct tfr_index *index,
                                const char *tfrecord_path,
                                int32_t level,
                                const struct tfr_options *options,
                                struct tfr_fit *fit_out,
                                struct tfr_error **error_out);

/**
 * Finds the record of a TFRecord file that contains a byte, and computes its checksums.
 *
 * TensorFlow's "corrupted record at N" means the record that starts at byte N if the length's
 * checksum is wrong, and the record that starts at byte N - 12 if the payload's checksum is wrong.
 *
 * Parameters: `tfrecord_path` and `location_out` are required. `options` is optional; NULL means
 * the defaults. Three settings apply: the checksum policy, the progress callback, and
 * tfr_options_set_salvage(), which skips damage before the byte. Record numbers are those of the
 * index.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if the file
 * ends before the byte. TFR_ERR_IO if it cannot be read. Those of tfr_index_scan() if it is not a
 * TFRecord file, or is damaged before the record that contains the byte, with the number and the
 * offset of the bad record.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_locate(const char *tfrecord_path,
                           uint64_t byte,
                           const struct tfr_options *options,
                           struct tfr_location *location_out,
                           struct tfr_error **error_out);

/**
 * Makes a source from a function that reads it.
 *
 * Parameters: `read_at` and `source_out` are required. `context` is passed to `read_at` as its
 * first argument and may be NULL. `size` is the size of the data in bytes.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *source_out with tfr_source_free(). It is NULL on failure. The caller keeps the
 * context, which must stay valid until the source and all its readers are freed, unless
 * tfr_source_set_free() gives the context to the source.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_source_new(tfr_read_at_fn read_at,
                               void *context,
                               uint64_t size,
                               struct tfr_source **source_out,
                               struct tfr_error **error_out);

/**
 * Makes a source from data in memory, without copying it.
 *
 * The data may be a mapped file: this is the fastest way to read small records at random. But if
 * another process truncates a mapped file, reading the lost part ends the process with SIGBUS.
 *
 * Parameters: `data` points to `size` bytes and may be NULL if `size` is 0. `source_out` is
 * required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *source_out with tfr_source_free(). It is NULL on failure. The source borrows
 * the data until the source and all its readers are freed, unless tfr_source_set_free() gives the
 * data to the source.
 *
 * Threads: safe on any thread. No thread may change the data while the source or its readers are
 * used.
 */
enum tfr_status tfr_source_from_memory(const uint8_t *data,
                                       size_t size,
                                       struct tfr_source **source_out,
                                       struct tfr_error **error_out);

/**
 * Makes a source of the decompressed bytes of another source, such as a compressed object in a
 * store. (The paths of compressed files need no such source.)
 *
 * What is decompressed is what a path may be: gzip, zlib and TensorFlow's Snappy container, by the
 * content. Data that is not compressed is read as it is.
 *
 * With the bytes of the seek file that tfr_index_create() has written for the same data, each read
 * reads and decompresses little more than it needs. Without, the first call that needs the size, such as
 * tfr_reader_from_source(), reads and decompresses all data once, checks each member, and keeps
 * seek points in memory.
 *
 * Parameters: `source` and `source_out` are required. `seek_file` is optional.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_MISMATCH if the seek file
 * is damaged or does not belong to this data. Those of the source, of which this reads the first
 * bytes and, with a seek file, the last ones. Calls that use the new source fail with
 * TFR_ERR_TRUNCATED or TFR_ERR_COMPRESSED if the compressed data is damaged.
 *
 * Ownership: free *source_out with tfr_source_free(). It is NULL on failure. The new source shares
 * `source` and `seek_file`: their contexts and memory stay in use until it and all its readers are
 * freed, and the caller may free both at once.
 *
 * Threads: safe on any thread. Threads that read the new source at the same time read `source` and
 * `seek_file` at the same time.
 */
enum tfr_status tfr_gzip_source(const struct tfr_source *source,
                                const struct tfr_source *seek_file,
                                struct tfr_source **source_out,
                                struct tfr_error **error_out);

/**
 * Gives the context of a source, or its memory, to the source. When the source and all its readers
 * are freed, the library calls `free_context` with it, such as the C library's free().
 *
 * Parameters: `source` is required. `free_context` is optional; NULL, the initial state, means
 * that the caller keeps the context.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `source` is NULL, already has a reader, or is one of
 * tfr_gzip_source().
 *
 * Threads: no other thread may use the source during the call. The library calls `free_context` on
 * the thread that frees the last of the source and its readers.
 */
enum tfr_status tfr_source_set_free(struct tfr_source *source,
                                    tfr_free_fn free_context,
                                    struct tfr_error **error_out);

/**
 * Says what a read costs, where each one is a request to another machine: an object store, a web
 * server. Then the library reads more bytes at a time, and more ranges at the same time.
 *
 * In one read's latency, a connection could get `latency_ns` * `bytes_per_second` / 10^9 bytes, here
 * at most 8 MiB.
 *
 * - A scan reads spans of twice as many bytes, up to 32 at the same time, each in memory of its
 *   own. Where records are larger than one latency's bytes, it reads headers only. Data of up to
 *   two spans is read whole, with one read.
 * - A reader reads up to `at_once` ranges at the same time, on as many threads, unless
 *   tfr_options_set_threads() is set. Two records are one range if there is less than a sixteenth of
 *   one latency's bytes between them.
 *
 * An object store near by takes about 20,000,000 ns, gives 100,000,000 bytes a second, and answers
 * 128 requests at once.
 *
 * Parameters: `source` is required. `latency_ns` is the time in nanoseconds that a read of one byte
 * takes. `bytes_per_second` is what one read gets. `at_once` is the number of reads at the same time
 * that take hardly longer than one; 0 counts as 1.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `source` is NULL, already has a reader, or is one of
 * tfr_gzip_source().
 *
 * Threads: no other thread may use the source during the call.
 */
enum tfr_status tfr_source_set_cost(struct tfr_source *source,
                                    uint64_t latency_ns,
                                    uint64_t bytes_per_second,
                                    size_t at_once,
                                    struct tfr_error **error_out);

/**
 * Sets from which size on scans and checks skip bytes that they do not need, such as payloads whose
 * checksums are not verified. It has no effect unless tfr_source_set_cost() was called before, which
 * sets it to one latency's bytes.
 *
 * With UINT64_MAX all is read but the rest of payloads that are larger than a span, which is best
 * where requests are dear. With a small number few bytes are read, with many requests.
 *
 * Parameters: `source` is required. `bytes` is the fewest bytes that are skipped.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `source` is NULL, already has a reader, or is one of
 * tfr_gzip_source().
 *
 * Threads: no other thread may use the source during the call.
 */
enum tfr_status tfr_source_set_least_skip(struct tfr_source *source,
                                          uint64_t bytes,
                                          struct tfr_error **error_out);

/**
 * Makes another source of the same data, such as one that a tfr_open_shard_fn gives away.
 *
 * Parameters: `source` and `source_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *source_out with tfr_source_free(). It is NULL on failure. Both share the context
 * or the memory, which is freed with the last of the sources and their readers.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_source_share(const struct tfr_source *source,
                                 struct tfr_source **source_out,
                                 struct tfr_error **error_out);

/**
 * Frees a source. Its readers stay usable. NULL does nothing.
 */
void tfr_source_free(struct tfr_source *source);

/**
 * Indexes a source and writes the index file, like tfr_index_create() for a file.
 *
 * Parameters: `source` and `index_path` are required: a source has no path to append ".idx" to.
 * `options` is optional; NULL means the defaults. `count_out` is optional; it receives the number
 * of records.
 *
 * Errors: those of tfr_index_create(). TFR_ERR_IO if `read_at` returns an error, whose number
 * tfr_error_os_error() returns, or an invalid value.
 *
 * Threads: safe on any thread; see tfr_source.
 */
enum tfr_status tfr_index_create_from_source(const struct tfr_source *source,
                                             const char *index_path,
                                             const struct tfr_options *options,
                                             uint64_t *count_out,
                                             struct tfr_error **error_out);

/**
 * Indexes a source in memory, with 16 bytes for each record. It writes no file.
 *
 * Parameters: `source` and `index_out` are required. `options` is optional; NULL means the
 * defaults.
 *
 * Errors: those of tfr_index_create_from_source(), and TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: free *index_out with tfr_index_free(). It is NULL on failure.
 *
 * Threads: safe on any thread; see tfr_source.
 */
enum tfr_status tfr_index_from_source(const struct tfr_source *source,
                                      const struct tfr_options *options,
                                      struct tfr_index **index_out,
                                      struct tfr_error **error_out);

/**
 * Checks that an index belongs to a source, like tfr_index_check() for a file.
 *
 * Parameters: `index` and `source` are required. The others are those of tfr_index_check().
 *
 * Errors: those of tfr_index_check() and of tfr_index_create_from_source().
 *
 * Threads: safe on any thread; see tfr_source.
 */
enum tfr_status tfr_index_check_source(const struct tfr_index *index,
                                       const struct tfr_source *source,
                                       int32_t level,
                                       const struct tfr_options *options,
                                       struct tfr_fit *fit_out,
                                       struct tfr_error **error_out);

/**
 * Makes an indexer for the start of a stream. It applies the checksum policy of the options, calls
 * no callback, and does not use the options after this call.
 *
 * Parameters: `indexer_out` is required. `options` is optional; NULL means the defaults.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `indexer_out` is NULL, or if the options set salvage, resume
 * or allow_incomplete_tail: these need data that can be read at any position.
 *
 * Ownership: free *indexer_out with tfr_indexer_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_indexer_new(const struct tfr_options *options,
                                struct tfr_indexer **indexer_out,
                                struct tfr_error **error_out);

/**
 * Takes the next bytes of the stream, until it has taken all of them or `capacity` records are
 * complete. The caller pushes the remaining bytes next.
 *
 * Parameters: `indexer`, `entries_out`, `taken_out` and `count_out` are required. `data` points to
 * `size` bytes and may be NULL if `size` is 0. `entries_out` has room for `capacity` entries, at
 * least 1; size / 16 + 1 is always enough. *taken_out receives the number of bytes taken, and
 * *count_out the number of entries written.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or `capacity` is 0. Those of
 * tfr_index_create() for bad data, with the bad record. If records are complete before the bad
 * one, this call succeeds with their entries, and the next call fails. After that, every call
 * fails with the same error.
 *
 * Ownership: the call borrows the data.
 *
 * Threads: no other thread may use the indexer during the call.
 */
enum tfr_status tfr_indexer_push(struct tfr_indexer *indexer,
                                 const uint8_t *data,
                                 size_t size,
                                 struct tfr_entry *entries_out,
                                 size_t capacity,
                                 size_t *taken_out,
                                 size_t *count_out,
                                 struct tfr_error **error_out);

/**
 * Checks that the stream may end here. You may still push more afterwards: for a file that is
 * growing, this tells whether it is complete so far.
 *
 * Parameters: `indexer` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL. TFR_ERR_TRUNCATED and others if the stream ends
 * inside a record. The error that tfr_indexer_push() found.
 *
 * Threads: no other thread may use the indexer during the call.
 */
enum tfr_status tfr_indexer_finish(struct tfr_indexer *indexer, struct tfr_error **error_out);

/**
 * Frees an indexer. NULL does nothing.
 */
void tfr_indexer_free(struct tfr_indexer *indexer);

/**
 * Opens a TFRecord file to read its records.
 *
 * Parameters: `tfrecord_path` and `reader_out` are required. `options` is optional; NULL means the
 * defaults. Their callbacks are called only during this call. `index` is optional:
 *
 * - NULL: the reader uses the index file that tfr_index_find() finds next to the file, if it is an
 *   index of this file and accounts for every valid record: no valid record may start in a gap,
 *   before its first entry or after its last one. If there is no such index, the call scans the
 *   file and writes no index file. If it rejects an index file, tfr_reader_warning() says why.
 * - Otherwise the reader uses this index as it is. The index may select, reorder and repeat
 *   records. The call does not check it, but the reader checks each frame that it reads.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or the path is not a regular
 * file. TFR_ERR_IO if the file cannot be read. Those of tfr_index_scan() if the call scans the
 * file.
 *
 * Ownership: the reader shares the index; the caller may free it immediately. Free *reader_out
 * with tfr_reader_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_open(const char *tfrecord_path,
                                const struct tfr_index *index,
                                const struct tfr_options *options,
                                struct tfr_reader **reader_out,
                                struct tfr_error **error_out);

/**
 * Opens a source to read its records.
 *
 * Parameters: `source` and `reader_out` are required. `index` is optional; NULL means that the
 * call scans the source. `options` is optional; NULL means the defaults. The reader keeps their
 * number of threads: if it is 1, the reader calls `read_at` only on the calling thread.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of tfr_index_from_source()
 * if the call scans the source.
 *
 * Ownership: the reader shares the source and the index; the caller may free them immediately.
 * Free *reader_out with tfr_reader_free(). It is NULL on failure.
 *
 * Threads: safe on any thread; see tfr_source.
 */
enum tfr_status tfr_reader_from_source(const struct tfr_source *source,
                                       const struct tfr_index *index,
                                       const struct tfr_options *options,
                                       struct tfr_reader **reader_out,
                                       struct tfr_error **error_out);

/**
 * Returns why the reader does not use the index file next to its data: the index does not account
 * for all valid records, or cannot be read. The reader scanned the data instead. Programs should
 * report this. Returns NULL if there was no such index file, if the reader uses it, and for NULL.
 *
 * Ownership: borrowed from the reader. It is valid until the reader is freed. Do not free it.
 *
 * Threads: safe on any thread.
 */
const struct tfr_error *tfr_reader_warning(const struct tfr_reader *reader);

/**
 * Returns the number of records; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
size_t tfr_reader_len(const struct tfr_reader *reader);

/**
 * Returns the entry of one record: where it is in the data.
 *
 * Parameters: `reader` and `entry_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `record`
 * is not less than tfr_reader_len(). (An entry may end after the data; tfr_reader_sizes() checks
 * that.)
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_entry(const struct tfr_reader *reader,
                                 size_t record,
                                 struct tfr_entry *entry_out,
                                 struct tfr_error **error_out);

/**
 * Makes an index of the reader's entries, with 16 bytes for each record. (Where records follow
 * each other, the reader itself holds them in one to three bytes.)
 *
 * Parameters: `reader` and `index_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the index does not need the reader. Free *index_out with tfr_index_free(). It is NULL
 * on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_index(const struct tfr_reader *reader,
                                 struct tfr_index **index_out,
                                 struct tfr_error **error_out);

/**
 * Closes a reader. NULL does nothing.
 */
void tfr_reader_free(struct tfr_reader *reader);

/**
 * Returns the number of bytes that tfr_reader_read() gives for each of these records. It reads
 * only the headers of large records (over 1 MiB), so that nobody allocates memory just because a
 * damaged index says so.
 *
 * Parameters: `reader` is required. `records` points to `count` record numbers and may be NULL if
 * `count` is 0. `sizes_out` is required and has room for `count` sizes.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if a number
 * is not less than tfr_reader_len(). TFR_ERR_MISMATCH if a record would end after the data. For a
 * large record, those of tfr_reader_read().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_sizes(const struct tfr_reader *reader,
                                 const size_t *records,
                                 size_t count,
                                 size_t *sizes_out,
                                 struct tfr_error **error_out);

/**
 * Returns where tfr_reader_read_many() puts each of these records: payload i is the bytes from
 * offsets_out[i] up to, but not including, offsets_out[i + 1]. The last offset is the total number
 * of bytes. The call reads nothing, unless the records take more than 1 GiB: then it reads the
 * headers of the large ones.
 *
 * Parameters: `reader` is required. `records` points to `count` record numbers and may be NULL if
 * `count` is 0. `offsets_out` is required and has room for `count` + 1 offsets.
 *
 * Errors: those of tfr_reader_sizes(). TFR_ERR_OUT_OF_MEMORY if payloads of more than 1 GiB take
 * more memory than is available. On Linux the call finds that in /proc/meminfo and in the
 * process's control groups, including free swap space. (The system may allow more, and then kill
 * the process when it writes to that memory.)
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_offsets(const struct tfr_reader *reader,
                                   const size_t *records,
                                   size_t count,
                                   size_t *offsets_out,
                                   struct tfr_error **error_out);

/**
 * Reads the payload of a record, or its frame with tfr_options_set_raw_frames().
 *
 * Parameters: `reader` is required. `buffer` has room for `capacity` bytes and may be NULL if
 * `capacity` is 0; tfr_reader_sizes() returns the necessary size. `size_out` is optional; it
 * receives the number of bytes written to `buffer`.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or `capacity` is too small.
 * TFR_ERR_OUT_OF_RANGE if `record` is not less than tfr_reader_len(). TFR_ERR_MISMATCH if the
 * record would end after the data, or the data has a different frame there: the index belongs to
 * other data. TFR_ERR_LENGTH_CRC or TFR_ERR_PAYLOAD_CRC if the record is damaged.
 * TFR_ERR_TRUNCATED if the data has become shorter. TFR_ERR_IO. After an error the contents of the
 * buffer are undefined.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_read(const struct tfr_reader *reader,
                                size_t record,
                                uint8_t *buffer,
                                size_t capacity,
                                size_t *size_out,
                                struct tfr_error **error_out);

/**
 * Reads the payloads of many records and concatenates them in the order of `records`. It reads
 * them in the order of the data, combines reads that are close together, and uses several threads
 * if that helps.
 *
 * Parameters: `reader` is required. `records` points to `count` record numbers and may be NULL if
 * `count` is 0. `buffer` has room for `capacity` bytes and may be NULL if `capacity` is 0;
 * tfr_reader_offsets() returns the necessary size. `offsets_out` is optional; it receives the
 * `count` + 1 offsets of tfr_reader_offsets().
 *
 * Errors: those of tfr_reader_read(), for the first bad record in the order of `records`. If a
 * record number is out of range or a record would end after the data, the call fails before it
 * reads anything. After an error the contents of the buffer are undefined.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_read_many(const struct tfr_reader *reader,
                                     const size_t *records,
                                     size_t count,
                                     uint8_t *buffer,
                                     size_t capacity,
                                     size_t *offsets_out,
                                     struct tfr_error **error_out);

/**
 * Reads the payloads of many records, like tfr_reader_read_many(), each to the start of its own
 * buffer.
 *
 * Parameters: `reader` is required. `records`, `buffers` and `capacities` have `count` elements
 * and may be NULL if `count` is 0. Buffer i has room for capacities[i] bytes; it may be NULL if
 * that is 0, and then receives an empty payload. Buffers must not overlap.
 *
 * Errors: those of tfr_reader_read_many(). After an error the contents of the buffers are
 * undefined.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_read_each(const struct tfr_reader *reader,
                                     const size_t *records,
                                     size_t count,
                                     uint8_t *const *buffers,
                                     const size_t *capacities,
                                     struct tfr_error **error_out);

/**
 * Starts to read records one by one.
 *
 * Parameters: `reader` and `iterator_out` are required. `records` points to `count` record
 * numbers, in any order, with repetitions allowed. It is optional: NULL means the first `count`
 * records, so NULL and tfr_reader_len(reader) mean all records.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if a number
 * is not less than tfr_reader_len().
 *
 * Ownership: the iterator copies the numbers and shares the reader; the caller may free both
 * immediately. Free *iterator_out with tfr_iterator_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_iterate(const struct tfr_reader *reader,
                                   const size_t *records,
                                   size_t count,
                                   struct tfr_iterator **iterator_out,
                                   struct tfr_error **error_out);

/**
 * Returns the payload of the next record, or its frame with tfr_options_set_raw_frames(). At the
 * end *payload_out is NULL. For an empty payload it is not NULL.
 *
 * Parameters: `iterator`, `payload_out` and `size_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of tfr_reader_read() if
 * this record is bad; the next call continues with the record after it.
 *
 * Ownership: the payload is borrowed from the iterator. It is valid until the next call with the
 * iterator.
 *
 * Threads: no other thread may use the iterator during the call.
 */
enum tfr_status tfr_iterator_next(struct tfr_iterator *iterator,
                                  const uint8_t **payload_out,
                                  size_t *size_out,
                                  struct tfr_error **error_out);

/**
 * Frees an iterator, including its last payload. It waits for the thread that reads ahead. NULL
 * does nothing.
 */
void tfr_iterator_free(struct tfr_iterator *iterator);

/**
 * Writes a new TFRecord file and its index. The writer writes both to temporary files next to
 * their final paths. tfr_writer_finish() renames them, the data first, and only then replaces
 * existing files. If the process is killed, the existing files stay unchanged and temporary files
 * remain, which the next writer of the same file removes. If the process is killed between the two
 * renames, the new data is left with the old index or with none: tfr_index_check() detects that,
 * and tfr_index_create() repairs it.
 *
 * Parameters: `tfrecord_path` and `writer_out` are required. `index_path` is optional; NULL means
 * `tfrecord_path` with ".idx" appended, except for a TensorBoard event file, as for
 * tfr_index_create(). `options` is optional; NULL means the defaults. Only tfr_options_set_sync() and
 * tfr_options_set_compression() apply. A compressed file's seek file appears before the index; its
 * path is that of the index with ".seek" instead of ".idx". The writer then needs 3 MB of memory, and
 * up to the size of the largest payload.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if the TFRecord path is an event
 * file and `index_path` is NULL, or if both paths lead to the same file. TFR_ERR_IO if a file
 * cannot be created, with EBUSY if another writer is writing it. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: free *writer_out with tfr_writer_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_writer_create(const char *tfrecord_path,
                                  const char *index_path,
                                  const struct tfr_options *options,
                                  struct tfr_writer **writer_out,
                                  struct tfr_error **error_out);

/**
 * Appends records to a TFRecord file, or creates the file if it does not exist.
 * tfr_writer_finish() replaces the index with one that has all records. The call verifies the
 * existing index as tfr_options_set_resume() describes, and scans what the index does not cover:
 * the whole file, if there is no index. The existing file must consist of complete records with
 * valid checksums.
 *
 * The file grows while it is written. Readers that use its index do not see the new records yet.
 * Scans with tfr_options_set_allow_incomplete_tail() see the complete ones. If the process is
 * killed, it leaves the old index, and the file with the data it had passed to the system so far,
 * possibly with the last record cut short. tfr_options_set_resume() with
 * tfr_options_set_allow_incomplete_tail() repairs the index. Truncate the file to remove an
 * incomplete record before you append again; the error says where.
 *
 * Parameters: `tfrecord_path` and `writer_out` are required. `index_path` is optional, as for
 * tfr_writer_create(). `options` is optional; NULL means the defaults. Only tfr_options_set_sync()
 * applies, and to the scan tfr_options_set_threads() and tfr_options_set_progress().
 *
 * Errors: those of tfr_writer_create(). TFR_ERR_INVALID_ARGUMENT if `options` has a compression: a
 * compressed file cannot be appended to. Those of tfr_index_create() if the file does not consist
 * of complete records. TFR_ERR_MISMATCH if the index is not the index of the first records of the
 * file.
 *
 * Ownership: free *writer_out with tfr_writer_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_writer_append(const char *tfrecord_path,
                                  const char *index_path,
                                  const struct tfr_options *options,
                                  struct tfr_writer **writer_out,
                                  struct tfr_error **error_out);

/**
 * Writes a record. The writer collects small records and passes them to the system together.
 *
 * Parameters: `writer` is required. `payload` points to `size` bytes and may be NULL if `size` is
 * 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or the writer is finished.
 * TFR_ERR_IO if a file cannot be written, perhaps with the data of an earlier call. After that, all
 * calls fail with the same error.
 *
 * Ownership: the call borrows the payload.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_writer_write(struct tfr_writer *writer,
                                 const uint8_t *payload,
                                 size_t size,
                                 struct tfr_error **error_out);

/**
 * Writes many records, without records of other threads between them. Payload i is the bytes of
 * `payloads` from offsets[i] up to, but not including, offsets[i + 1].
 *
 * Parameters: `writer` is required. `offsets` points to `count` + 1 numbers in ascending order
 * (equal ones are allowed) and may be NULL if `count` is 0. `payloads` points to the bytes and may
 * be NULL if the last offset is 0.
 *
 * Errors: those of tfr_writer_write(). TFR_ERR_INVALID_ARGUMENT if the offsets descend; then the
 * call writes nothing.
 *
 * Ownership: the call borrows the payloads and the offsets.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_writer_write_many(struct tfr_writer *writer,
                                      const uint8_t *payloads,
                                      const size_t *offsets,
                                      size_t count,
                                      struct tfr_error **error_out);

/**
 * Passes everything written so far to the system. If the writer appends to a file, other processes
 * can then read the records. If it writes a new file, nothing is visible before
 * tfr_writer_finish(). This is not an fsync, even with tfr_options_set_sync(): a power cut may
 * lose this data.
 *
 * Parameters: `writer` is required.
 *
 * Errors: those of tfr_writer_write().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_writer_flush(struct tfr_writer *writer, struct tfr_error **error_out);

/**
 * Returns the number of records in the file, including those that were there before. Returns 0 for
 * NULL, after an error of tfr_writer_finish(), and in a process that was forked from the writer's
 * process.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_writer_num_records(const struct tfr_writer *writer);

/**
 * Writes the remaining data, and renames the data file and the index file to their final paths.
 * Whatever this call returns, the writer accepts no more records.
 *
 * Parameters: `writer` is required. `count_out` is optional; it receives the number of records in
 * the file.
 *
 * Errors: those of tfr_writer_write(). TFR_ERR_IO if a file cannot be renamed. TFR_ERR_MISMATCH if
 * another program wrote to the file that the writer appends to, or created or replaced one of the
 * files in the meantime. On failure nothing of what was written remains, unless the error says
 * otherwise.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_writer_finish(struct tfr_writer *writer,
                                  uint64_t *count_out,
                                  struct tfr_error **error_out);

/**
 * Frees a writer. If it is not finished, this discards what it wrote: existing files stay
 * unchanged, and a file it appended to is truncated to its old size. In a process that was forked
 * from the writer's process, the call does nothing and does not free the memory. NULL does
 * nothing.
 */
void tfr_writer_free(struct tfr_writer *writer);

/**
 * Makes the permutation of `len` numbers that the seed means.
 *
 * Parameters: `permutation_out` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Ownership: free *permutation_out with tfr_permutation_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_permutation_new(uint64_t len,
                                    uint64_t seed,
                                    struct tfr_permutation **permutation_out,
                                    struct tfr_error **error_out);

/**
 * Returns how many numbers are permuted; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_permutation_len(const struct tfr_permutation *permutation);

/**
 * Returns the number at a position. For many numbers, tfr_permutation_fill() is faster.
 *
 * Parameters: `permutation` and `number_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if
 * `position` is not less than tfr_permutation_len().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_permutation_get(const struct tfr_permutation *permutation,
                                    uint64_t position,
                                    uint64_t *number_out,
                                    struct tfr_error **error_out);

/**
 * Returns the position of a number: the inverse of tfr_permutation_get().
 *
 * Parameters: `permutation` and `position_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `number`
 * is not less than tfr_permutation_len().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_permutation_position(const struct tfr_permutation *permutation,
                                         uint64_t number,
                                         uint64_t *position_out,
                                         struct tfr_error **error_out);

/**
 * Writes the numbers at the positions from `start` on to an array: up to `capacity`, or fewer if
 * the permutation ends before.
 *
 * Parameters: `permutation` and `count_out` are required. `numbers_out` has room for `capacity`
 * numbers and may be NULL if `capacity` is 0. `count_out` receives how many were written, 0 at the
 * end of the permutation.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_permutation_fill(const struct tfr_permutation *permutation,
                                     uint64_t start,
                                     uint64_t *numbers_out,
                                     size_t capacity,
                                     size_t *count_out,
                                     struct tfr_error **error_out);

/**
 * Frees a permutation. NULL does nothing.
 */
void tfr_permutation_free(struct tfr_permutation *permutation);

/**
 * Makes the order of all records from 0 to `num_records` - 1, in sequence, for one rank.
 *
 * Parameters: `order_out` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Ownership: free *order_out with tfr_order_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_order_new(uint64_t num_records,
                              struct tfr_order **order_out,
                              struct tfr_error **error_out);

/**
 * Shuffles all records: in each epoch in another order, and all ranks alike. The order starts at
 * the rank's first record again.
 *
 * Parameters: `order` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use the order during the call.
 */
enum tfr_status tfr_order_set_shuffle(struct tfr_order *order,
                                      uint64_t seed,
                                      struct tfr_error **error_out);

/**
 * Shuffles chunks of `chunk_records` neighbouring records, and the records of a dozen chunks at a
 * time: for compressed files, where a record alone costs as much as many neighbours. All ranks must
 * take the same `chunk_records`; tfr_dataset_chunk_records() returns a good number. The order starts
 * at the rank's first record again.
 *
 * Records that are far apart in the data set come together only by chance, chunk by chunk. So this is
 * no replacement for tfr_order_set_shuffle() if records are sorted, such as by label.
 *
 * Parameters: `order` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL, or if `chunk_records` is 0. The order then does not
 * change.
 *
 * Threads: no other thread may use the order during the call.
 */
enum tfr_status tfr_order_set_shuffle_chunks(struct tfr_order *order,
                                             uint64_t seed,
                                             uint64_t chunk_records,
                                             struct tfr_error **error_out);

/**
 * Sets the number of the epoch, which changes the sequence only if it is shuffled. The order
 * starts at the rank's first record again.
 *
 * Parameters: `order` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: no other thread may use the order during the call.
 */
enum tfr_status tfr_order_set_epoch(struct tfr_order *order,
                                    uint64_t epoch,
                                    struct tfr_error **error_out);

/**
 * Takes part `rank` of `world_size` parts of the epoch's sequence, which starts at position
 * num_records * rank / world_size, rounded down. The order starts at the part's first record.
 *
 * Parameters: `order` is required. `remainder` is a member of tfr_remainder and says which ranks
 * have how many records; with TFR_REMAINDER_KEEP each record is in exactly one part.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `order` is NULL, `remainder` is any other number, or `rank`
 * is not less than `world_size`. The order then does not change.
 *
 * Threads: no other thread may use the order during the call.
 */
enum tfr_status tfr_order_set_shard(struct tfr_order *order,
                                    uint64_t rank,
                                    uint64_t world_size,
                                    int32_t remainder,
                                    struct tfr_error **error_out);

/**
 * Leaves out the rank's first `start` records, which were read before. Set this last: the other
 * functions go back to the first record.
 *
 * Parameters: `order` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL, or if the rank has fewer records in this epoch.
 * The order then does not change.
 *
 * Threads: no other thread may use the order during the call.
 */
enum tfr_status tfr_order_set_start(struct tfr_order *order,
                                    uint64_t start,
                                    struct tfr_error **error_out);

/**
 * Returns how many records the rank has in this epoch, from its start on; 0 for NULL.
 *
 * Threads: safe on any thread, if no thread changes the order.
 */
uint64_t tfr_order_len(const struct tfr_order *order);

/**
 * Returns the number of the i-th record, counted from the start. For many records,
 * tfr_order_fill() is faster.
 *
 * Parameters: `order` and `record_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `i` is
 * not less than tfr_order_len().
 *
 * Threads: safe on any thread, if no thread changes the order.
 */
enum tfr_status tfr_order_get(const struct tfr_order *order,
                              uint64_t i,
                              uint64_t *record_out,
                              struct tfr_error **error_out);

/**
 * Writes the numbers of the records from the `first` one on to an array: up to `capacity`, or
 * fewer if the order ends before.
 *
 * Parameters: `order` and `count_out` are required. `records_out` has room for `capacity` numbers
 * and may be NULL if `capacity` is 0. `count_out` receives how many were written, 0 at the end of
 * the order.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Threads: safe on any thread, if no thread changes the order.
 */
enum tfr_status tfr_order_fill(const struct tfr_order *order,
                               uint64_t first,
                               uint64_t *records_out,
                               size_t capacity,
                               size_t *count_out,
                               struct tfr_error **error_out);

/**
 * Frees an order. NULL does nothing.
 */
void tfr_order_free(struct tfr_order *order);

/**
 * Makes an empty list of features. Add some with tfr_features_add().
 *
 * Parameters: `features_out` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Ownership: free *features_out with tfr_features_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_features_new(struct tfr_features **features_out, struct tfr_error **error_out);

/**
 * Adds a feature. It has one value in each record, and a record that lacks it is an error: change
 * that with tfr_features_set_shape(), tfr_features_set_ragged() and tfr_features_set_default_int64()
 * and similar functions.
 *
 * Parameters: `features` is required. `name` points to `name_size` bytes, the key in the records,
 * usually UTF-8. `kind` is a member of tfr_feature_kind. `feature_out` is optional; it receives the
 * feature's number.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or `kind` is any other number. A
 * name that is there twice is an error of the calls that use the features.
 *
 * Threads: no other thread may use the features during the call.
 */
enum tfr_status tfr_features_add(struct tfr_features *features,
                                 const char *name,
                                 size_t name_size,
                                 int32_t kind,
                                 size_t *feature_out,
                                 struct tfr_error **error_out);

/**
 * Sets the shape of a feature's values in each record: their number is the product of the dimensions.
 * No dimensions, the default, mean one value. The feature is not ragged then.
 *
 * Parameters: `features` is required. `shape` points to `dimensions` sizes and may be NULL if
 * `dimensions` is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if there is no
 * feature with this number. A shape that is too large, or another than that of the default, is an
 * error of the calls that use the features.
 *
 * Threads: no other thread may use the features during the call.
 */
enum tfr_status tfr_features_set_shape(struct tfr_features *features,
                                       size_t feature,
                                       const size_t *shape,
                                       size_t dimensions,
                                       struct tfr_error **error_out);

/**
 * Accepts any number of values in each record, also none: tfr_columns_offsets() then says where those
 * of each record start. A record that lacks the feature has none.
 *
 * Parameters: `features` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL. TFR_ERR_OUT_OF_RANGE if there is no feature with
 * this number. A ragged feature with a default is an error of the calls that use the features.
 *
 * Threads: no other thread may use the features during the call.
 */
enum tfr_status tfr_features_set_ragged(struct tfr_features *features,
                                        size_t feature,
                                        struct tfr_error **error_out);

/**
 * Reads a list of steps from the feature_lists of a tf.train.SequenceExample, instead of a feature of
 * its context, which decodes like a tf.train.Example. Each step has values of the feature's shape, or
 * any number of them if it is ragged. tfr_columns_offsets() then says where the steps of each record
 * start, and tfr_columns_step_offsets() where the values of each step of a ragged feature do.
 *
 * Parameters: `features` is required. A record without the list is an error if `allow_missing` is 0;
 * otherwise it has no steps.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if `features` is NULL. TFR_ERR_OUT_OF_RANGE if there is no feature
 * with this number. A sequence with a default is an error of the calls that use the features.
 *
 * Threads: no other thread may use the features during the call.
 */
enum tfr_status tfr_features_set_sequence(struct tfr_features *features,
                                          size_t feature,
                                          int32_t allow_missing,
                                          struct tfr_error **error_out);

/**
 * Sets what stands in for the integers of a record that lacks the feature.
 *
 * Parameters: `features` is required. `values` points to `count` values: one for all, or one for each
 * value of the shape.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if there is no
 * feature with this number. A default of another kind, or with another number of values, is an error
 * of the calls that use the features.
 *
 * Threads: no other thread may use the features during the call.
 */
enum tfr_status tfr_features_set_default_int64(struct tfr_features *features,
                                               size_t feature,
                                               const int64_t *values,
                                               size_t count,
                                               struct tfr_error **error_out);

/**
 * Sets what stands in for floating-point numbers, like tfr_features_set_default_int64().
 *
 * Parameters, errors and threads: as for tfr_features_set_default_int64().
 */
enum tfr_status tfr_features_set_default_float(struct tfr_features *features,
                                               size_t feature,
                                               const float *values,
                                               size_t count,
                                               struct tfr_error **error_out);

/**
 * Sets what stands in for byte strings, like tfr_features_set_default_int64(). The call copies the
 * bytes.
 *
 * Parameters, errors and threads: as for tfr_features_set_default_int64().
 */
enum tfr_status tfr_features_set_default_bytes(struct tfr_features *features,
                                               size_t feature,
                                               const struct tfr_bytes *values,
                                               size_t count,
                                               struct tfr_error **error_out);

/**
 * Returns the number of features; 0 for NULL.
 *
 * Threads: safe on any thread, if no thread changes the features.
 */
size_t tfr_features_len(const struct tfr_features *features);

/**
 * Returns the name of a feature; NULL, and no bytes, if there is no such feature, and for NULL.
 *
 * Ownership: borrowed from the features, until they are changed or freed.
 *
 * Threads: safe on any thread, if no thread changes the features.
 */
struct tfr_bytes tfr_features_name(const struct tfr_features *features, size_t feature);

/**
 * Returns the kind of a feature, a member of tfr_feature_kind; 0 if there is no such feature, and for
 * NULL.
 *
 * Threads: safe on any thread, if no thread changes the features.
 */
int32_t tfr_features_kind(const struct tfr_features *features,
                          size_t feature);

/**
 * Returns whether a feature is ragged: 1 or 0. 0 if there is no such feature, and for NULL.
 *
 * Threads: safe on any thread, if no thread changes the features.
 */
int32_t tfr_features_is_ragged(const struct tfr_features *features, size_t feature);

/**
 * Returns whether a feature is a list of steps: 1 or 0. 0 if there is no such feature, and for NULL.
 *
 * Threads: safe on any thread, if no thread changes the features.
 */
int32_t tfr_features_is_sequence(const struct tfr_features *features,
                                 size_t feature);

/**
 * Returns whether records may lack a list of steps: 1 or 0. 0 if the feature is not a list of steps, if
 * there is no such feature, and for NULL.
 *
 * Threads: safe on any thread, if no thread changes the features.
 */
int32_t tfr_features_allows_missing(const struct tfr_features *features,
                                    size_t feature);

/**
 * Returns the shape of a feature's values in each record, or in each step of a sequence: an array of
 * dimensions. If there are none, the feature has one value, or is ragged.
 *
 * Parameters: `dimensions_out` is optional; it receives the number of dimensions.
 *
 * Ownership: borrowed from the features, until they are changed or freed. NULL if there is no such
 * feature, and for NULL.
 *
 * Threads: safe on any thread, if no thread changes the features.
 */
const size_t *tfr_features_shape(const struct tfr_features *features,
                                 size_t feature,
                                 size_t *dimensions_out);

/**
 * Frees features. NULL does nothing.
 */
void tfr_features_free(struct tfr_features *features);

/**
 * Decodes features of records. Payload i is the bytes from offsets[i] up to, but not including,
 * offsets[i + 1], as from tfr_reader_read_many().
 *
 * The bytes mean what they mean to protobuf. A record whose feature is missing, or has no kind, gets
 * the default; a ragged feature is then empty. An empty list is not missing.
 *
 * Parameters: `features` and `columns_out` are required. `payloads` points to `size` bytes and may be
 * NULL if `size` is 0. `offsets` points to `count` + 1 offsets and may be NULL if `count` is 0.
 * `threads`: 0 starts one per processor if that helps; 1 uses only the calling thread.
 *
 * Errors, for the first bad record, whose tfr_error_record() is its place in the batch:
 * TFR_ERR_EXAMPLE if the payload is no tf.train.Example. TFR_ERR_FEATURE if a feature is missing, of
 * another kind, or has too few or too many values; tfr_error_feature() names it.
 * TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if the features contradict themselves, or if
 * the offsets descend or exceed the payloads. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: free *columns_out with tfr_columns_free(). It is NULL on failure. Its byte strings are
 * valid as long as `payloads` are; the features may be freed immediately.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_columns_decode(const struct tfr_features *features,
                                   const uint8_t *payloads,
                                   size_t size,
                                   const size_t *offsets,
                                   size_t count,
                                   size_t threads,
                                   struct tfr_columns **columns_out,
                                   struct tfr_error **error_out);

/**
 * Returns the number of records; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
size_t tfr_columns_len(const struct tfr_columns *columns);

/**
 * Returns the values of a feature of integers, in the order of the records.
 *
 * Parameters: `count_out` is optional; it receives the number of values.
 *
 * Ownership: borrowed from the columns, until they are freed. NULL, with 0 values, if there is no
 * such feature, if it is of another kind, and for NULL.
 *
 * Threads: safe on any thread.
 */
const int64_t *tfr_columns_int64(const struct tfr_columns *columns,
                                 size_t feature,
                                 size_t *count_out);

/**
 * Returns the values of a feature of floating-point numbers, like tfr_columns_int64().
 *
 * Parameters, ownership and threads: as for tfr_columns_int64().
 */
const float *tfr_columns_float(const struct tfr_columns *columns,
                               size_t feature,
                               size_t *count_out);

/**
 * Returns the values of a feature of byte strings, like tfr_columns_int64(). The strings themselves
 * are in the payloads that were decoded, and those of defaults in the columns.
 *
 * Parameters, ownership and threads: as for tfr_columns_int64().
 */
const struct tfr_bytes *tfr_columns_bytes(const struct tfr_columns *columns,
                                          size_t feature,
                                          size_t *count_out);

/**
 * Returns where the values of each record start, and where the last one's end: an array of
 * tfr_columns_len() + 1 places in the array of values. Of a sequence it returns where the steps of
 * each record start; the steps of all records are numbered from 0.
 *
 * Ownership: borrowed from the columns, until they are freed. NULL if there is no such feature, if it
 * is neither ragged nor a sequence, and for NULL.
 *
 * Threads: safe on any thread.
 */
const size_t *tfr_columns_offsets(const struct tfr_columns *columns,
                                  size_t feature);

/**
 * Returns where the values of each step of a ragged sequence start, and where the last one's end: an
 * array with one place more than there are steps.
 *
 * Ownership: borrowed from the columns, until they are freed. NULL for other features, if there is no
 * such feature, and for NULL.
 *
 * Threads: safe on any thread.
 */
const size_t *tfr_columns_step_offsets(const struct tfr_columns *columns,
                                       size_t feature);

/**
 * Frees columns. NULL does nothing. Those of a batch are freed with the batch.
 */
void tfr_columns_free(struct tfr_columns *columns);

/**
 * Finds the features of a data set: reads up to `records` of its records, from all files, and returns
 * features that fit them, by name; where kinds differ, those with the most frequent one. A feature
 * that all records have, with the same number of values, has that shape; one value has no dimensions.
 * The others are ragged. If there is a features.json of TensorFlow Datasets beside the files, which
 * fits the records, it says the shapes.
 *
 * Parameters: `shards` and `features_out` are required. `records` 0 means all. `options` is optional;
 * NULL means the defaults.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_EXAMPLE if a record is no
 * tf.train.Example, or if there are more than 65,536 different features. TFR_ERR_CANCELLED if a callback
 * cancelled. Otherwise those of tfr_reader_open() and tfr_reader_read_many().
 *
 * Ownership: free *features_out with tfr_features_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_features_infer(const struct tfr_shards *shards,
                                   uint64_t records,
                                   const struct tfr_options *options,
                                   struct tfr_features **features_out,
                                   struct tfr_error **error_out);

/**
 * Finds the features of a data set of shards that are no local files, such as objects in a store:
 * `open` opens the shard of a number, as for tfr_dataset_from_opener(). Reads at most `records` of its
 * records, the same number of each shard; if there are fewer records than shards, it opens as many. No
 * features.json is looked for. Otherwise as tfr_features_infer().
 *
 * Parameters: `paths` are `count` paths that name the shards in errors; they, `open` and
 * `features_out` are required. `context` is passed to `open` as its first argument and may be NULL.
 * `records` 0 means all. `options` is optional; NULL means the defaults. With 0 threads, the call works
 * on 32 shards at the same time.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of tfr_features_infer() and of
 * `open`.
 *
 * Ownership: free *features_out with tfr_features_free(). It is NULL on failure. The features do not
 * keep the context.
 *
 * Threads: safe on any thread. Several threads call `open` at the same time, unless
 * tfr_options_set_threads() is 1.
 */
enum tfr_status tfr_features_infer_from_opener(const char *const *paths,
                                               size_t count,
                                               tfr_open_shard_fn open,
                                               void *context,
                                               uint64_t records,
                                               const struct tfr_options *options,
                                               struct tfr_features **features_out,
                                               struct tfr_error **error_out);

/**
 * Returns warning `number` of those that tfr_features_infer() has: an index that was found but is not
 * used, a features.json that does not fit the records, or a sequence that is left out because a feature
 * has its name. Programs should report them.
 *
 * Parameters: `features` and `warning_out` are required. If there are no more warnings, *warning_out is
 * NULL.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *warning_out with tfr_error_free().
 *
 * Threads: safe on any thread, if no thread changes the features.
 */
enum tfr_status tfr_features_warning(const struct tfr_features *features,
                                     size_t number,
                                     struct tfr_error **warning_out,
                                     struct tfr_error **error_out);

/**
 * Makes a manifest of these shards, in this order. The call looks at each file and counts its
 * records: from its index or, without one beside it that fits, by a scan. It writes no index. The
 * number of threads of the options is how many shards are counted at the same time; their progress
 * callback gets the progress of all shards together.
 *
 * Parameters: `shards` and `manifest_out` are required. `options` is optional; NULL means the
 * defaults.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, a file is listed twice, or the
 * options are to skip damage. TFR_ERR_IO if a shard, or an index whose path is given, does not
 * exist. TFR_ERR_MISMATCH if a shard keeps changing. Those of tfr_index_scan() for bad data.
 *
 * Ownership: free *manifest_out with tfr_manifest_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_manifest_build(const struct tfr_shards *shards,
                                   const struct tfr_options *options,
                                   struct tfr_manifest **manifest_out,
                                   struct tfr_error **error_out);

/**
 * Makes a manifest of rows that are known, such as those that tfr_manifest_get() stored.
 *
 * Parameters: `rows` points to `count` rows and may be NULL if `count` is 0. The path of each is
 * required. `manifest_out` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or if the rows have more than
 * 2^64 - 1 records.
 *
 * Ownership: the manifest copies the rows and their paths; the caller may free them immediately. Free
 * *manifest_out with tfr_manifest_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_manifest_from_rows(const struct tfr_manifest_row *rows,
                                       size_t count,
                                       struct tfr_manifest **manifest_out,
                                       struct tfr_error **error_out);

/**
 * Reads a manifest file. The call opens no shard. The paths of the rows start with the directory of
 * `path`.
 *
 * Parameters: `path` and `manifest_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_IO if the file cannot be
 * read. TFR_ERR_INVALID_MANIFEST if it is not a manifest, if a row is invalid (tfr_error_record()
 * is its number), or if a newer version of this library wrote the file.
 *
 * Ownership: free *manifest_out with tfr_manifest_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_manifest_read(const char *path,
                                  struct tfr_manifest **manifest_out,
                                  struct tfr_error **error_out);

/**
 * Makes a manifest of a split of a data set of TensorFlow Datasets (TFDS), such as "train". The
 * numbers of records are those in the file dataset_info.json in `directory`, which may also be the
 * path of that file. The call looks at each shard, but opens none, unless their sizes contradict
 * dataset_info.json: then it counts the records of each, to find the one that was cut or replaced.
 *
 * Parameters: `directory`, `split` and `manifest_out` are required. `options` is optional; NULL
 * means the defaults.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, the set has no such split, or its
 * files are not TFRecord files. TFR_ERR_IO if there is no dataset_info.json, or a shard is missing.
 * TFR_ERR_INVALID_MANIFEST if dataset_info.json is not what TFDS writes. TFR_ERR_MISMATCH if a
 * shard has another number of records.
 *
 * Ownership: free *manifest_out with tfr_manifest_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_manifest_from_tfds(const char *directory,
                                       const char *split,
                                       const struct tfr_options *options,
                                       struct tfr_manifest **manifest_out,
                                       struct tfr_error **error_out);

/**
 * Writes a manifest to a file, which appears complete or not at all. The paths of the rows are
 * written relative to the directory of `path`, so that the set and its manifest can be moved
 * together; of a link, relative to that of the file that it leads to.
 *
 * Parameters: `manifest` and `path` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, the name of the file does not end
 * with .json, the file exists and is not a manifest, or a path is not UTF-8. TFR_ERR_IO if the file
 * cannot be written; then an existing file is unchanged.
 *
 * Threads: safe on any thread. If several write the same file, the last one wins.
 */
enum tfr_status tfr_manifest_write(const struct tfr_manifest *manifest,
                                   const char *path,
                                   struct tfr_error **error_out);

/**
 * Writes what TensorFlow Datasets (TFDS) needs to know of this set, as the split `split`, to the
 * file SPLIT-info.json in `directory`, from which tfds.folder_dataset.write_metadata makes its
 * dataset_info.json without reading the records.
 *
 * Parameters: `manifest`, `directory` and `split` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or the shards do not have names
 * that TFDS can read, such as NAME-train.tfrecord-00000-of-00008, or the file exists and is not one
 * for TFDS. TFR_ERR_IO if the file cannot be written.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_manifest_write_tfds(const struct tfr_manifest *manifest,
                                        const char *directory,
                                        const char *split,
                                        struct tfr_error **error_out);

/**
 * Brings a manifest up to date: `shards` are the files of the set now. A row whose file has the
 * same size and time of modification stays as it is; the records of the other files are counted, as
 * by tfr_manifest_build(). The call writes no file.
 *
 * Parameters: `manifest` and `shards` are required. `options` is optional; NULL means the defaults.
 * `changes_out` is optional.
 *
 * Errors: those of tfr_manifest_build(). The manifest is then unchanged.
 *
 * Ownership: free *changes_out with tfr_changes_free(). It is NULL on failure. The pointers of
 * earlier rows become invalid.
 *
 * Threads: no other thread may use the manifest during the call.
 */
enum tfr_status tfr_manifest_refresh(struct tfr_manifest *manifest,
                                     const struct tfr_shards *shards,
                                     const struct tfr_options *options,
                                     struct tfr_changes **changes_out,
                                     struct tfr_error **error_out);

/**
 * Returns the number of shards; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
size_t tfr_manifest_len(const struct tfr_manifest *manifest);

/**
 * Returns the number of records of all shards; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_manifest_total_records(const struct tfr_manifest *manifest);

/**
 * Returns one row of a manifest.
 *
 * Parameters: `manifest` and `row_out` are required. `row` is less than tfr_manifest_len().
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if there is
 * no such row.
 *
 * Ownership: the paths in *row_out are borrowed from the manifest. They are valid until it is
 * refreshed or freed.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_manifest_get(const struct tfr_manifest *manifest,
                                 size_t row,
                                 struct tfr_manifest_row *row_out,
                                 struct tfr_error **error_out);

/**
 * Returns the shards of a manifest.
 *
 * Parameters: `manifest` and `shards_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *shards_out with tfr_shards_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_manifest_shards(const struct tfr_manifest *manifest,
                                    struct tfr_shards **shards_out,
                                    struct tfr_error **error_out);

/**
 * Frees a manifest. NULL does nothing.
 */
void tfr_manifest_free(struct tfr_manifest *manifest);

/**
 * Returns how many shards changed in this way; 0 for NULL and for a number that is not a member of
 * tfr_change.
 *
 * Threads: safe on any thread.
 */
size_t tfr_changes_len(const struct tfr_changes *changes, int32_t change);

/**
 * Returns the path of a shard that changed in this way; NULL if there is none with this number.
 *
 * Ownership: borrowed from `changes`. It is valid until that is freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_changes_path(const struct tfr_changes *changes, int32_t change, size_t number);

/**
 * Returns 1 if shards that were in the manifest are now in another order; 0 if not, and for NULL.
 *
 * Threads: safe on any thread.
 */
int32_t tfr_changes_reordered(const struct tfr_changes *changes);

/**
 * Frees the result of tfr_manifest_refresh(). NULL does nothing.
 */
void tfr_changes_free(struct tfr_changes *changes);

/**
 * Opens a data set: opens the files to count their records, several at the same time.
 *
 * Parameters: `paths` points to the paths of `count` files and may be NULL if `count` is 0. (For
 * directories, patterns and manifests, see tfr_shards_find().) `dataset_out` is required. `options` is
 * optional; NULL means the defaults. Their progress callback is called on this thread: at the start,
 * and at least every 50 ms, with TFR_UNKNOWN bytes in total. It can cancel.
 * `index_paths` and `indexes` are optional. They say where the records are: each has `count`
 * elements, which may be NULL.
 *
 * - indexes[i] is the index of file i, used as it is: it may select, reorder and repeat records.
 * - Otherwise index_paths[i] is the path of its index, used as it is.
 * - Otherwise the data set finds the index next to the file, or scans the file, like
 *   tfr_reader_open() with NULL. If it rejects an index file, tfr_dataset_warning() says why.
 *
 * `counts` is optional: `count` numbers of records, that of each file. With them, no file is opened
 * yet. Each is opened and its records are counted when it is first used; a call that uses it fails
 * with TFR_ERR_MISMATCH if it has another number of records.
 *
 * With tfr_options_set_salvage(), it scans the files, and leaves out damage; then no indexes may be
 * given.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if a file occurs twice without
 * indexes that say which of its records are meant, or if the options contradict each other.
 * TFR_ERR_CANCELLED if the callback cancels. Otherwise those of tfr_reader_open(), for the first file
 * that fails; see also tfr_options_set_on_error().
 *
 * Ownership: the data set shares the indexes, and copies the paths; the caller may free them
 * immediately. Free *dataset_out with tfr_dataset_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_open(const char *const *paths,
                                 const char *const *index_paths,
                                 const struct tfr_index *const *indexes,
                                 const uint64_t *counts,
                                 size_t count,
                                 const struct tfr_options *options,
                                 struct tfr_dataset **dataset_out,
                                 struct tfr_error **error_out);

/**
 * Opens a data set of shards, such as those that tfr_shards_find() found. Each has the index of
 * tfr_shards_index_path(), used as it is; without one, it is as for tfr_dataset_open(). Shards that a
 * manifest lists are not opened, as by tfr_dataset_from_manifest(), unless an index is given.
 *
 * Parameters: `shards` and `dataset_out` are required. `options` is optional; NULL means the
 * defaults. Their progress callback is called as by tfr_dataset_open().
 *
 * `index_paths` and `indexes` are optional: as for tfr_dataset_open(), with tfr_shards_len() elements.
 * Such an index may select records. A shard that a manifest lists must still have the size and the
 * time of modification that it says and, if the index covers the whole file, the number of records.
 *
 * Errors: those of tfr_dataset_open(). TFR_ERR_MISMATCH if a shard has another number of records than
 * the dataset_info.json of TensorFlow Datasets says.
 *
 * Ownership: the data set shares the indexes, and copies the paths; the caller may free them and the
 * shards immediately. Free *dataset_out with tfr_dataset_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_from_shards(const struct tfr_shards *shards,
                                        const char *const *index_paths,
                                        const struct tfr_index *const *indexes,
                                        const struct tfr_options *options,
                                        struct tfr_dataset **dataset_out,
                                        struct tfr_error **error_out);

/**
 * Takes the shards of a data set and their numbers of records from a manifest, and opens none of
 * them. A shard is opened when it is first used; a call that uses it fails with TFR_ERR_MISMATCH if
 * it has another size, time of modification or number of records than the manifest says.
 *
 * Parameters: `manifest` and `dataset_out` are required. `options` is optional; NULL means the
 * defaults. Their callbacks are not called.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or the options contradict each
 * other.
 *
 * Ownership: the data set copies the rows; the caller may free the manifest immediately. Free
 * *dataset_out with tfr_dataset_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_from_manifest(const struct tfr_manifest *manifest,
                                          const struct tfr_options *options,
                                          struct tfr_dataset **dataset_out,
                                          struct tfr_error **error_out);

/**
 * Returns the number of records; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_dataset_len(const struct tfr_dataset *dataset);

/**
 * Returns the number of shards; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
size_t tfr_dataset_num_shards(const struct tfr_dataset *dataset);

/**
 * Returns the path of a shard; NULL if there is no such shard, and for NULL.
 *
 * Ownership: NUL-terminated, borrowed from the data set. It is valid until the data set is freed.
 *
 * Threads: safe on any thread.
 */
const char *tfr_dataset_path(const struct tfr_dataset *dataset, size_t shard);

/**
 * Finds the shard of a record, and the number of the record in the shard. Reads nothing.
 *
 * Parameters: `dataset`, `shard_out` and `record_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `record`
 * is not less than tfr_dataset_len().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_locate(const struct tfr_dataset *dataset,
                                   uint64_t record,
                                   size_t *shard_out,
                                   uint64_t *record_out,
                                   struct tfr_error **error_out);

/**
 * Returns how many neighbouring records have about 2 MiB together, decompressed: a good size for the
 * chunks of tfr_order_set_shuffle_chunks(). It comes from the sizes of some records of the first, the
 * middle and the last shard, which this opens if their indexes are not in memory. The same files give
 * the same number.
 *
 * Parameters: `dataset` and `records_out` are required. *records_out is at least 1.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL; otherwise those of
 * tfr_dataset_entries().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_chunk_records(const struct tfr_dataset *dataset,
                                          uint64_t *records_out,
                                          struct tfr_error **error_out);

/**
 * Returns the number of a shard's first record in the data set, and how many records the shard
 * has.
 *
 * Parameters: `dataset`, `first_out` and `count_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `shard`
 * is not less than tfr_dataset_num_shards().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_records_of(const struct tfr_dataset *dataset,
                                       size_t shard,
                                       uint64_t *first_out,
                                       uint64_t *count_out,
                                       struct tfr_error **error_out);

/**
 * Returns the index of a shard. If it is not in memory, the call opens the shard.
 *
 * Parameters: `dataset` and `index_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if `shard`
 * is not less than tfr_dataset_num_shards(). TFR_ERR_MISMATCH if the file has changed. Otherwise
 * those of tfr_reader_open().
 *
 * Ownership: free *index_out with tfr_index_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_index_of(const struct tfr_dataset *dataset,
                                     size_t shard,
                                     struct tfr_index **index_out,
                                     struct tfr_error **error_out);

/**
 * Returns how many warnings tfr_dataset_warning() has by now; 0 for NULL. A data set that opens its
 * shards later may have more then.
 *
 * Threads: safe on any thread.
 */
size_t tfr_dataset_num_warnings(const struct tfr_dataset *dataset);

/**
 * Returns warning `number` of those about the shards opened so far: an index that was found but is
 * not used, or a region that was left out because of tfr_options_set_salvage(). Each names its
 * file. Programs should report them.
 *
 * Parameters: `dataset` and `warning_out` are required. If there are no more warnings,
 * *warning_out is NULL.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *warning_out with tfr_error_free().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_warning(const struct tfr_dataset *dataset,
                                    size_t number,
                                    struct tfr_error **warning_out,
                                    struct tfr_error **error_out);

/**
 * Returns how many records tfr_dataset_read_batch() and tfr_batches_next() left out so far because
 * of tfr_options_set_on_error(), in this process; 0 for NULL. A record counts each time.
 *
 * Threads: safe on any thread.
 */
uint64_t tfr_dataset_num_skipped(const struct tfr_dataset *dataset);

/**
 * Returns reason `number` of those why records were left out: see tfr_dataset_num_skipped(). There
 * is one for each bad record, with its path and number, and one for all records of a batch that
 * are in a shard that cannot be opened; and one for each shard of which no records could be counted
 * when the data set was opened: it is empty. The data set keeps the first 1000.
 *
 * Parameters: `dataset` and `skipped_out` are required. If there are no more reasons, *skipped_out
 * is NULL.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *skipped_out with tfr_error_free().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_skipped(const struct tfr_dataset *dataset,
                                    size_t number,
                                    struct tfr_error **skipped_out,
                                    struct tfr_error **error_out);

/**
 * Closes the files that no thread uses. They are opened again when they are needed.
 *
 * Parameters: `dataset` is required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if it is NULL.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_close_files(const struct tfr_dataset *dataset,
                                        struct tfr_error **error_out);

/**
 * Frees a data set, and closes its files. Its batches stay usable. NULL does nothing.
 */
void tfr_dataset_free(struct tfr_dataset *dataset);

/**
 * Opens a data set of shards that are no local files, such as objects in a store: `open` opens the
 * shard of a number, when it is needed.
 *
 * A shard without an index in memory has the index file that `open` gives, if it is an index of the
 * data; otherwise it is scanned, and tfr_dataset_warning() says why. By default, 64 reads are in
 * flight: see also tfr_source_set_cost().
 *
 * Parameters: `paths`, `indexes`, `counts`, `count` and `options`, with their progress callback, are
 * as for tfr_dataset_open(). The paths name the shards in errors. `open` and `dataset_out` are
 * required. `context` is passed to `open` as its first argument and may be NULL. `free_context` is
 * optional; NULL means that the caller keeps the context, which must stay valid until the data set
 * and all its batches are freed.
 *
 * Errors: those of tfr_dataset_open(). TFR_ERR_IO with the error number that `open` returned, for the
 * first shard that fails; with counts, calls that use the shard fail with it.
 *
 * Ownership: the data set shares the indexes, and copies the paths; the caller may free them
 * immediately. Free *dataset_out with tfr_dataset_free(). It is NULL on failure. A call that fails
 * has freed the context when it returns, also if it refuses an argument.
 *
 * Threads: safe on any thread. Several threads call `open` at the same time, unless
 * tfr_options_set_threads() is 1. They call it again for a shard that was closed. A forked process
 * calls it for each shard that it uses, and uses no source of its parent.
 */
enum tfr_status tfr_dataset_from_opener(const char *const *paths,
                                        const struct tfr_index *const *indexes,
                                        const uint64_t *counts,
                                        size_t count,
                                        tfr_open_shard_fn open,
                                        void *context,
                                        tfr_free_fn free_context,
                                        const struct tfr_options *options,
                                        struct tfr_dataset **dataset_out,
                                        struct tfr_error **error_out);

/**
 * Returns the number of bytes that tfr_dataset_read() gives for each of these records. It opens
 * shards whose indexes are not in memory, and reads only the headers of large records (over 1
 * MiB), so that nobody allocates memory just because a damaged index says so.
 *
 * Parameters: `dataset` is required. `records` points to `count` record numbers and may be NULL if
 * `count` is 0. `sizes_out` is required and has room for `count` sizes.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_OUT_OF_RANGE if a number
 * is not less than tfr_dataset_len(). Otherwise those of tfr_dataset_read().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_sizes(const struct tfr_dataset *dataset,
                                  const uint64_t *records,
                                  size_t count,
                                  size_t *sizes_out,
                                  struct tfr_error **error_out);

/**
 * Returns where the frames of these records are in their files; tfr_dataset_locate() says which
 * files. It opens shards whose indexes are not in memory, and reads no record.
 *
 * Parameters: `dataset` is required. `records` points to `count` record numbers and may be NULL if
 * `count` is 0. `entries_out` is required and has room for `count` entries.
 *
 * Errors: those of tfr_dataset_sizes().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_entries(const struct tfr_dataset *dataset,
                                    const uint64_t *records,
                                    size_t count,
                                    struct tfr_entry *entries_out,
                                    struct tfr_error **error_out);

/**
 * Returns where tfr_dataset_read_many() puts each of these records: payload i is the bytes from
 * offsets_out[i] up to, but not including, offsets_out[i + 1]. The last offset is the total number
 * of bytes. It opens shards whose indexes are not in memory.
 *
 * Parameters: `dataset` is required. `records` points to `count` record numbers and may be NULL if
 * `count` is 0. `offsets_out` is required and has room for `count` + 1 offsets.
 *
 * Errors: those of tfr_dataset_sizes(). TFR_ERR_OUT_OF_MEMORY as for tfr_reader_offsets().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_offsets(const struct tfr_dataset *dataset,
                                    const uint64_t *records,
                                    size_t count,
                                    size_t *offsets_out,
                                    struct tfr_error **error_out);

/**
 * Reads the payload of a record, or its frame with tfr_options_set_raw_frames().
 *
 * Parameters: `dataset` is required. `buffer` has room for `capacity` bytes and may be NULL if
 * `capacity` is 0; tfr_dataset_sizes() returns the necessary size. `size_out` is optional; it
 * receives the number of bytes written to `buffer`.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL or `capacity` is too small.
 * TFR_ERR_OUT_OF_RANGE if `record` is not less than tfr_dataset_len(). Those of tfr_reader_open()
 * if the shard is opened; TFR_ERR_MISMATCH, too, if its file has changed. Those of
 * tfr_reader_read(). The error names the file and the record's number in it. After an error the
 * contents of the buffer are undefined.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_read(const struct tfr_dataset *dataset,
                                 uint64_t record,
                                 uint8_t *buffer,
                                 size_t capacity,
                                 size_t *size_out,
                                 struct tfr_error **error_out);

/**
 * Reads the payloads of many records and concatenates them in the order of `records`. It reads
 * several shards at the same time: with one thread per processor if that helps, and up to 32 where
 * reads wait for the storage.
 *
 * Parameters: `dataset` is required. `records` points to `count` record numbers and may be NULL if
 * `count` is 0. `buffer` has room for `capacity` bytes and may be NULL if `capacity` is 0;
 * tfr_dataset_offsets() returns the necessary size. `offsets_out` is optional; it receives the
 * `count` + 1 offsets of tfr_dataset_offsets().
 *
 * Errors: those of tfr_dataset_read(), for the first bad record in the order of `records`. After
 * an error the contents of the buffer are undefined.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_read_many(const struct tfr_dataset *dataset,
                                      const uint64_t *records,
                                      size_t count,
                                      uint8_t *buffer,
                                      size_t capacity,
                                      size_t *offsets_out,
                                      struct tfr_error **error_out);

/**
 * Reads the payloads of many records, like tfr_dataset_read_many(), each to the start of its own
 * buffer.
 *
 * Parameters: `dataset` is required. `records`, `buffers` and `capacities` have `count` elements
 * and may be NULL if `count` is 0. Buffer i has room for capacities[i] bytes; it may be NULL if
 * that is 0, and then receives an empty payload. Buffers must not overlap.
 *
 * Errors: those of tfr_dataset_read_many(). After an error the contents of the buffers are
 * undefined.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_read_each(const struct tfr_dataset *dataset,
                                      const uint64_t *records,
                                      size_t count,
                                      uint8_t *const *buffers,
                                      const size_t *capacities,
                                      struct tfr_error **error_out);

/**
 * Reads many payloads into memory of the library, like tfr_dataset_read_many(). With
 * TFR_ON_ERROR_SKIP, it leaves out those that cannot be read: tfr_batch_records() says which
 * records the batch has, and tfr_batch_skipped() why it lacks the others.
 *
 * Parameters: `dataset` and `batch_out` are required. `records` points to `count` record numbers
 * and may be NULL if `count` is 0.
 *
 * Errors: those of tfr_dataset_read_many(). With TFR_ON_ERROR_SKIP, only TFR_ERR_OUT_OF_RANGE,
 * TFR_ERR_OUT_OF_MEMORY, and TFR_ERR_IO if too many files are open.
 *
 * Ownership: free *batch_out with tfr_batch_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_read_batch(const struct tfr_dataset *dataset,
                                       const uint64_t *records,
                                       size_t count,
                                       struct tfr_batch **batch_out,
                                       struct tfr_error **error_out);

/**
 * Reads many records like tfr_dataset_read_batch(), and decodes features of them:
 * tfr_batch_columns() returns these.
 *
 * Parameters: `dataset`, `features` and `batch_out` are required. `records` points to `count` record
 * numbers and may be NULL if `count` is 0.
 *
 * Errors: those of tfr_dataset_read_batch(), which come first. For the first record that cannot be
 * decoded, those of
 * tfr_columns_decode(), with the file, the record and its byte; with TFR_ON_ERROR_SKIP, such a record
 * is left out, too. TFR_ERR_INVALID_ARGUMENT if the data set gives raw frames.
 *
 * Ownership: free *batch_out with tfr_batch_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_dataset_read_columns(const struct tfr_dataset *dataset,
                                         const uint64_t *records,
                                         size_t count,
                                         const struct tfr_features *features,
                                         struct tfr_batch **batch_out,
                                         struct tfr_error **error_out);

/**
 * Reads many records of a file like tfr_reader_read_many(), into memory of the library, and decodes
 * features of them: tfr_batch_columns() returns these.
 *
 * Parameters: `reader`, `features` and `batch_out` are required. `records` points to `count` record
 * numbers and may be NULL if `count` is 0.
 *
 * Errors: those of tfr_reader_read_many(), which come first. For the first record that cannot be
 * decoded, those of
 * tfr_columns_decode(), with the file, the record and its byte. TFR_ERR_INVALID_ARGUMENT if the reader
 * gives raw frames.
 *
 * Ownership: free *batch_out with tfr_batch_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_reader_read_columns(const struct tfr_reader *reader,
                                        const size_t *records,
                                        size_t count,
                                        const struct tfr_features *features,
                                        struct tfr_batch **batch_out,
                                        struct tfr_error **error_out);

/**
 * Returns the number of payloads; 0 for NULL.
 *
 * Threads: safe on any thread.
 */
size_t tfr_batch_len(const struct tfr_batch *batch);

/**
 * Returns the bytes of all payloads, concatenated; NULL for NULL.
 *
 * Ownership: borrowed from the batch. They are valid until the batch is freed.
 *
 * Threads: safe on any thread.
 */
const uint8_t *tfr_batch_bytes(const struct tfr_batch *batch);

/**
 * Returns where each payload starts in tfr_batch_bytes(), and where the last one ends: an array of
 * tfr_batch_len() + 1 offsets. The last one is the number of bytes. NULL for NULL.
 *
 * Ownership: borrowed from the batch. The array is valid until the batch is freed.
 *
 * Threads: safe on any thread.
 */
const size_t *tfr_batch_offsets(const struct tfr_batch *batch);

/**
 * Returns the numbers of the records, in the order of the payloads: an array of tfr_batch_len()
 * numbers. NULL for NULL.
 *
 * Ownership: borrowed from the batch. The array is valid until the batch is freed.
 *
 * Threads: safe on any thread.
 */
const uint64_t *tfr_batch_records(const struct tfr_batch *batch);

/**
 * Returns reason `number` of those why records were left out, with TFR_ON_ERROR_SKIP: first those that
 * could not be read, then those that could not be decoded, each in the order of the request. There is
 * one for each bad record, with its path and number, or one for all that are in a shard that cannot be
 * opened.
 *
 * Parameters: `batch` and `skipped_out` are required. If there are no more reasons, *skipped_out is
 * NULL.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: free *skipped_out with tfr_error_free().
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_batch_skipped(const struct tfr_batch *batch,
                                  size_t number,
                                  struct tfr_error **skipped_out,
                                  struct tfr_error **error_out);

/**
 * Returns the features of the records; NULL if they were not asked for, and for NULL.
 *
 * Ownership: borrowed from the batch, until the batch is freed. Do not free it.
 *
 * Threads: safe on any thread.
 */
const struct tfr_columns *tfr_batch_columns(const struct tfr_batch *batch);

/**
 * Frees a batch. NULL does nothing.
 */
void tfr_batch_free(struct tfr_batch *batch);

/**
 * Starts to read batches of `batch_size` records in an order. The last batch may have fewer;
 * `drop_last` other than 0 leaves it out then.
 *
 * `prefetch` batches are read ahead, but no more than 1,024, by threads that start with the first
 * call of tfr_batches_next() or tfr_batches_wait(). If it is 0, or tfr_options_set_threads() is 1,
 * the calling thread reads.
 *
 * Parameters: `dataset`, `order` and `batches_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if `batch_size` is 0, or if the
 * order has another number of records than the data set.
 *
 * Ownership: the iterator shares the data set, and copies the order; the caller may free both
 * immediately. Free *batches_out with tfr_batches_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_batches_new(const struct tfr_dataset *dataset,
                                const struct tfr_order *order,
                                size_t batch_size,
                                size_t prefetch,
                                int32_t drop_last,
                                struct tfr_batches **batches_out,
                                struct tfr_error **error_out);

/**
 * Starts to read batches of a part of a data set, such as every second record: record i of the order
 * is record `first` + i * `step` of the data set. As many records as the order has must be there.
 *
 * If `max_bytes` is not 0, a batch also ends before its payloads have more bytes than that, but not
 * before its first record: for records of any size in little memory. A bad record then fails alone:
 * the batch ends before it, and the iterator continues after it. The first batch is small, one
 * thread reads the others ahead, and `drop_last` has no effect.
 *
 * Parameters and errors: as for tfr_batches_new(), except that the data set may have more records
 * than the order. TFR_ERR_INVALID_ARGUMENT if it has not all of these records.
 *
 * Ownership and threads: as for tfr_batches_new().
 */
enum tfr_status tfr_batches_of(const struct tfr_dataset *dataset,
                               uint64_t first,
                               int64_t step,
                               const struct tfr_order *order,
                               size_t batch_size,
                               size_t max_bytes,
                               size_t prefetch,
                               int32_t drop_last,
                               struct tfr_batches **batches_out,
                               struct tfr_error **error_out);

/**
 * Decodes features of the records from the next batch on, right after they are read, in the threads
 * that read ahead: tfr_batch_columns() returns them. A record that cannot be decoded is a bad record,
 * like one that cannot be read.
 *
 * Parameters: `batches` and `features` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if the features contradict
 * themselves, or if the data set gives raw frames.
 *
 * Ownership: the call copies the features; the caller may free them immediately.
 *
 * Threads: no other thread may use the iterator during the call.
 */
enum tfr_status tfr_batches_set_features(struct tfr_batches *batches,
                                         const struct tfr_features *features,
                                         struct tfr_error **error_out);

/**
 * Returns the next batch. At the end *batch_out is NULL.
 *
 * Parameters: `batches` and `batch_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. Those of
 * tfr_dataset_read_batch() if the batch cannot be read; the next call continues with the batch
 * after it.
 *
 * Ownership: free *batch_out with tfr_batch_free(). It is NULL on failure. It does not depend on
 * the iterator.
 *
 * Threads: no other thread may use the iterator during the call.
 */
enum tfr_status tfr_batches_next(struct tfr_batches *batches,
                                 struct tfr_batch **batch_out,
                                 struct tfr_error **error_out);

/**
 * Waits until tfr_batches_next() would not wait, but not longer than `milliseconds`. This is for
 * callers that do something else from time to time, such as handling signals.
 *
 * Parameters: `batches` and `ready_out` are required. *ready_out is 1 if tfr_batches_next() would
 * return at once, or read the batch itself; otherwise 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Threads: no other thread may use the iterator during the call.
 */
enum tfr_status tfr_batches_wait(struct tfr_batches *batches,
                                 uint32_t milliseconds,
                                 int32_t *ready_out,
                                 struct tfr_error **error_out);

/**
 * Returns where the next batch starts, as tfr_order_start() takes it: an order that starts there
 * continues with exactly this batch. It counts the records of the batches so far, including those
 * that were left out, and those before the order's start. After an error it is where the failed
 * batch starts, until the iterator continues. 0 for NULL.
 *
 * Threads: no other thread may use the iterator during the call.
 */
uint64_t tfr_batches_state(const struct tfr_batches *batches);

/**
 * Frees an iterator. It waits for the threads that read ahead. NULL does nothing.
 */
void tfr_batches_free(struct tfr_batches *batches);

/**
 * Encodes records as tf.train.Example, byte for byte as protobuf's deterministic serialisation:
 * features in the order of their names, numbers packed. A feature without values in a record has an
 * empty list there.
 *
 * Parameters: `batch_out` is required. `features` points to `count` features with the values of
 * `records` records each, and may be NULL if `count` is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, if a name occurs twice, if the
 * number of values is no multiple of `records`, or if the offsets do not ascend from 0 to the number
 * of values; tfr_error_feature() names the feature. TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: free *batch_out, which has the payloads, with tfr_batch_free(). It is NULL on failure.
 * The caller may free the values immediately.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_encode_examples(size_t records,
                                    const struct tfr_feature_values *features,
                                    size_t count,
                                    struct tfr_batch **batch_out,
                                    struct tfr_error **error_out);

/**
 * Encodes records as tf.train.Example, like tfr_encode_examples(), and writes them, without records
 * of other threads between them. Small ones are encoded in the writer's buffer: there is no copy.
 *
 * Parameters: `writer` is required. The others are those of tfr_encode_examples().
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT as for tfr_encode_examples(); then the call writes nothing.
 * TFR_ERR_OUT_OF_MEMORY; then the records before are written. Those of tfr_writer_write().
 *
 * Ownership: the call borrows the values.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_writer_write_examples(struct tfr_writer *writer,
                                          size_t records,
                                          const struct tfr_feature_values *features,
                                          size_t count,
                                          struct tfr_error **error_out);

/**
 * Copies the records of a data set to new TFRecord files in a new directory, each with its index,
 * and writes a manifest of them: NAME-00000-of-00008.tfrecord, NAME-00000-of-00008.tfrecord.idx
 * and so on, and NAME.manifest.json. The directory appears complete or not at all. Each record is
 * checked, and its frame is copied as it is. Records of files that were written without valid
 * checksums cannot be checked; their copies get valid ones.
 *
 * Parameters: `set` is required: the files of the data set. `index_paths` is optional; it has a path
 * for each file, which may be NULL: the index of such a file is that of tfr_shards_index_path(). An
 * index that is given is used as it is: it may select, reorder and repeat records. `directory` is
 * required; it must not exist, or be an empty directory. `name` is optional; NULL means "train". One
 * of `shards` and `shard_bytes` must be 0: the other one is the number of files, or about how many
 * bytes each has.
 * `seed` is optional: record i of the copy is then the record that tfr_permutation_get() gives for
 * i. `options` is optional; its checksum policy must be auto or full, and its threads, salvage,
 * progress, sync and compression are used: compressed files have ".gz" added to their names, and
 * `shard_bytes` is the size of their decompressed data. `on_warning` is optional; it is called with `context` for each index
 * that was found but not used, each region that salvage left out, and each file without valid
 * checksums.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, an argument is not usable, or a
 * new file would have no record. TFR_ERR_IO, with ENOTEMPTY if the directory is not empty, with
 * EBUSY if another call is writing it. TFR_ERR_MISMATCH if a file was changed meanwhile, or is not
 * what the manifest or dataset_info.json says that lists it: its size and its time of modification
 * must be the same, and its number of records, unless its index selects some. TFR_ERR_CANCELLED
 * if the progress callback cancelled. TFR_ERR_PAYLOAD_CRC and others for a damaged record. After an
 * error, nothing is left of the new directory.
 *
 * Threads: safe on any thread. All callbacks are called on the thread that calls this function.
 */
enum tfr_status tfr_reshard(const struct tfr_shards *set,
                            const char *const *index_paths,
                            const char *directory,
                            const char *name,
                            uint64_t shards,
                            uint64_t shard_bytes,
                            const uint64_t *seed,
                            const struct tfr_options *options,
                            tfr_warning_fn on_warning,
                            void *context,
                            struct tfr_error **error_out);

/**
 * Looks at the files of a data set: at each record's header, or at the index instead if it fits, and
 * at a random sample of the payloads. Writes nothing. Damage is skipped, and a file that fails does
 * not stop the others: the report says why.
 *
 * Parameters: `shards` and `report_out` are required. `sample` is how many random records are read,
 * `seed` chooses them: a seed always chooses the same ones. `max_bytes` is the most bytes of pictures
 * in the page, all together. With `values` 0, the report has the names, kinds, numbers and sizes of
 * features, but nothing that was computed from their values. `options` is optional; NULL means the
 * defaults. Its number of threads is how many files are looked at at the same time; its progress
 * callback gets the progress of all files together.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_CANCELLED if the callback
 * cancelled. Errors of files are in the report.
 *
 * Ownership: free *report_out with tfr_report_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_report_new(const struct tfr_shards *shards,
                               size_t sample,
                               uint64_t seed,
                               uint64_t max_bytes,
                               int32_t values,
                               const struct tfr_options *options,
                               struct tfr_report **report_out,
                               struct tfr_error **error_out);

/**
 * Looks at a data set of shards that are no local files, such as objects in a store: `open` opens the
 * shard of a number, as for tfr_dataset_from_opener(), and again if it has records of the sample.
 *
 * Parameters: `paths` are `count` paths that name the shards in the report; they, `open` and
 * `report_out` are required. `context` is passed to `open` as its first argument and may be NULL.
 * The other parameters are as for tfr_report_new(). With 0 threads, the call works on 32 files at the
 * same time.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL. TFR_ERR_CANCELLED if the callback
 * cancelled. Errors of files are in the report.
 *
 * Ownership: free *report_out with tfr_report_free(). It is NULL on failure. The report does not keep
 * the context.
 *
 * Threads: safe on any thread. Several threads call `open` at the same time, unless
 * tfr_options_set_threads() is 1.
 */
enum tfr_status tfr_report_from_opener(const char *const *paths,
                                       size_t count,
                                       tfr_open_shard_fn open,
                                       void *context,
                                       size_t sample,
                                       uint64_t seed,
                                       uint64_t max_bytes,
                                       int32_t values,
                                       const struct tfr_options *options,
                                       struct tfr_report **report_out,
                                       struct tfr_error **error_out);

/**
 * Returns the report as a page: one HTML file in UTF-8 that needs no other, and no network.
 *
 * Parameters: `report` and `text_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: NUL-terminated. Free *text_out with tfr_text_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_report_to_html(const struct tfr_report *report,
                                   char **text_out,
                                   struct tfr_error **error_out);

/**
 * Returns the report as a JSON object in UTF-8, for programs.
 *
 * Parameters: `report` and `text_out` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL.
 *
 * Ownership: NUL-terminated. Free *text_out with tfr_text_free(). It is NULL on failure.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_report_to_json(const struct tfr_report *report,
                                   char **text_out,
                                   struct tfr_error **error_out);

/**
 * Writes the page to a file, completely or not at all. It replaces an older report, but no other file.
 *
 * Parameters: `report` and `path` are required.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT if a required pointer is NULL, or if the path is that of a file that
 * is no report. TFR_ERR_IO if the file cannot be written.
 *
 * Threads: safe on any thread.
 */
enum tfr_status tfr_report_write(const struct tfr_report *report,
                                 const char *path,
                                 struct tfr_error **error_out);

/**
 * Frees a report. NULL does nothing.
 *
 * Threads: no other thread may use the report any more.
 */
void tfr_report_free(struct tfr_report *report);

/**
 * Frees the handle of an owner, if there is one, and sets it to NULL. The caller keeps the memory
 * of the owner itself. NULL does nothing.
 *
 * Threads: no other thread may use the owner during the call.
 */
void tfr_owner_free(struct tfr_owner *owner);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TFR_INDEX_H */
