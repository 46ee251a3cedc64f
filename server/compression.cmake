# Target puna::compression: what bodies are unpacked with, zlib, Brotli and Zstandard. Debian's CMake has a module for the first
# alone.
find_package(ZLIB REQUIRED)
find_path(PUNA_BROTLI_INCLUDE brotli/decode.h REQUIRED)
find_library(PUNA_BROTLI_DECODER brotlidec REQUIRED)
find_path(PUNA_ZSTD_INCLUDE zstd.h REQUIRED)
find_library(PUNA_ZSTD zstd REQUIRED)
if(PUNA_TESTS)
  find_library(PUNA_BROTLI_ENCODER brotlienc REQUIRED)
endif()
add_library(puna_compression INTERFACE)
target_include_directories(puna_compression SYSTEM INTERFACE ${PUNA_BROTLI_INCLUDE} ${PUNA_ZSTD_INCLUDE})
target_link_libraries(puna_compression INTERFACE ZLIB::ZLIB ${PUNA_BROTLI_DECODER} ${PUNA_ZSTD})
add_library(puna::compression ALIAS puna_compression)
