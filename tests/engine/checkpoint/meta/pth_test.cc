// torch.save's archives: good ones, and every way in which one can lie.
#include "engine/checkpoint/meta/pth_file.h"

#include <doctest/doctest.h>

#include "tests/support/throws.h"
#include "tests/support/tiny_pth.h"

using namespace puna::engine;
using namespace puna::testing;

namespace {

std::vector<Tensor> Read(const std::string& bytes) { return ReadPth(MappedFile::Borrow("x.pth", AsBytes(bytes))); }
std::string Message(const std::string& bytes) {
  return MessageOf([&] { Read(bytes); });
}

const std::string kFloats = BytesOf(std::vector<float>{1, 2, 3, 4, 5, 6});

// An archive with this pickle and one storage of six floats, "0".
std::string With(const std::string& pickle, bool zip64 = false) {
  return ZipBytes({{"x/data.pkl", pickle}, {"x/data/0", kFloats}, {"x/byteorder", "little"}}, zip64);
}
std::string WithTensor(const std::string& tensor) { return With(PickleDict(PickleText("a") + tensor)); }
const std::string kStorage = PickleStorage("FloatStorage", "0", 6);

}  // namespace

TEST_CASE("tensors of one storage, in place") {
  const std::string items = PickleText("a") + PickleTensor(kStorage, 0, {2, 3}, {3, 1}) + PickleText("b") +
                            PickleTensor(kStorage, 4, {1, 2}, {7, 1}) + PickleText("n") + PickleInt(5);
  for (const bool zip64 : {false, true}) {
    const std::string bytes = With(PickleDict(items), zip64);
    const std::vector<Tensor> tensors = Read(bytes);
    REQUIRE(tensors.size() == 2);
    CHECK(tensors[0].name == "a");
    CHECK(tensors[0].shape == std::vector<int64_t>{2, 3});
    CHECK(tensors[0].dtype == DType::kF32);
    CHECK(tensors[1].bytes.data() == tensors[0].bytes.data() + 16);
    float value = 0;
    ReadFloats(tensors[1], 1, 1, &value);
    CHECK(value == 6);
  }
}

TEST_CASE("an OrderedDict with attributes, memo and single items, as torch writes a state_dict") {
  const std::string pickle = "\x80\x02" + PickleGlobal("collections", "OrderedDict") + "q\x05)Rq\x01" +
                             PickleText("a") + PickleTensor(kStorage, 0, {6}, {1}) + "r" + LittleEndian(300, 4) + "s" +
                             PickleText("again") + "j" + LittleEndian(300, 4) + "s}" + PickleText("_metadata") +
                             "h\x05)R}" + PickleText("version") + "K\x01sbsb.";
  const std::string bytes = With(pickle);
  const std::vector<Tensor> tensors = Read(bytes);
  REQUIRE(tensors.size() == 2);
  CHECK(tensors[0].bytes.data() == tensors[1].bytes.data());
}

TEST_CASE("a pickle that names anything else is refused by name, and nothing is run") {
  struct Case {
    std::string module, name;
  };
  for (const Case& c : {Case{"os", "system"},
                        {"posix", "system"},
                        {"builtins", "eval"},
                        {"__builtin__", "getattr"},
                        {"torch", "load"},
                        {"torch.storage", "_load_from_bytes"},
                        {"torch", "a.bStorage"},
                        {"numpy.core.multiarray", "_reconstruct"},
                        {"collections", "OrderedDict\\"}}) {
    const std::string pickle = "\x80\x02" + PickleGlobal(c.module, c.name) + "(" + PickleText("touch /tmp/x") + "tR.";
    const std::string message = Message(With(pickle));
    CHECK(Contains(message, c.module + " " + c.name.substr(0, 5)));
    CHECK(IsFaultMessage(message));
  }
  const std::string called = "\x80\x02" + PickleGlobal("torch", "FloatStorage") + ")R.";
  CHECK(Contains(Message(With(called)), "torch FloatStorage"));
}

TEST_CASE("pickles that do not make sense") {
  const std::string deep(100000, '\x85');  // tuples in tuples
  const std::string p = "\x80\x02";
  const std::string cases[] = {
      "",
      "\x80",
      p,
      p + ".",
      p + "t.",
      p + "u.",
      p + "s.",
      p + "(.",
      p + "}u.",
      p + "}(K\x01u.",
      p + "}(",
      p + "h\x07.",
      p + "j" + LittleEndian(0xffffffff, 4) + ".",
      p + "q\x01.",
      p + "Nr" + LittleEndian(0xffffffff, 4) + ".",
      p + "X" + LittleEndian(0xffffffff, 4) + "a.",
      p + "X\x05",
      p + "cos",
      p + "cos\n",
      p + "NQ.",
      p + ")Q.",
      p + "NR.",
      p + "NNR.",
      p + "Nb.",
      p + "NNb.",
      p + "\x8a\xff" + std::string(255, 'x') + ".",
      p + "i.",
      p + "P1\n.",
      p + "\x81.",
      p + "N.",
      p + "].",
      p + "K\x01.",
      "\x80\x03}.",
      "\x80\x04\x95" + std::string(8, '\0') + "}.",
      "}.",
      p + "]" + deep + ".",
      p + "N" + deep + ".",
      p + "}}(h\x01" + ".",
      p + "](" + std::string(3 << 20, 'N') + "e.",  // too many values
      PickleDict(PickleInt(1) + PickleTensor(kStorage, 0, {6}, {1})),
  };
  for (const std::string& pickle : cases) {
    CAPTURE(pickle.substr(0, 50));
    CHECK(IsFaultMessage(Message(With(pickle))));
  }
  // A container inside itself harms nobody.
  CHECK(Message(With(p + "}q\x01(" + PickleText("self") + "h\x01u.")) == "");
}

TEST_CASE("tensors that are not a contiguous part of their storage") {
  const std::string cases[] = {
      PickleTensor(kStorage, 0, {7}, {1}),
      PickleTensor(kStorage, 1, {6}, {1}),
      PickleTensor(kStorage, 0x7fffffff, {1}, {1}),
      PickleTensor(kStorage, -1, {1}, {1}),
      PickleTensor(kStorage, 0, {-1}, {1}),
      PickleTensor(kStorage, 0, {3, 2}, {1, 3}),
      PickleTensor(kStorage, 0, {2, 2}, {3, 1}),
      PickleTensor(kStorage, 0, {6}, {0}),
      PickleTensor(kStorage, 0, {6}, {1, 1}),
      PickleTensor(kStorage, 0, {0x7fffffff, 0x7fffffff, 0x7fffffff}, {1, 1, 1}),
      PickleTensor(kStorage, 0, {1, 1, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1, 1}),
      PickleTensor(PickleStorage("FloatStorage", "1", 6), 0, {6}, {1}),
      PickleTensor(PickleStorage("FloatStorage", "../data/0", 6), 0, {6}, {1}),
      PickleTensor(PickleStorage("FloatStorage", "0", 7), 0, {6}, {1}),
      PickleTensor(PickleStorage("DoubleStorage", "0", 6), 0, {6}, {1}),
      PickleTensor(PickleStorage("QInt8Storage", "0", 24), 0, {6}, {1}),
      PickleTensor("N", 0, {6}, {1}),
      PickleTensor("(NNNNNtQ", 0, {6}, {1}),
      PickleGlobal("torch._utils", "_rebuild_tensor_v2") + ")R",
      PickleGlobal("torch._utils", "_rebuild_tensor_v2") + "(" + kStorage + "NNNNNtR",
  };
  for (const std::string& tensor : cases) {
    const std::string message = Message(WithTensor(tensor));
    CAPTURE(message);
    CHECK(IsFaultMessage(message));
  }
}

TEST_CASE("archives that are none, or that are packed") {
  const std::string pickle = PickleDict("");
  CHECK(Message(ZipBytes({{"x/data.pkl", pickle}})) == "");
  CHECK(IsFaultMessage(Message("")));
  CHECK(IsFaultMessage(Message(std::string(100000, 'P'))));
  CHECK(Contains(Message(ZipBytes({})), "NAME/data.pkl"));
  CHECK(Contains(Message(ZipBytes({{"x/y/data.pkl", pickle}})), "NAME/data.pkl"));
  CHECK(Contains(Message(ZipBytes({{"x/data.pkl", pickle, 8}})), "compression method 8"));
  CHECK(Contains(Message(ZipBytes({{"x/data.pkl", pickle, 0, 1}})), "encrypted"));
  CHECK(Contains(Message(ZipBytes({{"x/data.pkl", pickle}, {"x/data.pkl", pickle}})), "twice"));
  CHECK(Contains(Message(ZipBytes({{"x/data.pkl", pickle}, {"x/byteorder", "big"}})), "byteorder"));
}

TEST_CASE("an archive cut at any byte is an error") {
  for (const bool zip64 : {false, true}) {
    const std::string bytes = With(PickleDict(PickleText("a") + PickleTensor(kStorage, 0, {6}, {1})), zip64);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const std::string cut = bytes.substr(0, size);  // a copy, so that a sanitizer sees a read past its end
      CAPTURE(size);
      CHECK(IsFaultMessage(Message(cut)));
    }
  }
}

TEST_CASE("a random walk of changed bytes never crashes, and what opens lies inside the file") {
  std::mt19937 rng(11);
  int opened = 0;
  for (const bool zip64 : {false, true}) {
    const std::string good = With(PickleDict(PickleText("a") + PickleTensor(kStorage, 0, {2, 3}, {3, 1})), zip64);
    std::string bytes = good;
    for (int step = 0; step < 30000; ++step) {
      if (step % 6 == 0) bytes = good;
      char& byte = bytes[rng() % bytes.size()];
      byte = rng() % 2 ? static_cast<char>(rng()) : "().}]usteabRQhjqrJKMXcNt\x85\x86\x87\x8a"[rng() % 28];
      try {
        for (const Tensor& tensor : Read(bytes)) {
          CHECK(tensor.bytes.data() >= AsBytes(bytes).data());
          CHECK(tensor.bytes.data() + tensor.bytes.size() <= AsBytes(bytes).data() + bytes.size());
        }
        ++opened;
      } catch (const std::runtime_error&) {
      }
    }
  }
  CHECK(opened > 0);
}
