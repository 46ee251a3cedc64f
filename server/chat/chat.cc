#include "server/chat/chat.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "config/flags.h"
#include "config/help.h"
#include "server/chat/chat_client.h"
#include "server/chat/chat_log.h"
#include "server/chat/interrupts.h"
#include "server/chat/line_input.h"
#include "server/chat/own_server.h"

namespace puna::server {
namespace {

constexpr size_t kMostInput = size_t{16} << 20;
constexpr int kStoppedStatus = 130;

constexpr char kChatText[] =
    R"(talks to a model in the terminal: to the server on this machine, or to one that it starts and ends itself.

  puna chat
      a conversation; /help inside says what there is beside talking
  puna chat --model hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M
      starts a server with that model for as long as the chat lasts
  cat log | puna chat "what is wrong?"
      one answer to the question and what comes through the pipe, and nothing else on standard output
  puna chat --url https://other.example --system "Answer in one sentence."

Ctrl-C stops an answer; Ctrl-D ends the chat. PUNA_API_KEY is sent as the key.
)";

constexpr char kCommands[] =
    "/system TEXT   what the model is told before everything else; without TEXT: what it is now\n"
    "/clear         forgets the conversation, and keeps what /system said\n"
    "/again         asks for another answer to the last message\n"
    "/save FILE     writes the conversation as Markdown\n"
    "/help, /quit   this; the end (also Ctrl-D)\n"
    "A line that ends in \\ goes on in the next one, and so does all between \"\"\" and \"\"\".\n"
    "Ctrl-C stops an answer. Arrow keys and Ctrl-R find earlier lines.\n";

struct Options {
  std::string message, url, model, system;
  ChatLog::Sampling sampling;
};

const config::OptionTable<Options>& Table() {
  using O = Options;
  using S = ChatLog::Sampling;
  static const config::OptionTable<O> table = {{
      {"message", "Arguments", "MESSAGE", "one message: its answer is printed, and that is all",
       config::TextAt<&O::message>(), config::Option::Use::kArgument},
      {"url", "Options", "URL", "a running server, of any make; empty: the one on port 8080, else one of its own",
       config::TextAt<&O::url>()},
      {"model", "Options", "MODEL", "what puna serve takes; with --url the name that the server knows",
       config::TextAt<&O::model>()},
      {"system", "Options", "TEXT", "what the model is told before everything else", config::TextAt<&O::system>()},
      {"temperature", "Options", "X", "default: the server's", config::NumberAt<&O::sampling, &S::temperature>(0, 2)},
      {"max_tokens", "Options", "N", "of each answer; default: the server's",
       config::IntegerAt<&O::sampling, &S::max_tokens>(1, 1 << 24)},
  }};
  return table;
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string HistoryFile() {
  const std::string state = Variable("XDG_STATE_HOME"), home = Variable("HOME");
  if (!state.empty()) return state + "/puna/chat_history";
  return home.empty() ? "" : home + "/.local/state/puna/chat_history";
}

std::string ReadAllInput() {
  std::string text;
  char bytes[65536];
  for (size_t got = 0; (got = fread(bytes, 1, sizeof bytes, stdin)) > 0;) {
    text.append(bytes, got);
    if (text.size() > kMostInput)
      throw std::runtime_error("chat: standard input is larger than 16 MiB, more than a model can read");
  }
  return text;
}

class Chat {
 public:
  Chat(const Options& options, ChatTarget target) : options_(options), target_(std::move(target)) {
    log_.SetSystem(options.system);
  }

  int AnswerOnce(const std::string& message) {
    log_.Add("user", message);
    return Answer();
  }

  int Talk() {
    std::fprintf(stderr, "%s on %s; /help says what there is, Ctrl-D ends\n",
                 target_.model.empty() ? "a model" : target_.model.c_str(), target_.url.c_str());
    LineInput input(HistoryFile());
    MessageLines lines;
    while (!ended_) {
      const std::optional<std::string> line = input.Read(lines.open() ? "... " : ">>> ");
      if (!line) break;
      if (!lines.open() && line->starts_with('/')) {
        Command(*line);
      } else if (lines.Add(*line)) {
        if (const std::string message = lines.Take(); !message.empty()) AnswerOnce(message);
      }
    }
    std::puts("");
    return 0;
  }

 private:
  int Answer() {
    const ChatReply reply =
        AskChat(target_, log_.Body(target_.model, options_.sampling), interrupts_, [](const std::string& piece) {
          std::fwrite(piece.data(), 1, piece.size(), stdout);
          std::fflush(stdout);
        });
    if (!reply.text.ends_with('\n')) std::puts("");
    std::fflush(stdout);
    if (!reply.error.empty()) {
      std::fprintf(stderr, "puna: %s\n", reply.error.c_str());
      log_.DropLast();
      return 1;
    }
    if (reply.stopped) std::fputs("(stopped)\n", stderr);
    if (reply.finish == "length") std::fputs("(cut off: the window or --max-tokens is full)\n", stderr);
    log_.Add("assistant", reply.text);
    return reply.stopped ? kStoppedStatus : 0;
  }

  void Command(const std::string& line) {
    const size_t space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "/quit" || name == "/exit" || name == "/bye") {
      ended_ = true;
    } else if (name == "/system") {
      rest.empty() ? Say(log_.system().empty() ? "(none)" : log_.system()) : log_.SetSystem(rest);
    } else if (name == "/clear") {
      log_.Clear();
    } else if (name == "/again") {
      Again();
    } else if (name == "/save") {
      Save(rest);
    } else {
      if (name != "/help") Say("there is no " + name + "; what there is:");
      std::fputs(kCommands, stdout);
    }
  }

  void Again() {
    if (log_.empty()) return Say("nothing has been said yet");
    log_.DropLast();
    if (!log_.empty()) Answer();
  }

  void Save(const std::string& path) const {
    if (path.empty()) return Say("/save FILE: a file's name is missing");
    std::ofstream out(path, std::ios::binary);
    out << log_.Markdown();
    out.close();
    Say(out ? "saved in " + path : path + ": cannot be written; check the folder and its permissions");
  }

  static void Say(const std::string& line) { std::puts(line.c_str()); }

  const Options& options_;
  ChatTarget target_;
  ChatLog log_;
  Interrupts interrupts_;
  bool ended_ = false;
};

// Whom to ask: the server that was named, the one that runs here, or one that is started for this chat.
ChatTarget FindServer(const Options& options, std::unique_ptr<OwnServer>* own) {
  ChatTarget target;
  target.api_key = Variable("PUNA_API_KEY").substr(0, Variable("PUNA_API_KEY").find(','));
  if (!options.url.empty()) target.url = options.url;
  if (options.url.empty()) {
    const bool runs = options.model.empty() && !ServedModel(target).empty();
    if (!runs) {
      const std::vector<std::string> model =
          options.model.empty() ? std::vector<std::string>{} : std::vector<std::string>{"--model", options.model};
      *own = std::make_unique<OwnServer>(model);
      target.url = (*own)->url();
    }
  }
  target.model = !options.url.empty() && !options.model.empty() ? options.model : ServedModel(target);
  return target;
}

}  // namespace

config::OptionSet ChatOptions() { return Table().set(); }

int RunChat(std::span<const std::string> arguments) {
  Options options;
  if (!ReadOptions(Table(), arguments, options))
    return std::fputs(config::CommandHelp("puna chat", kChatText, ChatOptions()).c_str(), stdout), 0;
  const bool piped = isatty(STDIN_FILENO) == 0;
  std::string message = options.message;
  if (piped) {
    const std::string input = ReadAllInput();
    message += (message.empty() || input.empty() ? "" : "\n\n") + input;
    if (message.empty()) throw std::runtime_error("chat: neither a message nor anything on standard input");
  }
  std::unique_ptr<OwnServer> own;
  const ChatTarget target = FindServer(options, &own);
  Chat chat(options, target);
  return message.empty() ? chat.Talk() : chat.AnswerOnce(message);
}

}  // namespace puna::server
