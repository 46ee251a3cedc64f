#include "engine/checkpoint/files/safetensors.h"

#include <doctest/doctest.h>

#include "tests/support/throws.h"
#include "tests/support/tiny_checkpoint.h"

using namespace puna::engine;
using namespace puna::testing;

namespace {

std::vector<Tensor> Read(const std::string& bytes) {
  return ReadSafetensors(MappedFile::Borrow("x.safetensors", AsBytes(bytes)));
}
std::string Message(const std::string& bytes) {
  return MessageOf([&] { Read(bytes); });
}
std::string Entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}
std::string Index(const std::map<std::string, std::string>& map) {
  std::string text;
  for (const auto& [tensor, shard] : map) text += (text.empty() ? "\"" : ",\"") + tensor + "\":\"" + shard + "\"";
  return "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + text + "}}";
}

const std::vector<TinyTensor> kTwo = {{"a", "F32", {2, 3}, BytesOf(std::vector<float>{1, 2, 3, 4, 5, 6})},
                                      {"b", "U8", {3}, "xyz"}};

}  // namespace

TEST_CASE("a good file gives its tensors in place") {
  const std::string bytes = SafetensorsBytes(kTwo);
  const std::vector<Tensor> tensors = Read(bytes);
  REQUIRE(tensors.size() == 2);
  CHECK(tensors[0].name == "a");
  CHECK(tensors[0].shape == std::vector<int64_t>{2, 3});
  CHECK(tensors[0].bytes.data() == AsBytes(bytes).data() + bytes.size() - 27);
  CHECK(tensors[1].dtype == DType::kU8);
  float values[2];
  ReadFloats(tensors[0], 3, 2, values);
  CHECK(values[0] == 4);
  CHECK(values[1] == 5);
}

TEST_CASE("a scalar, an empty tensor and data at odd addresses are allowed") {
  const std::string header = "{" + Entry("e", "F32", "[0,4]", "[0,0]") + "," + Entry("o", "U8", "[1]", "[0,1]") + "," +
                             Entry("s", "F32", "[]", "[1,5]") + "}";
  const std::string bytes = RawSafetensors(header, "x" + BytesOf(std::vector<float>{2.5f}));
  const std::vector<Tensor> tensors = Read(bytes);
  REQUIRE(tensors.size() == 3);
  float value = 0;
  ReadFloats(tensors[2], 0, 1, &value);
  CHECK(value == 2.5f);
}

TEST_CASE("every way in which a header can lie is an error that names the file") {
  const std::string good = Entry("a", "F32", "[2]", "[0,8]");
  const std::string data(8, 'x');
  const std::string cases[] = {
      "",
      std::string(7, '\0'),
      std::string(8, '\xff'),
      LittleEndian(0, 8),
      LittleEndian(1, 8) + "{",
      LittleEndian(100'000'001, 8) + "{}",
      LittleEndian(uint64_t{1} << 63, 8) + "{}",
      "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
      RawSafetensors("[]", ""),
      RawSafetensors("{\"a\":1}", ""),
      RawSafetensors("{" + good + "}", ""),                 // truncated
      RawSafetensors("{" + good + "}", data + "y"),         // more than it says
      RawSafetensors("{" + good + "," + good + "}", data),  // twice
      RawSafetensors("{" + Entry("a", "F32", "[2]", "[0,7]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[3]", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[-2]", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[2.0]", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[2]", "[8,0]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[2]", "[0]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[2]", "[0,8,16]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[2]", "[-8,0]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[2]", "[0,18446744073709551615]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[4294967296,4294967296,2]", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[9223372036854775807]", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[4611686018427387904,0,4611686018427387904]", "[0,0]") + "}", ""),
      RawSafetensors("{" + Entry("a", "F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F33", "[2]", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "f32", "[2]", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "2", "[0,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[1]", "[0,4]") + "," + Entry("b", "F32", "[1]", "[2,6]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[1]", "[0,4]") + "," + Entry("b", "F32", "[1]", "[0,4]") + "}", data),
      RawSafetensors("{" + Entry("a", "U8", "[2]", "[0,2]") + "," + Entry("b", "F32", "[1]", "[4,8]") + "}", data),
      RawSafetensors("{" + Entry("a", "F32", "[1]", "[4,8]") + "}", data),
      RawSafetensors("{\"a\":" + std::string(5000, '[') + "}", data),
      RawSafetensors("{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", data),
  };
  for (const std::string& bytes : cases) {
    const std::string message = Message(bytes);
    CAPTURE(bytes.substr(0, 200));
    CHECK(message.starts_with("x.safetensors"));
    CHECK(IsFaultMessage(message));
    CHECK(message.size() < 600);
  }
}

TEST_CASE("a file cut at any byte is an error") {
  const std::string bytes = SafetensorsBytes(kTwo);
  for (size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    const std::string cut = bytes.substr(0, size);  // a copy, so that a sanitizer sees a read past its end
    CHECK(IsFaultMessage(Message(cut)));
  }
}

TEST_CASE("a random walk of changed bytes never crashes, and what opens lies inside the file") {
  std::mt19937 rng(7);
  const std::string good = SafetensorsBytes(kTwo);
  std::string bytes = good;
  int opened = 0;
  for (int step = 0; step < 20000; ++step) {
    if (step % 8 == 0) bytes = good;
    bytes[rng() % bytes.size()] = "0123456789[]{}\",:\x00\xff"[rng() % 20];
    try {
      for (const Tensor& tensor : Read(bytes)) {
        CHECK(tensor.bytes.data() + tensor.bytes.size() <= AsBytes(bytes).data() + bytes.size());
      }
      ++opened;
    } catch (const std::runtime_error&) {
    }
  }
  CHECK(opened > 0);
}

TEST_CASE("shards: the index says where each tensor is, and the shards agree") {
  const std::string one = SafetensorsBytes({kTwo[0]}), two = SafetensorsBytes({kTwo[1]});
  const auto read = [](const TinyFiles& files) { return ReadSafetensorsModel(FileSet::Memory("dir", AsSpans(files))); };
  const std::string index = Index({{"a", "1.safetensors"}, {"b", "2.safetensors"}});
  CHECK(read({{"model.safetensors.index.json", index}, {"1.safetensors", one}, {"2.safetensors", two}}).all().size() ==
        2);
  CHECK(read({{"model.safetensors", one}, {"model.safetensors.index.json", index}}).all().size() == 1);

  const auto message = [&](const TinyFiles& files) { return MessageOf([&] { read(files); }); };
  CHECK(Contains(message({{"model.safetensors.index.json", index}, {"1.safetensors", one}}), "dir/2.safetensors"));
  CHECK(Contains(message({{"model.safetensors.index.json", index}, {"1.safetensors", two}, {"2.safetensors", one}}),
                 "expected this tensor"));
  const std::string both = SafetensorsBytes({kTwo[0], kTwo[1]});  // the index decides which of two is meant
  CHECK(
      read({{"model.safetensors.index.json", index}, {"1.safetensors", both}, {"2.safetensors", both}}).all().size() ==
      2);
  CHECK(read({{"model-00001-of-00002.safetensors", one}, {"model-00002-of-00002.safetensors", two}}).all().size() == 2);
  CHECK(read({{"gptq_model-4bit-128g.safetensors", both}}).all().size() == 2);
  CHECK(
      IsFaultMessage(message({{"model-00001-of-00003.safetensors", one}, {"model-00002-of-00003.safetensors", two}})));
  CHECK(IsFaultMessage(message({{"a.safetensors", one}, {"b.safetensors", two}})));
  CHECK(Contains(message({{"model.safetensors.index.json", Index({{"a", "1.safetensors"}, {"z", "1.safetensors"}})},
                          {"1.safetensors", one}}),
                 "1.safetensors: z: expected this tensor"));
  CHECK(IsFaultMessage(message({{"model.safetensors.index.json", "{\"weight_map\":[]}"}})));
  CHECK(IsFaultMessage(message({{"model.safetensors.index.json", "{}"}})));
  CHECK(Contains(message({{"pytorch_model.bin", "x"}}), "expected model.safetensors"));
  CHECK(Contains(message({{"config.json", "{}"}}), "expected model.safetensors"));
}

TEST_CASE("shard names cannot leave the folder") {
  for (const std::string name : {"../1.safetensors", "/etc/x.safetensors", "a/b.safetensors", "..\\\\x.safetensors",
                                 "..", "", ".safetensors", ".hidden.safetensors", "a\\u0000.safetensors", "1.bin"}) {
    const TinyFiles files = {{"model.safetensors.index.json", Index({{"a", name}})}};
    const std::string message = MessageOf([&] { ReadSafetensorsModel(FileSet::Memory("dir", AsSpans(files))); });
    CAPTURE(name);
    CHECK(Contains(message, "expected the name of a .safetensors file in the same folder"));
  }
}
