// order.h: random orders of record numbers, the same as those of tfr_index_shuffle(): the same seed
// and number of records give the same order on every machine and in every language.

#ifndef TFR_DALI_ORDER_H
#define TFR_DALI_ORDER_H

#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace tfr_dali {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        state_ += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = (state_ ^ (state_ >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }

    /// A uniformly distributed number below `bound` (Lemire: Fast Random Integer Generation in an
    /// Interval).
    std::uint64_t below(std::uint64_t bound) {
        Product product = Product{next()} * bound;
        if (static_cast<std::uint64_t>(product) < bound) {
            const std::uint64_t surplus = -bound % bound;
            while (static_cast<std::uint64_t>(product) < surplus) {
                product = Product{next()} * bound;
            }
        }
        return static_cast<std::uint64_t>(product >> 64);
    }

  private:
    __extension__ using Product = unsigned __int128;

    std::uint64_t state_;
};

/// Fills `order` with the numbers below `count` in a random order (Fisher-Yates shuffle).
inline void shuffle(std::vector<std::uint64_t> &order, std::uint64_t count, std::uint64_t seed) {
    order.resize(count);
    std::iota(order.begin(), order.end(), 0);
    Random random(seed);
    for (std::uint64_t drawn = 0; drawn < count; drawn++) {
        std::swap(order[drawn], order[drawn + random.below(count - drawn)]);
    }
}

} // namespace tfr_dali

#endif // TFR_DALI_ORDER_H
