// features.h: the features that fn.tfr.reader is asked for, and their values as DALI's tensors.
//
// Outputs are those of fn.readers.tfrecord wherever that one does what its documentation says: a
// record that lacks a feature of a fixed shape has the default, and one of variable length then has
// no values. What does not fit is an error.

#ifndef TFR_DALI_FEATURES_H
#define TFR_DALI_FEATURES_H

#include "loader.h"

#define DALI_BUILD_PROTO3 1 // for tf_feature.h
#include <dali/operators/reader/parser/tf_feature.h>
#include <dali/pipeline/operator/operator.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tfr_dali {

/// A record, by its place in a batch, that makes no tensor, and why.
struct BadRecord {
    std::size_t place;
    std::string reason;
};

/// A feature, and the tensors of its values.
class Feature {
  public:
    Feature(std::string name, dali::TFUtil::Feature asked)
        : name_(std::move(name)), asked_(std::move(asked)) {
        const std::string feature = "feature \"" + name_ + "\": ";
        inner_ = asked_.HasShape() ? asked_.Shape() : asked_.PartialShape();
        for (const dali::Index size : inner_) {
            require(size >= 0, feature + "a dimension of its shape is negative");
            require(size == 0 || values_ <= dali::Index(SIZE_MAX / 16) / size,
                    feature + "its shape is too large");
            values_ *= size;
        }
        require(!is_bytes() || (asked_.HasShape() && values_ == 1),
                feature + "strings make no tensor: give a FixedLenFeature of one string");
        require(asked_.HasShape() || values_ > 0, feature + "its partial_shape has no values");
    }

    /// What the library is to decode.
    tfr::feature wanted() const {
        const auto value = asked_.GetValue();
        tfr::feature wanted(name_, asked_.GetType() == dali::TFUtil::int64    ? TFR_FEATURE_INT64
                                   : asked_.GetType() == dali::TFUtil::string ? TFR_FEATURE_BYTES
                                                                              : TFR_FEATURE_FLOAT);
        if (!asked_.HasShape()) {
            return wanted.ragged();
        }
        switch (asked_.GetType()) {
        case dali::TFUtil::int64:
            wanted.default_int64({value.int64});
            break;
        case dali::TFUtil::string:
            wanted.default_bytes({value.str});
            break;
        case dali::TFUtil::float32:
            wanted.default_float({value.float32});
            break;
        }
        return wanted.shape({inner_.begin(), inner_.end()});
    }

    /// The shape and the type of a batch's tensors. `number` is the feature's. Throws a BadRecord.
    dali::OutputDesc output(const tfr::columns &columns, std::size_t number) const {
        const auto count = static_cast<int>(columns.size());
        if (!is_bytes() && asked_.HasShape()) {
            return {dali::uniform_list_shape(count, dali::TensorShape<>(inner_)), type()};
        }
        const int dimensions = is_bytes() ? 1 : static_cast<int>(inner_.size()) + 1;
        dali::TensorListShape<> shapes(count, dimensions);
        for (int i = 0; i < count; i++) {
            dali::TensorShape<> shape = dali::TensorShape<>(inner_);
            if (is_bytes()) {
                shape = {static_cast<dali::Index>(columns.bytes(number, std::size_t(i)).size())};
            } else {
                const auto values = dali::Index(values_of(columns, number, std::size_t(i)).second);
                if (values % values_ != 0) {
                    throw BadRecord{std::size_t(i),
                                    "feature \"" + name_ + "\": has " + std::to_string(values) +
                                        " values, which do not divide by its partial_shape"};
                }
                shape = dali::shape_cat(dali::TensorShape<1>(values / values_), shape);
            }
            shapes.set_tensor_shape(i, shape);
        }
        return {std::move(shapes), type()};
    }

    /// Copies the values of record i to its tensor.
    void write(const tfr::columns &columns, std::size_t number, std::size_t i, void *tensor) const {
        const auto [values, count] = values_of(columns, number, i);
        if (count > 0) {
            std::memcpy(tensor, values, count * size_of_value());
        }
    }

  private:
    bool is_bytes() const { return asked_.GetType() == dali::TFUtil::string; }

    dali::DALIDataType type() const {
        return asked_.GetType() == dali::TFUtil::int64 ? DALI_INT64
               : is_bytes()                            ? DALI_UINT8
                                                       : DALI_FLOAT;
    }

    std::size_t size_of_value() const {
        return asked_.GetType() == dali::TFUtil::int64 ? sizeof(std::int64_t)
               : is_bytes()                            ? 1
                                                       : sizeof(float);
    }

    /// Where the values of record i are, and how many.
    std::pair<const void *, std::size_t> values_of(const tfr::columns &columns, std::size_t number,
                                                   std::size_t i) const {
        if (is_bytes()) {
            const std::string_view bytes = columns.bytes(number, i);
            return {bytes.data(), bytes.size()};
        }
        std::size_t start = i * std::size_t(values_), end = start + std::size_t(values_);
        if (!asked_.HasShape()) {
            const tfr::array_view<std::size_t> offsets = columns.offsets(number);
            start = offsets[i], end = offsets[i + 1];
        }
        const void *values = asked_.GetType() == dali::TFUtil::int64
                                 ? static_cast<const void *>(columns.int64_values(number).data())
                                 : columns.float_values(number).data();
        return {static_cast<const char *>(values) + start * size_of_value(), end - start};
    }

    std::string name_;
    dali::TFUtil::Feature asked_;
    std::vector<dali::Index> inner_; // the dimensions that all records have
    dali::Index values_ = 1;         // their product
};

/// All features that the arguments ask for.
class Features {
  public:
    explicit Features(const dali::OpSpec &spec) {
        std::vector<std::string> names;
        std::vector<dali::TFUtil::Feature> asked;
        spec.TryGetRepeatedArgument(names, "feature_names");
        spec.TryGetRepeatedArgument(asked, "features");
        require(names.size() == asked.size(), "features has " + std::to_string(asked.size()) +
                                                  " elements, but feature_names " +
                                                  std::to_string(names.size()));
        std::vector<tfr::feature> wanted;
        for (std::size_t i = 0; i < names.size(); i++) {
            all_.emplace_back(names[i], asked[i]);
            wanted.push_back(all_.back().wanted());
        }
        wanted_.emplace(wanted);
        static_cast<void>(tfr::columns::decode(*wanted_, {}, {})); // do they contradict themselves?
    }

    const std::vector<Feature> &all() const { return all_; }
    const tfr::features &wanted() const { return *wanted_; }

  private:
    std::vector<Feature> all_;
    std::optional<tfr::features> wanted_;
};

} // namespace tfr_dali

#endif // TFR_DALI_FEATURES_H
