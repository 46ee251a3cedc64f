#include "api/fields/cache_report.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace puna::api {
namespace {

TEST_CASE("what differs is named by the word that the difference cuts") {
  CHECK(KindOfDifference("It is now 12:3", "4:56. Be kind.") == "time");
  CHECK(KindOfDifference("It is now ", "9:05") == "time");
  CHECK(KindOfDifference("Today is 2026-1", "1-27, a Friday") == "date");
  CHECK(KindOfDifference("Today Date: ", "27 Nov 2026") == "date");
  CHECK(KindOfDifference("Today Date: 27 ", "Nov 2026") == "date");
  CHECK(KindOfDifference("on 11/2", "7/2026") == "date");
  CHECK(KindOfDifference("you have ", "38 files") == "number");
  CHECK(KindOfDifference("cost 3.", "75") == "number");
  CHECK(KindOfDifference("session 550e8400-e29b-", "41d4-a716-446655440000 of") == "identifier");
  CHECK(KindOfDifference("request ", "deadbeef01 of") == "identifier");
  CHECK(KindOfDifference("The tools are ", "search, read") == "text");
  CHECK(KindOfDifference("", "") == "text");
  CHECK(KindOfDifference("defaced ", "facade") == "text");
}

TEST_CASE("a report as JSON") {
  CacheReport report{.memory_tokens = 5, .disk_tokens = 16, .copied_tokens = 2, .computed_tokens = 1};
  CHECK(CacheReportJson(report).dump() ==
        R"({"memory_tokens":5,"disk_tokens":16,"copied_tokens":2,"computed_tokens":1,"first_difference":null})");
  report.reason = CacheReport::Reason::kDifferent;
  report.position = 23;
  report.context = "at ";
  report.now = "12:00";
  CHECK(CacheReportJson(report)["first_difference"].dump() ==
        R"({"position":23,"reason":"different","kind":"time","context":"at ","now":"12:00"})");
  report.before = "11:59";
  CHECK(CacheReportJson(report)["first_difference"]["before"] == "11:59");
  report.reason = CacheReport::Reason::kNotKept;
  CHECK(CacheReportJson(report)["first_difference"]["reason"] == "not_kept");
  CHECK_FALSE(CacheReportJson(report)["first_difference"].contains("kind"));
  report.reason = CacheReport::Reason::kOff;
  CHECK(CacheReportJson(report)["first_difference"]["reason"] == "prefix_caching_off");
  report.reason = CacheReport::Reason::kWanted;
  CHECK(CacheReportJson(report)["first_difference"]["reason"] == "logprobs_of_prompt_wanted");
}

}  // namespace
}  // namespace puna::api
