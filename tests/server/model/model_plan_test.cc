// What a plan says of a model's weights: their forms, and where they would take more than their file.

#include <doctest/doctest.h>

#include <string>

#include "server/model/load_model.h"
#include "tests/support/shared_data.h"

namespace puna::server {
namespace {

ModelPlan PlanOf(const std::string& format, const std::string& weights = "auto") {
  config::EngineConfig config;
  config.model = testing::SharedPath("golden/formats/") + format;
  config.weights = weights;
  return PlanModel(config);
}

bool SaysThatItGrew(const ModelPlan& plan) {
  for (const std::string& note : plan.notes) {
    if (note.find("in memory and") != std::string::npos && note.find("--weights w8a8") != std::string::npos)
      return true;
  }
  return false;
}

TEST_CASE("a file that runs in its own forms does not grow, and the plan names them") {
  if (!testing::HaveShared("golden/formats")) return;
  const ModelPlan plan = PlanOf("gguf/k2-Q4_K_M/k2-Q4_K_M.gguf");
  CHECK(plan.format == "int4/32 k min + int6/16 k");
  CHECK(!SaysThatItGrew(plan));
  for (const char* name : {"bnb_nf4", "ct_fp8_dynamic", "fp8_block"}) CHECK(!SaysThatItGrew(PlanOf(name)));
  const ModelPlan act_order = PlanOf("gptq_act_order");
  CHECK(act_order.format.ends_with(" order"));
  CHECK(!SaysThatItGrew(act_order));
}

TEST_CASE("weights that become larger than their file are told, with the choice there is") {
  if (!testing::HaveShared("golden/formats")) return;
  CHECK(SaysThatItGrew(PlanOf("gguf/k1-Q2_K/k1-Q2_K.gguf")));  // 2 bits widened to 4
  CHECK(!SaysThatItGrew(PlanOf("gguf/k1-Q2_K/k1-Q2_K.gguf", "w8a8")));
}

}  // namespace
}  // namespace puna::server
