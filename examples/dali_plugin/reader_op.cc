// reader_op.cc: the operator fn.tfr.reader of NVIDIA DALI; docs/dali.md shows its use.
//
// As in DALI's file reader, one thread chooses the records of the next batches in advance. A batch
// is read when it is needed, directly to the output, by one call of the data set, which has threads
// of its own. To divide the batch among the pipeline's threads takes more code and at least as much
// processor time: 0.38 s instead of 0.34 s for 120,000 records of 60 files, shuffled, 0.16 s
// instead of 0.14 s in order. The time that passes is the same.

#include "features.h"
#include "loader.h"

#include <dali/operators/reader/reader_op.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tfr_dali {

class Reader : public dali::DataReader<dali::CPUBackend, Record, Record, true> {
  public:
    explicit Reader(const dali::OpSpec &spec) : DataReader(spec), features_(spec) {
        loader_ = dali::InitLoader<RecordLoader>(spec);
        SetInitialSnapshot();
    }

    bool HasContiguousOutputs() const override { return true; }

  protected:
    bool SetupImpl(std::vector<dali::OutputDesc> &outputs, const dali::Workspace &ws) override {
        DataReader::SetupImpl(outputs, ws); // waits for the batch's records
        const int count = GetCurrBatchSize();
        records_.clear();
        for (int i = 0; i < count; i++) {
            records_.push_back(GetSample(i).number);
        }
        if (!features_.all().empty()) {
            decode();
            outputs.clear();
            try {
                for (std::size_t number = 0; number < features_.all().size(); number++) {
                    outputs.push_back(features_.all()[number].output(*columns_, number));
                }
            } catch (const BadRecord &bad) {
                const tfr::place at = dataset().locate(records_[bad.place]);
                const auto offset = dataset().entries({records_[bad.place]})[0].offset;
                throw std::runtime_error(dataset().path(at.shard) + ": record " +
                                         std::to_string(at.record) + " at byte " +
                                         std::to_string(offset) + ": " + bad.reason);
            }
            return true;
        }
        sizes_ = dataset().sizes(records_);
        dali::TensorListShape<1> shape(count);
        for (int i = 0; i < count; i++) {
            shape.set_tensor_shape(i, {static_cast<dali::Index>(sizes_[i])});
        }
        outputs.resize(1);
        outputs[0].shape = std::move(shape);
        outputs[0].type = DALI_UINT8;
        return true;
    }

    void RunImpl(dali::Workspace &ws) override {
        const std::vector<tfr::entry> entries = dataset().entries(records_);
        std::vector<std::uint8_t *> buffers;
        for (int i = 0; i < GetCurrBatchSize(); i++) {
            // The same text as fn.readers.tfrecord.
            const std::string source = dataset().path(dataset().locate(records_[i]).shard) +
                                       " at index " + std::to_string(entries[i].offset);
            for (int number = 0; number < ws.NumOutput(); number++) {
                ws.Output<dali::CPUBackend>(number).SetSourceInfo(i, source);
            }
            if (features_.all().empty()) {
                auto &output = ws.Output<dali::CPUBackend>(0);
                buffers.push_back(output.mutable_tensor<std::uint8_t>(i));
            }
        }
        if (features_.all().empty()) {
            dataset().read_each(records_, buffers, sizes_);
        } else {
            write(ws);
        }
        loader().report();
    }

  private:
    /// Reads and decodes the batch.
    void decode() {
        const std::size_t size = dataset().offsets(records_).back();
        if (payloads_.size() < size) {
            payloads_.resize(size);
        }
        const auto offsets = dataset().read_many(records_, payloads_.data(), payloads_.size());
        try {
            const std::string_view payloads(payloads_.data(), size);
            columns_.emplace(tfr::columns::decode(features_.wanted(), payloads, offsets));
        } catch (const tfr::error &error) {
            if (error.record()) {
                // The same error, with the file and the byte.
                const std::uint64_t record = records_[*error.record()];
                static_cast<void>(dataset().read_columns({record}, features_.wanted()));
            }
            throw;
        }
    }

    /// Copies the values to the outputs.
    void write(dali::Workspace &ws) {
        for (std::size_t number = 0; number < features_.all().size(); number++) {
            auto &output = ws.Output<dali::CPUBackend>(static_cast<int>(number));
            for (std::size_t i = 0; i < records_.size(); i++) {
                void *tensor = output.raw_mutable_tensor(static_cast<int>(i));
                features_.all()[number].write(*columns_, number, i, tensor);
            }
        }
    }

    RecordLoader &loader() { return static_cast<RecordLoader &>(*loader_); }
    const tfr::dataset &dataset() { return loader().dataset(); }

    std::vector<std::uint64_t> records_; // of the batch
    std::vector<std::size_t> sizes_;     // of their payloads
    const Features features_;
    std::string payloads_; // of the batch, if they are decoded
    std::optional<tfr::columns> columns_;
};

} // namespace tfr_dali

DALI_REGISTER_OPERATOR(tfr__Reader, ::tfr_dali::Reader, ::dali::CPU);

DALI_SCHEMA(tfr__Reader)
    .DocStr(
        R"(Reads TFRecord files, and returns each record's payload as a 1-D tensor of bytes, or `features` of it.

No index files are needed. The reader uses the index ``<path>.idx`` if it accounts for all valid records
of its file; otherwise it ignores the index, with a warning on the standard error output. It indexes the
other files in memory when the pipeline is built, which reads the header of each record. Damage is an
error that names the file, the record and the byte.

The number of threads that read a batch is chosen by the library: the processors' if that is worth it, and
up to 32 where reads wait for storage. The pipeline's `num_threads` has no effect on it.

Sharding, shuffling, padding and checkpoints work as in the other readers. The arguments `read_ahead`,
`dont_use_mmap` and `tensor_init_bytes` have no effect: the reader reads batches directly to their
destination.)")
    .NumInput(0)
    .OutputFn([](const dali::OpSpec &spec) {
        std::vector<std::string> names;
        spec.TryGetRepeatedArgument(names, "feature_names");
        return names.empty() ? 1 : static_cast<int>(names.size());
    })
    .AddArg("paths", R"(The TFRecord files: a list of paths, or one path.

A directory stands for the TFRecord files in it and below it. ``train-*.tfrecord``,
``data/**/*.tfrecord``, ``train-{0..9}.tfrecord`` and ``train@8`` stand for the files that have these
names. A manifest, ``NAME.manifest.json``, stands for its files: the reader takes their numbers of records
from it, and opens each file when it is needed.)",
            DALI_STRING_VEC)
    .AddOptionalArg<std::vector<std::string>>(
        "index_paths", R"(The index files of `paths`, one for each, in the same order.

The reader uses them as they are: an index may select, reorder and repeat records.)",
        nullptr)
    .AddOptionalArg("index_dir", R"(A directory with an index for each file.

It mirrors the directories of the files: the index of ``data/a/x.tfrecord`` is ``a/x.tfrecord.idx`` in it,
if `paths` is ``data``. The reader uses these indexes as those of `index_paths`.)",
                    "")
    .AddOptionalArg<std::vector<std::string>>("feature_names", R"(The names of `features`.

The Python module ``dali_tfr``, beside the plugin, takes a dict of features instead.)",
                                              nullptr)
    .AddOptionalArg("features", R"(Features of ``tf.train.Example`` records, as for
``fn.readers.tfrecord``: ``nvidia.dali.tfrecord.FixedLenFeature`` and ``VarLenFeature``.

The reader then has an output for each feature, instead of the payloads. A record that lacks a feature of
a fixed shape has the default; one of variable length then has no values. Values of another kind, and
another number of values than the shape has, are errors that name the file, the record, the byte and the
feature.)",
                    DALI_TF_FEATURE_VEC, nullptr)
    .AddOptionalArg("checksums", R"(Which checksums of a record the reader verifies:

- ``"auto"``: as ``"full"``; none, if the file was written without valid checksums
- ``"full"``: the checksums of its length and its payload
- ``"length"``: the checksum of its length
- ``"none"``: none; the reader returns the bytes as they are.)",
                    "auto")
    .AddOptionalArg("salvage", R"(Whether to skip damaged records.

The reader then scans all files when the pipeline is built: their headers, and also their payloads,
unless `checksums` is ``"length"``. It writes one line for each skipped region to the standard error
output, with the file, the record and the bytes. `index_paths` and `index_dir` cannot be used when this
argument is set to True.)",
                    false)
    .AddOptionalArg("shuffle_after_epoch", R"(Whether to shuffle all records of all files
again for each epoch.

The order is the same in all shards, so that together they read every record in every epoch.
`stick_to_shard` and `random_shuffle` cannot be used when this argument is set to True.)",
                    false)
    .AddOptionalArg<int64_t>("shuffle_after_epoch_seed",
                             R"(The seed of `shuffle_after_epoch`.

All shards must have the same seed. The order of epoch ``e``, starting at 0, is that of
``tfr_index.Order(num_records, seed=shuffle_after_epoch_seed, epoch=e)``.)",
                             kDaliDataloaderSeed)
    .AddOptionalArg("shuffle_chunks",
                    R"(Whether `shuffle_after_epoch` shuffles chunks of neighbouring records.

It then shuffles chunks that have about 2 MiB, and the records of a dozen chunks at a time: for
compressed files, where a record alone costs as much as many neighbours. The order is that of
``tfr_index.Order(dataset, seed=shuffle_after_epoch_seed, epoch=e, shuffle="chunks")``.)",
                    false)
    .AddOptionalArg<int64_t>(
        "max_open_files",
        R"(The maximum number of open files. 0, the default, is half of the process's
limit (``ulimit -n``).

The reader closes the least recently used files, and opens them again when they are needed; if more
threads read, some wait.)",
        int64_t{0})
    .AddParent("LoaderBase");
