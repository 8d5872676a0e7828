/**
 * @file
 * tfr-index: indexes for TFRecord files.
 *
 * Generated from src/ffi by cbindgen; not edited by hand.
 *
 * A TFRecord file has no table of contents: to reach record 42 one must walk records 0 to 41. This
 * library makes that table, an index: where each record's frame starts (offset) and how large it
 * is (size). Index files are text, a line "offset size" for each record, as NVIDIA DALI reads them.
 *
 * A frame is, little-endian:
 *
 *     uint64 length | uint32 masked CRC-32C of the length | payload | uint32 masked CRC-32C of it
 *
 * so the payload of an entry is the size - 16 bytes from offset + 12.
 *
 * Rules that hold for every function:
 *
 * - A function that can fail returns a tfr_status. Its last argument, error_out, may be NULL; if it
 *   isn't, *error_out becomes NULL on success, and on failure an error that says what went wrong
 *   and where, which the caller frees with tfr_error_free().
 * - Outputs come last. They are written only on success; handles are NULL on failure.
 * - A pointer is required unless it is said to be optional: then it may be NULL. NULL for a required
 *   one is TFR_ERR_INVALID_ARGUMENT, never undefined behaviour, and the error names the argument. So
 *   is a pointer to the caller's memory that is not aligned for its type. The functions that free
 *   take NULL and do nothing.
 * - Paths are bytes with a NUL at their end, as the operating system takes them; an empty one is
 *   TFR_ERR_INVALID_ARGUMENT. /dev/stdin, /dev/stdout, /dev/stderr, /dev/fd/N and /proc/self/fd/N are the process's own descriptors: an
 *   index is read and written at their current positions, data is read from the file's start.
 * - Nothing is printed, and the process is never ended. No signal is raised, but for SIGPIPE where
 *   an index is written into a pipe that nobody reads, and SIGXFSZ where a file grows past the
 *   process's limit (RLIMIT_FSIZE, `ulimit -f`). SIGXFSZ ends a process that does not expect it: a
 *   program that may run under such a limit should call signal(SIGXFSZ, SIG_IGN). The write then
 *   fails, with TFR_ERR_IO and EFBIG. (Python ignores it from its start.)
 * - Every function may be called on any thread. An index, a reader, a source, an error and options
 *   may be used by many threads at once, as long as none changes or frees them.
 * - A thread that is cancelled by pthread_cancel() during a call ends after it.
 * - docs/embedding.md says more: plugins, threads, fork(), descriptors, sanitizers.
 *
 * An example, which indexes a file and finds its record 42:
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
 * The ABI version of this header. It changes only when programs must be compiled again; the
 * shared library's name, libtfr_index.so.1, carries it too.
 */
#define TFR_ABI_VERSION 1

/**
 * What tfr_error_record() and its like return when there is no such number, and tfr_index_update()
 * when it left the index as it is.
 */
#define TFR_UNKNOWN 18446744073709551615ull

/**
 * How a call ended. The numbers never change; later versions may add more.
 */
typedef enum tfr_status {
    /**
     * Success.
     */
    TFR_OK = 0,
    /**
     * An argument cannot be used: NULL, a number that is no member of its enum, a path that is
     * no regular file, an index path that leads to the TFRecord file itself.
     */
    TFR_ERR_INVALID_ARGUMENT = 1,
    /**
     * The operating system refused: see tfr_error_os_error().
     */
    TFR_ERR_IO = 2,
    /**
     * Not a TFRecord file, or one that is compressed: see tfr_error_format().
     */
    TFR_ERR_NOT_TFRECORD = 3,
    /**
     * The data ends inside a record.
     */
    TFR_ERR_TRUNCATED = 4,
    /**
     * A length overflows or passes the end of the data, and its CRC does not hold; or, in a check,
     * contradicts the index, while the records around it do not.
     */
    TFR_ERR_LENGTH = 5,
    /**
     * The masked CRC-32C of a record's length does not hold.
     */
    TFR_ERR_LENGTH_CRC = 6,
    /**
     * The masked CRC-32C of a record's payload does not hold.
     */
    TFR_ERR_PAYLOAD_CRC = 7,
    /**
     * Text or entries that are not an index.
     */
    TFR_ERR_INVALID_INDEX = 8,
    /**
     * A record number that is not below the index's length.
     */
    TFR_ERR_OUT_OF_RANGE = 9,
    /**
     * The progress callback asked to stop.
     */
    TFR_ERR_CANCELLED = 10,
    /**
     * Memory for the result could not be had.
     */
    TFR_ERR_OUT_OF_MEMORY = 11,
    /**
     * A bug in the library, caught before it reached the caller.
     */
    TFR_ERR_PANIC = 12,
    /**
     * The index does not fit the data: it is the index of another file, or damaged.
     */
    TFR_ERR_MISMATCH = 13,
    /**
     * The index fits an earlier version of the data: valid records follow its last one, or the
     * data has become shorter.
     */
    TFR_ERR_STALE = 14,
} tfr_status;

/**
 * The part of a record's frame that a byte lies in.
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
 * Which checksums a scan holds a file to. Structure is always checked: every frame lies inside
 * the file and the last one ends exactly at its end.
 */
typedef enum tfr_checksums {
    /**
     * The default. If the first header's CRC holds, every length CRC must; if it doesn't, none
     * may: the file then counts as written without checksums. A first header that is one bit
     * away from a true CRC, or all zeros, is an error; so is a later one that is all zeros, if the
     * first isn't zero in its CRC.
     */
    TFR_CHECKSUMS_AUTO = 0,
    /**
     * None: structure only.
     */
    TFR_CHECKSUMS_NONE = 1,
    /**
     * Every length CRC.
     */
    TFR_CHECKSUMS_LENGTH = 2,
    /**
     * Every length CRC and every payload CRC; all of the file is read.
     */
    TFR_CHECKSUMS_FULL = 3,
} tfr_checksums;

/**
 * How much of the data tfr_index_check() reads.
 */
typedef enum tfr_check_level {
    /**
     * The headers of the first record, of the last and of 64 between them: milliseconds, however
     * large data and index are.
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
 * Which indexes tfr_index_update() makes.
 */
typedef enum tfr_only {
    /**
     * Those that do not exist.
     */
    TFR_ONLY_MISSING = 1,
    /**
     * Those, and the ones that are older than their data, do not end where it ends, or cannot be
     * read.
     */
    TFR_ONLY_STALE = 2,
} tfr_only;

/**
 * Bits of tfr_fit's flags.
 */
typedef enum tfr_fit_flags {
    /**
     * An entry starts before the previous one.
     */
    TFR_FIT_REORDERED = 1,
    /**
     * An entry is there twice.
     */
    TFR_FIT_REPEATED = 2,
    /**
     * No checksum was looked at: the data has no true ones, or TFR_CHECKSUMS_NONE asked for it.
     */
    TFR_FIT_CHECKSUMS_SKIPPED = 4,
    /**
     * The index leaves out valid records: what finds it beside its data does not use it.
     */
    TFR_FIT_PARTIAL = 8,
} tfr_fit_flags;

/**
 * What tfr_index_shard() shares out evenly.
 */
typedef enum tfr_shard_by {
    /**
     * Records: the shards' numbers of them differ by one at most.
     */
    TFR_SHARD_BY_RECORDS = 0,
    /**
     * Bytes: a shard's frames have as many as its equal share, give or take the largest frame's.
     */
    TFR_SHARD_BY_BYTES = 1,
} tfr_shard_by;

/**
 * What becomes of the remainder where the records are no multiple of the shards.
 */
typedef enum tfr_remainder {
    /**
     * Some shards have one record more than the others; no record is lost or there twice.
     */
    TFR_REMAINDER_KEEP = 0,
    /**
     * All have as many as the smaller ones: the last record of each larger one is in none.
     */
    TFR_REMAINDER_DROP = 1,
    /**
     * All have as many as the larger ones: the smaller ones end with the next one's first record.
     */
    TFR_REMAINDER_PAD = 2,
} tfr_remainder;

/**
 * What went wrong and where. The functions that read it take NULL, too, for "no error".
 *
 * Threads: an error may be read by many threads at once.
 */
typedef struct tfr_error tfr_error;

/**
 * An index: an immutable list of entries, one for each record. Any order, gaps and overlaps are
 * legal: an index may select and reorder records.
 *
 * Threads: an index may be used by many threads at once.
 */
typedef struct tfr_index tfr_index;

/**
 * Takes a TFRecord stream (a download, a pipe, what a decompressor gives) in pieces of any size,
 * and gives the entries of the records that are complete. It keeps a few kilobytes, whatever the
 * size of the records.
 *
 * Threads: one at a time.
 */
typedef struct tfr_indexer tfr_indexer;

/**
 * The payloads of some records, one after the other. About a MiB of them is read at once, and unless
 * tfr_options_set_threads() said 1, a thread of the library reads the next ones meanwhile.
 *
 * Threads: one at a time. In a process that is forked meanwhile it goes on without the thread.
 */
typedef struct tfr_iterator tfr_iterator;

/**
 * Choices for a scan. NULL stands for the defaults wherever options are asked for.
 *
 * Threads: options may be used by many threads at once while none changes them.
 */
typedef struct tfr_options tfr_options;

/**
 * A TFRecord file that is open, and its index: record i is where entry i says. The file may grow
 * meanwhile.
 *
 * Of a record that is read, the checksum policy of the options says what must hold: with
 * TFR_CHECKSUMS_FULL the CRCs of length and payload, with TFR_CHECKSUMS_LENGTH that of the length;
 * and the length must be the index's. TFR_CHECKSUMS_AUTO is as TFR_CHECKSUMS_FULL, but of data
 * that was written without true checksums only lengths are looked at. With TFR_CHECKSUMS_NONE
 * nothing is: bytes are given as they are.
 *
 * Threads: a reader may be used by many threads at once; none waits for another.
 */
typedef struct tfr_reader tfr_reader;

/**
 * Data of known size that can be read at any position, whatever holds it: an object store, an
 * archive, a cache, memory. It must not change while it is read.
 *
 * Threads: a source may be used by many threads at once. Unless tfr_options_set_threads() said 1,
 * its `read_at` is called by many threads at once, some of them the library's own.
 */
typedef struct tfr_source tfr_source;

/**
 * Writes records to a TFRecord file, with true checksums, and the file's index along with it:
 * nothing is read again. It takes less than two megabytes of memory, whatever it writes.
 *
 * Threads: a writer may be used by many threads at once, and writes their records one after the
 * other. It starts a thread of its own when it has half a megabyte of small records, and where the
 * system has one to spare; tfr_writer_finish() and tfr_writer_free() wait until that is gone. In a
 * process that is forked meanwhile all calls fail with TFR_ERR_INVALID_ARGUMENT, at once, and
 * tfr_writer_free() changes nothing.
 *
 * Where the file system has locks, one writer at a time writes a file and its index: while it does,
 * any other, and a tfr_index_create() of that index, fails with EBUSY. Of two that begin at the same
 * moment, both may fail.
 */
typedef struct tfr_writer tfr_writer;

/**
 * Told how far a scan is: bytes of data passed, bytes in all, records found. A return value
 * other than 0 cancels the scan, which then ends with TFR_ERR_CANCELLED. It must return: no
 * longjmp, no C++ exception.
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
     * Its first byte: the end of the last good record.
     */
    uint64_t start;
    /**
     * The byte after its last one: the start of the next good record, or the end of the data.
     */
    uint64_t end;
    /**
     * The number of good records before it, which is the number of the first one after it.
     */
    uint64_t record;
    /**
     * What is wrong at its start. Borrowed: it is gone when the callback returns.
     */
    const struct tfr_error *error;
    /**
     * 1 if it is the last record, of which a part is still to be written; 0 if it is damage.
     */
    int32_t incomplete_tail;
} tfr_skipped;

/**
 * Called for each region that a scan skips. A return value other than 0 cancels the scan, which
 * then ends with TFR_ERR_CANCELLED. It must return: no longjmp, no C++ exception.
 *
 * Ownership: `skipped` is borrowed, and gone when the function returns.
 */
typedef int32_t (*tfr_skipped_fn)(void *context, const struct tfr_skipped *skipped);

/**
 * One record's place in its TFRecord file. The payload is the size - 16 bytes from offset + 12.
 */
typedef struct tfr_entry {
    /**
     * The byte where the record's frame starts.
     */
    uint64_t offset;
    /**
     * The whole frame's size in bytes: the payload's and 16 more.
     */
    uint64_t size;
} tfr_entry;

/**
 * How an index fits its data.
 */
typedef struct tfr_fit {
    /**
     * The number of bytes of the data that no entry covers: damage, or, with TFR_FIT_PARTIAL, also
     * records.
     */
    uint64_t uncovered_bytes;
    /**
     * Members of tfr_fit_flags, added up. Later versions may add more.
     */
    uint32_t flags;
} tfr_fit;

/**
 * Where a byte of a TFRecord file lies. A checksum that is stored holds if it is the computed one.
 */
typedef struct tfr_location {
    /**
     * The record's number, from 0.
     */
    uint64_t record;
    /**
     * The byte where its frame starts.
     */
    uint64_t offset;
    /**
     * The length of its payload, as it is stored.
     */
    uint64_t length;
    /**
     * The length's masked CRC-32C, as it is stored,
     */
    uint64_t stored_length_crc;
    /**
     * and as it should be.
     */
    uint64_t computed_length_crc;
    /**
     * The payload's masked CRC-32C, as it is stored; TFR_UNKNOWN if nobody knows where the frame
     * ends: its header is damaged, or the data is cut short.
     */
    uint64_t stored_payload_crc;
    /**
     * As it should be, or TFR_UNKNOWN.
     */
    uint64_t computed_payload_crc;
    /**
     * Where in the frame the byte lies.
     */
    enum tfr_part part;
} tfr_location;

/**
 * Reads up to `size` bytes of a source, from byte `offset` of it, into `buffer`: at least 1, and
 * none beyond the source's size. Returns how many it read, which may be fewer, and is 0 only if the
 * data has become shorter. When it fails, it returns an error number of errno.h, negated, such as
 * -EIO. After -EINTR it is called again, up to a thousand times in a row. It must return: no
 * longjmp, no C++ exception.
 */
typedef int64_t (*tfr_read_at_fn)(void *context, uint64_t offset, uint8_t *buffer, size_t size);

/**
 * Frees the context of a source. It must return: no longjmp, no C++ exception.
 */
typedef void (*tfr_free_fn)(void *context);

/**
 * A handle and the function that frees it. For code that an exception can interrupt between any
 * two steps, such as Python's: it makes an owner of NULL, has its garbage collector call
 * tfr_owner_free(), and then calls the function that makes the handle, with the owner's address as
 * the output. So the handle is owned before the code goes on.
 */
typedef struct tfr_owner {
    /**
     * NULL, or an output of a function of this library, such as a tfr_reader. It comes first: its
     * address is the owner's.
     */
    void *handle;
    /**
     * What frees such a handle, such as tfr_reader_free(). It may be NULL.
     */
    void (*free)(void *handle);
} tfr_owner;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The ABI version of the library. Programs that load it at run time compare it with the
 * TFR_ABI_VERSION that they were compiled with.
 *
 * Threads: any.
 */
uint32_t tfr_abi_version(void);

/**
 * The version of the library, such as "0.1.0".
 *
 * Ownership: static; never freed.
 *
 * Threads: any.
 */
const char *tfr_version(void);

/**
 * The name of a status, such as "TFR_ERR_IO"; "TFR_UNKNOWN_STATUS" for a number that is none.
 *
 * Ownership: static; never freed.
 *
 * Threads: any.
 */
const char *tfr_status_name(int32_t status);

/**
 * The status that the failed call returned; TFR_OK for NULL.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
enum tfr_status tfr_error_status(const struct tfr_error *error);

/**
 * One line for people: the file, the record, the byte, what is wrong, what to do. Its wording may
 * change from version to version. "" for NULL.
 *
 * Ownership: UTF-8 with a NUL at its end, borrowed from the error, gone when that is freed.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
const char *tfr_error_message(const struct tfr_error *error);

/**
 * The path of the file that the error is about, as it was given; NULL if there is none.
 *
 * Ownership: the path's bytes with a NUL at their end, borrowed from the error.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
const char *tfr_error_path(const struct tfr_error *error);

/**
 * The number of the bad record, from 0; of a bad index, how many entries stand before its bad
 * line. TFR_UNKNOWN if there is none.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
uint64_t tfr_error_record(const struct tfr_error *error);

/**
 * The byte where the bad record's frame starts; of a bad index, where its bad line starts.
 * TFR_UNKNOWN if there is none.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
uint64_t tfr_error_offset(const struct tfr_error *error);

/**
 * What the data is instead of a TFRecord file that its checksums hold for, where that is known:
 * "gzip", "Git LFS pointer", "HTML", "TFRecord with CRC-32 IEEE checksums" and others. NULL if it
 * is not. Later versions may know more.
 *
 * Ownership: UTF-8 with a NUL at its end, borrowed from the error.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
const char *tfr_error_format(const struct tfr_error *error);

/**
 * The checksum that does not hold, as it is stored: a masked CRC-32C. TFR_UNKNOWN if the error is
 * about none.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
uint64_t tfr_error_stored_crc(const struct tfr_error *error);

/**
 * What that checksum should be, by the bytes that it is of. TFR_UNKNOWN if the error is about
 * none.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
uint64_t tfr_error_computed_crc(const struct tfr_error *error);

/**
 * The operating system's error number (errno); 0 if there is none.
 *
 * Threads: any.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed.
 */
int32_t tfr_error_os_error(const struct tfr_error *error);

/**
 * Frees an error. NULL is allowed.
 *
 * # Safety
 * - `error`: optional; an error that is not yet freed and not used again.
 */
void tfr_error_free(struct tfr_error *error);

/**
 * Makes options that hold the defaults.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Ownership: the caller frees *options_out with tfr_options_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `options_out`: required; may be written to.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_new(struct tfr_options **options_out, struct tfr_error **error_out);

/**
 * Sets the checksum policy: a member of tfr_checksums.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and for a number that is no policy.
 *
 * Threads: no other may use the options meanwhile.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_checksums(struct tfr_options *options,
                                          int32_t checksums,
                                          struct tfr_error **error_out);

/**
 * Sets how many threads work. 1: the caller's alone. More: so many others walk the data for it, each
 * with up to 1 MiB of memory. 0, the default: as many as there are processors, or more where they
 * wait for the medium. The result is the same with any number.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Threads: no other may use the options meanwhile.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_threads(struct tfr_options *options,
                                        size_t threads,
                                        struct tfr_error **error_out);

/**
 * Sets whether tfr_index_check() accepts an index that has all records up to some byte, while valid
 * ones follow: 0, the default, for no; it is stale then, the data has grown since.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Threads: no other may use the options meanwhile.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_allow_partial(struct tfr_options *options,
                                              int32_t allow,
                                              struct tfr_error **error_out);

/**
 * Sets a callback that is called at the start of a scan, at the end, and between them at least
 * about every 16 MiB of data that is read, and every 50 ms of waiting; `context` is its first
 * argument. NULL as `progress`: none.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL as `options`.
 *
 * Ownership: the context stays the caller's and must outlive the options' use.
 *
 * Threads: no other may use the options meanwhile. The callback is called on the thread that
 * called the function that scans: on many at once, where many scan with the same options.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `progress`: optional; a function that may be called with `context`.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_progress(struct tfr_options *options,
                                         tfr_progress_fn progress,
                                         void *context,
                                         struct tfr_error **error_out);

/**
 * Sets whether a scan skips damage instead of ending with an error: 0, the default, for no. The index
 * then has the good records, with a gap for each region that is lost.
 * tfr_options_set_on_skipped() reports each region.
 *
 * After a damaged header the scan searches for the next record: a header with a valid CRC that is
 * confirmed by what follows it, which is another valid header, the end of the data, or a valid
 * payload CRC; with TFR_CHECKSUMS_FULL, the payload CRC alone. TFR_CHECKSUMS_AUTO counts as
 * TFR_CHECKSUMS_LENGTH; with TFR_CHECKSUMS_NONE the scan ends with TFR_ERR_INVALID_ARGUMENT. A
 * TFRecord file inside a payload whose own header is lost cannot be told from the records around
 * it. Data without any valid header is an error. The result depends on the bytes alone: it is the
 * same for any source and any number of threads.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Threads: no other may use the options meanwhile.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_salvage(struct tfr_options *options,
                                        int32_t salvage,
                                        struct tfr_error **error_out);

/**
 * Sets whether the data may end inside a record, as a file does that is still being written: 0, the
 * default, for no. The scan then leaves that record for next time instead of ending with an error,
 * and tfr_options_set_on_skipped() reports it. This needs valid checksums: with TFR_CHECKSUMS_NONE
 * the scan ends with TFR_ERR_INVALID_ARGUMENT.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Threads: no other may use the options meanwhile.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_allow_incomplete_tail(struct tfr_options *options,
                                                      int32_t allow_incomplete_tail,
                                                      struct tfr_error **error_out);

/**
 * Sets a callback for each region that a scan skips, because of tfr_options_set_salvage() or
 * tfr_options_set_allow_incomplete_tail(); `context` is its first argument. NULL as `on_skipped`, the
 * default: none, and regions are skipped without a word.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL as `options`.
 *
 * Ownership: the context stays the caller's and must outlive the options' use.
 *
 * Threads: no other may use the options meanwhile. The callback is called on the thread that
 * called the function that scans: on many at once, where many scan with the same options.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `on_skipped`: optional; a function that may be called with `context`.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_on_skipped(struct tfr_options *options,
                                           tfr_skipped_fn on_skipped,
                                           void *context,
                                           struct tfr_error **error_out);

/**
 * Sets whether tfr_index_create() goes on where the index file ends, if there is one: 0, the default,
 * for no. It then walks only what was appended to the data since. The index must be of all that the
 * data was, without gaps and in its order; otherwise that call ends with TFR_ERR_MISMATCH. Of what it
 * covers only some 64 headers are read again, and it is not touched if it has all records already. While it runs, no other writer may write the same index,
 * nor it while another does: EBUSY. The same holds for a tfr_writer that appends to the file and its
 * index. An index at another path can be continued meanwhile.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Threads: no other may use the options meanwhile.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_resume(struct tfr_options *options,
                                       int32_t resume,
                                       struct tfr_error **error_out);

/**
 * Sets whether a reader gives whole frames, as they are in the data, instead of payloads: what can
 * be written to another TFRecord file. 0 as `raw_frames`: payloads, as by default; any other
 * number: frames.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Threads: no other may use the options meanwhile.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_raw_frames(struct tfr_options *options,
                                           int32_t raw_frames,
                                           struct tfr_error **error_out);

/**
 * Sets whether a file is on the medium (fsync) when tfr_index_create() or tfr_writer_finish() returns.
 * 0 as `sync`: not, as by default; any other number: it is.
 *
 * Either way a process that is killed leaves each file as the old one or the new one, whole. Without,
 * a crash of the system or a power cut may leave a file old, new, empty or cut, and an index newer than
 * its data. With it, they leave each file as the old one or the new one, whole, and an index never
 * newer than its data; once the call has returned, both are the new ones. Each file is synced before
 * it takes its place, and its directory afterwards; the data before its index. Data that is appended is
 * synced before the index is replaced; a power cut before that may leave part of it after the old end.
 * On a disk this takes some milliseconds a file. It promises as much as the system and the disk do.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Threads: no other may use the options meanwhile.
 *
 * # Safety
 * - `options`: required; options that are not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_options_set_sync(struct tfr_options *options,
                                     int32_t sync,
                                     struct tfr_error **error_out);

/**
 * Frees options. NULL is allowed.
 *
 * # Safety
 * - `options`: optional; options that are not yet freed and not used again.
 */
void tfr_options_free(struct tfr_options *options);

/**
 * Has callbacks called (`allowed` is 1, as at first) or refused (0), in the whole process. For a
 * host that is about to lose what its callbacks need, such as an interpreter at its end: it
 * refuses them, and then calls this function until it returns 0.
 *
 * A read that is refused fails as if `read_at` had returned -ECANCELED. A refused callback for progress
 * or skipped regions counts as one that cancelled the call. A source's context is then not freed. The
 * callbacks of the thread that refused those of the others are called all the same.
 *
 * Returns how many callbacks are running on other threads. After a fork(), those that were running
 * on the parent's other threads still count in the child, where they never return.
 *
 * Threads: any.
 */
size_t tfr_callbacks_allow(int32_t allowed);

/**
 * Indexes a TFRecord file into an index file, in constant memory. The index file is written
 * beside its place and renamed over it when it is whole: on any error nothing is left behind, and
 * an index that was there stays as it was.
 *
 * Inputs: `index_path` is optional: the index then stands at `tfrecord_path` with ".idx" appended, but
 * not beside an event file of TensorBoard ("tfevents" in its name), which would take it for another.
 * `options` is optional: the defaults. `count_out` is optional; it gets the number of records.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL, for an event file without an index path, for a TFRecord
 * path that is a device, a pipe or the like, and when both paths lead to one file; TFR_ERR_IO when a
 * file cannot be opened, read or
 * written, or is a folder;
 * TFR_ERR_NOT_TFRECORD, TFR_ERR_TRUNCATED, TFR_ERR_LENGTH, TFR_ERR_LENGTH_CRC,
 * TFR_ERR_PAYLOAD_CRC for bad data, with the first bad record; TFR_ERR_CANCELLED.
 *
 * Threads: any; two that create one index at once leave it whole, by one of them.
 *
 * # Safety
 * - `tfrecord_path`: required; `index_path`: optional; both NUL-terminated.
 * - `options`: optional; options that are not yet freed.
 * - `count_out`, `error_out`: optional; may be written to.
 */
enum tfr_status tfr_index_create(const char *tfrecord_path,
                                 const char *index_path,
                                 const struct tfr_options *options,
                                 uint64_t *count_out,
                                 struct tfr_error **error_out);

/**
 * Indexes a TFRecord file into memory: 16 bytes for each record. No file is written.
 *
 * Inputs: `options` is optional: the defaults.
 *
 * Errors: as tfr_index_create(), and TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `tfrecord_path`: required; NUL-terminated.
 * - `options`: optional; options that are not yet freed.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_scan(const char *tfrecord_path,
                               const struct tfr_options *options,
                               struct tfr_index **index_out,
                               struct tfr_error **error_out);

/**
 * Reads an index file.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_IO when the file cannot be read;
 * TFR_ERR_INVALID_INDEX when it is not an index, as tfr_index_from_text();
 * TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `index_path`: required; NUL-terminated.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_read(const char *index_path,
                               struct tfr_index **index_out,
                               struct tfr_error **error_out);

/**
 * Indexes TFRecord bytes in memory. They are not copied, and payloads are not looked at unless
 * the policy is TFR_CHECKSUMS_FULL.
 *
 * Inputs: `data` is optional if `size` is 0. `options` is optional: the defaults.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; those of tfr_index_create() for bad data;
 * TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the data is borrowed during the call. The caller frees *index_out with
 * tfr_index_free(); it is NULL on failure.
 *
 * Threads: any; none may change the data meanwhile.
 *
 * # Safety
 * - `data`: `size` bytes that may be read.
 * - `options`: optional; options that are not yet freed.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_from_bytes(const uint8_t *data,
                                     size_t size,
                                     const struct tfr_options *options,
                                     struct tfr_index **index_out,
                                     struct tfr_error **error_out);

/**
 * Makes an index of index text: a line "offset size" for each record, decimal. Spaces, tabs and
 * carriage returns may stand around the numbers, blank lines are skipped, the last line needs no
 * line feed.
 *
 * Inputs: `text` needs no NUL at its end, and is optional if `size` is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_INVALID_INDEX when a line is anything but
 * two numbers, a size is under 16, or a record's end passes INT64_MAX; TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the text is borrowed during the call. The caller frees *index_out with
 * tfr_index_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `text`: `size` bytes that may be read.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_from_text(const char *text,
                                    size_t size,
                                    struct tfr_index **index_out,
                                    struct tfr_error **error_out);

/**
 * Makes an index of entries, in their order: a selection of another's, for instance.
 *
 * Inputs: `entries` is optional if `count` is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_INVALID_INDEX when a size is under 16 or a
 * record's end passes INT64_MAX; TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the entries are copied. The caller frees *index_out with tfr_index_free(); it is
 * NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `entries`: `count` entries that may be read.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_from_entries(const struct tfr_entry *entries,
                                       size_t count,
                                       struct tfr_index **index_out,
                                       struct tfr_error **error_out);

/**
 * The number of records; 0 for NULL.
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: optional; an index that is not yet freed.
 */
size_t tfr_index_len(const struct tfr_index *index);

/**
 * One record's entry. Where many are wanted, tfr_index_entries() is faster.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when `record` is not below
 * tfr_index_len().
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `entry_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_get(const struct tfr_index *index,
                              size_t record,
                              struct tfr_entry *entry_out,
                              struct tfr_error **error_out);

/**
 * All entries: an array of tfr_index_len() of them; NULL for an empty index and for NULL.
 *
 * Ownership: borrowed from the index, gone when that is freed.
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: optional; an index that is not yet freed.
 */
const struct tfr_entry *tfr_index_entries(const struct tfr_index *index);

/**
 * The index as text: a line "offset size" for each record.
 *
 * Inputs: `size_out` is optional; it gets the text's size without the NUL.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: ASCII with a NUL at its end. The caller frees *text_out with tfr_text_free(); it is
 * NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `text_out`: required; `size_out`, `error_out`: optional; all may be written to.
 */
enum tfr_status tfr_index_to_text(const struct tfr_index *index,
                                  char **text_out,
                                  size_t *size_out,
                                  struct tfr_error **error_out);

/**
 * Frees the text of tfr_index_to_text(). NULL is allowed.
 *
 * # Safety
 * - `text`: optional; from tfr_index_to_text(), unchanged, not yet freed and not used again.
 */
void tfr_text_free(char *text);

/**
 * Writes the index to a file, whole or not at all, as tfr_index_create() does.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_IO when the file cannot be written.
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `index_path`: required; NUL-terminated.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_index_write(const struct tfr_index *index,
                                const char *index_path,
                                struct tfr_error **error_out);

/**
 * Frees an index, and with it the array of tfr_index_entries(). NULL is allowed.
 *
 * # Safety
 * - `index`: optional; an index that is not yet freed and not used again.
 */
void tfr_index_free(struct tfr_index *index);

/**
 * Indexes a TFRecord file into an index file, as tfr_index_create(), if that is missing or stale. An
 * index is stale if it was modified before its data was, or its last entry does not end where the data
 * ends. This takes a look at both files' metadata and at the last line of the index: data that was
 * changed within its size, and given an older time, is not noticed; tfr_index_check() looks into it.
 *
 * Inputs: `only` is a member of tfr_only. `count_out` is optional; it gets the number of records, or
 * TFR_UNKNOWN for an index that is left as it is. Otherwise as tfr_index_create().
 *
 * Errors: as tfr_index_create(), and TFR_ERR_INVALID_ARGUMENT for a number that is no member.
 *
 * Threads: any; many, also of other processes, may update one index at once.
 *
 * # Safety
 * - `tfrecord_path`: required; `index_path`: optional; both NUL-terminated.
 * - `options`: optional; options that are not yet freed.
 * - `count_out`, `error_out`: optional; may be written to.
 */
enum tfr_status tfr_index_update(const char *tfrecord_path,
                                 const char *index_path,
                                 int32_t only,
                                 const struct tfr_options *options,
                                 uint64_t *count_out,
                                 struct tfr_error **error_out);

/**
 * The path of a TFRecord file's index, by the file's name: the first one that exists of NAME.idx,
 * NAME.tfindex and STEM.tfindex, which for train.tfrecord is train.tfindex. DLIO's layout is found
 * with its "index/train" as the directory. Whether what is found is an index is not looked at.
 *
 * Inputs: `directory` is optional: beside the file.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_IO, with ENOENT, if there is none.
 *
 * Ownership: the caller frees *path_out with tfr_text_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `tfrecord_path`: required; `directory`: optional; both NUL-terminated.
 * - `path_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_find(const char *tfrecord_path,
                               const char *directory,
                               char **path_out,
                               struct tfr_error **error_out);

/**
 * An index of the records of these numbers, in their order; a number may be there more than once.
 * As all edits, it is of the same data, and none of that is read.
 *
 * Inputs: `records` is optional if `count` is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when a number is not below
 * tfr_index_len(); TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure. `index`
 * stays the caller's, as it is.
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `records`: `count` numbers that may be read.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_select(const struct tfr_index *index,
                                 const size_t *records,
                                 size_t count,
                                 struct tfr_index **index_out,
                                 struct tfr_error **error_out);

/**
 * An index of the records whose payloads have from `min` to `max` bytes, in the order of `index`.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: as tfr_index_select().
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_filter_size(const struct tfr_index *index,
                                      uint64_t min,
                                      uint64_t max,
                                      struct tfr_index **index_out,
                                      struct tfr_error **error_out);

/**
 * An index of all records in a random order, each order as likely as the others. A seed stands for
 * one order of so many records, with any version, platform and language: record after record is
 * drawn from those that are left, the first ones first (a Fisher-Yates shuffle) by numbers from
 * SplitMix64 that Lemire's method brings into range.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: as tfr_index_select().
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_shuffle(const struct tfr_index *index,
                                  uint64_t seed,
                                  struct tfr_index **index_out,
                                  struct tfr_error **error_out);

/**
 * An index of `count` random records, none drawn twice, each choice as likely as the others: the
 * first ones of tfr_index_shuffle() with the same seed, but in the order of `index`.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL and when there are fewer records;
 * TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: as tfr_index_select().
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_sample(const struct tfr_index *index,
                                 size_t count,
                                 uint64_t seed,
                                 struct tfr_index **index_out,
                                 struct tfr_error **error_out);

/**
 * An index of shard `rank` of `world_size`: a run of the records, in the order of `index`. By records,
 * it starts at record len * rank / world_size, rounded down, as those of NVIDIA DALI's readers do. By
 * bytes, it starts between the two records where what is before comes nearest to rank / world_size of
 * the frames' bytes. It may be empty where there are few records, or some that are very large.
 *
 * Inputs: `by` is a member of tfr_shard_by, `remainder` of tfr_remainder; of shards by bytes it must
 * be TFR_REMAINDER_KEEP.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL, for a number that is no member, and when `rank` is
 * not below `world_size`; TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: as tfr_index_select().
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_shard(const struct tfr_index *index,
                                size_t rank,
                                size_t world_size,
                                int32_t by,
                                int32_t remainder,
                                struct tfr_index **index_out,
                                struct tfr_error **error_out);

/**
 * The index of files that are put one behind the other, as by `cat a b`.
 *
 * Inputs: `indexes` are theirs, in that order, and `data_sizes` how many bytes each file has; both
 * have `count` members, and are optional if that is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and when `index_out` is a member of `indexes`, which
 * then stays as it is; TFR_ERR_MISMATCH when an entry ends behind its file; TFR_ERR_INVALID_INDEX
 * when a record's end passes INT64_MAX; TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure. `indexes`
 * stay the caller's, as they are.
 *
 * Threads: any.
 *
 * # Safety
 * - `indexes`: `count` of them, each NULL, or an index that is not yet freed.
 * - `data_sizes`: `count` numbers that may be read.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_concat(const struct tfr_index *const *indexes,
                                 const uint64_t *data_sizes,
                                 size_t count,
                                 struct tfr_index **index_out,
                                 struct tfr_error **error_out);

/**
 * Checks that an index is that of a TFRecord file. The entries must lie inside the file and may
 * not overlap; where one starts, there must be the header of a frame of its size. An index may
 * select, reorder and repeat records, and leave out damage; but one that has all records up to some
 * byte, while valid ones follow, is stale, unless tfr_options_set_allow_partial() says that it is
 * meant so. At every level the bytes that no entry covers are searched for valid records.
 *
 * Inputs: `level` is a member of tfr_check_level. `options` is optional: the defaults. The policy
 * decides whether CRCs must hold, TFR_CHECKSUMS_AUTO by the file's first header; the level,
 * whether those of payloads are looked at.
 * `fit_out` is optional; it says how the index fits.
 *
 * Errors: TFR_ERR_MISMATCH when it is the index of another file; TFR_ERR_STALE when the data has
 * grown or become shorter; TFR_ERR_LENGTH, TFR_ERR_LENGTH_CRC, TFR_ERR_PAYLOAD_CRC when the index fits
 * and the data is damaged; each with the number of the entry: of all bad ones, the first in the data; of a stale
 * index, the first that is missing. TFR_ERR_NOT_TFRECORD when the data that it does not fit is
 * compressed or the like; TFR_ERR_INVALID_ARGUMENT for NULL and for a number that is no level;
 * TFR_ERR_IO when the file cannot be read; TFR_ERR_CANCELLED; TFR_ERR_OUT_OF_MEMORY.
 *
 * Threads: any.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `tfrecord_path`: required; NUL-terminated.
 * - `options`: optional; options that are not yet freed.
 * - `fit_out`, `error_out`: optional; may be written to.
 */
enum tfr_status tfr_index_check(const struct tfr_index *index,
                                const char *tfrecord_path,
                                int32_t level,
                                const struct tfr_options *options,
                                struct tfr_fit *fit_out,
                                struct tfr_error **error_out);

/**
 * Finds the record of a TFRecord file that a byte belongs to, and looks at its checksums.
 *
 * TensorFlow's "corrupted record at N" is about the record that starts at byte N, if the length's
 * checksum does not hold, and about the one that starts at N - 12, if the payload's does not.
 *
 * Inputs: `options` is optional: the defaults. The checksum policy, the progress callback and
 * tfr_options_set_salvage() count: damage before the byte is then skipped, and records have the
 * numbers that they have in the index.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when the file ends before the byte;
 * TFR_ERR_IO when it cannot be read; those of tfr_index_scan() when it is not a TFRecord file, or
 * damaged before the record that the byte is in, with the number and the offset of the bad record.
 *
 * Threads: any.
 *
 * # Safety
 * - `tfrecord_path`: required; NUL-terminated.
 * - `options`: optional; options that are not yet freed.
 * - `location_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_locate(const char *tfrecord_path,
                           uint64_t byte,
                           const struct tfr_options *options,
                           struct tfr_location *location_out,
                           struct tfr_error **error_out);

/**
 * Makes a source of a function that reads it.
 *
 * Inputs: `read_at` is required; `context`, its first argument, may be NULL. `size` is how many
 * bytes of data there are.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Ownership: the caller frees *source_out with tfr_source_free(); it is NULL on failure. The context
 * stays the caller's until the source and all readers of it are freed, unless tfr_source_set_free()
 * gives it to the source.
 *
 * Threads: any.
 *
 * # Safety
 * - `read_at`: required; does what tfr_read_at_fn says while the source or a reader of it is used.
 * - `source_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_source_new(tfr_read_at_fn read_at,
                               void *context,
                               uint64_t size,
                               struct tfr_source **source_out,
                               struct tfr_error **error_out);

/**
 * Makes a source of data in memory, which is not copied.
 *
 * A mapped file is such memory: small records are read at random fastest from it; but a process
 * that reads what another has cut off from a file that it has mapped ends with SIGBUS.
 *
 * Inputs: `data` is optional if `size` is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL.
 *
 * Ownership: the caller frees *source_out with tfr_source_free(); it is NULL on failure. The data is
 * borrowed until the source and all readers of it are freed, unless tfr_source_set_free() gives it
 * to the source.
 *
 * Threads: any; none may change the data meanwhile.
 *
 * # Safety
 * - `data`: `size` bytes that may be read while the source or a reader of it is used.
 * - `source_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_source_from_memory(const uint8_t *data,
                                       size_t size,
                                       struct tfr_source **source_out,
                                       struct tfr_error **error_out);

/**
 * Gives the context of a source, or its memory, to the source: when the source and all readers of it
 * are freed, `free_context` is called with it, such as free() of the C library. NULL, as at first:
 * it stays the caller's.
 *
 * Inputs: `free_context` is optional.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL as `source`, and when a reader has the source already.
 *
 * Threads: no other may use the source meanwhile. `free_context` is called on the thread that frees
 * the last of them.
 *
 * # Safety
 * - `source`: optional; a source that is not yet freed.
 * - `free_context`: optional; a function that may be called with the context, once.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_source_set_free(struct tfr_source *source,
                                    tfr_free_fn free_context,
                                    struct tfr_error **error_out);

/**
 * Frees a source. Readers of it go on. NULL is allowed.
 *
 * # Safety
 * - `source`: optional; a source that is not yet freed and not used again.
 */
void tfr_source_free(struct tfr_source *source);

/**
 * Indexes a source into an index file, as tfr_index_create() does a file.
 *
 * Inputs: `index_path` is where the index goes: a source has no path to append ".idx" to.
 * `options` is optional: the defaults. `count_out` is optional; it gets the number of records.
 *
 * Errors: those of tfr_index_create(); TFR_ERR_IO, with the number that tfr_error_os_error()
 * gives, when `read_at` returns an error, and when it returns what it may not.
 *
 * Threads: any; see tfr_source.
 *
 * # Safety
 * - `source`: required; a source that is not yet freed.
 * - `index_path`: required; NUL-terminated.
 * - `options`: optional; options that are not yet freed.
 * - `count_out`, `error_out`: optional; may be written to.
 */
enum tfr_status tfr_index_create_from_source(const struct tfr_source *source,
                                             const char *index_path,
                                             const struct tfr_options *options,
                                             uint64_t *count_out,
                                             struct tfr_error **error_out);

/**
 * Indexes a source into memory: 16 bytes for each record. No file is written.
 *
 * Inputs: `options` is optional: the defaults.
 *
 * Errors: as tfr_index_create_from_source(), and TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the caller frees *index_out with tfr_index_free(); it is NULL on failure.
 *
 * Threads: any; see tfr_source.
 *
 * # Safety
 * - `source`: required; a source that is not yet freed.
 * - `options`: optional; options that are not yet freed.
 * - `index_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_index_from_source(const struct tfr_source *source,
                                      const struct tfr_options *options,
                                      struct tfr_index **index_out,
                                      struct tfr_error **error_out);

/**
 * Checks that an index is that of a source, as tfr_index_check() does of a file.
 *
 * Inputs and errors: those of tfr_index_check() and of tfr_index_create_from_source().
 *
 * Threads: any; see tfr_source.
 *
 * # Safety
 * - `index`: required; an index that is not yet freed.
 * - `source`: required; a source that is not yet freed.
 * - `options`: optional; options that are not yet freed.
 * - `fit_out`, `error_out`: optional; may be written to.
 */
enum tfr_status tfr_index_check_source(const struct tfr_index *index,
                                       const struct tfr_source *source,
                                       int32_t level,
                                       const struct tfr_options *options,
                                       struct tfr_fit *fit_out,
                                       struct tfr_error **error_out);

/**
 * Makes an indexer at the start of a stream, which it holds to the options' checksum policy. It
 * calls no callback, and keeps nothing of the options.
 *
 * Inputs: `options` is optional: the defaults.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and where the options ask to salvage, to append, or
 * for a growing file: that takes data that can be read at any position.
 *
 * Ownership: the caller frees *indexer_out with tfr_indexer_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `options`: optional; options that are not yet freed.
 * - `indexer_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_indexer_new(const struct tfr_options *options,
                                struct tfr_indexer **indexer_out,
                                struct tfr_error **error_out);

/**
 * Takes the stream's next bytes, until all are taken or `capacity` records are complete: what is
 * not taken, the caller pushes next.
 *
 * Inputs: `data` is optional if `size` is 0. `entries_out` has room for `capacity` entries: 1 at
 * least; size / 16 + 1 is always enough. *taken_out gets how many bytes are taken, *count_out how
 * many entries are written.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL and for a `capacity` of 0; those of
 * tfr_index_create() for bad data, with the bad record. When records are complete before the bad
 * one, this call succeeds with their entries, and the next one fails. From then on, each call
 * fails with that error.
 *
 * Ownership: the data is borrowed during the call.
 *
 * Threads: no other may use the indexer meanwhile.
 *
 * # Safety
 * - `indexer`: required; an indexer that is not yet freed.
 * - `data`: `size` bytes that may be read.
 * - `entries_out`: required; `capacity` entries that may be written to.
 * - `taken_out`, `count_out`: required; `error_out`: optional; all may be written to.
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
 * Says that the stream is at its end. More may be pushed nevertheless: of a file that grows, this
 * says whether it is whole.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_TRUNCATED and others when the end is inside a
 * record; the error that tfr_indexer_push() found.
 *
 * Threads: no other may use the indexer meanwhile.
 *
 * # Safety
 * - `indexer`: required; an indexer that is not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_indexer_finish(struct tfr_indexer *indexer, struct tfr_error **error_out);

/**
 * Frees an indexer. NULL is allowed.
 *
 * # Safety
 * - `indexer`: optional; an indexer that is not yet freed and not used again.
 */
void tfr_indexer_free(struct tfr_indexer *indexer);

/**
 * Opens a TFRecord file to read its records.
 *
 * Inputs: `index` is optional: it is then read from where tfr_index_find() finds it beside the file,
 * if that is an index of this file that accounts for each valid record: none may start where it leaves a
 * gap, before its first entry or after its last one. If there is no such index, the file is scanned,
 * and no index file is written; if one was left aside, tfr_reader_warning() says why. An index that
 * is given is taken as it is: it may select, reorder and repeat records, and is not checked, but
 * each frame is when it is read. `options` is optional: the defaults; their callbacks are called
 * during this call alone.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL and for a path that is no regular file; TFR_ERR_IO
 * when the file cannot be read; those of tfr_index_scan() when it is scanned.
 *
 * Ownership: the index is shared: the caller may free it at once. The caller frees *reader_out
 * with tfr_reader_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `tfrecord_path`: required; NUL-terminated.
 * - `index`: optional; an index that is not yet freed.
 * - `options`: optional; options that are not yet freed.
 * - `reader_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_reader_open(const char *tfrecord_path,
                                const struct tfr_index *index,
                                const struct tfr_options *options,
                                struct tfr_reader **reader_out,
                                struct tfr_error **error_out);

/**
 * Opens a source to read its records.
 *
 * Inputs: `index` is optional: it is then made by a scan. Otherwise as tfr_reader_open(); threads
 * are the reader's, too: with 1, `read_at` is called on the caller's alone.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; those of tfr_index_from_source() when it is scanned.
 *
 * Ownership: the source is shared: the caller may free it at once. The rest is as with
 * tfr_reader_open().
 *
 * Threads: any; see tfr_source.
 *
 * # Safety
 * - `source`: required; a source that is not yet freed.
 * - `index`: optional; an index that is not yet freed.
 * - `options`: optional; options that are not yet freed.
 * - `reader_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_reader_from_source(const struct tfr_source *source,
                                       const struct tfr_index *index,
                                       const struct tfr_options *options,
                                       struct tfr_reader **reader_out,
                                       struct tfr_error **error_out);

/**
 * Why the index found beside the data is not used: it does not account for all valid records of the
 * data, or cannot be read. The data was scanned instead. Programs should say so. NULL if there was
 * no such index, or it is used; and for NULL.
 *
 * Ownership: borrowed from the reader, gone when that is freed; not to be freed.
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: optional; a reader that is not yet freed.
 */
const struct tfr_error *tfr_reader_warning(const struct tfr_reader *reader);

/**
 * The number of records; 0 for NULL.
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: optional; a reader that is not yet freed.
 */
size_t tfr_reader_len(const struct tfr_reader *reader);

/**
 * The index: an array of tfr_reader_len() entries; NULL for an empty one and for NULL.
 *
 * Ownership: borrowed from the reader, gone when that is freed.
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: optional; a reader that is not yet freed.
 */
const struct tfr_entry *tfr_reader_entries(const struct tfr_reader *reader);

/**
 * Closes a reader, and with it the array of tfr_reader_entries(). NULL is allowed.
 *
 * # Safety
 * - `reader`: optional; a reader that is not yet freed and not used again.
 */
void tfr_reader_free(struct tfr_reader *reader);

/**
 * How many bytes tfr_reader_read() gives of each of these records. Nothing is read but the headers of
 * large records (over a MiB), so that nobody takes memory for what an index alone says.
 *
 * Inputs: `records` is optional if `count` is 0. `sizes_out` gets `count` sizes.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when a number is not below
 * tfr_reader_len(); TFR_ERR_MISMATCH when a record would end after the data; of a large record those
 * of tfr_reader_read().
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: required; a reader that is not yet freed.
 * - `records`: `count` numbers that may be read.
 * - `sizes_out`: required; `count` numbers that may be written to.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_reader_sizes(const struct tfr_reader *reader,
                                 const size_t *records,
                                 size_t count,
                                 size_t *sizes_out,
                                 struct tfr_error **error_out);

/**
 * Where tfr_reader_read_many() puts each of these records: payload i from offsets_out[i] to before
 * offsets_out[i + 1]. The last offset is how many bytes they take. Nothing is read, unless they take
 * more than a GiB: then the headers of large records are.
 *
 * Inputs: `records` is optional if `count` is 0. `offsets_out` gets `count` + 1 offsets.
 *
 * Errors: as tfr_reader_sizes(); TFR_ERR_OUT_OF_MEMORY if payloads of more than a GiB take more
 * memory than is available: on Linux that of /proc/meminfo and of the process's control groups, with
 * the free swap space. (The system may give more, and end the process when it writes to that.)
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: required; a reader that is not yet freed.
 * - `records`: `count` numbers that may be read.
 * - `offsets_out`: required; `count` + 1 numbers that may be written to.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_reader_offsets(const struct tfr_reader *reader,
                                   const size_t *records,
                                   size_t count,
                                   size_t *offsets_out,
                                   struct tfr_error **error_out);

/**
 * Reads a record's payload; its frame, if tfr_options_set_raw_frames() asked for it.
 *
 * Inputs: `buffer` has room for `capacity` bytes; tfr_reader_sizes() says how many it takes. It is
 * optional if `capacity` is 0. `size_out` is optional; it gets how many bytes there are in `buffer`.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and when `capacity` is too small;
 * TFR_ERR_OUT_OF_RANGE when `record` is not below tfr_reader_len(); TFR_ERR_MISMATCH when the
 * record would end after the data, or another frame is there: the index is not that of the data;
 * TFR_ERR_LENGTH_CRC and TFR_ERR_PAYLOAD_CRC when it is damaged; TFR_ERR_TRUNCATED when the data
 * became shorter; TFR_ERR_IO. After an error the buffer holds anything.
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: required; a reader that is not yet freed.
 * - `buffer`: `capacity` bytes that may be written to.
 * - `size_out`, `error_out`: optional; may be written to.
 */
enum tfr_status tfr_reader_read(const struct tfr_reader *reader,
                                size_t record,
                                uint8_t *buffer,
                                size_t capacity,
                                size_t *size_out,
                                struct tfr_error **error_out);

/**
 * Reads many records' payloads, concatenated, in the order of `records`. They are read in the order
 * of the data, those that lie close together at once, by as many threads as it takes.
 *
 * Inputs: `records` is optional if `count` is 0. `buffer` has room for `capacity` bytes;
 * tfr_reader_offsets() says how many it takes. It is optional if `capacity` is 0. `offsets_out` is
 * optional; it gets the `count` + 1 numbers of tfr_reader_offsets().
 *
 * Errors: as tfr_reader_read(), of the first bad record in the order of `records`; of those that
 * are not there or would end after the data, before anything is read. After an error the buffer
 * holds anything.
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: required; a reader that is not yet freed.
 * - `records`: `count` numbers that may be read.
 * - `buffer`: `capacity` bytes that may be written to.
 * - `offsets_out`: optional; `count` + 1 numbers that may be written to.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_reader_read_many(const struct tfr_reader *reader,
                                     const size_t *records,
                                     size_t count,
                                     uint8_t *buffer,
                                     size_t capacity,
                                     size_t *offsets_out,
                                     struct tfr_error **error_out);

/**
 * Reads many records' payloads, each to the start of a buffer of its own, as tfr_reader_read_many().
 *
 * Inputs: `buffers` and `capacities` have `count` elements; they and `records` are optional if it is
 * 0. A buffer may be NULL if its capacity is 0; it then gets an empty payload.
 *
 * Errors: as tfr_reader_read_many(). After an error the buffers hold anything.
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: required; a reader that is not yet freed.
 * - `records`: `count` numbers that may be read.
 * - `buffers`: `count` pointers, each NULL or to as many bytes that may be written to as
 *   `capacities` says; none overlaps another.
 * - `capacities`: `count` numbers that may be read.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_reader_read_each(const struct tfr_reader *reader,
                                     const size_t *records,
                                     size_t count,
                                     uint8_t *const *buffers,
                                     const size_t *capacities,
                                     struct tfr_error **error_out);

/**
 * Begins to read records one after the other.
 *
 * Inputs: `records` are `count` numbers, in any order, also more than once. It is optional: without it, the first
 * `count` records, so that all are (NULL, tfr_reader_len(reader)).
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; TFR_ERR_OUT_OF_RANGE when a number is not below
 * tfr_reader_len().
 *
 * Ownership: the numbers are copied, and the reader is shared: the caller may free both at once. The
 * caller frees *iterator_out with tfr_iterator_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `reader`: required; a reader that is not yet freed.
 * - `records`: `count` numbers that may be read.
 * - `iterator_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_reader_iterate(const struct tfr_reader *reader,
                                   const size_t *records,
                                   size_t count,
                                   struct tfr_iterator **iterator_out,
                                   struct tfr_error **error_out);

/**
 * The next record's payload; its frame, if tfr_options_set_raw_frames() asked for it. At the end
 * *payload_out is NULL, which it is not for an empty payload.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL; those of tfr_reader_read() when the record is bad, at its
 * turn: the next call goes on with the record after it.
 *
 * Ownership: the payload is borrowed from the iterator, and gone at the next call with it.
 *
 * Threads: no other may use the iterator meanwhile.
 *
 * # Safety
 * - `iterator`: required; an iterator that is not yet freed.
 * - `payload_out`, `size_out`: required; `error_out`: optional; all may be written to.
 */
enum tfr_status tfr_iterator_next(struct tfr_iterator *iterator,
                                  const uint8_t **payload_out,
                                  size_t *size_out,
                                  struct tfr_error **error_out);

/**
 * Frees an iterator, and with it its last payload. It waits for the thread that reads ahead. NULL is
 * allowed.
 *
 * # Safety
 * - `iterator`: optional; an iterator that is not yet freed and not used again.
 */
void tfr_iterator_free(struct tfr_iterator *iterator);

/**
 * Writes a new TFRecord file and its index. Both are written beside their places and renamed when
 * they are whole, by tfr_writer_finish(), the data first; what was there is replaced then, and
 * stays until then. A process that is killed leaves everything as it was, but for temporary files,
 * which the next writer of the same file clears. Killed in the instant between the two renames, it
 * leaves the new data beside the index of the old, or beside none: tfr_index_check() finds that,
 * tfr_index_create() mends it.
 *
 * Inputs: `index_path` is optional: the index then stands at `tfrecord_path` with ".idx" appended, but
 * not beside an event file of TensorBoard, as with tfr_index_create(). `options` is optional: the
 * defaults; of them, tfr_options_set_sync() counts.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL, for an event file without an index path, and when both
 * paths lead to one file; TFR_ERR_IO when
 * a file cannot be created, with EBUSY when another writer writes it; TFR_ERR_OUT_OF_MEMORY.
 *
 * Ownership: the caller frees *writer_out with tfr_writer_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `tfrecord_path`: required; `index_path`: optional; both NUL-terminated.
 * - `options`: optional; options that are not yet freed.
 * - `writer_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_writer_create(const char *tfrecord_path,
                                  const char *index_path,
                                  const struct tfr_options *options,
                                  struct tfr_writer **writer_out,
                                  struct tfr_error **error_out);

/**
 * Writes at the end of a TFRecord file, or of none if there is none yet; its index, which
 * tfr_writer_finish() replaces, then has all records. What the index has is looked at as
 * tfr_options_set_resume() says, and what it lacks is walked: all of the file, if there is no
 * index. The file must consist of whole records with true checksums.
 *
 * The file grows while it is written: those who go by its index see nothing of that, those who
 * index it with tfr_options_set_allow_incomplete_tail() see its whole records. A process that is killed leaves
 * the old index and the file with what it had handed over, the last record maybe cut:
 * tfr_options_set_resume() and tfr_options_set_allow_incomplete_tail() mend the index. What is cut must be cut
 * off before the file can be appended to: the error says where.
 *
 * Inputs: `index_path` is optional: as with tfr_writer_create(). `options` is optional: the
 * defaults; of them, tfr_options_set_sync() counts, and for the walk
 * tfr_options_set_threads() and tfr_options_set_progress().
 *
 * Errors: as tfr_writer_create(); those of tfr_index_create() when the file is not whole records;
 * TFR_ERR_MISMATCH when the index is not that of its first ones.
 *
 * Ownership: the caller frees *writer_out with tfr_writer_free(); it is NULL on failure.
 *
 * Threads: any.
 *
 * # Safety
 * - `tfrecord_path`: required; `index_path`: optional; both NUL-terminated.
 * - `options`: optional; options that are not yet freed.
 * - `writer_out`: required; `error_out`: optional; both may be written to.
 */
enum tfr_status tfr_writer_append(const char *tfrecord_path,
                                  const char *index_path,
                                  const struct tfr_options *options,
                                  struct tfr_writer **writer_out,
                                  struct tfr_error **error_out);

/**
 * Writes a record. Small ones are gathered, and handed to the system together.
 *
 * Inputs: `payload` is optional if `size` is 0.
 *
 * Errors: TFR_ERR_INVALID_ARGUMENT for NULL, and for a writer that is finished; TFR_ERR_IO when a
 * file cannot be written, be it with what earlier calls gave: all calls after it fail with the same
 * error.
 *
 * Ownership: the payload is borrowed during the call.
 *
 * Threads: any.
 *
 * # Safety
 * - `writer`: required; a writer that is not yet freed.
 * - `payload`: `size` bytes that may be read.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_writer_write(struct tfr_writer *writer,
                                 const uint8_t *payload,
                                 size_t size,
                                 struct tfr_error **error_out);

/**
 * Writes many records, no other thread's between them: payload i is the bytes of `payloads` from
 * `offsets[i]` to before `offsets[i + 1]`.
 *
 * Inputs: `offsets` are `count` + 1 numbers, none less than the one before. `payloads` is optional
 * if the last of them is 0; `offsets`, if `count` is 0.
 *
 * Errors: as tfr_writer_write(); TFR_ERR_INVALID_ARGUMENT for offsets that descend: nothing is
 * written then.
 *
 * Ownership: payloads and offsets are borrowed during the call.
 *
 * Threads: any.
 *
 * # Safety
 * - `writer`: required; a writer that is not yet freed.
 * - `offsets`: `count` + 1 numbers that may be read.
 * - `payloads`: as many bytes that may be read as the last offset says.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_writer_write_many(struct tfr_writer *writer,
                                      const uint8_t *payloads,
                                      const size_t *offsets,
                                      size_t count,
                                      struct tfr_error **error_out);

/**
 * Hands all that was written so far to the system. Of a file that is appended to, others can then
 * read it; of a new one, only tfr_writer_finish() shows anything. It is not an fsync, even with
 * tfr_options_set_sync(): a power cut may take what was handed over.
 *
 * Errors: as tfr_writer_write().
 *
 * Threads: any.
 *
 * # Safety
 * - `writer`: required; a writer that is not yet freed.
 * - `error_out`: optional; may be written to.
 */
enum tfr_status tfr_writer_flush(struct tfr_writer *writer, struct tfr_error **error_out);

/**
 * The number of records in the file, with those that were there before; 0 for NULL, after an error
 * of tfr_writer_finish(), and in a process that was forked from the writer's.
 *
 * Threads: any.
 *
 * # Safety
 * - `writer`: optional; a writer that is not yet freed.
 */
uint64_t tfr_writer_num_records(const struct tfr_writer *writer);

/**
 * Hands over what is left, and puts data and index in their places. After it, whatever it returns,
 * nothing more can be written.
 *
 * Inputs: `count_out` is optional; it gets the number of records in the file.
 *
 * Errors: as tfr_writer_write(); TFR_ERR_IO when a file cannot take its place; TFR_ERR_MISMATCH
 * when something else wrote to the file that is appended to, or created or replaced one of the files
 * meanwhile. Nothing is left then of what was written, unless the error says otherwise.
 *
 * Threads: any.
 *
 * # Safety
 * - `writer`: required; a writer that is not yet freed.
 * - `count_out`, `error_out`: optional; may be written to.
 */
enum tfr_status tfr_writer_finish(struct tfr_writer *writer,
                                  uint64_t *count_out,
                                  struct tfr_error **error_out);

/**
 * Frees a writer. One that is not finished leaves nothing of what it wrote: what was there stays,
 * or, where it was appended to, is cut to what it was. In a process that was forked from the writer's
 * nothing is done, and its memory is not freed. NULL is allowed.
 *
 * # Safety
 * - `writer`: optional; a writer that is not yet freed and not used again.
 */
void tfr_writer_free(struct tfr_writer *writer);

/**
 * Frees the handle of an owner, if there is one, and sets it to NULL. The owner's memory stays the
 * caller's. NULL is allowed.
 *
 * Threads: no other may use the owner meanwhile.
 *
 * # Safety
 * - `owner`: optional; an owner whose handle is NULL or one that `free` frees and that is not used
 *   again.
 */
void tfr_owner_free(struct tfr_owner *owner);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TFR_INDEX_H */
