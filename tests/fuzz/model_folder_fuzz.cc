// libFuzzer entry: any bytes as a whole model, driven through open, plan, packing and one token. "GGUF" begins a .gguf file;
// everything else is a config.json, whose weights are made as it says. Build with clang++ -fsanitize=fuzzer,address,undefined.
#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/support/drive_model.h"
#include "tests/support/temporary_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace puna::engine::testing;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.rfind("GGUF", 0) == 0) {
    const puna::testing::TemporaryFolder folder({{"model.gguf", bytes}});
    DriveFolder(folder.path());
  } else {
    DriveConfig(bytes);
  }
  return 0;
}
