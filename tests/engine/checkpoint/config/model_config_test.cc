#include "engine/checkpoint/config/model_config.h"

#include <doctest/doctest.h>

#include <cmath>

#include "engine/checkpoint/config/generation_config.h"
#include "engine/checkpoint/config/quantization_config.h"
#include "engine/checkpoint/files/json_object.h"
#include "tests/support/throws.h"
#include "tests/support/tiny_checkpoint.h"

using namespace puna::engine;
using namespace puna::testing;

namespace {

JsonObject Json(const std::string& text) { return JsonObject::Parse(AsBytes(text), "dir/config.json"); }

// A good configuration with one key replaced or added.
std::string With(const std::string& key, const std::string& value) {
  std::string text = TinyConfigJson({});
  const size_t at = text.find("\"" + key + "\":");
  if (at == std::string::npos) return text.substr(0, text.size() - 1) + ",\"" + key + "\":" + value + "}";
  const size_t begin = at + key.size() + 3;
  const size_t end = text.find_first_of(text[begin] == '[' ? "]" : ",}", begin);
  return text.substr(0, begin) + value + text.substr(text[begin] == '[' ? end + 1 : end);
}

std::string Without(const std::string& key) { return With(key, "null"); }

ModelConfig Parse(const std::string& text) { return ParseModelConfig(Json(text)); }

constexpr char kLlama3[] =
    "\"rope_type\":\"llama3\",\"factor\":32.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
    "\"original_max_position_embeddings\":8192";

}  // namespace

TEST_CASE("a configuration in the style of transformers 4") {
  const ModelConfig config = Parse(With("rope_scaling", std::string("{") + kLlama3 + "}"));
  CHECK(config.hidden_size == 32);
  CHECK(config.num_hidden_layers == 2);
  CHECK(config.num_attention_heads == 2);
  CHECK(config.num_key_value_heads == 1);
  CHECK(config.head_dim == 16);
  CHECK(config.intermediate_size == 64);
  CHECK(config.vocab_size == 300);
  CHECK(config.max_position_embeddings == 2048);
  CHECK(config.rms_norm_eps == 1e-5);
  CHECK(config.rope_theta == 10000);
  CHECK(config.tie_word_embeddings);
  CHECK(config.eos_token_ids == std::vector<TokenId>{2});
  CHECK(config.bos_token_id == kNoToken);
  REQUIRE(config.rope_scaling);
  CHECK(config.rope_scaling->factor == 32);
  CHECK(config.rope_scaling->original_max_position_embeddings == 8192);
}

TEST_CASE("a configuration in the style of transformers 5") {
  const ModelConfig config = Parse(With("rope_parameters", std::string("{\"rope_theta\":500000.0,") + kLlama3 + "}"));
  CHECK(config.rope_theta == 500000);
  REQUIRE(config.rope_scaling);
  CHECK(config.rope_scaling->high_freq_factor == 4);
  CHECK_FALSE(Parse(With("rope_parameters", "{\"rope_type\":\"default\",\"rope_theta\":7.0}")).rope_scaling);
}

TEST_CASE("what may be left out") {
  CHECK(Parse(Without("head_dim")).head_dim == 16);
  CHECK(Parse(Without("num_key_value_heads")).num_key_value_heads == 2);
  CHECK(Parse(Without("rope_theta")).rope_theta == 10000);
  CHECK(Parse(Without("eos_token_id")).eos_token_ids.empty());
  CHECK_FALSE(Parse(Without("tie_word_embeddings")).tie_word_embeddings);
  CHECK(Parse(Without("architectures")).hidden_size == 32);
  CHECK(Parse(Without("model_type")).hidden_size == 32);
  CHECK(Parse(With("eos_token_id", "[1,2,3]")).eos_token_ids == std::vector<TokenId>{1, 2, 3});
  CHECK(Parse(With("bos_token_id", "7")).bos_token_id == 7);
}

TEST_CASE("configurations that are refused name the key and what was found") {
  struct Case {
    const char* key;
    const char* value;
  };
  const Case cases[] = {
      {"architectures", "[\"MistralForCausalLM\"]"},
      {"model_type", "\"qwen2\""},
      {"attention_bias", "true"},
      {"mlp_bias", "true"},
      {"mlp_bias", "1"},
      {"hidden_act", "\"gelu\""},
      {"hidden_size", "0"},
      {"hidden_size", "-32"},
      {"hidden_size", "1000000000000"},
      {"hidden_size", "32.5"},
      {"hidden_size", "\"32\""},
      {"hidden_size", "18446744073709551615"},
      {"num_hidden_layers", "0"},
      {"num_hidden_layers", "1000000000"},
      {"num_attention_heads", "0"},
      {"num_attention_heads", "[2]"},
      {"num_key_value_heads", "3"},
      {"num_key_value_heads", "-1"},
      {"head_dim", "15"},
      {"head_dim", "0"},
      {"intermediate_size", "null"},
      {"vocab_size", "99999999999"},
      {"max_position_embeddings", "0"},
      {"rms_norm_eps", "-1e-5"},
      {"rms_norm_eps", "\"small\""},
      {"rope_theta", "0"},
      {"rope_scaling", "\"llama3\""},
      {"tie_word_embeddings", "\"yes\""},
      {"eos_token_id", "300"},
      {"eos_token_id", "[1,-2]"},
      {"eos_token_id", "{}"},
      {"bos_token_id", "300"},
      {"partial_rotary_factor", "0.5"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.key);
    CAPTURE(c.value);
    const std::string message = MessageOf([&] { Parse(With(c.key, c.value)); });
    CHECK(message.starts_with("dir/config.json: "));
    CHECK(Contains(message, c.key));
    CHECK(IsFaultMessage(message));
  }
  CHECK(Contains(MessageOf([] { Parse(With("model_type", "\"qwen2\"")); }), "found \"qwen2\""));
}

TEST_CASE("rope scalings: linear, yarn and dynamic are read, factor 1 is none") {
  using Kind = RopeScaling::Kind;
  const auto scaling = [](const std::string& rope) {
    return Parse(With("rope_scaling", "{" + rope + "}")).rope_scaling;
  };
  const auto linear = scaling("\"type\":\"linear\",\"factor\":2.5");
  REQUIRE(linear);
  CHECK(linear->kind == Kind::kLinear);
  CHECK(linear->factor == 2.5);
  const auto yarn = scaling("\"rope_type\":\"yarn\",\"factor\":4.0,\"original_max_position_embeddings\":1024");
  REQUIRE(yarn);
  CHECK(yarn->kind == Kind::kYarn);
  CHECK(yarn->original_max_position_embeddings == 1024);
  CHECK(yarn->attention_factor == doctest::Approx(0.1 * std::log(4.0) + 1));
  CHECK(scaling("\"rope_type\":\"yarn\",\"factor\":4.0,\"attention_factor\":1.5")->attention_factor == 1.5);
  for (const char* none : {"\"type\":\"dynamic\",\"factor\":2.0", "\"rope_type\":\"linear\",\"factor\":1.0",
                           "\"rope_type\":\"yarn\",\"factor\":1.0", "\"rope_type\":\"default\""}) {
    CHECK_FALSE(scaling(none).has_value());
  }
  CHECK(IsFaultMessage(MessageOf([&] { scaling("\"type\":\"linear\""); })));
  CHECK(IsFaultMessage(MessageOf([&] { scaling("\"type\":\"linear\",\"factor\":0"); })));
}

TEST_CASE("other rope scalings are refused by name") {
  for (const std::string type : {"longrope", "su"}) {
    for (const std::string key : {"rope_type", "type"}) {
      const std::string rope = "{\"" + key + "\":\"" + type + "\",\"factor\":2.0}";
      const std::string message = MessageOf([&] { Parse(With("rope_scaling", rope)); });
      CHECK(Contains(message, "rope_scaling." + key));
      CHECK(Contains(message, "found \"" + type + "\""));
    }
  }
  for (const char* bad : {"\"rope_type\":\"llama3\"", "\"rope_type\":\"llama3\",\"factor\":-1"}) {
    CHECK(IsFaultMessage(MessageOf([&] { Parse(With("rope_scaling", std::string("{") + bad + "}")); })));
  }
}

TEST_CASE("text that is no configuration") {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  for (const std::string& text :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("{\"a\":1}x"),
        std::string("{\"hidden_size\":NaN}"), "{\"a\":" + deep + "}", std::string(1 << 16, '{'),
        std::string("{\"a\":\"\xff\"}"), std::string("\0\0", 2)}) {
    const std::string message = MessageOf([&] { Parse(text); });
    CHECK(IsFaultMessage(message));
    CHECK(message.size() < 500);
  }
  CHECK(Contains(MessageOf([] { Parse("{\"model_type\":1,\"model_type\":2}"); }), "model_type"));
}

TEST_CASE("generation_config.json") {
  const auto parse = [](const std::string& text) { return ParseGenerationConfig(Json(text), 300); };
  const GenerationConfig config = parse(
      "{\"do_sample\":true,\"temperature\":0.6,\"top_p\":0.9,\"top_k\":40,\"min_p\":0.05,\"repetition_penalty\":1.1,"
      "\"eos_token_id\":[5,6],\"transformers_version\":\"4\"}");
  CHECK(config.do_sample == true);
  CHECK(config.temperature == 0.6);
  CHECK(config.top_p == 0.9);
  CHECK(config.top_k == 40);
  CHECK(config.min_p == 0.05);
  CHECK(config.repetition_penalty == 1.1);
  CHECK(config.eos_token_ids == std::vector<TokenId>{5, 6});
  const GenerationConfig empty = parse("{}");
  CHECK_FALSE(empty.do_sample);
  CHECK_FALSE(empty.temperature);
  CHECK_FALSE(empty.top_k);
  CHECK(parse("{\"top_k\":-1}").top_k == 0);
  for (const char* bad : {"{\"temperature\":-1}", "{\"top_p\":1.5}", "{\"top_k\":\"all\"}", "{\"eos_token_id\":300}",
                          "{\"do_sample\":1}", "{\"repetition_penalty\":0}"}) {
    CHECK(IsFaultMessage(MessageOf([&] { parse(bad); })));
  }
}

TEST_CASE("quantization_config: methods and conventions; what is foreign is told where there are tensors of it") {
  using Method = QuantizationConfig::Method;
  const auto parse = [](const std::string& inner) {
    return ParseQuantizationConfig(Json("{\"quantization_config\":" + inner + "}"));
  };
  const auto groups = [](const std::string& weights, const std::string& more = "") {
    return "{\"quant_method\":\"compressed-tensors\",\"format\":\"int-quantized\",\"config_groups\":{\"group_0\":{"
           "\"weights\":{" +
           weights + "}" + more + "}}}";
  };
  struct Case {
    std::string text;
    Method method;
    std::string foreign;
  };
  const Case cases[] = {
      {"{\"quant_method\":\"bitsandbytes\"}", Method::kOther, "bitsandbytes"},
      {"{\"quant_method\":\"exl2\"}", Method::kOther, "exl2"},
      {"{\"bits\":4,\"group_size\":64}", Method::kNone, ""},
      {"{\"quant_method\":\"compressed-tensors\",\"format\":\"float-quantized\"}", Method::kCompressedTensors, ""},
      {"{\"quant_method\":\"compressed-tensors\",\"format\":\"marlin-24\"}", Method::kOther, "marlin-24"},
      {"{\"quant_method\":\"gptq\",\"bits\":8}", Method::kGptq, ""},
      {"{\"quant_method\":\"gptq\",\"bits\":4,\"checkpoint_format\":\"marlin\"}", Method::kOther, "marlin"},
      {"{\"quant_method\":\"awq\",\"bits\":4,\"version\":\"GEMM\"}", Method::kAwq, ""},
      {"{\"quant_method\":\"awq\",\"bits\":4,\"version\":\"gemv\"}", Method::kAwqGemv, ""},
      {"{\"quant_method\":\"awq\",\"bits\":4,\"version\":\"marlin\"}", Method::kOther, "marlin"},
      {"{\"quant_method\":\"auto-round\",\"packing_format\":\"auto_round:auto_awq\"}", Method::kAwq, ""},
      {"{\"quant_method\":\"auto-round\",\"packing_format\":\"auto_round:auto_gptq\"}", Method::kGptq, ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const QuantizationConfig config = parse(c.text);
    CHECK(config.method == c.method);
    CHECK(config.foreign.empty() == c.foreign.empty());
    CHECK(Contains(config.foreign, c.foreign));
  }
  CHECK(parse("{\"quant_method\":\"gptq\",\"group_size\":-1}").group_size == 0);
  CHECK(parse("{\"quant_method\":\"gptq\",\"group_size\":64}").gptq_zero_minus_one);
  CHECK_FALSE(parse("{\"quant_method\":\"gptq\",\"checkpoint_format\":\"gptq_v2\"}").gptq_zero_minus_one);
  CHECK(parse("{\"quant_method\":\"fp8\",\"weight_block_size\":[64,32]}").block_cols == 32);
  CHECK(ParseQuantizationConfig(Json("{\"compression_config\":" + groups("\"num_bits\":8") + "}")).per_row_bits == 8);
  CHECK(IsFaultMessage(MessageOf([&] { parse("{\"quant_method\":\"gptq\",\"group_size\":-7}"); })));
  CHECK(ParseQuantizationConfig(Json("{}")).method == QuantizationConfig::Method::kNone);
  CHECK(parse(groups("\"num_bits\":4,\"strategy\":\"group\"")).grouped_bits == 4);
  CHECK(parse(groups("\"num_bits\":8", ",\"input_activations\":{\"symmetric\":false}")).asymmetric_activations);
}

TEST_CASE("quantization_config: an online Hadamard before down_proj") {
  const auto parse = [](const std::string& type, const std::string& target, const std::string& location) {
    return ParseQuantizationConfig(
        Json("{\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":\"int-quantized\","
             "\"config_groups\":{\"g\":{\"weights\":{\"num_bits\":4,\"strategy\":\"group\"}}},\"transform_config\":{"
             "\"config_groups\":{\"R4\":{\"type\":\"" +
             type + "\",\"apply\":[{\"targets\":[\"" + target + "\"],\"location\":\"" + location +
             "\"},{\"targets\":[\"re:.*down_proj$\"],\"location\":\"weight_input\","
             "\"inverse\":true}]}}}}}"));
  };
  CHECK(parse("hadamard", "re:.*down_proj$", "input").online_hadamard_down_proj);
  CHECK_FALSE(parse("hadamard", "re:.*q_proj$", "weight_output").online_hadamard_down_proj);
  CHECK(IsFaultMessage(MessageOf([&] { parse("random-matrix", "re:.*down_proj$", "input"); })));
  CHECK(IsFaultMessage(MessageOf([&] { parse("hadamard", "re:.*q_proj$", "q_attn"); })));
}
