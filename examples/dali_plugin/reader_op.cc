// reader_op.cc: the operator fn.tfr.reader of NVIDIA DALI; docs/dali.md shows its use.
//
// As in DALI's file reader, one thread chooses the records of the next batches in advance. A batch
// is read when it is needed, directly to the output, by one call of the data set, which has threads
// of its own. To divide the batch among the pipeline's threads takes more code and at least as much
// processor time: 0.38 s instead of 0.34 s for 120,000 records of 60 files, shuffled, 0.16 s
// instead of 0.14 s in order. The time that passes is the same.

#include "loader.h"

#include <dali/operators/reader/reader_op.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace tfr_dali {

class Reader : public dali::DataReader<dali::CPUBackend, Record, Record, true> {
  public:
    explicit Reader(const dali::OpSpec &spec) : DataReader(spec) {
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
        auto &output = ws.Output<dali::CPUBackend>(0);
        const std::vector<tfr::entry> entries = dataset().entries(records_);
        std::vector<std::uint8_t *> buffers;
        for (int i = 0; i < GetCurrBatchSize(); i++) {
            buffers.push_back(output.mutable_tensor<std::uint8_t>(i));
            // The same text as fn.readers.tfrecord.
            output.SetSourceInfo(i, dataset().path(dataset().locate(records_[i]).shard) +
                                        " at index " + std::to_string(entries[i].offset));
        }
        dataset().read_each(records_, buffers, sizes_);
        loader().report();
    }

  private:
    RecordLoader &loader() { return static_cast<RecordLoader &>(*loader_); }
    const tfr::dataset &dataset() { return loader().dataset(); }

    std::vector<std::uint64_t> records_; // of the batch
    std::vector<std::size_t> sizes_;     // of their payloads
};

} // namespace tfr_dali

DALI_REGISTER_OPERATOR(tfr__Reader, ::tfr_dali::Reader, ::dali::CPU);

DALI_SCHEMA(tfr__Reader)
    .DocStr(R"(Reads TFRecord files, and returns each record's payload as a 1-D tensor of bytes.

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
    .NumOutput(1)
    .OutputDType(0, DALI_UINT8)
    .OutputNDim(0, 1)
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
    .AddOptionalArg<int64_t>(
        "max_open_files",
        R"(The maximum number of open files. 0, the default, is half of the process's
limit (``ulimit -n``).

The reader closes the least recently used files, and opens them again when they are needed; if more
threads read, some wait.)",
        int64_t{0})
    .AddParent("LoaderBase");
