// Whether this is built with a sanitizer: its plain kernels take minutes where others take seconds, so a test that compares bits
// over many inputs takes fewer of them. What a sanitizer looks for is found in those, too.
#pragma once

namespace puna::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace puna::testing
