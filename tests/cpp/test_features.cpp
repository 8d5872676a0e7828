// Features of tf.train.Example records in C++. argv[1] is an empty directory.
#include <tfr_index.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"

namespace {

tfr::features wanted() {
    return {tfr::feature("id", TFR_FEATURE_INT64),
            tfr::feature("box", TFR_FEATURE_FLOAT).shape({2}).default_float({0.5F}),
            tfr::feature("words", TFR_FEATURE_BYTES).ragged()};
}

// Three records: 0 to 2 words; box is not there.
const std::vector<std::int64_t> ids_of_three{7, -1, 5};
const std::vector<std::string_view> words_of_three{"a", "few", "words"};
const std::vector<std::size_t> offsets_of_three{0, 1, 1, 3};
const std::vector<tfr::feature_values> values_of_three{
    tfr::feature_values("words", words_of_three).offsets(offsets_of_three),
    tfr::feature_values("id", ids_of_three)};

tfr::batch three() { return tfr::encode_examples(3, values_of_three); }

void check_columns(const tfr::columns &columns) {
    CHECK(columns.size() == 3 && !columns.empty());
    CHECK(columns.int64_values(0).size() == 3 && columns.int64_values(0)[1] == -1);
    CHECK(columns.float_values(1).size() == 6 && columns.float_values(1)[5] == 0.5F);
    CHECK(columns.bytes_values(2).size() == 3 && columns.bytes(2, 2) == "words");
    CHECK(columns.offsets(2).size() == 4 && columns.offsets(2)[2] == 1);
    CHECK(columns.offsets(0).empty() && columns.float_values(0).empty());
}

void features_say_what_they_are() {
    const tfr::features features = wanted();
    CHECK(features.size() == 3 && features.name(1) == "box" && features.name(3).empty());
    CHECK(features.kind(1) == TFR_FEATURE_FLOAT && features.kind(3) == 0);
    CHECK(features.is_ragged(2) && !features.is_ragged(1));
    CHECK(features.shape(1).size() == 1 && features.shape(1)[0] == 2 && features.shape(0).empty());
    CHECK(features.warnings().empty());
}

void payloads_are_decoded() {
    const tfr::batch batch = three();
    CHECK(batch.columns().get() == nullptr && batch.columns().empty());
    tfr::columns columns = tfr::columns::decode(wanted(), batch.bytes(), batch.offsets());
    const tfr::columns moved = std::move(columns);
    check_columns(moved);
    CHECK(columns.get() == nullptr && columns.empty()); // NOLINT: it was moved
    CHECK(tfr::columns::decode(wanted(), {}, {}).empty());
    const tfr::features defaults{
        tfr::feature("a", TFR_FEATURE_INT64).default_int64({1}),
        tfr::feature("b", TFR_FEATURE_BYTES).shape({2}).default_bytes({"x", "yz"})};
    const tfr::columns made = tfr::columns::decode(defaults, batch.bytes(), batch.offsets(), 1);
    CHECK(made.int64_values(0)[2] == 1 && made.bytes(1, 5) == "yz");
}

void records_are_read_and_decoded(const std::string &path) {
    tfr::writer writer = tfr::writer::create(path);
    writer.write_examples(3, values_of_three);
    writer.write("");
    writer.finish();

    check_columns(tfr::reader(path).read_columns({0, 1, 2}, wanted()).columns());
    const tfr::dataset dataset({path});
    check_columns(dataset.read_columns({0, 1, 2}, wanted()).columns());
    try {
        static_cast<void>(dataset.read_columns({0, 3}, wanted()));
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.status() == TFR_ERR_FEATURE && error.feature() == "id");
        CHECK(error.record() == 3 && error.path() == path);
    }
    tfr::batches batches = dataset.batches(3, tfr::order(4));
    for (const tfr::batch &batch : batches.features(wanted())) {
        check_columns(batch.columns());
        break;
    }

    const tfr::shards shards = tfr::shards::from_paths(std::vector<std::string>{path});
    const tfr::features inferred = tfr::features::infer(shards, 3);
    CHECK(inferred.size() == 2 && inferred.name(0) == "id" && !inferred.is_ragged(0));
    CHECK(tfr::features::infer(shards).is_ragged(0));
}

void steps_of_sequences_are_decoded() {
    // feature_lists { "t": steps [7, 8] and [9] }, then a record without a list.
    const std::string payload("\x12\x18\x0a\x16\x0a\x01t\x12\x11\x0a\x06\x1a\x04\x0a\x02\x07\x08"
                              "\x0a\x07\x1a\x05\x0a\x01\x09\x10",
                              26);
    const tfr::features features{tfr::feature("t", TFR_FEATURE_INT64).ragged().sequence(true),
                                 tfr::feature("id", TFR_FEATURE_INT64).default_int64({4})};
    CHECK(features.is_sequence(0) && features.allows_missing(0) && !features.is_sequence(1));
    const tfr::columns columns =
        tfr::columns::decode(features, payload, {0, payload.size(), payload.size()});
    CHECK(columns.offsets(0).size() == 3 && columns.offsets(0)[2] == 2);
    CHECK(columns.step_offsets(0).size() == 3 && columns.step_offsets(0)[2] == 3);
    CHECK(columns.step_offsets(1).empty() && columns.int64_values(1)[1] == 4);
}

void bad_values_are_refused() {
    const std::vector<std::int64_t> ids{1, 2, 3};
    const std::vector<std::size_t> offsets{0, 3};
    try {
        static_cast<void>(
            tfr::encode_examples(2, {tfr::feature_values("id", ids).offsets(offsets)}));
        CHECK(false);
    } catch (const std::invalid_argument &error) {
        CHECK(std::string(error.what()).find("feature id needs one offset more") !=
              std::string::npos);
    }
    try {
        static_cast<void>(tfr::encode_examples(2, {tfr::feature_values("id", ids)}));
        CHECK(false);
    } catch (const tfr::error &error) {
        CHECK(error.status() == TFR_ERR_INVALID_ARGUMENT && error.feature() == "id");
    }
}

} // namespace

int main(int argc, char **argv) {
    CHECK(argc == 2);
    features_say_what_they_are();
    payloads_are_decoded();
    records_are_read_and_decoded(std::string(argv[1]) + "/x.tfrecord");
    steps_of_sequences_are_decoded();
    bad_values_are_refused();
    return 0;
}
