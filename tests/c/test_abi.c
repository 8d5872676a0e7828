/* What programs that were compiled with ABI version 1 rely on. Later versions may add to it; what
 * stands here changes only when TFR_ABI_VERSION does. */
#include "check.h"

#define FUNCTIONS(F)                                                                               \
    F(uint32_t, tfr_abi_version, (void))                                                           \
    F(const char *, tfr_version, (void))                                                           \
    F(void, tfr_set_cache_bytes, (uint64_t))                                                       \
    F(uint64_t, tfr_cache_bytes, (void))                                                           \
    F(const char *, tfr_status_name, (int32_t))                                                    \
    F(tfr_status, tfr_error_status, (const tfr_error *))                                           \
    F(const char *, tfr_error_message, (const tfr_error *))                                        \
    F(const char *, tfr_error_path, (const tfr_error *))                                           \
    F(uint64_t, tfr_error_record, (const tfr_error *))                                             \
    F(uint64_t, tfr_error_offset, (const tfr_error *))                                             \
    F(int32_t, tfr_error_os_error, (const tfr_error *))                                            \
    F(const char *, tfr_error_format, (const tfr_error *))                                         \
    F(const char *, tfr_error_feature, (const tfr_error *))                                        \
    F(uint64_t, tfr_error_stored_crc, (const tfr_error *))                                         \
    F(uint64_t, tfr_error_computed_crc, (const tfr_error *))                                       \
    F(void, tfr_error_free, (tfr_error *))                                                         \
    F(tfr_status, tfr_options_new, (tfr_options **, tfr_error **))                                 \
    F(tfr_status, tfr_options_set_checksums, (tfr_options *, int32_t, tfr_error **))               \
    F(tfr_status, tfr_options_set_threads, (tfr_options *, size_t, tfr_error **))                  \
    F(tfr_status, tfr_options_set_progress,                                                        \
      (tfr_options *, int32_t (*)(void *, uint64_t, uint64_t, uint64_t), void *, tfr_error **))    \
    F(tfr_status, tfr_options_set_salvage, (tfr_options *, int32_t, tfr_error **))                 \
    F(tfr_status, tfr_options_set_allow_incomplete_tail, (tfr_options *, int32_t, tfr_error **))   \
    F(tfr_status, tfr_options_set_on_skipped,                                                      \
      (tfr_options *, int32_t (*)(void *, const tfr_skipped *), void *, tfr_error **))             \
    F(tfr_status, tfr_options_set_resume, (tfr_options *, int32_t, tfr_error **))                  \
    F(tfr_status, tfr_options_set_allow_partial, (tfr_options *, int32_t, tfr_error **))           \
    F(tfr_status, tfr_options_set_raw_frames, (tfr_options *, int32_t, tfr_error **))              \
    F(tfr_status, tfr_options_set_sync, (tfr_options *, int32_t, tfr_error **))                    \
    F(tfr_status, tfr_options_set_compression, (tfr_options *, int32_t, tfr_error **))             \
    F(tfr_status, tfr_options_set_max_open_files, (tfr_options *, size_t, tfr_error **))           \
    F(tfr_status, tfr_options_set_index_memory, (tfr_options *, uint64_t, tfr_error **))           \
    F(tfr_status, tfr_options_set_on_error, (tfr_options *, int32_t, tfr_error **))                \
    F(void, tfr_options_free, (tfr_options *))                                                     \
    F(tfr_status, tfr_index_create,                                                                \
      (const char *, const char *, const tfr_options *, uint64_t *, tfr_error **))                 \
    F(tfr_status, tfr_index_update,                                                                \
      (const char *, const char *, int32_t, const tfr_options *, uint64_t *, tfr_error **))        \
    F(tfr_status, tfr_create_indexes,                                                              \
      (const char *const *, const char *const *, size_t, size_t, int32_t, int32_t,                 \
       const tfr_options *, int32_t (*)(void *, const tfr_created *), void *, tfr_create_totals *, \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_index_find, (const char *, const char *, char **, tfr_error **))             \
    F(tfr_status, tfr_shards_find,                                                                 \
      (const char *const *, size_t, const char *, const char *, uint32_t, tfr_shards **,           \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_shards_from_paths,                                                           \
      (const char *const *, const char *const *, size_t, tfr_shards **, tfr_error **))             \
    F(size_t, tfr_shards_len, (const tfr_shards *))                                                \
    F(const char *, tfr_shards_path, (const tfr_shards *, size_t))                                 \
    F(const char *, tfr_shards_index_path, (const tfr_shards *, size_t))                           \
    F(const char *, tfr_shards_note, (const tfr_shards *, size_t))                                 \
    F(void, tfr_shards_free, (tfr_shards *))                                                       \
    F(tfr_status, tfr_index_scan, (const char *, const tfr_options *, tfr_index **, tfr_error **)) \
    F(tfr_status, tfr_index_read, (const char *, tfr_index **, tfr_error **))                      \
    F(tfr_status, tfr_index_from_bytes,                                                            \
      (const uint8_t *, size_t, const tfr_options *, tfr_index **, tfr_error **))                  \
    F(tfr_status, tfr_index_from_text, (const char *, size_t, tfr_index **, tfr_error **))         \
    F(tfr_status, tfr_index_from_entries, (const tfr_entry *, size_t, tfr_index **, tfr_error **)) \
    F(size_t, tfr_index_len, (const tfr_index *))                                                  \
    F(tfr_status, tfr_index_get, (const tfr_index *, size_t, tfr_entry *, tfr_error **))           \
    F(const tfr_entry *, tfr_index_entries, (const tfr_index *))                                   \
    F(tfr_status, tfr_index_to_text, (const tfr_index *, char **, size_t *, tfr_error **))         \
    F(void, tfr_text_free, (char *))                                                               \
    F(tfr_status, tfr_index_check,                                                                 \
      (const tfr_index *, const char *, int32_t, const tfr_options *, tfr_fit *, tfr_error **))    \
    F(tfr_status, tfr_index_write, (const tfr_index *, const char *, tfr_error **))                \
    F(tfr_status, tfr_index_select,                                                                \
      (const tfr_index *, const size_t *, size_t, tfr_index **, tfr_error **))                     \
    F(tfr_status, tfr_index_filter_size,                                                           \
      (const tfr_index *, uint64_t, uint64_t, tfr_index **, tfr_error **))                         \
    F(tfr_status, tfr_index_shuffle, (const tfr_index *, uint64_t, tfr_index **, tfr_error **))    \
    F(tfr_status, tfr_index_sample,                                                                \
      (const tfr_index *, size_t, uint64_t, tfr_index **, tfr_error **))                           \
    F(tfr_status, tfr_index_shard,                                                                 \
      (const tfr_index *, size_t, size_t, int32_t, int32_t, tfr_index **, tfr_error **))           \
    F(tfr_status, tfr_index_concat,                                                                \
      (const tfr_index *const *, const uint64_t *, size_t, tfr_index **, tfr_error **))            \
    F(void, tfr_index_free, (tfr_index *))                                                         \
    F(tfr_status, tfr_locate,                                                                      \
      (const char *, uint64_t, const tfr_options *, tfr_location *, tfr_error **))                 \
    F(tfr_status, tfr_source_new,                                                                  \
      (int64_t (*)(void *, uint64_t, uint8_t *, size_t), void *, uint64_t, tfr_source **,          \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_source_from_memory, (const uint8_t *, size_t, tfr_source **, tfr_error **))  \
    F(tfr_status, tfr_source_set_free, (tfr_source *, void (*)(void *), tfr_error **))             \
    F(tfr_status, tfr_source_set_cost, (tfr_source *, uint64_t, uint64_t, size_t, tfr_error **))   \
    F(tfr_status, tfr_source_set_least_skip, (tfr_source *, uint64_t, tfr_error **))               \
    F(tfr_status, tfr_source_share, (const tfr_source *, tfr_source **, tfr_error **))             \
    F(tfr_status, tfr_gzip_source,                                                                 \
      (const tfr_source *, const tfr_source *, tfr_source **, tfr_error **))                       \
    F(void, tfr_source_free, (tfr_source *))                                                       \
    F(tfr_status, tfr_index_create_from_source,                                                    \
      (const tfr_source *, const char *, const tfr_options *, uint64_t *, tfr_error **))           \
    F(tfr_status, tfr_index_from_source,                                                           \
      (const tfr_source *, const tfr_options *, tfr_index **, tfr_error **))                       \
    F(tfr_status, tfr_index_check_source,                                                          \
      (const tfr_index *, const tfr_source *, int32_t, const tfr_options *, tfr_fit *,             \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_indexer_new, (const tfr_options *, tfr_indexer **, tfr_error **))            \
    F(tfr_status, tfr_indexer_push,                                                                \
      (tfr_indexer *, const uint8_t *, size_t, tfr_entry *, size_t, size_t *, size_t *,            \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_indexer_finish, (tfr_indexer *, tfr_error **))                               \
    F(void, tfr_indexer_free, (tfr_indexer *))                                                     \
    F(tfr_status, tfr_writer_create,                                                               \
      (const char *, const char *, const tfr_options *, tfr_writer **, tfr_error **))              \
    F(tfr_status, tfr_writer_append,                                                               \
      (const char *, const char *, const tfr_options *, tfr_writer **, tfr_error **))              \
    F(tfr_status, tfr_writer_write, (tfr_writer *, const uint8_t *, size_t, tfr_error **))         \
    F(tfr_status, tfr_writer_write_many,                                                           \
      (tfr_writer *, const uint8_t *, const size_t *, size_t, tfr_error **))                       \
    F(tfr_status, tfr_writer_flush, (tfr_writer *, tfr_error **))                                  \
    F(uint64_t, tfr_writer_num_records, (const tfr_writer *))                                      \
    F(tfr_status, tfr_writer_finish, (tfr_writer *, uint64_t *, tfr_error **))                     \
    F(void, tfr_writer_free, (tfr_writer *))                                                       \
    F(tfr_status, tfr_reader_open,                                                                 \
      (const char *, const tfr_index *, const tfr_options *, tfr_reader **, tfr_error **))         \
    F(tfr_status, tfr_reader_from_source,                                                          \
      (const tfr_source *, const tfr_index *, const tfr_options *, tfr_reader **, tfr_error **))   \
    F(const tfr_error *, tfr_reader_warning, (const tfr_reader *))                                 \
    F(size_t, tfr_reader_len, (const tfr_reader *))                                                \
    F(tfr_status, tfr_reader_entry, (const tfr_reader *, size_t, tfr_entry *, tfr_error **))       \
    F(tfr_status, tfr_reader_index, (const tfr_reader *, tfr_index **, tfr_error **))              \
    F(tfr_status, tfr_reader_sizes,                                                                \
      (const tfr_reader *, const size_t *, size_t, size_t *, tfr_error **))                        \
    F(tfr_status, tfr_reader_offsets,                                                              \
      (const tfr_reader *, const size_t *, size_t, size_t *, tfr_error **))                        \
    F(tfr_status, tfr_reader_read,                                                                 \
      (const tfr_reader *, size_t, uint8_t *, size_t, size_t *, tfr_error **))                     \
    F(tfr_status, tfr_reader_read_many,                                                            \
      (const tfr_reader *, const size_t *, size_t, uint8_t *, size_t, size_t *, tfr_error **))     \
    F(tfr_status, tfr_reader_read_each,                                                            \
      (const tfr_reader *, const size_t *, size_t, uint8_t *const *, const size_t *,               \
       tfr_error **))                                                                              \
    F(void, tfr_reader_free, (tfr_reader *))                                                       \
    F(tfr_status, tfr_reader_iterate,                                                              \
      (const tfr_reader *, const size_t *, size_t, tfr_iterator **, tfr_error **))                 \
    F(tfr_status, tfr_iterator_next, (tfr_iterator *, const uint8_t **, size_t *, tfr_error **))   \
    F(void, tfr_iterator_free, (tfr_iterator *))                                                   \
    F(tfr_status, tfr_permutation_new, (uint64_t, uint64_t, tfr_permutation **, tfr_error **))     \
    F(uint64_t, tfr_permutation_len, (const tfr_permutation *))                                    \
    F(tfr_status, tfr_permutation_get,                                                             \
      (const tfr_permutation *, uint64_t, uint64_t *, tfr_error **))                               \
    F(tfr_status, tfr_permutation_position,                                                        \
      (const tfr_permutation *, uint64_t, uint64_t *, tfr_error **))                               \
    F(tfr_status, tfr_permutation_fill,                                                            \
      (const tfr_permutation *, uint64_t, uint64_t *, size_t, size_t *, tfr_error **))             \
    F(void, tfr_permutation_free, (tfr_permutation *))                                             \
    F(tfr_status, tfr_order_new, (uint64_t, tfr_order **, tfr_error **))                           \
    F(tfr_status, tfr_order_set_shuffle, (tfr_order *, uint64_t, tfr_error **))                    \
    F(tfr_status, tfr_order_set_shuffle_chunks, (tfr_order *, uint64_t, uint64_t, tfr_error **))   \
    F(tfr_status, tfr_order_set_epoch, (tfr_order *, uint64_t, tfr_error **))                      \
    F(tfr_status, tfr_order_set_shard, (tfr_order *, uint64_t, uint64_t, int32_t, tfr_error **))   \
    F(tfr_status, tfr_order_set_start, (tfr_order *, uint64_t, tfr_error **))                      \
    F(uint64_t, tfr_order_len, (const tfr_order *))                                                \
    F(tfr_status, tfr_order_get, (const tfr_order *, uint64_t, uint64_t *, tfr_error **))          \
    F(tfr_status, tfr_order_fill,                                                                  \
      (const tfr_order *, uint64_t, uint64_t *, size_t, size_t *, tfr_error **))                   \
    F(void, tfr_order_free, (tfr_order *))                                                         \
    F(tfr_status, tfr_features_new, (tfr_features **, tfr_error **))                               \
    F(tfr_status, tfr_features_add,                                                                \
      (tfr_features *, const char *, size_t, int32_t, size_t *, tfr_error **))                     \
    F(tfr_status, tfr_features_set_shape,                                                          \
      (tfr_features *, size_t, const size_t *, size_t, tfr_error **))                              \
    F(tfr_status, tfr_features_set_ragged, (tfr_features *, size_t, tfr_error **))                 \
    F(tfr_status, tfr_features_set_default_int64,                                                  \
      (tfr_features *, size_t, const int64_t *, size_t, tfr_error **))                             \
    F(tfr_status, tfr_features_set_default_float,                                                  \
      (tfr_features *, size_t, const float *, size_t, tfr_error **))                               \
    F(tfr_status, tfr_features_set_default_bytes,                                                  \
      (tfr_features *, size_t, const tfr_bytes *, size_t, tfr_error **))                           \
    F(tfr_status, tfr_features_set_sequence, (tfr_features *, size_t, int32_t, tfr_error **))      \
    F(int32_t, tfr_features_is_sequence, (const tfr_features *, size_t))                           \
    F(int32_t, tfr_features_allows_missing, (const tfr_features *, size_t))                        \
    F(const size_t *, tfr_columns_step_offsets, (const tfr_columns *, size_t))                     \
    F(size_t, tfr_features_len, (const tfr_features *))                                            \
    F(tfr_bytes, tfr_features_name, (const tfr_features *, size_t))                                \
    F(int32_t, tfr_features_kind, (const tfr_features *, size_t))                                  \
    F(int32_t, tfr_features_is_ragged, (const tfr_features *, size_t))                             \
    F(const size_t *, tfr_features_shape, (const tfr_features *, size_t, size_t *))                \
    F(void, tfr_features_free, (tfr_features *))                                                   \
    F(tfr_status, tfr_columns_decode,                                                              \
      (const tfr_features *, const uint8_t *, size_t, const size_t *, size_t, size_t,              \
       tfr_columns **, tfr_error **))                                                              \
    F(size_t, tfr_columns_len, (const tfr_columns *))                                              \
    F(const int64_t *, tfr_columns_int64, (const tfr_columns *, size_t, size_t *))                 \
    F(const float *, tfr_columns_float, (const tfr_columns *, size_t, size_t *))                   \
    F(const tfr_bytes *, tfr_columns_bytes, (const tfr_columns *, size_t, size_t *))               \
    F(const size_t *, tfr_columns_offsets, (const tfr_columns *, size_t))                          \
    F(void, tfr_columns_free, (tfr_columns *))                                                     \
    F(tfr_status, tfr_features_infer,                                                              \
      (const tfr_shards *, uint64_t, const tfr_options *, tfr_features **, tfr_error **))          \
    F(tfr_status, tfr_features_infer_from_opener,                                                  \
      (const char *const *, size_t, int32_t (*)(void *, size_t, tfr_opened_shard *, char *),       \
       void *, uint64_t, const tfr_options *, tfr_features **, tfr_error **))                      \
    F(tfr_status, tfr_features_warning,                                                            \
      (const tfr_features *, size_t, tfr_error **, tfr_error **))                                  \
    F(tfr_status, tfr_dataset_open,                                                                \
      (const char *const *, const char *const *, const tfr_index *const *, const uint64_t *,       \
       size_t, const tfr_options *, tfr_dataset **, tfr_error **))                                 \
    F(tfr_status, tfr_dataset_from_shards,                                                         \
      (const tfr_shards *, const char *const *, const tfr_index *const *, const tfr_options *,     \
       tfr_dataset **, tfr_error **))                                                              \
    F(tfr_status, tfr_dataset_from_opener,                                                         \
      (const char *const *, const tfr_index *const *, const uint64_t *, size_t,                    \
       int32_t (*)(void *, size_t, tfr_opened_shard *, char *), void *, void (*)(void *),          \
       const tfr_options *, tfr_dataset **, tfr_error **))                                         \
    F(uint64_t, tfr_dataset_len, (const tfr_dataset *))                                            \
    F(size_t, tfr_dataset_num_shards, (const tfr_dataset *))                                       \
    F(const char *, tfr_dataset_path, (const tfr_dataset *, size_t))                               \
    F(tfr_status, tfr_dataset_locate,                                                              \
      (const tfr_dataset *, uint64_t, size_t *, uint64_t *, tfr_error **))                         \
    F(tfr_status, tfr_dataset_chunk_records, (const tfr_dataset *, uint64_t *, tfr_error **))      \
    F(tfr_status, tfr_dataset_records_of,                                                          \
      (const tfr_dataset *, size_t, uint64_t *, uint64_t *, tfr_error **))                         \
    F(tfr_status, tfr_dataset_index_of, (const tfr_dataset *, size_t, tfr_index **, tfr_error **)) \
    F(size_t, tfr_dataset_num_warnings, (const tfr_dataset *))                                     \
    F(tfr_status, tfr_dataset_warning, (const tfr_dataset *, size_t, tfr_error **, tfr_error **))  \
    F(uint64_t, tfr_dataset_num_skipped, (const tfr_dataset *))                                    \
    F(tfr_status, tfr_dataset_skipped, (const tfr_dataset *, size_t, tfr_error **, tfr_error **))  \
    F(tfr_status, tfr_dataset_close_files, (const tfr_dataset *, tfr_error **))                    \
    F(void, tfr_dataset_free, (tfr_dataset *))                                                     \
    F(tfr_status, tfr_dataset_sizes,                                                               \
      (const tfr_dataset *, const uint64_t *, size_t, size_t *, tfr_error **))                     \
    F(tfr_status, tfr_dataset_entries,                                                             \
      (const tfr_dataset *, const uint64_t *, size_t, tfr_entry *, tfr_error **))                  \
    F(tfr_status, tfr_dataset_offsets,                                                             \
      (const tfr_dataset *, const uint64_t *, size_t, size_t *, tfr_error **))                     \
    F(tfr_status, tfr_dataset_read,                                                                \
      (const tfr_dataset *, uint64_t, uint8_t *, size_t, size_t *, tfr_error **))                  \
    F(tfr_status, tfr_dataset_read_many,                                                           \
      (const tfr_dataset *, const uint64_t *, size_t, uint8_t *, size_t, size_t *, tfr_error **))  \
    F(tfr_status, tfr_dataset_read_each,                                                           \
      (const tfr_dataset *, const uint64_t *, size_t, uint8_t *const *, const size_t *,            \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_dataset_read_batch,                                                          \
      (const tfr_dataset *, const uint64_t *, size_t, tfr_batch **, tfr_error **))                 \
    F(size_t, tfr_batch_len, (const tfr_batch *))                                                  \
    F(const uint8_t *, tfr_batch_bytes, (const tfr_batch *))                                       \
    F(const size_t *, tfr_batch_offsets, (const tfr_batch *))                                      \
    F(const uint64_t *, tfr_batch_records, (const tfr_batch *))                                    \
    F(tfr_status, tfr_batch_skipped, (const tfr_batch *, size_t, tfr_error **, tfr_error **))      \
    F(tfr_status, tfr_dataset_read_columns,                                                        \
      (const tfr_dataset *, const uint64_t *, size_t, const tfr_features *, tfr_batch **,          \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_reader_read_columns,                                                         \
      (const tfr_reader *, const size_t *, size_t, const tfr_features *, tfr_batch **,             \
       tfr_error **))                                                                              \
    F(const tfr_columns *, tfr_batch_columns, (const tfr_batch *))                                 \
    F(void, tfr_batch_free, (tfr_batch *))                                                         \
    F(tfr_status, tfr_batches_new,                                                                 \
      (const tfr_dataset *, const tfr_order *, size_t, size_t, int32_t, tfr_batches **,            \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_batches_of,                                                                  \
      (const tfr_dataset *, uint64_t, int64_t, const tfr_order *, size_t, size_t, size_t, int32_t, \
       tfr_batches **, tfr_error **))                                                              \
    F(tfr_status, tfr_batches_set_features, (tfr_batches *, const tfr_features *, tfr_error **))   \
    F(tfr_status, tfr_batches_next, (tfr_batches *, tfr_batch **, tfr_error **))                   \
    F(tfr_status, tfr_batches_wait, (tfr_batches *, uint32_t, int32_t *, tfr_error **))            \
    F(uint64_t, tfr_batches_state, (const tfr_batches *))                                          \
    F(void, tfr_batches_free, (tfr_batches *))                                                     \
    F(tfr_status, tfr_encode_examples,                                                             \
      (size_t, const tfr_feature_values *, size_t, tfr_batch **, tfr_error **))                    \
    F(tfr_status, tfr_writer_write_examples,                                                       \
      (tfr_writer *, size_t, const tfr_feature_values *, size_t, tfr_error **))                    \
    F(tfr_status, tfr_reshard,                                                                     \
      (const tfr_shards *, const char *const *, const char *, const char *, uint64_t, uint64_t,    \
       const uint64_t *, const tfr_options *, tfr_warning_fn, void *, tfr_error **))               \
    F(tfr_status, tfr_report_new,                                                                  \
      (const tfr_shards *, size_t, uint64_t, uint64_t, int32_t, const tfr_options *,               \
       tfr_report **, tfr_error **))                                                               \
    F(tfr_status, tfr_report_from_opener,                                                          \
      (const char *const *, size_t, int32_t (*)(void *, size_t, tfr_opened_shard *, char *),       \
       void *, size_t, uint64_t, uint64_t, int32_t, const tfr_options *, tfr_report **,            \
       tfr_error **))                                                                              \
    F(tfr_status, tfr_report_to_html, (const tfr_report *, char **, tfr_error **))                 \
    F(tfr_status, tfr_report_to_json, (const tfr_report *, char **, tfr_error **))                 \
    F(tfr_status, tfr_report_write, (const tfr_report *, const char *, tfr_error **))              \
    F(void, tfr_report_free, (tfr_report *))                                                       \
    F(tfr_status, tfr_dataset_from_manifest,                                                       \
      (const tfr_manifest *, const tfr_options *, tfr_dataset **, tfr_error **))                   \
    F(tfr_status, tfr_manifest_build,                                                              \
      (const tfr_shards *, const tfr_options *, tfr_manifest **, tfr_error **))                    \
    F(tfr_status, tfr_manifest_from_rows,                                                          \
      (const tfr_manifest_row *, size_t, tfr_manifest **, tfr_error **))                           \
    F(tfr_status, tfr_manifest_read, (const char *, tfr_manifest **, tfr_error **))                \
    F(tfr_status, tfr_manifest_from_tfds,                                                          \
      (const char *, const char *, const tfr_options *, tfr_manifest **, tfr_error **))            \
    F(tfr_status, tfr_manifest_write, (const tfr_manifest *, const char *, tfr_error **))          \
    F(tfr_status, tfr_manifest_write_tfds,                                                         \
      (const tfr_manifest *, const char *, const char *, tfr_error **))                            \
    F(tfr_status, tfr_manifest_refresh,                                                            \
      (tfr_manifest *, const tfr_shards *, const tfr_options *, tfr_changes **, tfr_error **))     \
    F(size_t, tfr_manifest_len, (const tfr_manifest *))                                            \
    F(uint64_t, tfr_manifest_total_records, (const tfr_manifest *))                                \
    F(tfr_status, tfr_manifest_get,                                                                \
      (const tfr_manifest *, size_t, tfr_manifest_row *, tfr_error **))                            \
    F(tfr_status, tfr_manifest_shards, (const tfr_manifest *, tfr_shards **, tfr_error **))        \
    F(void, tfr_manifest_free, (tfr_manifest *))                                                   \
    F(size_t, tfr_changes_len, (const tfr_changes *, int32_t))                                     \
    F(const char *, tfr_changes_path, (const tfr_changes *, int32_t, size_t))                      \
    F(int32_t, tfr_changes_reordered, (const tfr_changes *))                                       \
    F(void, tfr_changes_free, (tfr_changes *))                                                     \
    F(size_t, tfr_callbacks_allow, (int32_t))                                                      \
    F(void, tfr_owner_free, (tfr_owner *))

/* The compiler refuses declarations that differ from the header's, the linker missing functions. */
#define DECLARE(result, name, arguments) result name arguments;
#define ADDRESS(result, name, arguments) (void (*)(void)) name,
FUNCTIONS(DECLARE)
static void (*const functions[])(void) = {FUNCTIONS(ADDRESS)};

/* Members in the promised order; the compiler refuses others. */
#define MEMBER(type, name, at, of)                                                                 \
    CHECK(offsetof(type, name) == (at) && sizeof(((type *)0)->name) == sizeof(of))

int main(void) {
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        CHECK(functions[i] != NULL);
    }
    CHECK(tfr_abi_version() == 1 && TFR_ABI_VERSION == 1);
    CHECK(TFR_UNKNOWN == UINT64_MAX);
    CHECK(sizeof(tfr_status) == 4 && sizeof(tfr_entry) == 16);
    MEMBER(tfr_entry, offset, 0, uint64_t);
    MEMBER(tfr_entry, size, 8, uint64_t);
    CHECK(sizeof(tfr_bytes) == 16 && sizeof(tfr_feature_values) == 48);
    MEMBER(tfr_bytes, bytes, 0, const uint8_t *);
    MEMBER(tfr_bytes, size, 8, size_t);
    MEMBER(tfr_feature_values, name, 0, const char *);
    MEMBER(tfr_feature_values, name_size, 8, size_t);
    MEMBER(tfr_feature_values, kind, 16, int32_t);
    MEMBER(tfr_feature_values, values, 24, const void *);
    MEMBER(tfr_feature_values, count, 32, size_t);
    MEMBER(tfr_feature_values, offsets, 40, const size_t *);
    MEMBER(tfr_created, number, 0, size_t);
    MEMBER(tfr_created, tfrecord_path, 8, const char *);
    MEMBER(tfr_created, index_path, 16, const char *);
    MEMBER(tfr_created, records, 24, uint64_t);
    MEMBER(tfr_created, skipped_regions, 32, uint64_t);
    MEMBER(tfr_created, bytes, 40, uint64_t);
    MEMBER(tfr_created, error, 48, const tfr_error *);
    MEMBER(tfr_created, planned, 56, int32_t);
    MEMBER(tfr_opened_shard, data, 0, tfr_source *);
    MEMBER(tfr_opened_shard, index_file, 8, tfr_source *);
    MEMBER(tfr_opened_shard, seek_file, 16, tfr_source *);
    MEMBER(tfr_opened_shard, given_index, 24, tfr_source *);
    CHECK(sizeof(tfr_create_totals) == 56);
    MEMBER(tfr_create_totals, created, 0, size_t);
    MEMBER(tfr_create_totals, up_to_date, 8, size_t);
    MEMBER(tfr_create_totals, failed, 16, size_t);
    MEMBER(tfr_create_totals, records, 24, uint64_t);
    MEMBER(tfr_create_totals, bytes, 32, uint64_t);
    MEMBER(tfr_create_totals, skipped_regions, 40, uint64_t);
    MEMBER(tfr_create_totals, planned, 48, size_t);
    CHECK(sizeof(tfr_fit) == 16);
    MEMBER(tfr_fit, uncovered_bytes, 0, uint64_t);
    MEMBER(tfr_fit, flags, 8, uint32_t);
    CHECK(sizeof(tfr_location) == 64);
    MEMBER(tfr_location, record, 0, uint64_t);
    MEMBER(tfr_location, offset, 8, uint64_t);
    MEMBER(tfr_location, length, 16, uint64_t);
    MEMBER(tfr_location, stored_length_crc, 24, uint64_t);
    MEMBER(tfr_location, computed_length_crc, 32, uint64_t);
    MEMBER(tfr_location, stored_payload_crc, 40, uint64_t);
    MEMBER(tfr_location, computed_payload_crc, 48, uint64_t);
    MEMBER(tfr_location, part, 56, int32_t);
    MEMBER(tfr_skipped, start, 0, uint64_t); /* later versions may add members at its end */
    MEMBER(tfr_skipped, end, 8, uint64_t);
    MEMBER(tfr_skipped, record, 16, uint64_t);
    MEMBER(tfr_skipped, error, 24, void *);
    MEMBER(tfr_skipped, incomplete_tail, 24 + sizeof(void *), int32_t);
    MEMBER(tfr_manifest_row, path, 0, void *);
    MEMBER(tfr_manifest_row, index_path, sizeof(void *), void *);
    MEMBER(tfr_manifest_row, bytes, 2 * sizeof(void *), uint64_t);
    MEMBER(tfr_manifest_row, records, 2 * sizeof(void *) + 8, uint64_t);
    MEMBER(tfr_manifest_row, mtime_ns, 2 * sizeof(void *) + 16, int64_t);
    MEMBER(tfr_manifest_row, etag, 2 * sizeof(void *) + 24, void *);
    CHECK(TFR_CHANGE_ADDED == 1 && TFR_CHANGE_CHANGED == 2 && TFR_CHANGE_GONE == 3);
    CHECK(TFR_CHANGE_INDEXED == 4);
    CHECK(sizeof(tfr_owner) == 2 * sizeof(void *));
    MEMBER(tfr_owner, handle, 0, void *);
    MEMBER(tfr_owner, free, sizeof(void *), void (*)(void));
    CHECK(TFR_OK == 0 && TFR_ERR_INVALID_ARGUMENT == 1 && TFR_ERR_IO == 2);
    CHECK(TFR_ERR_NOT_TFRECORD == 3 && TFR_ERR_TRUNCATED == 4 && TFR_ERR_LENGTH == 5);
    CHECK(TFR_ERR_LENGTH_CRC == 6 && TFR_ERR_PAYLOAD_CRC == 7 && TFR_ERR_INVALID_INDEX == 8);
    CHECK(TFR_ERR_OUT_OF_RANGE == 9 && TFR_ERR_CANCELLED == 10);
    CHECK(TFR_ERR_OUT_OF_MEMORY == 11 && TFR_ERR_PANIC == 12 && TFR_ERR_MISMATCH == 13);
    CHECK(TFR_ERR_STALE == 14 && TFR_ERR_INVALID_MANIFEST == 15);
    CHECK(TFR_ERR_EXAMPLE == 16 && TFR_ERR_FEATURE == 17 && TFR_ERR_COMPRESSED == 18);
    CHECK(TFR_CHECKSUMS_AUTO == 0 && TFR_CHECKSUMS_NONE == 1);
    CHECK(TFR_CHECKSUMS_LENGTH == 2 && TFR_CHECKSUMS_FULL == 3);
    CHECK(TFR_CHECK_QUICK == 0 && TFR_CHECK_HEADERS == 1 && TFR_CHECK_FULL == 2);
    CHECK(TFR_FIT_REORDERED == 1 && TFR_FIT_REPEATED == 2 && TFR_FIT_CHECKSUMS_SKIPPED == 4);
    CHECK(TFR_FIT_PARTIAL == 8);
    CHECK(TFR_PART_LENGTH == 0 && TFR_PART_LENGTH_CRC == 1);
    CHECK(TFR_PART_PAYLOAD == 2 && TFR_PART_PAYLOAD_CRC == 3);
    CHECK(TFR_SHARD_BY_RECORDS == 0 && TFR_SHARD_BY_BYTES == 1);
    CHECK(TFR_REMAINDER_KEEP == 0 && TFR_REMAINDER_DROP == 1 && TFR_REMAINDER_PAD == 2);
    return 0;
}
