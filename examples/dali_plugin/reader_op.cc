// reader_op.cc: the operator fn.tfr.reader of NVIDIA DALI; docs/dali.md shows its use.
//
// As with DALI's reader of files, a thread decides ahead which records the next batches have, and
// the pipeline's threads read them: each takes a part of the batch, neighbouring records at once,
// and the payloads go straight to the output.

#include "loader.h"

#include <dali/operators/reader/reader_op.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tfr_dali {

/// A record of a batch, and where its payload goes.
struct Wanted {
    Dataset::Place place;
    std::uint64_t offset;
    std::uint8_t *buffer;
    std::size_t size;
};

/// Shares a batch out to threads: each gets records of one file that lie close together.
std::vector<Batch> share_out(std::vector<Wanted> batch, std::size_t threads) {
    // A read takes about as long as a copy of so many bytes.
    const auto cost = [](const Wanted &wanted) { return wanted.size + 8192; };
    std::size_t total = 0;
    for (const Wanted &wanted : batch) {
        total += cost(wanted);
    }
    std::sort(batch.begin(), batch.end(), [](const Wanted &a, const Wanted &b) {
        return std::tie(a.place.file, a.offset) < std::tie(b.place.file, b.offset);
    });
    const std::size_t fair = total / threads + 1;
    std::vector<Batch> shares;
    std::size_t taken = fair;
    for (const Wanted &wanted : batch) {
        if (taken >= fair || shares.back().file != wanted.place.file) {
            shares.push_back({wanted.place.file, {}, {}, {}});
            taken = 0;
        }
        Batch &share = shares.back();
        share.records.push_back(wanted.place.record);
        share.buffers.push_back(wanted.buffer);
        share.capacities.push_back(wanted.size);
        taken += cost(wanted);
    }
    return shares;
}

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
        dali::TensorListShape<1> shape(count);
        for (int i = 0; i < count; i++) {
            const tfr::entry &entry = dataset().entry(dataset().find(GetSample(i).number));
            shape.set_tensor_shape(i, {static_cast<dali::Index>(tfr::payload_size(entry))});
        }
        outputs.resize(1);
        outputs[0].shape = std::move(shape);
        outputs[0].type = DALI_UINT8;
        return true;
    }

    void RunImpl(dali::Workspace &ws) override {
        auto &output = ws.Output<dali::CPUBackend>(0);
        std::vector<Wanted> batch;
        for (int i = 0; i < GetCurrBatchSize(); i++) {
            const Dataset::Place place = dataset().find(GetSample(i).number);
            const tfr::entry &entry = dataset().entry(place);
            batch.push_back({place, entry.offset, output.mutable_tensor<std::uint8_t>(i),
                             tfr::payload_size(entry)});
            // As fn.readers.tfrecord has it.
            output.SetSourceInfo(i, dataset().path(place) + " at index " +
                                        std::to_string(entry.offset));
        }
        auto &threads = ws.GetThreadPool();
        for (Batch &share : share_out(std::move(batch), threads.NumThreads())) {
            threads.AddWork([this, share = std::move(share)](int) { dataset().read(share); });
        }
        threads.RunAll();
    }

  private:
    Dataset &dataset() { return static_cast<RecordLoader &>(*loader_).dataset(); }
};

} // namespace tfr_dali

DALI_REGISTER_OPERATOR(tfr__Reader, ::tfr_dali::Reader, ::dali::CPU);

DALI_SCHEMA(tfr__Reader)
    .DocStr(R"(Reads TFRecord files, and gives each record's payload as a 1-D tensor of bytes.

No index files are needed. The index ``<path>.idx`` is used if it accounts for all valid records of
its file; an index that does not is left aside, with a warning on the standard error output. Other
files are indexed in memory when the pipeline is built, which takes a look at each record's header.
Damage is an error that names file, record and byte.

Sharding, shuffling, padding and checkpoints are those of the other readers. Of their arguments,
`read_ahead`, `dont_use_mmap` and `tensor_init_bytes` change nothing: batches are read straight to
where they are used.)")
    .NumInput(0)
    .NumOutput(1)
    .OutputDType(0, DALI_UINT8)
    .OutputNDim(0, 1)
    .AddArg("paths", R"(The TFRecord files: a list of paths, or one path.)", DALI_STRING_VEC)
    .AddOptionalArg<std::vector<std::string>>(
        "index_paths", R"(The index files of `paths`, one for each, in their order.

They are taken as they are: an index may select, reorder and repeat records.)",
        nullptr)
    .AddOptionalArg("checksums", R"(What must hold of a record, else it is an error:

- ``"auto"``: as ``"full"``, but of files that were written without true checksums, none
- ``"full"``: the checksums of its length and of its payload
- ``"length"``: that of its length
- ``"none"``: nothing; bytes are given as they are.)",
                    "auto")
    .AddOptionalArg("salvage", R"(Whether damaged records are left out.

All files are then scanned when the pipeline is built: their headers, and the payloads, too, unless
`checksums` is ``"length"``. What is left out is written to the standard error output, a line for each region
with its file, record and bytes. `index_paths` cannot be given together with this.)",
                    false)
    .AddOptionalArg("shuffle_after_epoch", R"(Whether all records, of all files, are put in another
random order for each epoch.

The order is the same for all shards, so that they share all records out in every epoch.
`stick_to_shard` and `random_shuffle` cannot be used when this argument is set to True.)",
                    false)
    .AddOptionalArg<int64_t>("shuffle_after_epoch_seed",
                             R"(What the orders of `shuffle_after_epoch` depend on.

All shards must have the same one. The order of epoch ``e``, counted from 0, is that which
``tfr_index_shuffle`` makes with the seed ``shuffle_after_epoch_seed + (e << 32)``.)",
                             kDaliDataloaderSeed)
    .AddOptionalArg<int64_t>("max_open_files",
                             R"(How many files may be open at once.

Those that were used least recently are closed, and opened again when they are needed; if more threads
read, some wait. Where the process may not open that many (``ulimit -n``), it is fewer.)",
                             256)
    .AddParent("LoaderBase");
