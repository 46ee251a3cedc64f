// SIGTERM and SIGINT as a request to stop, SIGHUP as one to read the operator's files again.
#pragma once

namespace puna::server {

// Until a StopSignals takes over, the two signals end the process at once, with status 0: also
// where it is the first of a container, which the kernel otherwise shields from them. SIGHUP is kept for whoever takes over.
void ExitOnStopSignals();

// A client, or a reader of the log, that is gone does not end the process, and no more does a file that reaches the size that
// the system allows (ulimit -f): whoever writes learns it from the write.
void IgnoreFailedWrites();

// Where this process is the first of its container: what others leave there without a parent goes when it ends, and does not
// wait for us in vain. Whoever starts processes of his own cannot ask how they ended then.
void LeaveNoOrphans();

class StopSignals {
 public:
  // From now on the first of the two signals is a wish, whichever thread it reaches; a second one, of either, ends the process
  // at once, also where it is the first of a container. So it does until the process has ended, behind the destructor.
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;

  enum class Wish { kStop, kReload };
  // The next wish, in the order in which they came; many at once may be one. Notify's is to stop.
  Wish Wait();
  void Notify();  // from any thread

 private:
  int read_end_, write_end_;
};

}  // namespace puna::server
