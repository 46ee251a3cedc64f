// The integer formats, built by hand: where codes, scales and zero points of each row and column come from.
#include "engine/checkpoint/sources/group_source.h"

#include <doctest/doctest.h>

#include "engine/checkpoint/sources/int8_source.h"
#include "engine/checkpoint/sources/packed_source.h"
#include "engine/checkpoint/sources/transposed_source.h"
#include "tests/engine/checkpoint/golden.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_checkpoint.h"

using namespace puna::engine;
using namespace puna::testing;
using puna::engine::testing::ReadAll;
using puna::engine::testing::ReadAllCodes;
using Encoding = WeightSource::Encoding;

namespace {

// A tensor over a string that must outlive it.
Tensor Make(const std::string& name, DType dtype, std::vector<int64_t> shape, const std::string& bytes) {
  REQUIRE(static_cast<size_t>(ElementCount(shape)) * SizeOf(dtype) == bytes.size());
  return {name, dtype, std::move(shape), AsBytes(bytes), MappedFile::Borrow("x", AsBytes(bytes))};
}

std::vector<int> RandomCodes(size_t count, int low, int high) {
  std::mt19937 rng(3);
  std::uniform_int_distribution<int> pick(low, high);
  std::vector<int> codes(count);
  for (int& code : codes) code = pick(rng);
  return codes;
}

std::string Ramp(int count) {
  std::vector<float> scales;
  for (int i = 0; i < count; ++i) scales.push_back(0.5f * static_cast<float>(i + 1));
  return BytesOf(scales);
}

float Scale(int index) { return 0.5f * static_cast<float>(index + 1); }

}  // namespace

TEST_CASE("int8 containers: rows, scales and all else of an interleaved file come in Hugging Face's order") {
  // Two heads of four rows. File row 2i is Hugging Face's i, file row 2i + 1 its i + 2.
  std::vector<int8_t> codes;
  for (int row = 0; row < 8; ++row) codes.insert(codes.end(), {static_cast<int8_t>(row), static_cast<int8_t>(-row)});
  const std::string code_bytes = BytesOf(codes), scale_bytes = Ramp(8);
  const Tensor w = Make("w", DType::kI8, {8, 2}, code_bytes), s = Make("s", DType::kF32, {8, 1}, scale_bytes);
  const auto source = MakeInt8Source({.codes = &w, .scales = &s}, 8, RowOrder{4});
  const int in_file[8] = {0, 2, 1, 3, 4, 6, 5, 7};
  const std::vector<float> values = ReadAll(*source);
  for (int row = 0; row < 8; ++row) {
    CHECK(values[static_cast<size_t>(2 * row)] == Scale(in_file[row]) * static_cast<float>(in_file[row]));
  }
  CHECK(ReadAllCodes(*source) == values);
}

TEST_CASE("int8 containers with zero points are floats") {
  const std::string codes = BytesOf(std::vector<int8_t>{1, 2, 3, 4}), zeros = BytesOf(std::vector<int8_t>{0, 3});
  const std::string scales = Ramp(2), none = BytesOf(std::vector<int8_t>{0, 0});
  const Tensor w = Make("w", DType::kI8, {2, 2}, codes), s = Make("s", DType::kF32, {2, 1}, scales);
  const Tensor z = Make("z", DType::kI8, {2, 1}, zeros), z0 = Make("z", DType::kI8, {2, 1}, none);
  const auto source = MakeInt8Source({.codes = &w, .scales = &s, .zeros = &z}, 8);
  CHECK(source->encoding() == Encoding::kFloat);
  CHECK(ReadAll(*source) == std::vector<float>{0.5f, 1.0f, 0.0f, 1.0f});
  CHECK(MakeInt8Source({.codes = &w, .scales = &s, .zeros = &z0}, 8)->encoding() == Encoding::kInt8);
}

TEST_CASE("pack-quantized: 4 and 8 bits, groups, odd columns, zero points, act-order") {
  const int rows = 5, cols = 12;
  for (const int bits : {4, 8}) {
    const int half = 1 << (bits - 1), per_word = 32 / bits, words = (cols + per_word - 1) / per_word;
    const std::vector<int> codes = RandomCodes(rows * cols, -half, half - 1);
    std::vector<uint32_t> packed(static_cast<size_t>(rows * words));
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < cols; ++c) {
        packed[static_cast<size_t>(r * words + c / per_word)] |=
            static_cast<uint32_t>(codes[static_cast<size_t>(r * cols + c)] + half) << (bits * (c % per_word));
      }
    }
    const std::string bytes = BytesOf(packed), scales = Ramp(rows * 3);
    const Tensor p = Make("p", DType::kI32, {rows, words}, bytes), s = Make("s", DType::kF32, {rows, 3}, scales);
    const auto source = MakePackedSource({.packed = &p, .scales = &s}, rows, cols);
    CHECK(source->encoding() == (bits == 4 ? Encoding::kInt4 : Encoding::kFloat));
    CHECK(source->group_size() == 4);
    const std::vector<float> values = ReadAll(*source);
    for (int i = 0; i < rows * cols; ++i) {
      const int r = i / cols, c = i % cols;
      CHECK(values[static_cast<size_t>(i)] == Scale(r * 3 + c / 4) * static_cast<float>(codes[static_cast<size_t>(i)]));
    }
    if (bits == 4) CHECK(ReadAllCodes(*source) == values);

    // Zero points: packed along rows; act-order: column c belongs to group (c * 5) % 3.
    std::vector<uint32_t> zeros(static_cast<size_t>((rows + per_word - 1) / per_word * 3));
    const auto zero = [&](int r, int g) { return (r + 2 * g) % half - 1; };
    std::vector<int32_t> group_of;
    for (int c = 0; c < cols; ++c) group_of.push_back(c * 5 % 3);
    for (int r = 0; r < rows; ++r) {
      for (int g = 0; g < 3; ++g) {
        zeros[static_cast<size_t>(r / per_word * 3 + g)] |= static_cast<uint32_t>(zero(r, g) + half)
                                                            << (bits * (r % per_word));
      }
    }
    const std::string zero_bytes = BytesOf(zeros), index_bytes = BytesOf(group_of);
    const Tensor z = Make("z", DType::kI32, {static_cast<int64_t>(zeros.size()) / 3, 3}, zero_bytes);
    const Tensor g = Make("g", DType::kI32, {cols}, index_bytes);
    const auto asymmetric = MakePackedSource({.packed = &p, .scales = &s, .zeros = &z, .g_idx = &g}, rows, cols);
    CHECK(asymmetric->encoding() == Encoding::kFloat);
    const std::vector<float> floats = ReadAll(*asymmetric);
    for (int i = 0; i < rows * cols; ++i) {
      const int r = i / cols, group = i % cols * 5 % 3;
      CHECK(floats[static_cast<size_t>(i)] ==
            Scale(r * 3 + group) * static_cast<float>(codes[static_cast<size_t>(i)] - zero(r, group)));
    }
  }
}

TEST_CASE("GPTQ and AWQ: a symmetric one gives int4 codes, whichever version stores the zero") {
  const int rows = 16, cols = 24, groups = 3;
  const std::vector<int> codes = RandomCodes(rows * cols, 0, 15);
  const auto code = [&](int r, int c) { return static_cast<uint32_t>(codes[static_cast<size_t>(r * cols + c)]); };
  std::vector<uint32_t> gptq(cols / 8 * rows), awq(cols * rows / 8);
  const int awq_column[8] = {0, 2, 4, 6, 1, 3, 5, 7};
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < cols; ++c) gptq[static_cast<size_t>(c / 8 * rows + r)] |= code(r, c) << (4 * (c % 8));
  }
  for (int c = 0; c < cols; ++c) {
    for (int w = 0; w < rows / 8; ++w) {
      for (int i = 0; i < 8; ++i)
        awq[static_cast<size_t>(c * rows / 8 + w)] |= code(8 * w + awq_column[i], c) << (4 * i);
    }
  }
  const std::string gptq_bytes = BytesOf(gptq), awq_bytes = BytesOf(awq), scale_bytes = Ramp(groups * rows);
  const std::string zero8 = BytesOf(std::vector<uint32_t>(groups * rows / 8, 0x88888888));
  const std::string zero7 = BytesOf(std::vector<uint32_t>(groups * rows / 8, 0x77777777));
  const Tensor g = Make("q", DType::kI32, {cols / 8, rows}, gptq_bytes),
               a = Make("q", DType::kI32, {cols, rows / 8}, awq_bytes);
  const Tensor s = Make("s", DType::kF32, {groups, rows}, scale_bytes);
  const Tensor z8 = Make("z", DType::kI32, {groups, rows / 8}, zero8),
               z7 = Make("z", DType::kI32, {groups, rows / 8}, zero7);
  using Packing = TransposedTensors::Packing;
  for (const TransposedTensors& tensors : {TransposedTensors{Packing::kGptq, &g, &z8, &s, nullptr, false},
                                           {Packing::kGptq, &g, &z7, &s, nullptr, true},
                                           {Packing::kAwq, &a, &z8, &s, nullptr, false}}) {
    const auto source = MakeTransposedSource(tensors, rows, cols, 8);
    CHECK(source->encoding() == Encoding::kInt4);
    CHECK(source->group_size() == 8);
    const std::vector<float> values = ReadAll(*source);
    for (int i = 0; i < rows * cols; ++i) {
      const int r = i / cols, c = i % cols;
      CHECK(values[static_cast<size_t>(i)] ==
            Scale(c / 8 * rows + r) * static_cast<float>(static_cast<int>(code(r, c)) - 8));
    }
    CHECK(ReadAllCodes(*source) == values);
  }
  const TransposedTensors wrong{Packing::kGptq, &g, &z7, &s, nullptr, false};
  CHECK(MakeTransposedSource(wrong, rows, cols, 8)->encoding() == Encoding::kFloat);
}

TEST_CASE("quantised tensors that do not fit their layer are errors") {
  const std::string bytes(4096, '\0');
  const auto tensor = [&](DType dtype, std::vector<int64_t> shape) {
    const size_t size = static_cast<size_t>(ElementCount(shape)) * SizeOf(dtype);
    return Tensor{"t", dtype, std::move(shape), AsBytes(bytes).first(size), MappedFile::Borrow("x", AsBytes(bytes))};
  };
  const Tensor packed = tensor(DType::kI32, {8, 2}), scales = tensor(DType::kF32, {8, 2});
  const auto message = [&](const PackedTensors& t) { return MessageOf([&] { MakePackedSource(t, 8, 16); }); };
  CHECK(message({.packed = &packed, .scales = &scales}) == "");
  const Tensor wide = tensor(DType::kI32, {8, 5}), floats = tensor(DType::kF32, {8, 2});
  const Tensor few = tensor(DType::kF32, {8, 0}), three = tensor(DType::kF32, {8, 3}),
               ints = tensor(DType::kI32, {8, 2});
  CHECK(IsFaultMessage(message({.packed = &wide, .scales = &scales})));
  CHECK(IsFaultMessage(message({.packed = &floats, .scales = &scales})));
  CHECK(IsFaultMessage(message({.packed = &packed, .scales = &few})));
  CHECK(IsFaultMessage(message({.packed = &packed, .scales = &three})));
  CHECK(IsFaultMessage(message({.packed = &packed, .scales = &ints})));
  const Tensor short_index = tensor(DType::kI32, {15});
  CHECK(IsFaultMessage(message({.packed = &packed, .scales = &scales, .g_idx = &short_index})));
  const std::string out_of_range = BytesOf(std::vector<int32_t>(16, 2));
  const Tensor bad_index = Make("g_idx", DType::kI32, {16}, out_of_range);
  CHECK(Contains(message({.packed = &packed, .scales = &scales, .g_idx = &bad_index}), "groups from 0 to 1, found 2"));

  const Tensor q = tensor(DType::kI32, {2, 8}), s = tensor(DType::kF32, {2, 8}), z = tensor(DType::kI32, {2, 1});
  const auto gptq = [&](const Tensor* qweight, const Tensor* qzeros, const Tensor* sc, int64_t rows, int64_t cols) {
    return MessageOf([&] {
      MakeTransposedSource({TransposedTensors::Packing::kGptq, qweight, qzeros, sc, nullptr, false}, rows, cols, 8);
    });
  };
  CHECK(gptq(&q, &z, &s, 8, 16) == "");
  CHECK(IsFaultMessage(gptq(&q, &z, &s, 8, 12)));
  CHECK(IsFaultMessage(gptq(&q, &z, &s, 12, 16)));
  CHECK(IsFaultMessage(gptq(&s, &z, &s, 8, 16)));
  CHECK(IsFaultMessage(gptq(&q, &q, &s, 8, 16)));
  CHECK(IsFaultMessage(gptq(&q, &z, &z, 8, 16)));
}
