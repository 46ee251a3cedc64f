// The table of puna serve's options: one row per option. Flags, environment names, the JSON config file, --help and the README's
// table all come from it, so that an option is added in one place.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "config/config.h"
#include "config/option.h"

namespace puna::config {

OptionSet ServeOptions();
std::span<const Option> Options();  // its rows

// Null when there is none.
const Option* FindByKey(std::string_view key);
const Option* FindByFlag(std::string_view flag);

// As SetOption and GetOption (option.h), for this table.
void SetFromText(const Option& option, Config& config, const std::string& text, const std::string& where);
void SetFromJson(const Option& option, Config& config, const nlohmann::json& value, const std::string& where);
nlohmann::ordered_json GetAsJson(const Option& option, const Config& config);

// Every key with its value, in the order of the table.
nlohmann::ordered_json ToJson(const Config& config);

}  // namespace puna::config
