#include "config/completion.h"

#include <algorithm>
#include <variant>
#include <vector>

#include "config/help.h"
#include "config/options.h"

namespace puna::config {
namespace {

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

bool IsFile(const Option& option) {
  return option.value == "FILE" || option.value == "FOLDER" || option.value == "MODEL" || option.value == "OUT";
}
bool OfServe(const OptionSet& options) { return options.rows.data() == Options().data(); }

std::string Choices(const Option& option) {
  std::string all;
  if (const auto* choice = std::get_if<ChoiceOption>(&option.type)) {
    for (const std::string& one : choice->choices) all += (all.empty() ? "" : " ") + one;
  }
  return all;
}

std::string Negation(const Option& option) { return "--no-" + option.flag().substr(2); }

// Commands that take the same options.
struct Group {
  OptionSet options;
  std::vector<std::string> names;

  std::string Names(const std::string& separator) const {
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : separator) + name;
    return all;
  }
};

// Names of two words first: scripts take the first that fits.
std::vector<Group> Groups(std::span<const Command> commands) {
  std::vector<Group> groups;
  for (const Command& command : commands) {
    if (command.options.rows.empty()) continue;
    const auto same = [&](const Group& g) {
      return g.options.rows.data() == command.options.rows.data() && g.names[0].find(' ') == command.name.find(' ');
    };
    auto group = std::ranges::find_if(groups, same);
    if (group == groups.end()) group = groups.insert(groups.end(), {command.options, {}});
    group->names.emplace_back(command.name);
  }
  std::stable_partition(groups.begin(), groups.end(),
                        [](const Group& g) { return g.names[0].find(' ') != std::string::npos; });
  return groups;
}

// The words of which the first is `first`, or all first words.
std::vector<Command> WordsBehind(std::span<const Command> commands, std::string_view first) {
  std::vector<Command> words;
  for (Command command : commands) {
    const size_t space = command.name.find(' ');
    if (first.empty() ? space != std::string::npos
                      : space == std::string::npos || command.name.substr(0, space) != first)
      continue;
    if (!first.empty()) command.name.remove_prefix(space + 1);
    words.push_back(command);
  }
  return words;
}

std::string Names(std::span<const Command> commands) {
  std::string names;
  for (const Command& command : commands) (names += names.empty() ? "" : " ") += command.name;
  return names;
}

// --- bash

// A case of the two words that begin the line.
std::string BashCase(const Group& group) {
  const bool of_serve = OfServe(group.options);
  std::string flags = of_serve ? "--config --help" : "--help", values, patterns;
  for (const std::string& name : group.names)
    patterns += (patterns.empty() ? "'" : " | '") + name + (name.find(' ') == std::string::npos ? " '*" : "'");
  if (of_serve) patterns += " | -*";
  for (const Option& option : group.options.rows) {
    if (!option.is_flag()) continue;
    flags += " " + option.flag() + (option.is_switch() ? " " + Negation(option) : "");
    if (const std::string choices = Choices(option); !choices.empty()) {
      values +=
          "        " + option.flag() + ") COMPREPLY=($(compgen -W '" + choices + "' -- \"$current\")); return ;;\n";
    } else if (!option.is_switch() && !IsFile(option)) {
      values += "        " + option.flag() + ") return ;;\n";
    }
  }
  return "    " + patterns + ")\n      flags='" + flags + "'\n" +
         (values.empty() ? "" : "      case $previous in\n" + values + "      esac\n") + "      ;;\n";
}

std::string Bash(std::span<const Command> commands) {
  const std::vector<Command> first = WordsBehind(commands, "");
  std::string parts, cases;
  for (const Command& command : first) {
    if (const auto words = WordsBehind(commands, command.name); !words.empty())
      parts += "    " + std::string(command.name) + ") words='" + Names(words) + "' ;;\n";
  }
  for (const Group& group : Groups(commands)) cases += BashCase(group);
  return "# Completes puna in bash: puna completion bash > /usr/share/bash-completion/completions/puna\n"
         "_puna() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} flags= words=\n"
         "  if ((COMP_CWORD == 1)) && [[ $current != -* ]]; then\n"
         "    COMPREPLY=($(compgen -W '" +
         Names(first) +
         "' -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n" +
         parts +
         "  esac\n"
         "  if ((COMP_CWORD == 2)) && [[ -n $words && $current != -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n" +
         cases +
         "  esac\n"
         "  if [[ -n $flags && $current == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$current\"))\n"
         "    return\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "}\n"
         "complete -o filenames -F _puna puna\n";
}

// --- zsh

// For a text between quotes in which [ ] : have a meaning.
std::string ZshText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += (std::string_view("[]:\\").find(c) == std::string_view::npos ? "" : "\\") + std::string(1, c);
    }
  }
  return out;
}

std::string ZshNames(std::span<const Command> commands) {
  std::string names;
  for (const Command& command : commands)
    names += "    '" + std::string(command.name) + ":" + ZshText(command.help) + "'\n";
  return names;
}

std::string ZshOption(const Option& option) {
  const std::string help = "[" + ZshText(option.help) + "]", choices = Choices(option);
  if (option.is_switch()) return "      '" + option.flag() + help + "' '" + Negation(option) + help + "' \\\n";
  const std::string values = !choices.empty() ? "(" + choices + ")" : IsFile(option) ? "_files" : " ";
  return "      '" + option.flag() + "=" + help + ":" + std::string(option.value) + ":" + values + "' \\\n";
}

std::string ZshCase(const Group& group) {
  const bool parts = group.names[0].find(' ') != std::string::npos;
  std::string patterns, options;
  for (const std::string& name : group.names)
    patterns += (patterns.empty() ? "'" : "|'") + name + (parts ? "'" : " '*");
  if (OfServe(group.options)) options += "      '--config=[JSON file with options]:file:_files' \\\n";
  for (const Option& option : group.options.rows)
    if (option.is_flag()) options += ZshOption(option);
  return "  " + patterns + ")\n    shift " + (parts ? "2" : "1") + " words\n    ((CURRENT -= " + (parts ? "2" : "1") +
         "))\n    _arguments \\\n" + options + "      '*:model:_files' ;;\n";
}

std::string Zsh(std::span<const Command> commands) {
  std::string parts, cases;
  const std::vector<Command> first = WordsBehind(commands, "");
  for (const Command& command : first) {
    const auto words = WordsBehind(commands, command.name);
    if (words.empty()) continue;
    parts += "if ((CURRENT == 3)) && [[ $words[2] == " + std::string(command.name) +
             " && $words[3] != -* ]]; then\n  commands=(\n" + ZshNames(words) +
             "  )\n  _describe part commands\n  return\nfi\n";
  }
  for (const Group& group : Groups(commands)) cases += ZshCase(group);
  return "#compdef puna\n"
         "# Completes puna in zsh: puna completion zsh > /usr/share/zsh/vendor-completions/_puna\n"
         "local -a commands\n"
         "commands=(\n" +
         ZshNames(first) +
         ")\n"
         "if ((CURRENT == 2)); then\n"
         "  _describe command commands\n"
         "  return\n"
         "fi\n" +
         parts + "case \"$words[2] $words[3]\" in\n" + cases +
         "  *) _files ;;\n"
         "esac\n";
}

// --- fish

std::string FishText(std::string_view text) { return Replaced(Replaced(std::string(text), "\\", "\\\\"), "'", "\\'"); }

// The condition under which a group's options count: of "bench pace" both words stand there.
std::string FishWhere(const Group& group) {
  const size_t space = group.names[0].find(' ');
  if (space == std::string::npos) return "__fish_seen_subcommand_from " + group.Names(" ");
  std::string parts;
  for (const std::string& name : group.names) parts += " " + name.substr(name.find(' ') + 1);
  return "__fish_seen_subcommand_from " + group.names[0].substr(0, space) + "; and __fish_seen_subcommand_from" + parts;
}

std::string FishGroup(const Group& group) {
  const std::string where = "complete -c puna -n '" + FishWhere(group) + "' -l ";
  std::string out = OfServe(group.options) ? where + "config -r -d 'JSON file with options'\n" : "";
  for (const Option& option : group.options.rows) {
    if (!option.is_flag()) continue;
    const std::string name = option.flag().substr(2), help = " -d '" + FishText(option.help) + "'\n";
    const std::string choices = Choices(option);
    if (option.is_switch()) {
      out += where + name + help + where + "no-" + name + help;
    } else {
      out += where + name + (!choices.empty() ? " -x -a '" + choices + "'" : IsFile(option) ? " -r" : " -x") + help;
    }
  }
  return out;
}

std::string Fish(std::span<const Command> commands) {
  std::string out = "# Completes puna in fish: puna completion fish > /usr/share/fish/vendor_completions.d/puna.fish\n";
  for (const Command& command : commands) {
    const size_t space = command.name.find(' ');
    const std::string where = space == std::string::npos
                                  ? "__fish_use_subcommand"
                                  : "'__fish_seen_subcommand_from " + std::string(command.name.substr(0, space)) + "'";
    const std::string_view word = space == std::string::npos ? command.name : command.name.substr(space + 1);
    out += "complete -c puna -n " + where + " -f -a " + std::string(word) + " -d '" + FishText(command.help) + "'\n";
  }
  for (const Group& group : Groups(commands)) out += FishGroup(group);
  return out;
}

// --- roff

// Text that roff takes as it is.
std::string Roff(std::string_view text) {
  std::string out = Replaced(Replaced(std::string(text), "\\", "\\e"), "-", "\\-");
  if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
  return out;
}

std::string RoffOption(const Option& option, const void* defaults) {
  const std::string flag = !option.is_flag()    ? std::string(option.value)
                           : option.is_switch() ? "--[no-]" + option.flag().substr(2)
                                                : option.flag();
  const bool value = option.is_flag() && !option.value.empty();
  return ".TP\n.B " + Roff(flag) + (value ? " \\fI" + Roff(option.value) + "\\fR" : "") + "\n" +
         Roff(Explanation(option, defaults)) + "\n";
}

std::string RoffGroup(const Group& group) {
  const bool of_serve = OfServe(group.options);
  std::string out = of_serve
                        ? ".SH OPTIONS\nOf " + Roff(group.Names(", ")) +
                              ". Each is also a variable (\\-\\-max\\-num\\-seqs is PUNA_MAX_NUM_SEQS) and a key of "
                              "the JSON file that \\-\\-config names.\n"
                        : ".SH OPTIONS OF PUNA " + Roff(group.Names(", ")) + "\n";
  std::string_view heading;
  for (const Option& option : group.options.rows) {
    if (of_serve && option.group != heading) out += ".SS " + Roff(heading = option.group) + "\n";
    out += RoffOption(option, group.options.defaults);
  }
  return out;
}

}  // namespace

std::string CompletionScript(const std::string& shell, std::span<const Command> commands) {
  if (shell == "bash") return Bash(commands);
  if (shell == "zsh") return Zsh(commands);
  if (shell == "fish") return Fish(commands);
  throw ConfigError("completion: found \"" + shell + "\", expected bash, zsh or fish");
}

std::string ManualPage(std::span<const Command> commands, const std::string& version) {
  std::string out = ".TH PUNA 1 \"\" \"puna " + version +
                    "\" \"User Commands\"\n.SH NAME\npuna \\- local inference server\n"
                    ".SH SYNOPSIS\n.B puna\n[\\fICOMMAND\\fR] [\\fIOPTION\\fR]...\n.SH COMMANDS\n";
  for (const Command& command : commands) {
    out += ".TP\n.B " + Roff(command.name) + "\n" + Roff(command.help) + "\n";
  }
  out += ".PP\npuna COMMAND \\-\\-help says more. Without a command, puna serves.\n";
  std::vector<Group> groups = Groups(commands);
  std::stable_partition(groups.begin(), groups.end(), [](const Group& g) { return OfServe(g.options); });
  for (const Group& group : groups) out += RoffGroup(group);
  return out;
}

}  // namespace puna::config
