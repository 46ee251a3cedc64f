#include "engine/layers/kernel_rates.h"

#include <doctest/doctest.h>

#include "engine/kernels/ceiling.h"

namespace puna::engine {
namespace {

TEST_CASE("each form and number of rows is measured on every instruction set") {
  for (const Isa isa : AvailableIsas()) {
    CAPTURE(Name(isa));
    std::vector<std::string> told;
    const std::vector<WeightForm> forms = {WeightFormat::kW4A8, *WeightFormOf("int6/16 k")};
    const KernelRates all = MeasureKernels(forms, {1, 3}, isa, [&](const std::string& what) { told.push_back(what); });
    CHECK(told == std::vector<std::string>{"w4a8, 1 row", "w4a8, 3 rows", "int6/16 k, 1 row", "int6/16 k, 3 rows"});
    CHECK(all.clock_hz > 0);
    CHECK(all.read_bytes > 0);
    REQUIRE(all.rates.size() == 4);
    for (size_t i = 0; i < 4; ++i) {
      const KernelRate& rate = all.rates[i];
      CHECK(rate.form == forms[i / 2]);
      CHECK(rate.rows == (i % 2 == 0 ? 1 : 3));
      CHECK(rate.cached_operations > 0);
      CHECK(rate.memory_bytes > 0);
      CHECK((rate.ceiling > 0) == (GetCeilings(isa).int4.run != nullptr));
      // Two operations a product: of a w4a8 group 64 columns, 32 deep, in 1152 bytes.
      if (i < 2) CHECK(rate.memory_operations == doctest::Approx(rate.memory_bytes * rate.rows * 2 * 64 * 32 / 1152));
    }
  }
}

TEST_CASE("the usual forms are all there") {
  for (const WeightForm& form : CommonForms()) {
    CAPTURE(Name(form));
    CHECK(WeightFormOf(Name(form)) == form);
  }
  CHECK(CommonForms().size() == 9);
}

}  // namespace
}  // namespace puna::engine
