// Unroll<N>(f): f(0), f(1), ... f(N - 1) with the index as a compile-time constant. A plain loop over an array of
// registers is unrolled by g++ only after it has given the array a place in memory, and every sum is then stored in
// every round.
#pragma once

#include <type_traits>
#include <utility>

// Of a function whose arguments are to stay in registers.
#define PUNA_INLINE [[gnu::always_inline]] inline

namespace puna::engine {

template <int N, typename Fn>
[[gnu::always_inline]] inline void Unroll(const Fn& fn) {
  [&]<int... I>(std::integer_sequence<int, I...>) __attribute__((always_inline)) {
    (fn(std::integral_constant<int, I>{}), ...);
  }
  (std::make_integer_sequence<int, N>{});
}

}  // namespace puna::engine

// A lambda that Unroll calls.
#define PUNA_UNROLLED(index) [&](auto index) __attribute__((always_inline))
