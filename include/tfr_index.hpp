/// @file
/// The C++ binding of tfr_index.h: RAII handles, and exceptions for errors.
///
///     #include <iostream>
///     #include <tfr_index.hpp>
///
///     int main(int count, char **arguments) {
///         if (count != 2) return 2;
///         try {
///             tfr::reader reader(arguments[1]);
///             for (std::string_view payload : reader) {
///                 std::cout << payload.size() << " bytes\n";
///             }
///         } catch (const tfr::error &error) {
///             std::cerr << error.what() << '\n';
///             return 1;
///         }
///     }
///
/// Everything is inline: programs link the same library as for tfr_index.h. tfr_index.h is the
/// manual: the C function of the same name says what a function does, which errors it can return
/// and what threads may do. In C++:
///
/// - Objects can be moved but not copied; only sources can be copied. A moved-from object may only
/// be
///   destroyed or assigned to.
/// - Paths are std::string; const char * and std::filesystem::path convert to it. A path with a NUL
/// is
///   TFR_ERR_INVALID_ARGUMENT. So is an empty path, unless it means the default.
/// - Borrowed arrays are tfr::array_view, made from a vector, an array, a span or a braced list.
///   Record numbers may have any integer type.
/// - A call that fails throws tfr::error. If a callback or a source throws, the call rethrows that
///   exception.
/// - Many threads may call const functions of the same object at the same time, and any function of
///   the same writer.
///
/// The header needs C++17 and exceptions; without exceptions, use tfr_index.h. In C++20 the ranges
/// work with the ranges of the standard library.

#ifndef TFR_INDEX_HPP
#define TFR_INDEX_HPP

#include "tfr_index.h"

#if !defined(__cpp_exceptions) && !defined(_CPPUNWIND)
#error "tfr_index.hpp throws exceptions: enable them (-fexceptions), or use tfr_index.h"
#endif

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#ifdef __cpp_lib_ranges
#include <ranges>
#endif

namespace tfr {

/// The place of a record: the byte where its frame starts, and the size of the frame.
using entry = tfr_entry;

/// The byte where a payload starts in the file.
[[nodiscard]] inline std::uint64_t payload_offset(const entry &of) noexcept {
    return of.offset + 12;
}

/// The size of a payload in bytes.
[[nodiscard]] inline std::uint64_t payload_size(const entry &of) noexcept { return of.size - 16; }

/// A borrowed array, as a string_view is a borrowed string. It is made from anything that has
/// data() and size(), from an array, or from a braced list, which is valid only during the call
/// that it is an argument of. It is like std::span<const T> of C++20, and converts to one.
template <typename T> class array_view {
  public:
    /// The type of an element.
    using value_type = T;
    /// The type of begin().
    using const_iterator = const T *;
    /// The type of begin().
    using iterator = const_iterator;

    /// An empty view.
    constexpr array_view() noexcept = default;
    /// `size` elements, starting at `data`.
    constexpr array_view(const T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    /// A braced list.
    constexpr array_view(std::initializer_list<T> list) noexcept
        : array_view(list.begin(), list.size()) {}
    /// An array, or anything that has data() and size().
    template <typename Array, typename = std::enable_if_t<std::is_convertible_v<
                                  decltype(std::data(std::declval<const Array &>())), const T *>>>
    constexpr array_view(const Array &array) noexcept
        : array_view(std::data(array), std::size(array)) {}

    /// The number of elements.
    [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
    /// Whether there are no elements.
    [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
    /// The address of the first element.
    [[nodiscard]] constexpr const T *data() const noexcept { return data_; }
    /// The first element.
    [[nodiscard]] constexpr const T *begin() const noexcept { return data_; }
    /// The end: after the last element.
    [[nodiscard]] constexpr const T *end() const noexcept { return data_ + size_; }
    /// Element i; i must be less than size().
    template <typename Integer>
    [[nodiscard]] constexpr const T &operator[](Integer i) const noexcept {
        return data_[static_cast<std::size_t>(i)];
    }

  private:
    const T *data_ = nullptr;
    std::size_t size_ = 0;
};

/// What went wrong. what() is one line that names the file, the record and the byte.
class error : public std::runtime_error {
  public:
    /// Takes ownership of the error of a C function.
    error(tfr_status status, tfr_error *taken)
        : error(status, std::shared_ptr<tfr_error>(taken, tfr_error_free)) {}

    /// An error that does not come from a C function.
    error(tfr_status status, const std::string &message)
        : std::runtime_error(message), status_(status) {}

    /// The kind of error.
    [[nodiscard]] tfr_status status() const noexcept { return status_; }
    /// The path of the file; empty if there is none.
    [[nodiscard]] std::string path() const { return text(tfr_error_path(error_.get())); }
    /// The record's number.
    [[nodiscard]] std::optional<std::uint64_t> record() const noexcept {
        return known(tfr_error_record(error_.get()));
    }
    /// The byte where the record's frame, or the index's line, starts.
    [[nodiscard]] std::optional<std::uint64_t> offset() const noexcept {
        return known(tfr_error_offset(error_.get()));
    }
    /// The detected format, if the data is not TFRecord, such as "gzip"; empty if unknown.
    [[nodiscard]] std::string format() const { return text(tfr_error_format(error_.get())); }
    /// The name of the feature that is wrong; empty if the error is not about a feature.
    [[nodiscard]] std::string feature() const { return text(tfr_error_feature(error_.get())); }
    /// The stored value of the checksum that does not match.
    [[nodiscard]] std::optional<std::uint64_t> stored_crc() const noexcept {
        return known(tfr_error_stored_crc(error_.get()));
    }
    /// The value that this checksum should have.
    [[nodiscard]] std::optional<std::uint64_t> computed_crc() const noexcept {
        return known(tfr_error_computed_crc(error_.get()));
    }
    /// The system's error number (errno); 0 if there is none.
    [[nodiscard]] int os_error() const noexcept { return tfr_error_os_error(error_.get()); }

  private:
    error(tfr_status status, std::shared_ptr<tfr_error> taken)
        : std::runtime_error(taken ? tfr_error_message(taken.get()) : tfr_status_name(status)),
          status_(status), error_(std::move(taken)) {}

    static std::string text(const char *text) { return text ? text : ""; }
    static std::optional<std::uint64_t> known(std::uint64_t number) noexcept {
        return number == TFR_UNKNOWN ? std::nullopt : std::optional(number);
    }

    tfr_status status_;
    std::shared_ptr<tfr_error> error_; // shared, because exceptions are copied
};

namespace detail {

/// Calls a C function with these arguments and, as the last one, error_out.
template <typename Function, typename... Arguments>
void call(Function function, Arguments... arguments) {
    tfr_error *error = nullptr;
    const tfr_status status = function(arguments..., &error);
    if (status != TFR_OK) {
        throw tfr::error(status, error);
    }
}

/// The errors that an object has, which a C function returns by their numbers.
template <typename Function, typename Object>
std::vector<error> errors(Function function, const Object *object) {
    std::vector<error> found;
    while (true) {
        tfr_error *one = nullptr;
        call(function, object, found.size(), &one);
        if (one == nullptr) {
            return found;
        }
        found.emplace_back(tfr_error_status(one), one);
    }
}

/// A path for C, where a NUL inside would end it early.
inline const char *path(const std::string &path) {
    if (path.find('\0') != std::string::npos) {
        throw tfr::error(TFR_ERR_INVALID_ARGUMENT,
                         std::string("the path contains a NUL character: ") + path.c_str());
    }
    return path.c_str();
}

/// An index path for C, where NULL means the default.
inline const char *index_path(const std::string &path) {
    return path.empty() ? nullptr : detail::path(path);
}

/// A byte string for C.
inline tfr_bytes bytes_of(std::string_view bytes) noexcept {
    return {reinterpret_cast<const std::uint8_t *>(bytes.data()), bytes.size()};
}

/// Whether this is an integer type, but not bool.
template <typename Integer>
inline constexpr bool is_integer =
    std::is_integral_v<Integer> && !std::is_same_v<std::remove_cv_t<Integer>, bool>;

template <typename Integer>
using if_integer = std::enable_if_t<is_integer<std::remove_reference_t<Integer>>>;

template <typename Integer> constexpr bool is_negative(Integer number) noexcept {
    if constexpr (std::is_signed_v<Integer>) {
        return number < 0;
    } else {
        static_cast<void>(number);
        return false;
    }
}

/// A record number for C.
template <typename Integer, typename = if_integer<Integer>>
std::size_t record_number(Integer number) {
    if (is_negative(number) || static_cast<std::uintmax_t>(number) > SIZE_MAX) {
        throw tfr::error(TFR_ERR_OUT_OF_RANGE, "record " + std::to_string(number) +
                                                   ": out of range, record numbers start at 0");
    }
    return static_cast<std::size_t>(number);
}

/// A position for C, where a negative one is a huge one, which no sequence has.
template <typename Integer, typename = if_integer<Integer>>
std::uint64_t position(Integer position) noexcept {
    return is_negative(position) ? UINT64_MAX : static_cast<std::uint64_t>(position);
}

/// A deleter that calls the C function Free.
template <auto Free> struct deleter {
    template <typename Handle> void operator()(Handle *handle) const noexcept { Free(handle); }
};

template <typename Handle, auto Free> using handle = std::unique_ptr<Handle, deleter<Free>>;

} // namespace detail

/// Record numbers of any integer type: an array, another range, or a braced list. std::size_t
/// numbers are borrowed during the call that they are an argument of; other types are copied. A
/// negative number is TFR_ERR_OUT_OF_RANGE.
class record_numbers {
  public:
    /// No numbers.
    record_numbers() = default;
    /// A braced list.
    record_numbers(std::initializer_list<std::size_t> list) : view_(list.begin(), list.size()) {}
    /// A braced list of another integer type.
    template <typename Integer, typename = detail::if_integer<Integer>>
    record_numbers(std::initializer_list<Integer> list)
        : record_numbers(array_view<Integer>(list.begin(), list.size())) {}
    /// `size` numbers, starting at `data`.
    template <typename Integer, typename = detail::if_integer<Integer>>
    record_numbers(const Integer *data, std::size_t size)
        : record_numbers(array_view<Integer>(data, size)) {}
    /// A range.
    template <typename Range,
              typename = detail::if_integer<decltype(*std::begin(std::declval<const Range &>()))>>
    record_numbers(const Range &range) {
        if constexpr (std::is_convertible_v<const Range &, array_view<std::size_t>>) {
            view_ = range;
        } else {
            for (const auto number : range) {
                copy_.push_back(detail::record_number(number));
            }
            view_ = copy_;
        }
    }
    record_numbers(const record_numbers &) = delete;
    record_numbers &operator=(const record_numbers &) = delete;

    /// The number of elements.
    [[nodiscard]] std::size_t size() const noexcept { return view_.size(); }
    /// The address of the first element.
    [[nodiscard]] const std::size_t *data() const noexcept { return view_.data(); }

  private:
    std::vector<std::size_t> copy_;
    array_view<std::size_t> view_;
};

/// Data of known size that can be read at any position, such as an object in a store. Copies share
/// it.
class source {
  public:
    /// Data that a callable reads: `read(offset, buffer, size)` reads up to `size` bytes, starting
    /// at byte `offset`, into `buffer`. It returns the number of bytes, an integer: at least 1, and
    /// possibly fewer than `size`. `offset` is std::uint64_t and `size` is std::size_t. `buffer` is
    /// a pointer to void, char, unsigned char or std::byte, whichever the callable accepts. The
    /// source owns the callable. Several threads call it at the same time, unless
    /// options::threads(1). If it throws, the call that reads rethrows the exception; of several
    /// exceptions, the first.
    template <typename Read> source(std::uint64_t size, Read read) : size_(size) {
        auto made = std::make_shared<reading<Read>>(std::move(read));
        auto context = std::make_unique<std::shared_ptr<reading<Read>>>(made);
        tfr_source *native = nullptr;
        detail::call(tfr_source_new, reading<Read>::read_at, static_cast<void *>(context.get()),
                     size, &native);
        native_.reset(native, tfr_source_free);
        detail::call(tfr_source_set_free, native, reading<Read>::free);
        static_cast<void>(context.release());
        state_ = std::move(made);
    }

    /// Data in memory, such as a mapped file, without copying it. The memory must stay valid until
    /// the source and all its readers are destroyed.
    [[nodiscard]] static source from_memory(std::string_view data) {
        const auto *bytes = reinterpret_cast<const std::uint8_t *>(data.data());
        tfr_source *native = nullptr;
        detail::call(tfr_source_from_memory, bytes, data.size(), &native);
        source made;
        made.native_.reset(native, tfr_source_free);
        made.size_ = data.size();
        return made;
    }

    /// The decompressed bytes of another source, such as a compressed object in a store: see
    /// tfr_gzip_source(). What the callable of `compressed` throws is rethrown. Its size() is that
    /// of the compressed data.
    [[nodiscard]] static source gzip(const source &compressed) { return gzip(compressed, nullptr); }
    /// The same, with the bytes of the seek file.
    [[nodiscard]] static source gzip(const source &compressed, const source &seek_file) {
        return gzip(compressed, seek_file.get());
    }

    /// The size of the data in bytes.
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
    /// The C object. This object owns it.
    [[nodiscard]] const tfr_source *get() const noexcept { return native_.get(); }

    /// Says what a read costs, where each one is a request to another machine: see
    /// tfr_source_set_cost(). `latency` is the time of a read of one byte. To be called before the
    /// source is read.
    void set_cost(std::chrono::nanoseconds latency, std::uint64_t bytes_per_second,
                  std::size_t at_once) {
        const auto nanoseconds = static_cast<std::uint64_t>(latency.count());
        detail::call(tfr_source_set_cost, native_.get(), nanoseconds, bytes_per_second, at_once);
    }
    /// Sets from which size on scans skip bytes that they do not need: see
    /// tfr_source_set_least_skip(). To be called after set_cost().
    void set_least_skip(std::uint64_t bytes) {
        detail::call(tfr_source_set_least_skip, native_.get(), bytes);
    }

    /// Runs work that reads this source, and rethrows what its callable throws.
    template <typename Work> void during(Work work) const {
        const use in_use(*this);
        rethrowing(work);
    }

  private:
    /// What the callable threw while the source was in use.
    class state {
      public:
        [[nodiscard]] std::exception_ptr thrown() {
            const std::lock_guard<std::mutex> locked(mutex_);
            delivered_ = true;
            return thrown_;
        }
        void keep(std::exception_ptr thrown) {
            const std::lock_guard<std::mutex> locked(mutex_);
            if (!thrown_ || delivered_) {
                thrown_ = std::move(thrown);
                delivered_ = false;
            }
        }
        void begin() {
            const std::lock_guard<std::mutex> locked(mutex_);
            ++uses_;
        }
        void end() {
            const std::lock_guard<std::mutex> locked(mutex_);
            if (--uses_ == 0) {
                thrown_ = nullptr;
            }
        }

      private:
        std::mutex mutex_;
        std::size_t uses_ = 0;
        std::exception_ptr thrown_;
        bool delivered_ = false; // the exception stays, for other calls that failed with it
    };

    /// Keeps what the callable throws, while this object lives.
    class use {
      public:
        explicit use(const source &of) : state_(of.state_) {
            if (state_) {
                state_->begin();
            }
        }
        ~use() {
            if (state_) {
                state_->end();
            }
        }
        use(const use &) = delete;
        use &operator=(const use &) = delete;

      private:
        std::shared_ptr<state> state_;
    };

    template <typename Read> struct reading : state {
        explicit reading(Read given) : read(std::move(given)) {}

        /// Catches exceptions, which must not pass through C.
        static std::int64_t read_at(void *context, std::uint64_t offset, std::uint8_t *buffer,
                                    std::size_t size) noexcept {
            reading &self = **static_cast<std::shared_ptr<reading> *>(context);
            try {
                return checked(self.read_to(offset, buffer, size), size);
            } catch (...) {
                self.keep(std::current_exception());
                return -ECANCELED;
            }
        }
        static void free(void *context) { delete static_cast<std::shared_ptr<reading> *>(context); }

        auto read_to(std::uint64_t offset, void *buffer, std::size_t size) {
            if constexpr (std::is_invocable_v<Read &, std::uint64_t, void *, std::size_t>) {
                return read(offset, buffer, size);
            } else if constexpr (std::is_invocable_v<Read &, std::uint64_t, char *, std::size_t>) {
                return read(offset, static_cast<char *>(buffer), size);
            } else if constexpr (std::is_invocable_v<Read &, std::uint64_t, unsigned char *,
                                                     std::size_t>) {
                return read(offset, static_cast<unsigned char *>(buffer), size);
            } else {
                return read(offset, static_cast<std::byte *>(buffer), size);
            }
        }
        template <typename Count> static std::int64_t checked(Count count, std::size_t size) {
            const bool is_sound =
                !detail::is_negative(count) && static_cast<std::uintmax_t>(count) <= size;
            return is_sound ? static_cast<std::int64_t>(count) : -EINVAL;
        }

        Read read;
    };

    template <typename Work> void rethrowing(Work work) const {
        try {
            work();
        } catch (const error &failed) {
            if (state_ && failed.os_error() == ECANCELED) {
                if (const std::exception_ptr thrown = state_->thrown()) {
                    std::rethrow_exception(thrown);
                }
            }
            throw;
        }
    }

    static source gzip(const source &compressed, const tfr_source *seek_file) {
        tfr_source *native = nullptr;
        compressed.during(
            [&] { detail::call(tfr_gzip_source, compressed.get(), seek_file, &native); });
        source made;
        made.native_.reset(native, tfr_source_free);
        made.state_ = compressed.state_;
        made.size_ = compressed.size_;
        return made;
    }

    friend class reader;
    source() noexcept = default; // for readers of a path

    std::shared_ptr<tfr_source> native_;
    std::shared_ptr<state> state_;
    std::uint64_t size_ = 0;
};

/// Sets how many bytes of decompressed data the process may keep: see tfr_set_cache_bytes().
inline void set_cache_bytes(std::uint64_t bytes) noexcept { tfr_set_cache_bytes(bytes); }
/// The number that set_cache_bytes() sets.
[[nodiscard]] inline std::uint64_t cache_bytes() noexcept { return tfr_cache_bytes(); }

/// A region of the data that a scan skips, because of options::salvage() or
/// options::allow_incomplete_tail().
struct skipped {
    std::uint64_t start;  ///< the first byte of the region
    std::uint64_t end;    ///< the byte after the region
    std::uint64_t record; ///< the number of good records before the region
    std::string message;  ///< what is wrong at the start of the region
    tfr_status status;    ///< the kind of that error
    bool incomplete_tail; ///< true for a last record that is still being written, false for damage
};

/// The settings of a scan or a reader. They must live as long as the call that uses them. Several
/// threads may share them only if they have no callbacks.
class options {
  public:
    /// The defaults.
    options() : state_(std::make_unique<state>()) {
        tfr_options *made = nullptr;
        detail::call(tfr_options_new, &made);
        state_->native.reset(made);
    }

    /// Sets the checksum policy.
    options &checksums(tfr_checksums policy) {
        detail::call(tfr_options_set_checksums, get(), static_cast<std::int32_t>(policy));
        return *this;
    }
    /// Sets the number of threads: 1 uses only the calling thread; 0 chooses automatically.
    options &threads(std::size_t count) {
        detail::call(tfr_options_set_threads, get(), count);
        return *this;
    }
    /// Makes create_index() continue an existing index file with the data that was appended since.
    options &resume(bool yes = true) {
        detail::call(tfr_options_set_resume, get(), std::int32_t{yes});
        return *this;
    }
    /// Flushes what is written to the storage device (fsync).
    options &sync(bool yes = true) {
        detail::call(tfr_options_set_sync, get(), std::int32_t{yes});
        return *this;
    }
    /// Compresses what a writer and reshard() write.
    options &compression(tfr_compression kind) {
        detail::call(tfr_options_set_compression, get(), static_cast<std::int32_t>(kind));
        return *this;
    }
    /// Makes index::check() accept an index that covers only the first records.
    options &allow_partial(bool yes = true) {
        detail::call(tfr_options_set_allow_partial, get(), std::int32_t{yes});
        return *this;
    }
    /// Makes a reader return whole frames instead of payloads.
    options &raw_frames(bool yes = true) {
        detail::call(tfr_options_set_raw_frames, get(), std::int32_t{yes});
        return *this;
    }
    /// Sets how many data files a data set may have open at the same time; 0 means half of the
    /// process's limit.
    options &max_open_files(std::size_t most) {
        detail::call(tfr_options_set_max_open_files, get(), most);
        return *this;
    }
    /// Sets how many bytes of memory the indexes of a data set may take; 0 means no limit.
    options &index_memory(std::uint64_t bytes) {
        detail::call(tfr_options_set_index_memory, get(), bytes);
        return *this;
    }
    /// Sets what a data set does with records and shards that it cannot read.
    options &on_error(tfr_on_error on_error) {
        detail::call(tfr_options_set_on_error, get(), static_cast<std::int32_t>(on_error));
        return *this;
    }
    /// Sets a callback(bytes_done, bytes_total, records). If it returns true, the scan is
    /// cancelled.
    options &progress(std::function<bool(std::uint64_t, std::uint64_t, std::uint64_t)> callback) {
        const auto function = callback ? report : nullptr;
        state_->progress = std::move(callback);
        detail::call(tfr_options_set_progress, get(), function, static_cast<void *>(state_.get()));
        return *this;
    }
    /// Skips damage instead of throwing. The index contains the good records.
    options &salvage(bool yes = true) {
        detail::call(tfr_options_set_salvage, get(), std::int32_t{yes});
        return *this;
    }
    /// Accepts data that ends inside a record, like a file that is still being written.
    options &allow_incomplete_tail(bool yes = true) {
        detail::call(tfr_options_set_allow_incomplete_tail, get(), std::int32_t{yes});
        return *this;
    }
    /// Sets a callback for each skipped region. If it returns true, the scan is cancelled.
    options &on_skipped(std::function<bool(const skipped &)> callback) {
        const auto function = callback ? report_skipped : nullptr;
        state_->on_skipped = std::move(callback);
        detail::call(tfr_options_set_on_skipped, get(), function,
                     static_cast<void *>(state_.get()));
        return *this;
    }

    /// Calls a C function that takes these options, and rethrows what a callback throws.
    template <typename Function, typename... Arguments>
    void call(Function function, Arguments... arguments) const {
        if (state_->thrown) {
            state_->thrown = nullptr; // only if set: threads may share options without callbacks
        }
        try {
            detail::call(function, arguments...);
        } catch (const error &) {
            if (state_->thrown) {
                std::rethrow_exception(std::exchange(state_->thrown, nullptr));
            }
            throw;
        }
    }

    /// The C object. This object owns it.
    [[nodiscard]] tfr_options *get() const noexcept { return state_->native.get(); }

  private:
    /// The context of the C callbacks. Its address never changes.
    struct state {
        detail::handle<tfr_options, tfr_options_free> native;
        std::function<bool(std::uint64_t, std::uint64_t, std::uint64_t)> progress;
        std::function<bool(const skipped &)> on_skipped;
        std::exception_ptr thrown;

        /// Catches exceptions, which must not pass through C.
        template <typename Callback> std::int32_t guard(Callback callback) noexcept {
            try {
                return callback() ? 1 : 0;
            } catch (...) {
                thrown = std::current_exception();
                return 1;
            }
        }
    };

    static std::int32_t report(void *context, std::uint64_t done, std::uint64_t total,
                               std::uint64_t records) {
        auto *self = static_cast<state *>(context);
        return self->guard([&] { return self->progress(done, total, records); });
    }
    static std::int32_t report_skipped(void *context, const tfr_skipped *region) {
        auto *self = static_cast<state *>(context);
        return self->guard([&] {
            return self->on_skipped(
                {region->start, region->end, region->record, tfr_error_message(region->error),
                 tfr_error_status(region->error), region->incomplete_tail != 0});
        });
    }

    std::unique_ptr<state> state_;
};

/// How an index fits its data: what index::check() returns.
struct fit {
    std::uint64_t uncovered_bytes; ///< bytes of the data that no entry covers
    bool reordered;                ///< an entry starts before the previous one
    bool repeated;                 ///< an entry occurs more than once
    bool checksums_skipped;        ///< the check verified no checksum
    bool partial;                  ///< the index leaves out valid records
};

/// A masked CRC-32C: the stored value and the computed one.
struct checksum {
    std::uint32_t stored;   ///< the value in the data
    std::uint32_t computed; ///< the value that the data should have

    /// Whether both are the same.
    [[nodiscard]] bool holds() const noexcept { return stored == computed; }
};

/// Where a byte of a TFRecord file lies: what locate() returns.
struct location {
    std::uint64_t record;                ///< the record's number
    std::uint64_t offset;                ///< the byte where the record's frame starts
    std::uint64_t length;                ///< the stored length of the payload
    tfr_part part;                       ///< the part of the frame that contains the byte
    checksum length_crc;                 ///< the length's checksum
    std::optional<checksum> payload_crc; ///< the payload's; none if its end is unknown
};

/// Finds the record of a TFRecord file that contains a byte.
[[nodiscard]] inline location locate(const std::string &tfrecord_path, std::uint64_t byte,
                                     const options &options = tfr::options()) {
    tfr_location found{};
    options.call(tfr_locate, detail::path(tfrecord_path), byte, options.get(), &found);
    const auto crc = [](std::uint64_t stored, std::uint64_t computed) {
        return checksum{static_cast<std::uint32_t>(stored), static_cast<std::uint32_t>(computed)};
    };
    location location{found.record,
                      found.offset,
                      found.length,
                      found.part,
                      crc(found.stored_length_crc, found.computed_length_crc),
                      std::nullopt};
    if (found.stored_payload_crc != TFR_UNKNOWN) {
        location.payload_crc = crc(found.stored_payload_crc, found.computed_payload_crc);
    }
    return location;
}

/// Indexes a TFRecord file and writes the index file, at tfrecord_path with ".idx" appended if
/// index_path is empty. Returns the number of records.
inline std::uint64_t create_index(const std::string &tfrecord_path,
                                  const std::string &index_path = {},
                                  const options &options = tfr::options()) {
    std::uint64_t count = 0;
    options.call(tfr_index_create, detail::path(tfrecord_path), detail::index_path(index_path),
                 options.get(), &count);
    return count;
}

/// Creates the index file like create_index(), but only if it is missing or stale, or, with
/// TFR_ONLY_MISSING, only if it is missing. Returns the number of records, or nothing if it left
/// the index unchanged.
inline std::optional<std::uint64_t> update_index(const std::string &tfrecord_path,
                                                 const std::string &index_path = {},
                                                 tfr_only only = TFR_ONLY_STALE,
                                                 const options &options = tfr::options()) {
    std::uint64_t count = 0;
    options.call(tfr_index_update, detail::path(tfrecord_path), detail::index_path(index_path),
                 only, options.get(), &count);
    return count == TFR_UNKNOWN ? std::nullopt : std::optional(count);
}

/// What create_indexes() did with a file.
struct created {
    std::string tfrecord_path;            ///< the file
    std::string index_path;               ///< its index
    std::optional<std::uint64_t> records; ///< none if the index was up to date, or if it failed
    std::uint64_t skipped_regions;        ///< damaged regions that the index leaves out
    std::uint64_t bytes;                  ///< the file's size; 0 if no index was created
    std::string message;                  ///< why it failed; empty if it did not
    tfr_status status;                    ///< the kind of that error; TFR_OK if there is none
    bool planned;                         ///< whether it would be created, but for dry_run
};

/// Creates the indexes of many files, several at the same time: all, or with
/// `only` those that are missing or stale. `on_file` is called for each file,
/// in their order, on this thread; true cancels. An index path that is empty,
/// as all are if there are none, means the file's path with ".idx" appended.
/// `jobs` is the number of files at the same time; 0 chooses. With `dry_run`,
/// nothing is changed, and the results say what would be done.
inline tfr_create_totals create_indexes(const std::vector<std::string> &tfrecord_paths,
                                        const std::vector<std::string> &index_paths = {},
                                        const std::function<bool(const created &)> &on_file = {},
                                        std::optional<tfr_only> only = std::nullopt,
                                        std::size_t jobs = 0,
                                        const options &options = tfr::options(),
                                        bool dry_run = false) {
    std::vector<const char *> paths;
    std::vector<const char *> indexes;
    for (const std::string &path : tfrecord_paths) {
        paths.push_back(detail::path(path));
    }
    for (const std::string &path : index_paths) {
        indexes.push_back(detail::index_path(path));
    }
    if (!indexes.empty() && indexes.size() != paths.size()) {
        throw error(TFR_ERR_INVALID_ARGUMENT, "index_paths must have one path for each file");
    }
    struct state {
        const std::function<bool(const created &)> &on_file;
        std::exception_ptr thrown;

        static std::int32_t call(void *context, const tfr_created *done) {
            auto *self = static_cast<state *>(context);
            try {
                const bool failed = done->error != nullptr;
                const bool known = done->records != TFR_UNKNOWN;
                const created given{
                    done->tfrecord_path,
                    done->index_path,
                    known ? std::optional(done->records) : std::nullopt,
                    done->skipped_regions,
                    done->bytes,
                    failed ? tfr_error_message(done->error) : "",
                    failed ? tfr_error_status(done->error) : TFR_OK,
                    done->planned != 0,
                };
                return self->on_file(given) ? 1 : 0;
            } catch (...) {
                self->thrown = std::current_exception();
                return 1;
            }
        }
    };
    state state{on_file, nullptr};
    tfr_create_totals totals{};
    try {
        options.call(tfr_create_indexes, paths.data(), indexes.empty() ? nullptr : indexes.data(),
                     paths.size(), jobs, only ? static_cast<std::int32_t>(*only) : 0,
                     std::int32_t{dry_run}, options.get(), on_file ? state::call : nullptr,
                     static_cast<void *>(&state), &totals);
    } catch (const error &) {
        if (state.thrown) {
            std::rethrow_exception(state.thrown);
        }
        throw;
    }
    return totals;
}

/// Finds the index file of a TFRecord file by name, in a directory; if that is empty, in the
/// directory of the TFRecord file.
inline std::string find_index(const std::string &tfrecord_path, const std::string &directory = {}) {
    char *found = nullptr;
    detail::call(tfr_index_find, detail::path(tfrecord_path), detail::index_path(directory),
                 &found);
    const detail::handle<char, tfr_text_free> owned(found);
    return found;
}

/// Which files shards::find() takes, and where their indexes are.
struct find_options {
    /// The names of the files that are data in a directory, such as "*.tfr"; empty: by their names
    /// or their first header.
    std::string pattern;
    /// A directory for the indexes, which mirrors the directories of the files; empty: next to the
    /// files.
    std::string index_dir;
    /// Accepts sets that lack files; shards::notes() names them.
    bool allow_missing = false;
    /// Accepts files that are given twice.
    bool allow_repeated = false;
};

/// The files of a data set, in order.
class shards {
  public:
    /// Finds the files that paths stand for: files, directories, and patterns such as
    /// "train-*.tfrecord", "train-{0..9}.tfrecord" and "train@8". One path is find({path}).
    [[nodiscard]] static shards find(array_view<std::string> paths,
                                     const find_options &options = find_options()) {
        const std::vector<const char *> native = paths_of(paths);
        std::uint32_t flags = 0;
        if (options.allow_missing) {
            flags |= TFR_FIND_ALLOW_MISSING;
        }
        if (options.allow_repeated) {
            flags |= TFR_FIND_ALLOW_REPEATED;
        }
        tfr_shards *found = nullptr;
        detail::call(tfr_shards_find, native.data(), native.size(),
                     detail::index_path(options.pattern), detail::index_path(options.index_dir),
                     flags, &found);
        return shards(found);
    }
    /// Takes these files as they are, in this order.
    [[nodiscard]] static shards from_paths(array_view<std::string> paths) {
        const std::vector<const char *> native = paths_of(paths);
        tfr_shards *made = nullptr;
        detail::call(tfr_shards_from_paths, native.data(), nullptr, native.size(), &made);
        return shards(made);
    }

    /// The number of files.
    [[nodiscard]] std::size_t size() const noexcept { return tfr_shards_len(native_.get()); }
    /// Whether there are no files.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// The path of a file, from 0; throws std::out_of_range if there is none.
    [[nodiscard]] std::string path(std::size_t shard) const {
        const char *path = tfr_shards_path(native_.get(), shard);
        if (path == nullptr) {
            throw std::out_of_range("tfr::shards has no shard " + std::to_string(shard));
        }
        return path;
    }
    /// Where the index of a file is, or will be created; empty: next to the file.
    [[nodiscard]] std::string index_path(std::size_t shard) const {
        const char *path = tfr_shards_index_path(native_.get(), shard);
        return path == nullptr ? "" : path;
    }
    /// Sentences for the user about what sets lack, and about other files in directories.
    [[nodiscard]] std::vector<std::string> notes() const {
        std::vector<std::string> notes;
        while (const char *note = tfr_shards_note(native_.get(), notes.size())) {
            notes.emplace_back(note);
        }
        return notes;
    }
    /// The C object. This object owns it.
    [[nodiscard]] const tfr_shards *get() const noexcept { return native_.get(); }

  private:
    friend class manifest;
    explicit shards(tfr_shards *native) : native_(native) {}

    static std::vector<const char *> paths_of(array_view<std::string> paths) {
        std::vector<const char *> native;
        native.reserve(paths.size());
        for (const std::string &path : paths) {
            native.push_back(detail::path(path));
        }
        return native;
    }

    detail::handle<tfr_shards, tfr_shards_free> native_;
};

/// One row of a manifest.
struct manifest_row {
    /// The path of the TFRecord file.
    std::string path;
    /// The path of its index; empty: it had none.
    std::string index_path;
    /// The size of the file in bytes.
    std::uint64_t bytes = 0;
    /// The number of its records.
    std::uint64_t records = 0;
    /// When the file was last modified, in nanoseconds since 1970; nothing if the manifest does not
    /// say.
    std::optional<std::int64_t> mtime_ns;
    /// What names the version of an object in a store, its entity tag; empty for files.
    std::string etag;
};

/// What manifest::refresh() found: the paths of shards that are new, changed, gone, and indexed.
struct changes {
    /// Shards that were not in the manifest.
    std::vector<std::string> added;
    /// Shards with another size or time of modification.
    std::vector<std::string> changed;
    /// Shards that are no longer in the set.
    std::vector<std::string> gone;
    /// Shards that have the same size and time of modification, and an index now.
    std::vector<std::string> indexed;
    /// Whether shards that were in the manifest are now in another order.
    bool reordered = false;
};

/// The shards of a data set, and how many records each has. It is kept in a JSON file.
class manifest {
  public:
    /// Looks at the shards and counts their records.
    [[nodiscard]] static manifest build(const tfr::shards &set,
                                        const tfr::options &options = tfr::options()) {
        tfr_manifest *made = nullptr;
        detail::call(tfr_manifest_build, set.get(), options.get(), &made);
        return manifest(made);
    }
    /// Makes a manifest of rows that are known, such as those of at().
    [[nodiscard]] static manifest from_rows(array_view<manifest_row> rows) {
        std::vector<tfr_manifest_row> native;
        native.reserve(rows.size());
        for (const manifest_row &row : rows) {
            const char *index = row.index_path.empty() ? nullptr : detail::path(row.index_path);
            const char *etag = row.etag.empty() ? nullptr : row.etag.c_str();
            native.push_back({detail::path(row.path), index, row.bytes, row.records,
                              row.mtime_ns.value_or(INT64_MIN), etag});
        }
        tfr_manifest *made = nullptr;
        detail::call(tfr_manifest_from_rows, native.data(), native.size(), &made);
        return manifest(made);
    }
    /// Reads a manifest file. No shard is opened.
    [[nodiscard]] static manifest read(const std::string &path) {
        tfr_manifest *made = nullptr;
        detail::call(tfr_manifest_read, detail::path(path), &made);
        return manifest(made);
    }
    /// Takes the counts of a split from the dataset_info.json of TensorFlow Datasets.
    [[nodiscard]] static manifest from_tfds(const std::string &directory, const std::string &split,
                                            const tfr::options &options = tfr::options()) {
        tfr_manifest *made = nullptr;
        detail::call(tfr_manifest_from_tfds, detail::path(directory), detail::path(split),
                     options.get(), &made);
        return manifest(made);
    }

    /// Writes a manifest file, which appears complete or not at all.
    void write(const std::string &path) const {
        detail::call(tfr_manifest_write, get(), detail::path(path));
    }
    /// Writes SPLIT-info.json in a directory, for tfds.folder_dataset.write_metadata.
    void write_tfds(const std::string &directory, const std::string &split) const {
        detail::call(tfr_manifest_write_tfds, get(), detail::path(directory), detail::path(split));
    }
    /// Counts what changed: `set` are the files of the set now. Writes no file.
    tfr::changes refresh(const tfr::shards &set, const tfr::options &options = tfr::options()) {
        tfr_changes *made = nullptr;
        detail::call(tfr_manifest_refresh, native_.get(), set.get(), options.get(), &made);
        const detail::handle<tfr_changes, tfr_changes_free> native(made);
        const auto paths = [made](tfr_change change) {
            std::vector<std::string> found;
            while (const char *path = tfr_changes_path(made, change, found.size())) {
                found.emplace_back(path);
            }
            return found;
        };
        return {paths(TFR_CHANGE_ADDED), paths(TFR_CHANGE_CHANGED), paths(TFR_CHANGE_GONE),
                paths(TFR_CHANGE_INDEXED), tfr_changes_reordered(made) != 0};
    }

    /// The number of shards.
    [[nodiscard]] std::size_t size() const noexcept { return tfr_manifest_len(get()); }
    /// Whether there are none.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// The number of records of all shards.
    [[nodiscard]] std::uint64_t total_records() const noexcept {
        return tfr_manifest_total_records(get());
    }
    /// The files.
    [[nodiscard]] tfr::shards shards() const {
        tfr_shards *made = nullptr;
        detail::call(tfr_manifest_shards, get(), &made);
        return tfr::shards(made);
    }
    /// One row; throws if there is none.
    [[nodiscard]] manifest_row at(std::size_t row) const {
        tfr_manifest_row found{};
        detail::call(tfr_manifest_get, get(), row, &found);
        return {found.path,
                found.index_path == nullptr ? "" : found.index_path,
                found.bytes,
                found.records,
                found.mtime_ns == INT64_MIN ? std::nullopt : std::optional(found.mtime_ns),
                found.etag == nullptr ? "" : found.etag};
    }
    /// The C object. This object owns it.
    [[nodiscard]] const tfr_manifest *get() const noexcept { return native_.get(); }

  private:
    explicit manifest(tfr_manifest *native) : native_(native) {}

    detail::handle<tfr_manifest, tfr_manifest_free> native_;
};

/// How reshard() divides records into files, and in which order. One of `shards` and `shard_bytes`
/// must be set.
struct reshard_options {
    /// The number of files.
    std::uint64_t shards = 0;
    /// About how many bytes each file has.
    std::uint64_t shard_bytes = 0;
    /// The seed of the permutation that the copy has the records in; nothing keeps their order.
    std::optional<std::uint64_t> shuffle;
    /// What the names of the files begin with.
    std::string name = "train";
};

/// Copies the records of a data set to new TFRecord files in a new directory, which appears
/// complete or not at all, with their indexes and a manifest, such as train.manifest.json. Returns
/// what programs should report: indexes that were found but not used, regions that salvage left
/// out, and files without valid checksums.
inline std::vector<std::string> reshard(const shards &set, const std::string &directory,
                                        const reshard_options &how,
                                        const options &options = tfr::options()) {
    struct state {
        std::vector<std::string> warnings;
        std::exception_ptr thrown;

        static void call(void *context, const tfr_error *warning) {
            auto *self = static_cast<state *>(context);
            try {
                self->warnings.emplace_back(tfr_error_message(warning));
            } catch (...) {
                self->thrown = std::current_exception();
            }
        }
    };
    state state;
    options.call(tfr_reshard, set.get(), nullptr, detail::path(directory), detail::path(how.name),
                 how.shards, how.shard_bytes, how.shuffle ? &*how.shuffle : nullptr, options.get(),
                 state::call, static_cast<void *>(&state));
    if (state.thrown) {
        std::rethrow_exception(state.thrown);
    }
    return std::move(state.warnings);
}

/// Indexes a source and writes the index file. Returns the number of records.
inline std::uint64_t create_index(const source &source, const std::string &index_path,
                                  const options &options = tfr::options()) {
    std::uint64_t count = 0;
    source.during([&] {
        options.call(tfr_index_create_from_source, source.get(), detail::path(index_path),
                     options.get(), &count);
    });
    return count;
}

/// An immutable, contiguous range of entries, one for each record.
class index {
  public:
    /// The type of an element.
    using value_type = entry;
    /// The type of begin().
    using const_iterator = const entry *;
    /// The type of begin().
    using iterator = const_iterator;

    /// Reads an index file.
    [[nodiscard]] static index read(const std::string &index_path) {
        return made(
            [&](tfr_index **out) { detail::call(tfr_index_read, detail::path(index_path), out); });
    }
    /// Indexes a TFRecord file in memory.
    [[nodiscard]] static index scan(const std::string &tfrecord_path,
                                    const options &options = tfr::options()) {
        return made([&](tfr_index **out) {
            options.call(tfr_index_scan, detail::path(tfrecord_path), options.get(), out);
        });
    }
    /// Indexes a source in memory.
    [[nodiscard]] static index from_source(const source &source,
                                           const options &options = tfr::options()) {
        return made([&](tfr_index **out) {
            source.during(
                [&] { options.call(tfr_index_from_source, source.get(), options.get(), out); });
        });
    }
    /// Indexes TFRecord bytes, which the call borrows.
    [[nodiscard]] static index from_bytes(std::string_view data,
                                          const options &options = tfr::options()) {
        return made([&](tfr_index **out) {
            const auto *bytes = reinterpret_cast<const std::uint8_t *>(data.data());
            options.call(tfr_index_from_bytes, bytes, data.size(), options.get(), out);
        });
    }
    /// Parses index text.
    [[nodiscard]] static index from_text(std::string_view text) {
        return made([&](tfr_index **out) {
            detail::call(tfr_index_from_text, text.data(), text.size(), out);
        });
    }
    /// Makes an index from entries, in their order.
    [[nodiscard]] static index from_entries(array_view<entry> entries) {
        return made([&](tfr_index **out) {
            detail::call(tfr_index_from_entries, entries.data(), entries.size(), out);
        });
    }

    /// The number of elements.
    [[nodiscard]] std::size_t size() const noexcept { return tfr_index_len(native_.get()); }
    /// Whether there are no elements.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// The address of the first element.
    [[nodiscard]] const entry *data() const noexcept { return tfr_index_entries(native_.get()); }
    /// The first element.
    [[nodiscard]] const_iterator begin() const noexcept { return data(); }
    /// The end: after the last element.
    [[nodiscard]] const_iterator end() const noexcept { return data() + size(); }
    /// The entry of record i; i must be less than size().
    template <typename Integer> [[nodiscard]] const entry &operator[](Integer i) const noexcept {
        return data()[static_cast<std::size_t>(i)];
    }
    /// The entry of record i; throws if there is none.
    template <typename Integer> [[nodiscard]] entry at(Integer i) const {
        entry found{};
        detail::call(tfr_index_get, native_.get(), detail::record_number(i), &found);
        return found;
    }

    /// The index as text, as in an index file.
    [[nodiscard]] std::string to_text() const {
        char *text = nullptr;
        std::size_t size = 0;
        detail::call(tfr_index_to_text, native_.get(), &text, &size);
        const detail::handle<char, tfr_text_free> owned(text);
        return std::string(text, size);
    }
    /// Writes the index to a file, completely or not at all.
    void write(const std::string &index_path) const {
        detail::call(tfr_index_write, native_.get(), detail::path(index_path));
    }
    /// Checks that this index belongs to a TFRecord file.
    fit check(const std::string &tfrecord_path, tfr_check_level level = TFR_CHECK_QUICK,
              const options &options = tfr::options()) const {
        return check_by(tfr_index_check, detail::path(tfrecord_path), level, options);
    }
    /// Checks that this index belongs to a source.
    fit check(const source &source, tfr_check_level level = TFR_CHECK_QUICK,
              const options &options = tfr::options()) const {
        fit found{};
        source.during(
            [&] { found = check_by(tfr_index_check_source, source.get(), level, options); });
        return found;
    }

    /// An index of these records, in this order.
    [[nodiscard]] index select(const record_numbers &records) const {
        return edited(tfr_index_select, records.data(), records.size());
    }
    /// An index of the records with payloads of min to max bytes.
    [[nodiscard]] index filter_size(std::uint64_t min, std::uint64_t max = UINT64_MAX) const {
        return edited(tfr_index_filter_size, min, max);
    }
    /// An index of all records in a random order. The same seed always gives the same order.
    [[nodiscard]] index shuffle(std::uint64_t seed) const {
        return edited(tfr_index_shuffle, seed);
    }
    /// An index of `count` different random records, in the order of this index.
    [[nodiscard]] index sample(std::size_t count, std::uint64_t seed) const {
        return edited(tfr_index_sample, count, seed);
    }
    /// An index of one shard: the contiguous run of records for one rank.
    template <typename Rank, typename Size>
    [[nodiscard]] index shard(Rank rank, Size world_size, tfr_shard_by by = TFR_SHARD_BY_RECORDS,
                              tfr_remainder remainder = TFR_REMAINDER_KEEP) const {
        // A negative rank becomes a huge number, which C rejects.
        return edited(tfr_index_shard, static_cast<std::size_t>(rank),
                      detail::is_negative(world_size) ? 0 : static_cast<std::size_t>(world_size),
                      static_cast<std::int32_t>(by), static_cast<std::int32_t>(remainder));
    }
    /// One of the files of concat().
    struct part {
        /// The index of the file.
        const index &of;
        /// The size of the file in bytes.
        std::uint64_t size;
    };
    /// The index of concatenated files: concat({{index, 700}, {other, 900}}).
    [[nodiscard]] static index concat(array_view<part> parts) {
        std::vector<const tfr_index *> indexes;
        std::vector<std::uint64_t> sizes;
        for (const part &one : parts) {
            indexes.push_back(one.of.get());
            sizes.push_back(one.size);
        }
        return made([&](tfr_index **out) {
            detail::call(tfr_index_concat, indexes.data(), sizes.data(), parts.size(), out);
        });
    }

    /// The C object. This object owns it.
    [[nodiscard]] const tfr_index *get() const noexcept { return native_.get(); }

  private:
    friend class dataset;
    friend class reader;

    explicit index(tfr_index *made) noexcept : native_(made) {}

    template <typename Function, typename Data>
    fit check_by(Function function, Data data, tfr_check_level level,
                 const options &options) const {
        tfr_fit fit{};
        options.call(function, native_.get(), data, static_cast<std::int32_t>(level), options.get(),
                     &fit);
        const auto has = [&](std::uint32_t flag) { return (fit.flags & flag) != 0; };
        return {fit.uncovered_bytes, has(TFR_FIT_REORDERED), has(TFR_FIT_REPEATED),
                has(TFR_FIT_CHECKSUMS_SKIPPED), has(TFR_FIT_PARTIAL)};
    }

    template <typename Edit, typename... Arguments>
    index edited(Edit edit, Arguments... arguments) const {
        return made([&](tfr_index **out) { detail::call(edit, get(), arguments..., out); });
    }

    template <typename Make> static index made(Make make) {
        tfr_index *out = nullptr;
        make(&out);
        return index(out);
    }

    detail::handle<tfr_index, tfr_index_free> native_;
};

class batch;

/// A wanted feature: its name, the kind of its values, and how many there are in each record. A new
/// one has one value in each record, and is an error where a record lacks it.
class feature {
  public:
    /// A feature of this kind. Its name is the key in the records' features, usually UTF-8.
    feature(std::string name, tfr_feature_kind kind) : name_(std::move(name)), kind_(kind) {}

    /// Sets the shape of the values in each record: their number is the product of the dimensions.
    feature &shape(std::vector<std::size_t> dimensions) {
        shape_ = std::move(dimensions);
        ragged_ = false;
        return *this;
    }
    /// Accepts any number of values in each record, also none.
    feature &ragged() {
        ragged_ = true;
        return *this;
    }
    /// Reads a list of steps from the feature_lists of a tf.train.SequenceExample. Each step has
    /// values of the feature's shape, or any number of them if it is ragged. A record without the
    /// list is an error, or has no steps if `allow_missing`.
    feature &sequence(bool allow_missing = false) {
        sequence_ = allow_missing;
        return *this;
    }
    /// Sets what stands in for integers where a record lacks the feature: one for all, or one for
    /// each.
    feature &default_int64(std::vector<std::int64_t> values) {
        default_ = std::move(values);
        return *this;
    }
    /// The same for floating-point numbers.
    feature &default_float(std::vector<float> values) {
        default_ = std::move(values);
        return *this;
    }
    /// The same for byte strings.
    feature &default_bytes(std::vector<std::string> values) {
        default_ = std::move(values);
        return *this;
    }

  private:
    friend class features;

    std::string name_;
    tfr_feature_kind kind_;
    std::vector<std::size_t> shape_;
    bool ragged_ = false;
    std::optional<bool> sequence_; // whether records may lack it
    std::variant<std::monostate, std::vector<std::int64_t>, std::vector<float>,
                 std::vector<std::string>>
        default_;
};

/// The features that are wanted of tf.train.Example records, numbered from 0 on. Many threads may
/// use them at the same time.
class features {
  public:
    /// These features. If they contradict themselves, the calls that use them throw.
    features(std::initializer_list<feature> wanted)
        : features(array_view<feature>(wanted.begin(), wanted.size())) {}
    /// These features. If they contradict themselves, the calls that use them throw.
    explicit features(array_view<feature> wanted) {
        tfr_features *made = nullptr;
        detail::call(tfr_features_new, &made);
        native_.reset(made);
        for (const feature &one : wanted) {
            add(one);
        }
    }

    /// Finds the features of a data set: reads up to `records` of its records, from all files, and
    /// returns features that fit them. 0 means all records.
    [[nodiscard]] static features infer(const shards &set, std::uint64_t records = 0,
                                        const options &options = tfr::options()) {
        tfr_features *made = nullptr;
        options.call(tfr_features_infer, set.get(), records, options.get(), &made);
        return features(made);
    }

    /// The number of features.
    [[nodiscard]] std::size_t size() const noexcept { return tfr_features_len(get()); }
    /// The name of a feature; empty if there is no such feature.
    [[nodiscard]] std::string name(std::size_t feature) const {
        const tfr_bytes name = tfr_features_name(get(), feature);
        return {reinterpret_cast<const char *>(name.bytes), name.size};
    }
    /// The kind of a feature, a member of tfr_feature_kind; 0 if there is no such feature.
    [[nodiscard]] std::int32_t kind(std::size_t feature) const noexcept {
        return tfr_features_kind(get(), feature);
    }
    /// Whether a feature is ragged.
    [[nodiscard]] bool is_ragged(std::size_t feature) const noexcept {
        return tfr_features_is_ragged(get(), feature) != 0;
    }
    /// Whether a feature is a list of steps.
    [[nodiscard]] bool is_sequence(std::size_t feature) const noexcept {
        return tfr_features_is_sequence(get(), feature) != 0;
    }
    /// Whether a record may lack this list of steps.
    [[nodiscard]] bool allows_missing(std::size_t feature) const noexcept {
        return tfr_features_allows_missing(get(), feature) != 0;
    }
    /// The shape of a feature's values in each record or step, borrowed. Empty: one value, or
    /// ragged.
    [[nodiscard]] array_view<std::size_t> shape(std::size_t feature) const noexcept {
        std::size_t dimensions = 0;
        const std::size_t *shape = tfr_features_shape(get(), feature, &dimensions);
        return {shape, dimensions};
    }
    /// What infer() has to report: an index that is not used, or a features.json that does not fit
    /// the records.
    [[nodiscard]] std::vector<error> warnings() const {
        return detail::errors(tfr_features_warning, get());
    }

    /// The C object. This object owns it.
    [[nodiscard]] const tfr_features *get() const noexcept { return native_.get(); }

  private:
    explicit features(tfr_features *taken) : native_(taken) {}

    void add(const feature &one) {
        tfr_features *all = native_.get();
        std::size_t number = 0;
        detail::call(tfr_features_add, all, one.name_.data(), one.name_.size(),
                     static_cast<std::int32_t>(one.kind_), &number);
        detail::call(tfr_features_set_shape, all, number, one.shape_.data(), one.shape_.size());
        if (one.ragged_) {
            detail::call(tfr_features_set_ragged, all, number);
        }
        if (one.sequence_) {
            detail::call(tfr_features_set_sequence, all, number, std::int32_t{*one.sequence_});
        }
        if (const auto *ints = std::get_if<std::vector<std::int64_t>>(&one.default_)) {
            detail::call(tfr_features_set_default_int64, all, number, ints->data(), ints->size());
        } else if (const auto *floats = std::get_if<std::vector<float>>(&one.default_)) {
            detail::call(tfr_features_set_default_float, all, number, floats->data(),
                         floats->size());
        } else if (const auto *strings = std::get_if<std::vector<std::string>>(&one.default_)) {
            std::vector<tfr_bytes> native;
            for (const std::string &string : *strings) {
                native.push_back(detail::bytes_of(string));
            }
            detail::call(tfr_features_set_default_bytes, all, number, native.data(), native.size());
        }
    }

    detail::handle<tfr_features, tfr_features_free> native_;
};

/// The values of features in a batch of records. A feature of a fixed shape has an array of the
/// values of record 0, then those of record 1 and so on; a ragged one has offsets(), too. Features
/// have the numbers that they have in `features`. All arrays are borrowed.
class columns {
  public:
    /// Decodes features of payloads: payload i is the bytes from offsets[i] up to offsets[i + 1].
    /// There is one offset more than payloads. Byte strings point into the payloads. `threads`: 0
    /// starts one per processor if that helps; 1 uses only the calling thread.
    [[nodiscard]] static columns decode(const features &wanted, std::string_view payloads,
                                        array_view<std::size_t> offsets, std::size_t threads = 0) {
        tfr_columns *made = nullptr;
        const auto *bytes = reinterpret_cast<const std::uint8_t *>(payloads.data());
        const std::size_t count = offsets.empty() ? 0 : offsets.size() - 1;
        detail::call(tfr_columns_decode, wanted.get(), bytes, payloads.size(), offsets.data(),
                     count, threads, &made);
        columns owned(nullptr);
        owned.owned_.reset(made);
        return owned;
    }
    /// The columns of a C object, which stays the caller's.
    explicit columns(const tfr_columns *borrowed) noexcept : borrowed_(borrowed) {}

    /// The number of records.
    [[nodiscard]] std::size_t size() const noexcept { return tfr_columns_len(get()); }
    /// Whether there are no records.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// The values of a feature of integers; none if it is of another kind.
    [[nodiscard]] array_view<std::int64_t> int64_values(std::size_t feature) const noexcept {
        return values(tfr_columns_int64, feature);
    }
    /// The values of a feature of floating-point numbers; none if it is of another kind.
    [[nodiscard]] array_view<float> float_values(std::size_t feature) const noexcept {
        return values(tfr_columns_float, feature);
    }
    /// The values of a feature of byte strings; none if it is of another kind.
    [[nodiscard]] array_view<tfr_bytes> bytes_values(std::size_t feature) const noexcept {
        return values(tfr_columns_bytes, feature);
    }
    /// Value i of a feature of byte strings; i must be less than their number.
    [[nodiscard]] std::string_view bytes(std::size_t feature, std::size_t i) const noexcept {
        const tfr_bytes value = bytes_values(feature)[i];
        return {reinterpret_cast<const char *>(value.bytes), value.size};
    }
    /// Where the values, or the steps of a sequence, of each record start, and where the last one's
    /// end: size() + 1 places. None if the feature is neither ragged nor a sequence.
    [[nodiscard]] array_view<std::size_t> offsets(std::size_t feature) const noexcept {
        const std::size_t *offsets = tfr_columns_offsets(get(), feature);
        return {offsets, offsets == nullptr ? 0 : size() + 1};
    }

    /// Where the values of each step of a ragged sequence start, and where the last one's end. None
    /// for other features.
    [[nodiscard]] array_view<std::size_t> step_offsets(std::size_t feature) const noexcept {
        const std::size_t *steps = tfr_columns_step_offsets(get(), feature);
        const array_view<std::size_t> records = offsets(feature);
        return {steps, steps == nullptr ? 0 : records[size()] + 1};
    }

    /// The C object; nullptr if there are no columns. This object owns it, or a batch.
    [[nodiscard]] const tfr_columns *get() const noexcept {
        return owned_ ? owned_.get() : borrowed_;
    }

  private:
    template <typename T>
    array_view<T> values(const T *(*function)(const tfr_columns *, std::size_t, std::size_t *),
                         std::size_t feature) const noexcept {
        std::size_t count = 0;
        const T *values = function(get(), feature, &count);
        return {values, count};
    }

    detail::handle<tfr_columns, tfr_columns_free> owned_; // empty if they are borrowed
    const tfr_columns *borrowed_;
};

/// The result of reader::read_many(): one buffer, and a view of each payload.
class payloads {
  public:
    /// The type of an element.
    using value_type = std::string_view;
    /// The type of begin().
    using const_iterator = const std::string_view *;
    /// The type of begin().
    using iterator = const_iterator;

    /// The number of elements.
    [[nodiscard]] std::size_t size() const noexcept { return views_.size(); }
    /// Whether there are no elements.
    [[nodiscard]] bool empty() const noexcept { return views_.empty(); }
    /// The address of the first element.
    [[nodiscard]] const std::string_view *data() const noexcept { return views_.data(); }
    /// The first element.
    [[nodiscard]] const_iterator begin() const noexcept { return data(); }
    /// The end: after the last element.
    [[nodiscard]] const_iterator end() const noexcept { return data() + size(); }
    /// Payload i, borrowed; i must be less than size().
    template <typename Integer>
    [[nodiscard]] std::string_view operator[](Integer i) const noexcept {
        return views_[static_cast<std::size_t>(i)];
    }
    /// All payloads, concatenated.
    [[nodiscard]] std::string_view bytes() const noexcept {
        const auto *bytes = reinterpret_cast<const char *>(buffer_.get());
        return {bytes, empty() ? 0 : offsets_.back()};
    }
    /// Where each payload starts in bytes(), and where the last one ends: size() + 1 numbers, or
    /// none if nothing was read.
    [[nodiscard]] array_view<std::size_t> offsets() const noexcept { return offsets_; }

  private:
    friend class reader;

    void clear() noexcept {
        offsets_.clear();
        views_.clear();
    }

    std::unique_ptr<std::uint8_t[]> buffer_;
    std::size_t capacity_ = 0;
    std::vector<std::size_t> offsets_;
    std::vector<std::string_view> views_;
};

/// Reads the records of a TFRecord file, in any order.
class reader {
  public:
    class iterator;
    class selection;

    /// Uses the index file that find_index() finds next to the file, if it accounts for every valid
    /// record. Otherwise scans the file; warning() then says why.
    explicit reader(const std::string &tfrecord_path, const options &options = tfr::options())
        : native_(open(tfr_reader_open, detail::path(tfrecord_path), nullptr, options)) {}
    /// Uses an index file as it is: record i is at the place that entry i says.
    reader(const std::string &tfrecord_path, const std::string &index_path,
           const options &options = tfr::options())
        : reader(tfrecord_path, tfr::index::read(index_path), options) {}
    /// Uses this index as it is.
    reader(const std::string &tfrecord_path, const tfr::index &index,
           const options &options = tfr::options())
        : native_(open(tfr_reader_open, detail::path(tfrecord_path), index.get(), options)) {}
    /// Reads a source, which the reader shares. Scans it to make the index.
    explicit reader(const source &source, const options &options = tfr::options())
        : source_(source), native_(from_source(nullptr, options)) {}
    /// Reads a source with this index as it is.
    reader(const source &source, const tfr::index &index, const options &options = tfr::options())
        : source_(source), native_(from_source(index.get(), options)) {}

    /// The number of elements.
    [[nodiscard]] std::size_t size() const noexcept { return tfr_reader_len(native_.get()); }
    /// Whether there are no elements.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// Why the reader does not use the index file next to the data; empty if there is no reason.
    [[nodiscard]] std::string warning() const {
        return tfr_error_message(tfr_reader_warning(native_.get()));
    }
    /// Where record i is in the data.
    template <typename Integer> [[nodiscard]] tfr::entry entry(Integer i) const {
        tfr::entry found{};
        call(tfr_reader_entry, native_.get(), detail::record_number(i), &found);
        return found;
    }
    /// Makes an index of the reader's entries, with 16 bytes for each record. (Where records follow
    /// each other, the reader itself holds them in one to three bytes.)
    [[nodiscard]] tfr::index index() const {
        return tfr::index::made(
            [&](tfr_index **out) { call(tfr_reader_index, native_.get(), out); });
    }

    /// The number of bytes that read(i) returns.
    template <typename Integer> [[nodiscard]] std::size_t size_of(Integer i) const {
        const std::size_t record = detail::record_number(i);
        std::size_t size = 0;
        call(tfr_reader_sizes, native_.get(), &record, std::size_t{1}, &size);
        return size;
    }
    /// Where read_many() puts each of these records, and where the last one ends: one number more
    /// than records.
    [[nodiscard]] std::vector<std::size_t> offsets(const record_numbers &records) const {
        std::vector<std::size_t> offsets(records.size() + 1);
        call(tfr_reader_offsets, native_.get(), records.data(), records.size(), offsets.data());
        return offsets;
    }

    /// Reads the payload of record i.
    template <typename Integer> [[nodiscard]] std::string read(Integer i) const {
        std::string payload;
        read(i, payload);
        return payload;
    }
    /// Reads the payload of record i into `payload`, replacing its contents and reusing its memory.
    /// After an error it is empty.
    template <typename Integer> void read(Integer i, std::string &payload) const {
        try {
            payload.resize(size_of(i));
            read(i, payload.data(), payload.size());
        } catch (...) {
            payload.clear();
            throw;
        }
    }
    /// Reads the payload of record i to the start of a buffer. Returns its size in bytes.
    template <typename Integer>
    std::size_t read(Integer i, void *buffer, std::size_t capacity) const {
        std::size_t size = 0;
        call(tfr_reader_read, native_.get(), detail::record_number(i),
             static_cast<std::uint8_t *>(buffer), capacity, &size);
        return size;
    }

    /// Reads the payloads of many records and returns them in this order. It sorts and combines the
    /// reads and divides them among threads. If the payloads take more than 1 GiB and more memory
    /// than is available, it throws TFR_ERR_OUT_OF_MEMORY.
    [[nodiscard]] payloads read_many(const record_numbers &records) const {
        payloads read;
        read_many(records, read);
        return read;
    }
    /// The same, into `read`, replacing its contents and reusing its memory. After an error it is
    /// empty.
    void read_many(const record_numbers &records, payloads &read) const {
        read.clear();
        try {
            read.offsets_ = offsets(records);
            const std::size_t size = read.offsets_.back();
            if (read.capacity_ < size) {
                read.buffer_.reset();
                read.capacity_ = 0;
                read.buffer_.reset(new std::uint8_t[size]);
                read.capacity_ = size;
            }
            read_many_to(records, read.buffer_.get(), size, nullptr);
            const auto *bytes = reinterpret_cast<const char *>(read.buffer_.get());
            read.views_.reserve(records.size());
            for (std::size_t i = 0; i < records.size(); i++) {
                const std::size_t start = read.offsets_[i];
                read.views_.emplace_back(bytes + start, read.offsets_[i + 1] - start);
            }
        } catch (...) {
            read.clear();
            throw;
        }
    }
    /// The same, to the start of a buffer. Returns the offsets().
    std::vector<std::size_t> read_many(const record_numbers &records, void *buffer,
                                       std::size_t capacity) const {
        std::vector<std::size_t> offsets(records.size() + 1);
        read_many_to(records, static_cast<std::uint8_t *>(buffer), capacity, offsets.data());
        return offsets;
    }

    /// Reads the payloads of many records, each to the start of its own buffer. `capacities` are
    /// the sizes of the buffers in bytes.
    void read_each(const record_numbers &records, array_view<std::uint8_t *> buffers,
                   array_view<std::size_t> capacities) const {
        if (buffers.size() != records.size() || capacities.size() != records.size()) {
            throw std::invalid_argument(
                "tfr::reader::read_each: needs one buffer and one capacity for each record");
        }
        call(tfr_reader_read_each, native_.get(), records.data(), records.size(), buffers.data(),
             capacities.data());
    }

    /// Reads many records, and decodes features of them: batch::columns().
    [[nodiscard]] inline batch read_columns(const record_numbers &records,
                                            const features &wanted) const;

    /// Iterates over all payloads: `for (std::string_view payload : reader)`. A payload is valid
    /// until the iterator advances. This is a single pass; unless options::threads(1), a thread
    /// reads ahead. A bad record throws when the iterator reaches it, the first one in begin(). The
    /// iterator can then advance to the record after it.
    [[nodiscard]] inline iterator begin() const;
    /// The end of all payloads.
    [[nodiscard]] inline iterator end() const noexcept;
    /// Iterates over the payloads of these records, in this order, in the same way:
    /// `for (std::string_view payload : reader.iterate(order))`.
    [[nodiscard]] inline selection iterate(const record_numbers &numbers) const;

    /// The C object. This object owns it.
    [[nodiscard]] const tfr_reader *get() const noexcept { return native_.get(); }

  private:
    template <typename Open, typename Data>
    static tfr_reader *open(Open function, Data data, const tfr_index *index,
                            const options &options) {
        tfr_reader *made = nullptr;
        options.call(function, data, index, options.get(), &made);
        return made;
    }

    void read_many_to(const record_numbers &records, std::uint8_t *buffer, std::size_t capacity,
                      std::size_t *offsets) const {
        call(tfr_reader_read_many, native_.get(), records.data(), records.size(), buffer, capacity,
             offsets);
    }

    tfr_reader *from_source(const tfr_index *index, const options &options) const {
        tfr_reader *made = nullptr;
        source_.during([&] { made = open(tfr_reader_from_source, source_.get(), index, options); });
        return made;
    }

    template <typename Function, typename... Arguments>
    void call(Function function, Arguments... arguments) const {
        source_.during([&] { detail::call(function, arguments...); });
    }

    source source_; // first, so that it is destroyed last
    detail::handle<tfr_reader, tfr_reader_free> native_;
};

/// An iterator over payloads. Copies share one position.
class reader::iterator {
  public:
    /// A single-pass iterator.
    using iterator_category = std::input_iterator_tag;
    /// The type of an element.
    using value_type = std::string_view;
    /// The type of a distance.
    using difference_type = std::ptrdiff_t;
    /// The type of operator->.
    using pointer = const std::string_view *;
    /// The type of operator*.
    using reference = const std::string_view &;

    /// The end.
    iterator() = default;

    /// The payload, borrowed until the iterator advances.
    reference operator*() const noexcept { return walk_->payload; }
    /// The payload, borrowed until the iterator advances.
    pointer operator->() const noexcept { return &walk_->payload; }
    /// Advances; throws if the next record is bad.
    iterator &operator++() {
        if (!walk_->next()) {
            walk_.reset();
        }
        return *this;
    }
    /// Advances; throws if the next record is bad.
    void operator++(int) { ++*this; }
    /// Whether both are at the end, or are copies of each other.
    friend bool operator==(const iterator &a, const iterator &b) noexcept {
        return a.walk_ == b.walk_;
    }
    /// Whether they are not equal.
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

  private:
    friend class reader;
    friend class selection;

    struct walk {
        walk(const reader &of, const std::size_t *records, std::size_t count)
            : source_(of.source_), in_use_(source_) {
            tfr_iterator *made = nullptr;
            detail::call(tfr_reader_iterate, of.get(), records, count, &made);
            native_.reset(made);
        }

        /// Reads the next payload; false at the end.
        bool next() {
            const std::uint8_t *bytes = nullptr;
            std::size_t size = 0;
            payload = {};
            source_.rethrowing(
                [&] { detail::call(tfr_iterator_next, native_.get(), &bytes, &size); });
            payload = {reinterpret_cast<const char *>(bytes), size};
            return bytes != nullptr;
        }

        std::string_view payload;

      private:
        source source_;
        source::use in_use_; // keeps what the callable throws on the thread that reads ahead
        detail::handle<tfr_iterator, tfr_iterator_free>
            native_; // last, so that it is destroyed first
    };

    explicit iterator(std::shared_ptr<walk> begun) : walk_(std::move(begun)) { ++*this; }

    std::shared_ptr<walk> walk_;
};

/// The range that reader::iterate() returns. It can be iterated once.
class reader::selection {
  public:
    /// The first payload; throws if the first record is bad.
    [[nodiscard]] iterator begin() const { return iterator(walk_); }
    /// The end.
    [[nodiscard]] iterator end() const noexcept { return {}; }

  private:
    friend class reader;
    selection(const reader &of, const std::size_t *numbers, std::size_t count)
        : walk_(std::make_shared<iterator::walk>(of, numbers, count)) {}

    std::shared_ptr<iterator::walk> walk_;
};

inline reader::iterator reader::begin() const { return selection(*this, nullptr, size()).begin(); }
inline reader::iterator reader::end() const noexcept { return {}; }
inline reader::selection reader::iterate(const record_numbers &numbers) const {
    static constexpr std::size_t none = 0;
    const std::size_t *data = numbers.size() > 0 ? numbers.data() : &none;
    return {*this, data, numbers.size()};
}

class feature_values;

/// Writes a TFRecord file together with its index. Both exist when finish() returns. If a writer is
/// destroyed before that, it discards what it wrote.
class writer {
  public:
    /// Writes a new file, or replaces an existing one.
    [[nodiscard]] static writer create(const std::string &tfrecord_path,
                                       const std::string &index_path = {},
                                       const options &options = tfr::options()) {
        return open(tfr_writer_create, tfrecord_path, index_path, options);
    }
    /// Appends records to a file.
    [[nodiscard]] static writer append(const std::string &tfrecord_path,
                                       const std::string &index_path = {},
                                       const options &options = tfr::options()) {
        return open(tfr_writer_append, tfrecord_path, index_path, options);
    }

    /// Writes a record.
    void write(std::string_view payload) {
        const auto *bytes = reinterpret_cast<const std::uint8_t *>(payload.data());
        detail::call(tfr_writer_write, native_.get(), bytes, payload.size());
    }
    /// Writes many records, without records of other threads between them.
    void write_many(const payloads &many) {
        const auto *bytes = reinterpret_cast<const std::uint8_t *>(many.bytes().data());
        detail::call(tfr_writer_write_many, native_.get(), bytes, many.offsets().data(),
                     many.size());
    }
    /// Encodes records as tf.train.Example, like encode_examples(), and writes them, without
    /// records of other threads between them.
    void write_examples(std::size_t records, array_view<feature_values> values);
    /// Passes everything written so far to the system.
    void flush() { detail::call(tfr_writer_flush, native_.get()); }
    /// The number of records in the file, including those not yet flushed.
    [[nodiscard]] std::uint64_t num_records() const noexcept {
        return tfr_writer_num_records(native_.get());
    }
    /// Renames the data and the index to their final paths. Returns the number of records.
    std::uint64_t finish() {
        std::uint64_t count = 0;
        detail::call(tfr_writer_finish, native_.get(), &count);
        return count;
    }

    /// The C object. This object owns it.
    [[nodiscard]] tfr_writer *get() const noexcept { return native_.get(); }

  private:
    explicit writer(tfr_writer *made) noexcept : native_(made) {}

    template <typename Open>
    static writer open(Open function, const std::string &tfrecord_path,
                       const std::string &index_path, const options &options) {
        tfr_writer *made = nullptr;
        options.call(function, detail::path(tfrecord_path), detail::index_path(index_path),
                     options.get(), &made);
        return writer(made);
    }

    detail::handle<tfr_writer, tfr_writer_free> native_;
};

/// Indexes a TFRecord stream that arrives in pieces: a download, a pipe.
class indexer {
  public:
    /// Starts at the beginning of a stream.
    explicit indexer(const options &options = tfr::options()) {
        tfr_indexer *made = nullptr;
        options.call(tfr_indexer_new, options.get(), &made);
        native_.reset(made);
    }

    /// Takes the next bytes of the stream, and calls `found(entry)` for each record that they
    /// complete. If a bad record follows good ones, the next call or finish() may report it.
    template <typename Found> void push(std::string_view bytes, Found found) {
        const auto *data = reinterpret_cast<const std::uint8_t *>(bytes.data());
        std::size_t size = bytes.size();
        while (size > 0) {
            entry entries[256];
            std::size_t taken = 0;
            std::size_t count = 0;
            detail::call(tfr_indexer_push, native_.get(), data, size, entries, std::size_t{256},
                         &taken, &count);
            for (std::size_t i = 0; i < count; i++) {
                found(entries[i]);
            }
            data += taken;
            size -= taken;
        }
    }
    /// Checks that the stream may end here; throws if it ends inside a record.
    void finish() { detail::call(tfr_indexer_finish, native_.get()); }

    /// The C object. This object owns it.
    [[nodiscard]] tfr_indexer *get() const noexcept { return native_.get(); }

  private:
    detail::handle<tfr_indexer, tfr_indexer_free> native_;
};

namespace detail {

/// A single-pass iterator over the numbers of a permutation or an order. It
/// gets many at a time.
template <typename Range> class number_iterator {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = std::uint64_t;
    using difference_type = std::ptrdiff_t;
    using pointer = const std::uint64_t *;
    using reference = const std::uint64_t &;

    number_iterator() = default;
    explicit number_iterator(const Range &range) : range_(&range) { refill(); }

    reference operator*() const noexcept { return numbers_[next_]; }
    pointer operator->() const noexcept { return &numbers_[next_]; }
    number_iterator &operator++() {
        position_++;
        if (++next_ == count_) {
            refill();
        }
        return *this;
    }
    number_iterator operator++(int) {
        number_iterator before = *this;
        ++*this;
        return before;
    }
    /// Whether both are at the end, or at the same position.
    friend bool operator==(const number_iterator &a, const number_iterator &b) noexcept {
        return a.range_ == b.range_ && a.position_ == b.position_;
    }
    friend bool operator!=(const number_iterator &a, const number_iterator &b) noexcept {
        return !(a == b);
    }

  private:
    void refill() {
        next_ = 0;
        count_ = range_->fill(position_, numbers_, sizeof numbers_ / sizeof *numbers_);
        if (count_ == 0) {
            range_ = nullptr;
            position_ = 0;
        }
    }

    const Range *range_ = nullptr;
    std::uint64_t position_ = 0;
    std::size_t next_ = 0;
    std::size_t count_ = 0;
    std::uint64_t numbers_[64] = {};
};

} // namespace detail

/// A random permutation of the numbers from 0 to size() - 1 that needs no
/// memory, whatever its size. A size and a seed mean the same permutation in
/// every version and every language.
class permutation {
  public:
    /// The type of an element.
    using value_type = std::uint64_t;
    /// A single-pass iterator. It must not outlive the permutation.
    using iterator = detail::number_iterator<permutation>;
    /// The type of begin().
    using const_iterator = iterator;

    /// The permutation of `size` numbers that the seed means.
    permutation(std::uint64_t size, std::uint64_t seed) {
        tfr_permutation *made = nullptr;
        detail::call(tfr_permutation_new, size, seed, &made);
        native_.reset(made);
    }

    /// How many numbers are permuted.
    [[nodiscard]] std::uint64_t size() const noexcept { return tfr_permutation_len(get()); }
    /// Whether there are none.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// The number at a position; throws if there is none.
    template <typename Integer> [[nodiscard]] std::uint64_t at(Integer position) const {
        std::uint64_t number = 0;
        detail::call(tfr_permutation_get, get(), detail::position(position), &number);
        return number;
    }
    /// The position of a number; throws if there is none.
    template <typename Integer> [[nodiscard]] std::uint64_t position(Integer number) const {
        std::uint64_t position = 0;
        detail::call(tfr_permutation_position, get(), detail::position(number), &position);
        return position;
    }
    /// Writes the numbers at the positions from `start` on to `numbers`, which
    /// has room for `capacity`. Returns how many: fewer than `capacity` if the
    /// permutation ends before.
    std::size_t fill(std::uint64_t start, std::uint64_t *numbers, std::size_t capacity) const {
        std::size_t count = 0;
        detail::call(tfr_permutation_fill, get(), start, numbers, capacity, &count);
        return count;
    }
    /// The first number.
    [[nodiscard]] iterator begin() const { return iterator(*this); }
    /// The end.
    [[nodiscard]] iterator end() const { return {}; }

    /// The C object. This object owns it.
    [[nodiscard]] const tfr_permutation *get() const noexcept { return native_.get(); }

  private:
    detail::handle<tfr_permutation, tfr_permutation_free> native_;
};

/// The order in which one rank reads the records of a data set in one epoch. It
/// needs no memory, whatever the number of records:
///
///     tfr::order order(num_records);
///     order.shuffle(7).shard(rank, world_size);
///     for (std::uint64_t record : order.epoch(3)) { ... }
class order {
  public:
    /// The type of an element.
    using value_type = std::uint64_t;
    /// A single-pass iterator. It must not outlive the order, which must not
    /// change meanwhile.
    using iterator = detail::number_iterator<order>;
    /// The type of begin().
    using const_iterator = iterator;

    /// All records from 0 to num_records - 1, in sequence.
    explicit order(std::uint64_t num_records) {
        tfr_order *made = nullptr;
        detail::call(tfr_order_new, num_records, &made);
        native_.reset(made);
    }

    /// Shuffles all records: in each epoch in another order, and all ranks alike.
    order &shuffle(std::uint64_t seed) {
        detail::call(tfr_order_set_shuffle, native_.get(), seed);
        return *this;
    }
    /// Shuffles chunks of neighbouring records, and the records of a dozen chunks at a time: for
    /// compressed files. dataset::chunk_records() returns a good size of a chunk.
    order &shuffle_chunks(std::uint64_t seed, std::uint64_t chunk_records) {
        detail::call(tfr_order_set_shuffle_chunks, native_.get(), seed, chunk_records);
        return *this;
    }
    /// Sets the number of the epoch, and goes back to the rank's first record.
    order &epoch(std::uint64_t epoch) {
        detail::call(tfr_order_set_epoch, native_.get(), epoch);
        return *this;
    }
    /// Takes the records of one rank: a run of neighbouring positions of the
    /// epoch's sequence.
    template <typename Rank, typename Size>
    order &shard(Rank rank, Size world_size, tfr_remainder remainder = TFR_REMAINDER_KEEP) {
        // A negative rank becomes a huge number, which C rejects.
        detail::call(tfr_order_set_shard, native_.get(), static_cast<std::uint64_t>(rank),
                     detail::is_negative(world_size) ? 0 : static_cast<std::uint64_t>(world_size),
                     static_cast<std::int32_t>(remainder));
        return *this;
    }
    /// Leaves out the rank's first `start` records, which were read before. Set
    /// this last: the other functions go back to the first record.
    template <typename Integer> order &start(Integer start) {
        detail::call(tfr_order_set_start, native_.get(), detail::position(start));
        return *this;
    }

    /// How many records the rank has in this epoch, from start() on.
    [[nodiscard]] std::uint64_t size() const noexcept { return tfr_order_len(get()); }
    /// Whether no records are left.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// The number of the i-th record, counted from start(); throws if there is
    /// none.
    template <typename Integer> [[nodiscard]] std::uint64_t at(Integer i) const {
        std::uint64_t record = 0;
        detail::call(tfr_order_get, get(), detail::position(i), &record);
        return record;
    }
    /// Writes the numbers of the records from the `first` one on to `records`,
    /// which has room for `capacity`. Returns how many: fewer than `capacity` if
    /// the order ends before.
    std::size_t fill(std::uint64_t first, std::uint64_t *records, std::size_t capacity) const {
        std::size_t count = 0;
        detail::call(tfr_order_fill, get(), first, records, capacity, &count);
        return count;
    }
    /// The number of the first record.
    [[nodiscard]] iterator begin() const { return iterator(*this); }
    /// The end.
    [[nodiscard]] iterator end() const { return {}; }

    /// The C object. This object owns it.
    [[nodiscard]] const tfr_order *get() const noexcept { return native_.get(); }

  private:
    detail::handle<tfr_order, tfr_order_free> native_;
};

/// Payloads in one buffer, and the numbers of their records in a data set.
class batch {
  public:
    /// The type of an element.
    using value_type = std::string_view;
    /// The type of begin().
    using const_iterator = const std::string_view *;
    /// The type of begin().
    using iterator = const_iterator;

    /// Takes ownership of a batch of a C function.
    explicit batch(tfr_batch *taken) : native_(taken) {
        const auto *bytes = reinterpret_cast<const char *>(tfr_batch_bytes(taken));
        const std::size_t *offsets = tfr_batch_offsets(taken);
        const std::size_t count = tfr_batch_len(taken);
        views_.reserve(count);
        for (std::size_t i = 0; i < count; i++) {
            views_.emplace_back(bytes + offsets[i], offsets[i + 1] - offsets[i]);
        }
    }

    /// The number of elements.
    [[nodiscard]] std::size_t size() const noexcept { return views_.size(); }
    /// Whether there are no elements.
    [[nodiscard]] bool empty() const noexcept { return views_.empty(); }
    /// The address of the first element.
    [[nodiscard]] const std::string_view *data() const noexcept { return views_.data(); }
    /// The first element.
    [[nodiscard]] const_iterator begin() const noexcept { return data(); }
    /// The end: after the last element.
    [[nodiscard]] const_iterator end() const noexcept { return data() + size(); }
    /// Payload i, borrowed; i must be less than size().
    template <typename Integer>
    [[nodiscard]] std::string_view operator[](Integer i) const noexcept {
        return views_[static_cast<std::size_t>(i)];
    }
    /// All payloads, concatenated.
    [[nodiscard]] std::string_view bytes() const noexcept {
        return {reinterpret_cast<const char *>(tfr_batch_bytes(get())), offsets()[size()]};
    }
    /// Where each payload starts in bytes(), and where the last one ends: size() + 1 numbers.
    [[nodiscard]] array_view<std::size_t> offsets() const noexcept {
        return {tfr_batch_offsets(get()), size() + 1};
    }
    /// The numbers of the records, in the order of the payloads.
    [[nodiscard]] array_view<std::uint64_t> records() const noexcept {
        return {tfr_batch_records(get()), size()};
    }
    /// Why records were left out because of options::on_error().
    [[nodiscard]] std::vector<error> skipped() const {
        return detail::errors(tfr_batch_skipped, get());
    }
    /// The features of the records, borrowed from the batch; without an object if they were not
    /// asked for.
    [[nodiscard]] tfr::columns columns() const noexcept {
        return tfr::columns(tfr_batch_columns(get()));
    }

    /// The C object. This object owns it.
    [[nodiscard]] const tfr_batch *get() const noexcept { return native_.get(); }

  private:
    detail::handle<tfr_batch, tfr_batch_free> native_;
    std::vector<std::string_view> views_;
};

inline batch reader::read_columns(const record_numbers &records, const features &wanted) const {
    tfr_batch *made = nullptr;
    call(tfr_reader_read_columns, native_.get(), records.data(), records.size(), wanted.get(),
         &made);
    return batch(made);
}

/// The values of a feature in many records, for encode_examples(): those of record 0, then those of
/// record 1 and so on. It borrows numbers, and what byte strings point to.
class feature_values {
  public:
    /// Integers. All records have the same number of values.
    feature_values(std::string name, array_view<std::int64_t> values)
        : feature_values(std::move(name), TFR_FEATURE_INT64, values.data(), values.size()) {}
    /// Floating-point numbers. All records have the same number of values.
    feature_values(std::string name, array_view<float> values)
        : feature_values(std::move(name), TFR_FEATURE_FLOAT, values.data(), values.size()) {}
    /// Byte strings. All records have the same number of values.
    feature_values(std::string name, array_view<std::string_view> values)
        : feature_values(std::move(name), TFR_FEATURE_BYTES, nullptr, values.size()) {
        for (const std::string_view value : values) {
            strings_.push_back(detail::bytes_of(value));
        }
    }

    /// Sets where each record's values start, and where the last one's end: one offset more than
    /// there are records. They are borrowed.
    feature_values &offsets(array_view<std::size_t> offsets) {
        offsets_ = offsets;
        return *this;
    }

  private:
    friend inline batch encode_examples(std::size_t records, array_view<feature_values> values);
    friend class writer;

    static std::vector<tfr_feature_values> natives(std::size_t records,
                                                   array_view<feature_values> values) {
        std::vector<tfr_feature_values> natives;
        for (const feature_values &one : values) {
            if (one.offsets_.data() != nullptr && one.offsets_.size() != records + 1) {
                throw std::invalid_argument("tfr::feature_values: feature " + one.name_ +
                                            " needs one offset more than there are records");
            }
            natives.push_back(one.native());
        }
        return natives;
    }

    feature_values(std::string name, tfr_feature_kind kind, const void *values, std::size_t count)
        : name_(std::move(name)), kind_(kind), values_(values), count_(count) {}

    [[nodiscard]] tfr_feature_values native() const noexcept {
        return {name_.data(),
                name_.size(),
                static_cast<std::int32_t>(kind_),
                kind_ == TFR_FEATURE_BYTES ? strings_.data() : values_,
                count_,
                offsets_.data()};
    }

    std::string name_;
    tfr_feature_kind kind_;
    const void *values_;
    std::size_t count_;
    std::vector<tfr_bytes> strings_;
    array_view<std::size_t> offsets_;
};

/// Encodes records as tf.train.Example, byte for byte as protobuf's deterministic serialisation.
/// The batch has their payloads.
[[nodiscard]] inline batch encode_examples(std::size_t records, array_view<feature_values> values) {
    const auto natives = feature_values::natives(records, values);
    tfr_batch *made = nullptr;
    detail::call(tfr_encode_examples, records, natives.data(), natives.size(), &made);
    return batch(made);
}

inline void writer::write_examples(std::size_t records, array_view<feature_values> values) {
    const auto natives = feature_values::natives(records, values);
    detail::call(tfr_writer_write_examples, native_.get(), records, natives.data(), natives.size());
}

/// Where a record of a data set is.
struct place {
    std::size_t shard;    ///< the number of the shard
    std::uint64_t record; ///< the number of the record in the shard
};

class batches;

/// A shard, as the function of dataset::from_opener() opens it.
struct opened_shard {
    source data;                        ///< the data, plain or compressed
    std::optional<source> index_file{}; ///< the text of the index beside the data, if there is one
    std::optional<source> seek_file{};  ///< the seek file beside compressed data, if there is one
    /// The text of an index that is used as it is, in place of the one beside the data: it may
    /// select, reorder and repeat records.
    std::optional<source> given_index{};
};

/// The records of many TFRecord files, called shards, as one sequence.
class dataset {
  public:
    /// Opens the files to count their records. Each has the index file next to it, if that accounts
    /// for every valid record; otherwise the file is scanned, and warnings() says why.
    explicit dataset(const std::vector<std::string> &paths, const options &options = tfr::options())
        : native_(open(paths_of(paths), nullptr, nullptr, options)) {}
    /// Opens files with the index files at these paths, used as they are. An empty path: as above.
    dataset(const std::vector<std::string> &paths, const std::vector<std::string> &index_paths,
            const options &options = tfr::options()) {
        ensure(index_paths.size() == paths.size(), "needs one index path for each file");
        std::vector<const char *> named;
        for (const std::string &path : index_paths) {
            named.push_back(detail::index_path(path));
        }
        native_.reset(open(paths_of(paths), named.data(), nullptr, options));
    }
    /// Opens files with these indexes, used as they are: an index for each file.
    dataset(const std::vector<std::string> &paths, const std::vector<index> &indexes,
            const options &options = tfr::options()) {
        ensure(indexes.size() == paths.size(), "needs one index for each file");
        native_.reset(open(paths_of(paths), nullptr, pointers_to(indexes).data(), options));
    }

    /// Opens the files that shards::find() found. Those that have a shards::index_path() have that
    /// index, used as it is. Those that a manifest lists are not opened before they are used.
    explicit dataset(const shards &set, const options &options = tfr::options())
        : native_(open(set, nullptr, options)) {}
    /// Opens such files with these indexes, used as they are: an index for each file. The files
    /// must have the sizes that a manifest says.
    dataset(const shards &set, const std::vector<index> &indexes,
            const options &options = tfr::options()) {
        ensure(indexes.size() == set.size(), "needs one index for each file");
        native_.reset(open(set, pointers_to(indexes).data(), options));
    }
    /// Takes the files and their numbers of records from a manifest, and opens none of them.
    [[nodiscard]] static dataset from_manifest(const manifest &manifest,
                                               const options &options = tfr::options()) {
        dataset made;
        tfr_dataset *native = nullptr;
        options.call(tfr_dataset_from_manifest, manifest.get(), options.get(), &native);
        made.native_.reset(native);
        return made;
    }

    /// Opens shards that are no local files, such as objects in a store: `open(shard)` returns the
    /// opened_shard of a number, when it is needed. `paths` name the shards in errors. The data set
    /// owns `open`. Several threads call it at the same time, unless options::threads(1); see
    /// tfr_dataset_from_opener(). If it throws, calls that need the shard throw tfr::error with its
    /// text, and with the number of a std::system_error or EIO. What a source of a shard throws is
    /// an error with the number ECANCELED.
    template <typename Open>
    [[nodiscard]] static dataset from_opener(const std::vector<std::string> &paths, Open open,
                                             const options &options = tfr::options()) {
        return opened_by(paths, std::move(open), nullptr, options);
    }
    /// The same with the number of records of each shard: none is opened before it is used.
    template <typename Open>
    [[nodiscard]] static dataset from_opener(const std::vector<std::string> &paths, Open open,
                                             const std::vector<std::uint64_t> &counts,
                                             const options &options = tfr::options()) {
        ensure(counts.size() == paths.size(), "needs one count for each shard");
        return opened_by(paths, std::move(open), counts.data(), options);
    }

    /// The number of records.
    [[nodiscard]] std::uint64_t size() const noexcept { return tfr_dataset_len(get()); }
    /// Whether there are no records.
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    /// The number of shards.
    [[nodiscard]] std::size_t num_shards() const noexcept { return tfr_dataset_num_shards(get()); }
    /// The path of a shard; empty if there is no such shard.
    [[nodiscard]] std::string path(std::size_t shard) const {
        const char *path = tfr_dataset_path(get(), shard);
        return path ? path : "";
    }
    /// Where a record is.
    [[nodiscard]] place locate(std::uint64_t record) const {
        place found{};
        detail::call(tfr_dataset_locate, get(), record, &found.shard, &found.record);
        return found;
    }
    /// The number of a shard's first record, and how many records it has.
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> records_of(std::size_t shard) const {
        std::pair<std::uint64_t, std::uint64_t> records;
        detail::call(tfr_dataset_records_of, get(), shard, &records.first, &records.second);
        return records;
    }
    /// How many neighbouring records have about 2 MiB together, decompressed: a good size for
    /// order::shuffle_chunks(). This may open files.
    [[nodiscard]] std::uint64_t chunk_records() const {
        std::uint64_t records = 0;
        detail::call(tfr_dataset_chunk_records, get(), &records);
        return records;
    }
    /// The index of a shard.
    [[nodiscard]] index index_of(std::size_t shard) const {
        return index::made(
            [&](tfr_index **out) { detail::call(tfr_dataset_index_of, get(), shard, out); });
    }
    /// What programs should report about the shards opened so far: indexes that were found but not
    /// used, and regions that salvage left out.
    [[nodiscard]] std::vector<error> warnings() const {
        return detail::errors(tfr_dataset_warning, get());
    }
    /// How many warnings() there are: more when more shards have been opened.
    [[nodiscard]] std::size_t num_warnings() const noexcept {
        return tfr_dataset_num_warnings(get());
    }
    /// How many records were left out of batches because of options::on_error().
    [[nodiscard]] std::uint64_t num_skipped() const noexcept {
        return tfr_dataset_num_skipped(get());
    }
    /// Why records were left out: the first 1000 reasons.
    [[nodiscard]] std::vector<error> skipped() const {
        return detail::errors(tfr_dataset_skipped, get());
    }
    /// Closes the files that no thread uses. They are opened again when they are needed.
    void close_files() const { detail::call(tfr_dataset_close_files, get()); }

    /// The number of bytes that read() gives for each of these records.
    [[nodiscard]] std::vector<std::size_t> sizes(array_view<std::uint64_t> records) const {
        std::vector<std::size_t> sizes(records.size());
        std::size_t none = 0;
        detail::call(tfr_dataset_sizes, get(), records.data(), records.size(),
                     sizes.empty() ? &none : sizes.data());
        return sizes;
    }
    /// Where the frames of these records are in their files.
    [[nodiscard]] std::vector<entry> entries(array_view<std::uint64_t> records) const {
        std::vector<entry> entries(records.size());
        entry none{};
        detail::call(tfr_dataset_entries, get(), records.data(), records.size(),
                     entries.empty() ? &none : entries.data());
        return entries;
    }
    /// Where read_many() puts each of these records, and where the last one ends: one number more
    /// than records.
    [[nodiscard]] std::vector<std::size_t> offsets(array_view<std::uint64_t> records) const {
        std::vector<std::size_t> offsets(records.size() + 1);
        detail::call(tfr_dataset_offsets, get(), records.data(), records.size(), offsets.data());
        return offsets;
    }
    /// Reads the payload of a record.
    [[nodiscard]] std::string read(std::uint64_t record) const {
        std::string payload(sizes({record}).front(), '\0');
        read(record, payload.data(), payload.size());
        return payload;
    }
    /// Reads the payload of a record to the start of a buffer. Returns its size in bytes.
    std::size_t read(std::uint64_t record, void *buffer, std::size_t capacity) const {
        std::size_t size = 0;
        detail::call(tfr_dataset_read, get(), record, static_cast<std::uint8_t *>(buffer), capacity,
                     &size);
        return size;
    }
    /// Reads the payloads of many records to the start of a buffer, concatenated. Returns the
    /// offsets(). It reads several shards at the same time.
    std::vector<std::size_t> read_many(array_view<std::uint64_t> records, void *buffer,
                                       std::size_t capacity) const {
        std::vector<std::size_t> offsets(records.size() + 1);
        detail::call(tfr_dataset_read_many, get(), records.data(), records.size(),
                     static_cast<std::uint8_t *>(buffer), capacity, offsets.data());
        return offsets;
    }
    /// Reads the payloads of many records, each to the start of its own buffer. `capacities` are
    /// the sizes of the buffers in bytes.
    void read_each(array_view<std::uint64_t> records, array_view<std::uint8_t *> buffers,
                   array_view<std::size_t> capacities) const {
        ensure(buffers.size() == records.size() && capacities.size() == records.size(),
               "needs one buffer and one capacity for each record");
        detail::call(tfr_dataset_read_each, get(), records.data(), records.size(), buffers.data(),
                     capacities.data());
    }
    /// Reads the payloads of many records and returns them in this order. With TFR_ON_ERROR_SKIP,
    /// it leaves out those that cannot be read.
    [[nodiscard]] batch read_batch(array_view<std::uint64_t> records) const {
        tfr_batch *made = nullptr;
        detail::call(tfr_dataset_read_batch, get(), records.data(), records.size(), &made);
        return batch(made);
    }
    /// Reads many records like read_batch(), and decodes features of them: batch::columns().
    [[nodiscard]] batch read_columns(array_view<std::uint64_t> records,
                                     const features &wanted) const {
        tfr_batch *made = nullptr;
        detail::call(tfr_dataset_read_columns, get(), records.data(), records.size(), wanted.get(),
                     &made);
        return batch(made);
    }
    /// Iterates over batches of `batch_size` records in an order. Threads read `prefetch` batches
    /// ahead, but no more than 1,024. The last batch may have fewer records, and is left out if
    /// `drop_last`.
    [[nodiscard]] inline tfr::batches batches(std::size_t batch_size, const order &order,
                                              std::size_t prefetch = 2,
                                              bool drop_last = false) const;
    /// Iterates over batches of a part: record i of the order is record `first` + i * `step` of the
    /// data set. If `max_bytes` is not 0, a batch also ends before its payloads have more bytes.
    [[nodiscard]] inline tfr::batches
    batches_of(std::uint64_t first, std::int64_t step, std::size_t batch_size, const order &order,
               std::size_t max_bytes = 0, std::size_t prefetch = 2, bool drop_last = false) const;

    /// The C object. This object owns it.
    [[nodiscard]] const tfr_dataset *get() const noexcept { return native_.get(); }

  private:
    dataset() = default;

    static std::vector<const char *> paths_of(const std::vector<std::string> &paths) {
        std::vector<const char *> native;
        for (const std::string &path : paths) {
            native.push_back(detail::path(path));
        }
        return native;
    }

    static std::vector<const tfr_index *> pointers_to(const std::vector<index> &indexes) {
        std::vector<const tfr_index *> pointers;
        for (const index &one : indexes) {
            pointers.push_back(one.get());
        }
        return pointers;
    }

    static tfr_dataset *open(const shards &set, const tfr_index *const *indexes,
                             const options &options) {
        tfr_dataset *made = nullptr;
        options.call(tfr_dataset_from_shards, set.get(), static_cast<const char *const *>(nullptr),
                     indexes, options.get(), &made);
        return made;
    }

    static tfr_dataset *open(const std::vector<const char *> &paths, const char *const *index_paths,
                             const tfr_index *const *indexes, const options &options) {
        tfr_dataset *made = nullptr;
        options.call(tfr_dataset_open, paths.data(), index_paths, indexes, nullptr, paths.size(),
                     options.get(), &made);
        return made;
    }

    template <typename Open>
    static dataset opened_by(const std::vector<std::string> &paths, Open open,
                             const std::uint64_t *counts, const options &options) {
        const std::vector<const char *> named = paths_of(paths);
        auto owned = std::make_unique<Open>(std::move(open));
        dataset made;
        tfr_dataset *native = nullptr;
        // The library frees it, also if the call fails.
        void *context = owned.release();
        options.call(tfr_dataset_from_opener, named.data(),
                     static_cast<const tfr_index *const *>(nullptr), counts, named.size(),
                     open_shard<Open>, context, free_opener<Open>, options.get(), &native);
        made.native_.reset(native);
        return made;
    }

    /// Catches exceptions, which must not pass through C.
    template <typename Open>
    static std::int32_t open_shard(void *context, std::size_t shard, tfr_opened_shard *opened,
                                   char *message) noexcept {
        int number = EIO;
        try {
            const opened_shard found = (*static_cast<Open *>(context))(shard);
            opened->data = shared(found.data);
            opened->index_file = found.index_file ? shared(*found.index_file) : nullptr;
            opened->seek_file = found.seek_file ? shared(*found.seek_file) : nullptr;
            opened->given_index = found.given_index ? shared(*found.given_index) : nullptr;
            return 0;
        } catch (const std::system_error &thrown) {
            const int value = thrown.code().value();
            number = value > 0 && value < 4096 ? value : EIO;
            tell(thrown, message);
        } catch (const std::exception &thrown) {
            tell(thrown, message);
        } catch (...) {
        }
        return -number;
    }
    template <typename Open> static void free_opener(void *context) {
        delete static_cast<Open *>(context);
    }
    static tfr_source *shared(const source &of) {
        tfr_source *made = nullptr;
        detail::call(tfr_source_share, of.get(), &made);
        return made;
    }
    static void tell(const std::exception &thrown, char *message) noexcept {
        const std::string_view text = thrown.what();
        message[text.copy(message, TFR_MESSAGE_SIZE - 1)] = '\0';
    }

    static void ensure(bool condition, const char *what) {
        if (!condition) {
            throw std::invalid_argument(std::string("tfr::dataset: ") + what);
        }
    }

    detail::handle<tfr_dataset, tfr_dataset_free> native_;
};

/// The batches of an order, read ahead: `for (const tfr::batch &batch : dataset.batches(256,
/// order))`. This is a single pass.
class batches {
  public:
    class iterator;

    /// The batches of an order; see dataset::batches().
    batches(const dataset &dataset, const order &order, std::size_t batch_size,
            std::size_t prefetch = 2, bool drop_last = false) {
        tfr_batches *made = nullptr;
        detail::call(tfr_batches_new, dataset.get(), order.get(), batch_size, prefetch,
                     std::int32_t{drop_last}, &made);
        native_.reset(made);
    }

    /// The batches of a part of a data set; see dataset::batches_of().
    batches(const dataset &dataset, std::uint64_t first, std::int64_t step, const order &order,
            std::size_t batch_size, std::size_t max_bytes, std::size_t prefetch, bool drop_last) {
        tfr_batches *made = nullptr;
        detail::call(tfr_batches_of, dataset.get(), first, step, order.get(), batch_size, max_bytes,
                     prefetch, std::int32_t{drop_last}, &made);
        native_.reset(made);
    }

    /// Decodes features of the records from the next batch on, in the threads that read ahead:
    /// batch::columns().
    tfr::batches &features(const tfr::features &wanted) {
        detail::call(tfr_batches_set_features, native_.get(), wanted.get());
        return *this;
    }

    /// The next batch; none at the end. After an exception, the next call continues with the batch
    /// after the one that failed.
    [[nodiscard]] std::optional<batch> next() {
        tfr_batch *made = nullptr;
        detail::call(tfr_batches_next, native_.get(), &made);
        return made ? std::optional<batch>(batch(made)) : std::nullopt;
    }
    /// Waits until next() would not wait, but not longer than this. Returns whether next() would
    /// not wait.
    [[nodiscard]] bool wait(std::uint32_t milliseconds) {
        std::int32_t ready = 0;
        detail::call(tfr_batches_wait, native_.get(), milliseconds, &ready);
        return ready != 0;
    }
    /// Where the next batch starts: an order with start(state()) continues with exactly this batch.
    [[nodiscard]] std::uint64_t state() const noexcept { return tfr_batches_state(native_.get()); }

    /// The next batch; throws if it cannot be read.
    [[nodiscard]] inline iterator begin();
    /// The end.
    [[nodiscard]] inline iterator end() noexcept;

    /// The C object. This object owns it.
    [[nodiscard]] tfr_batches *get() const noexcept { return native_.get(); }

  private:
    detail::handle<tfr_batches, tfr_batches_free> native_;
};

/// An iterator over batches. Copies share one position.
class batches::iterator {
  public:
    /// A single-pass iterator.
    using iterator_category = std::input_iterator_tag;
    /// The type of an element.
    using value_type = batch;
    /// The type of a distance.
    using difference_type = std::ptrdiff_t;
    /// The type of operator->.
    using pointer = const batch *;
    /// The type of operator*.
    using reference = const batch &;

    /// The end.
    iterator() = default;

    /// The batch, valid until the iterator advances.
    reference operator*() const noexcept { return *batch_; }
    /// The batch, valid until the iterator advances.
    pointer operator->() const noexcept { return batch_.get(); }
    /// Advances; throws if the next batch cannot be read.
    iterator &operator++() {
        batch_.reset();
        if (std::optional<batch> next = of_->next()) {
            batch_ = std::make_shared<batch>(std::move(*next));
        }
        return *this;
    }
    /// Advances; throws if the next batch cannot be read.
    void operator++(int) { ++*this; }
    /// Whether both are at the end, or are copies of each other.
    friend bool operator==(const iterator &a, const iterator &b) noexcept {
        return a.batch_ == b.batch_;
    }
    /// Whether they are not equal.
    friend bool operator!=(const iterator &a, const iterator &b) noexcept { return !(a == b); }

  private:
    friend class batches;
    explicit iterator(batches &of) : of_(&of) { ++*this; }

    batches *of_ = nullptr;
    std::shared_ptr<batch> batch_;
};

inline batches::iterator batches::begin() { return iterator(*this); }
inline batches::iterator batches::end() noexcept { return {}; }

inline batches dataset::batches(std::size_t batch_size, const order &order, std::size_t prefetch,
                                bool drop_last) const {
    return {*this, order, batch_size, prefetch, drop_last};
}

inline batches dataset::batches_of(std::uint64_t first, std::int64_t step, std::size_t batch_size,
                                   const order &order, std::size_t max_bytes, std::size_t prefetch,
                                   bool drop_last) const {
    return {*this, first, step, order, batch_size, max_bytes, prefetch, drop_last};
}

/// What a report looks at.
struct report_options {
    /// How many random records are read, to find out which features they have.
    std::size_t sample = 1000;
    /// Chooses the records: the same ones each time.
    std::uint64_t seed = 0;
    /// The most bytes of pictures in the page, all together.
    std::uint64_t max_bytes = 2 << 20;
    /// Whether the report may have values of records. If not, it has the names, kinds, numbers and
    /// sizes of features, and nothing that was computed from their values.
    bool values = true;
};

/// What is in a data set: totals, the state of each file and its index, damaged regions, features
/// of tf.train.Example records and some records.
class report {
  public:
    /// Looks at the files: at each record's header, or at the index instead if it fits, and at a
    /// random sample of the payloads. A file that fails does not stop the others: the report says
    /// why.
    explicit report(const shards &set, const report_options &how = report_options(),
                    const options &options = tfr::options()) {
        tfr_report *made = nullptr;
        options.call(tfr_report_new, set.get(), how.sample, how.seed, how.max_bytes,
                     std::int32_t{how.values}, options.get(), &made);
        native_.reset(made);
    }
    /// The page: one HTML file that needs no other, and no network.
    [[nodiscard]] std::string to_html() const { return text(tfr_report_to_html); }
    /// The same facts for programs, as a JSON object.
    [[nodiscard]] std::string to_json() const { return text(tfr_report_to_json); }
    /// Writes the page, completely or not at all. It replaces an older report, but no other file.
    void write(const std::string &path) const {
        detail::call(tfr_report_write, get(), detail::path(path));
    }

    /// The C object. This object owns it.
    [[nodiscard]] const tfr_report *get() const noexcept { return native_.get(); }

  private:
    template <typename Function> [[nodiscard]] std::string text(Function function) const {
        char *made = nullptr;
        detail::call(function, get(), &made);
        const detail::handle<char, tfr_text_free> owned(made);
        return made;
    }

    detail::handle<tfr_report, tfr_report_free> native_;
};

} // namespace tfr

#ifdef __cpp_lib_ranges
template <typename T> inline constexpr bool std::ranges::enable_view<tfr::array_view<T>> = true;
template <typename T>
inline constexpr bool std::ranges::enable_borrowed_range<tfr::array_view<T>> = true;
#endif

#endif // TFR_INDEX_HPP
