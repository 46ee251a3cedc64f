// Accepts connections from one listening socket, whatever the system says meanwhile: what passes is waited out.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "server/http/event_loop.h"

namespace puna::server {

// The last that is said on a socket before it is closed, as far as its client takes it at once; bytes that had come and were not
// read would have the system reset the connection, and the client might lose it.
void SayLast(int socket, std::string_view text);

class Acceptor final : public EventLoop::Watcher {
 public:
  struct Calls {
    std::function<void(int socket)> take;    // a connection, which does not block
    std::function<void(int error)> refused;  // accepting failed, and is tried again
    std::function<void(int error)> ended;    // it will never succeed again
  };
  // Owns the socket. `refusal` is said to clients for whom there is no descriptor.
  Acceptor(EventLoop& loop, int socket, std::string refusal, Calls calls);
  ~Acceptor();

  void Begin();
  void AcceptWaiting();  // all that have connected
  void Close();          // takes no more
  bool closed() const { return socket_ < 0; }

  void OnEvents(uint32_t events) override;
  void OnTime() override;

 private:
  void HandleError(int error);
  void RefuseOne();
  void Pause();

  EventLoop& loop_;
  int socket_;
  int spare_;  // a descriptor to accept with when there is none left
  const std::string refusal_;
  const Calls calls_;
};

}  // namespace puna::server
