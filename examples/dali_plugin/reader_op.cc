// reader_op.cc: the operator fn.tfr.reader of NVIDIA DALI; docs/dali.md shows its use.
//
// As in DALI's file reader, one thread chooses the records of the next batches in advance, and the
// pipeline's threads read them. Each thread takes a part of the batch, reads neighbouring records
// together, and writes the payloads directly to the output.

#include "loader.h"

#include <dali/operators/reader/reader_op.h>

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace tfr_dali {

/// A record of a batch, and the buffer for its payload.
struct Request {
    Dataset::Place place;
    std::uint64_t offset;
    std::uint8_t *buffer;
    std::size_t size;
};

/// Divides a batch among threads. Each part has records of one file that are close together.
std::vector<Batch> divide(std::vector<Request> batch, std::size_t threads) {
    // A read takes about as long as copying 8192 bytes.
    const auto cost = [](const Request &request) { return request.size + 8192; };
    std::size_t total = 0;
    for (const Request &request : batch) {
        total += cost(request);
    }
    std::sort(batch.begin(), batch.end(), [](const Request &a, const Request &b) {
        return std::tie(a.place.file, a.offset) < std::tie(b.place.file, b.offset);
    });
    const std::size_t fair = total / threads + 1;
    std::vector<Batch> parts;
    std::size_t size = fair;
    for (const Request &request : batch) {
        if (size >= fair || parts.back().file != request.place.file) {
            parts.push_back({request.place.file, {}, {}, {}});
            size = 0;
        }
        Batch &part = parts.back();
        part.records.push_back(request.place.record);
        part.buffers.push_back(request.buffer);
        part.capacities.push_back(request.size);
        size += cost(request);
    }
    return parts;
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
        std::vector<Request> batch;
        for (int i = 0; i < GetCurrBatchSize(); i++) {
            const Dataset::Place place = dataset().find(GetSample(i).number);
            const tfr::entry &entry = dataset().entry(place);
            batch.push_back({place, entry.offset, output.mutable_tensor<std::uint8_t>(i),
                             tfr::payload_size(entry)});
            // The same text as fn.readers.tfrecord.
            output.SetSourceInfo(i, dataset().path(place) + " at index " +
                                        std::to_string(entry.offset));
        }
        auto &threads = ws.GetThreadPool();
        for (Batch &part : divide(std::move(batch), threads.NumThreads())) {
            threads.AddWork([this, part = std::move(part)](int) { dataset().read(part); });
        }
        threads.RunAll();
    }

  private:
    Dataset &dataset() { return static_cast<RecordLoader &>(*loader_).dataset(); }
};

} // namespace tfr_dali

DALI_REGISTER_OPERATOR(tfr__Reader, ::tfr_dali::Reader, ::dali::CPU);

DALI_SCHEMA(tfr__Reader)
    .DocStr(R"(Reads TFRecord files, and returns each record's payload as a 1-D tensor of bytes.

No index files are needed. The reader uses the index ``<path>.idx`` if it accounts for all valid records
of its file; otherwise it ignores the index, with a warning on the standard error output. It indexes the
other files in memory when the pipeline is built, which reads the header of each record. Damage is an
error that names the file, the record and the byte.

Sharding, shuffling, padding and checkpoints work as in the other readers. The arguments `read_ahead`,
`dont_use_mmap` and `tensor_init_bytes` have no effect: the reader reads batches directly to their
destination.)")
    .NumInput(0)
    .NumOutput(1)
    .OutputDType(0, DALI_UINT8)
    .OutputNDim(0, 1)
    .AddArg("paths", R"(The TFRecord files: a list of paths, or one path.)", DALI_STRING_VEC)
    .AddOptionalArg<std::vector<std::string>>(
        "index_paths", R"(The index files of `paths`, one for each, in the same order.

The reader uses them as they are: an index may select, reorder and repeat records.)",
        nullptr)
    .AddOptionalArg("checksums", R"(Which checksums of a record the reader verifies:

- ``"auto"``: as ``"full"``; none, if the file was written without valid checksums
- ``"full"``: the checksums of its length and its payload
- ``"length"``: the checksum of its length
- ``"none"``: none; the reader returns the bytes as they are.)",
                    "auto")
    .AddOptionalArg("salvage", R"(Whether to skip damaged records.

The reader then scans all files when the pipeline is built: their headers, and also their payloads,
unless `checksums` is ``"length"``. It writes one line for each skipped region to the standard error
output, with the file, the record and the bytes. `index_paths` cannot be used when this argument is set
to True.)",
                    false)
    .AddOptionalArg("shuffle_after_epoch", R"(Whether to shuffle all records of all files
again for each epoch.

The order is the same in all shards, so that together they read every record in every epoch.
`stick_to_shard` and `random_shuffle` cannot be used when this argument is set to True.)",
                    false)
    .AddOptionalArg<int64_t>("shuffle_after_epoch_seed",
                             R"(The seed of `shuffle_after_epoch`.

All shards must have the same seed. The order of epoch ``e``, starting at 0, is the order of
``tfr_index_shuffle`` with the seed ``shuffle_after_epoch_seed + (e << 32)``.)",
                             kDaliDataloaderSeed)
    .AddOptionalArg<int64_t>("max_open_files",
                             R"(The maximum number of open files.

The reader closes the least recently used files, and opens them again when they are needed; if more
threads read, some wait. If the process may not open that many files (``ulimit -n``), it opens fewer.)",
                             256)
    .AddParent("LoaderBase");
