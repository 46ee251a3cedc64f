// One streamed answer of a server that speaks OpenAI's protocol.
#pragma once

#include <functional>
#include <string>

#include "server/chat/interrupts.h"

namespace puna::server {

struct ChatTarget {
  std::string url = "http://127.0.0.1:8080";  // with or without /v1 at its end
  std::string model;                          // empty: the server's first
  std::string api_key;                        // empty: none is sent
};

struct ChatReply {
  std::string text;
  bool stopped = false;  // by Ctrl-C
  std::string error;     // empty: it is whole, or stopped
  std::string finish;    // finish_reason
};

// Hands out each piece as it comes. Ctrl-C ends the connection, whereupon the server stops computing.
ChatReply AskChat(const ChatTarget& target, const std::string& body, const Interrupts& interrupts,
                  const std::function<void(const std::string&)>& on_piece);

// The name of the server's first model; empty: nobody answers there within a second or two.
std::string ServedModel(const ChatTarget& target);

}  // namespace puna::server
