#include "server/chat/line_input.h"

#include <histedit.h>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace puna::server {
namespace {

constexpr int kRemembered = 1000;

// Ctrl-C: away with the line; of an empty one, away with the chat.
unsigned char Cancel(EditLine* edit, int) {
  const LineInfo* line = el_line(edit);
  const auto length = static_cast<int>(line->lastchar - line->buffer);
  if (length == 0) return CC_EOF;
  el_cursor(edit, static_cast<int>(line->lastchar - line->cursor));
  el_deletestr(edit, length);
  return CC_REFRESH;
}

}  // namespace

struct LineInput::Editor {
  explicit Editor(std::string file) : history_file(std::move(file)) {
    // libedit cuts characters as the locale has it; theirs is UTF-8 wherever ours is not told to be another.
    if (std::setlocale(LC_CTYPE, "") == nullptr || MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
    edit = el_init("puna", stdin, stdout, stderr);
    history = history_init();
    HistEvent event;
    ::history(history, &event, H_SETSIZE, kRemembered);
    ::history(history, &event, H_SETUNIQUE, 1);
    if (!history_file.empty()) ::history(history, &event, H_LOAD, history_file.c_str());
    el_set(edit, EL_CLIENTDATA, this);
    el_set(edit, EL_PROMPT, &Editor::Prompt);
    el_set(edit, EL_EDITOR, "emacs");
    el_set(edit, EL_HIST, ::history, history);
    el_set(edit, EL_SETTY, "-d", "-isig", nullptr);
    el_set(edit, EL_ADDFN, "puna-cancel", "takes the line away", &Cancel);
    el_set(edit, EL_BIND, "^C", "puna-cancel", nullptr);
    el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    el_source(edit, nullptr);  // ~/.editrc
  }
  ~Editor() {
    HistEvent event;
    if (!history_file.empty()) {
      std::error_code error;
      std::filesystem::create_directories(std::filesystem::path(history_file).parent_path(), error);
      ::history(history, &event, H_SAVE, history_file.c_str());
    }
    history_end(history);
    el_end(edit);
  }
  Editor(const Editor&) = delete;

  static char* Prompt(EditLine* edit) {
    Editor* self = nullptr;
    el_get(edit, EL_CLIENTDATA, &self);
    return self->prompt.data();
  }

  EditLine* edit;
  decltype(history_init()) history;
  std::string history_file, prompt;
};

LineInput::LineInput(std::string history_file) : editor_(std::make_unique<Editor>(std::move(history_file))) {}
LineInput::~LineInput() = default;

std::optional<std::string> LineInput::Read(const std::string& prompt) {
  editor_->prompt = prompt;
  // Before the prompt is seen: libedit writes it first, and the terminal would take Ctrl-C and Ctrl-D of that moment for its own.
  el_set(editor_->edit, EL_PREP_TERM, 1);
  int count = 0;
  const char* text = el_gets(editor_->edit, &count);
  if (text == nullptr || count <= 0) return std::nullopt;
  std::string line(text, static_cast<size_t>(count));
  while (line.ends_with('\n') || line.ends_with('\r')) line.pop_back();
  HistEvent event;
  if (!line.empty()) history(editor_->history, &event, H_ENTER, line.c_str());
  return line;
}

}  // namespace puna::server
