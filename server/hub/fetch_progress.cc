#include "server/hub/fetch_progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "server/hub/fetch_blob.h"

namespace puna::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kBarWidth = 24;
constexpr seconds kWindow{8};  // over which the rate is taken
constexpr seconds kLongestSilence{30};
constexpr milliseconds kRedraw{100};

std::string TimeText(int64_t in_seconds) {
  char text[32];
  if (in_seconds < 3600) {
    std::snprintf(text, sizeof text, "%d:%02d", static_cast<int>(in_seconds / 60), static_cast<int>(in_seconds % 60));
  } else {
    std::snprintf(text, sizeof text, "%d h %02d min", static_cast<int>(in_seconds / 3600),
                  static_cast<int>(in_seconds / 60 % 60));
  }
  return text;
}

}  // namespace

std::string ProgressText(int64_t done, int64_t total, double bytes_per_second, bool bar) {
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1;
  std::string text = std::to_string(static_cast<int>(share * 100)) + " % ";
  if (bar) {
    const int full = static_cast<int>(share * kBarWidth);
    text += "[" + std::string(static_cast<size_t>(full), '#') +
            std::string(static_cast<size_t>(kBarWidth - full), '-') + "] ";
  }
  text += SizeText(done) + " of " + SizeText(total);
  if (bytes_per_second <= 0) return text;
  const auto left = static_cast<int64_t>(static_cast<double>(total - done) / bytes_per_second);
  return text + ", " + SizeText(static_cast<int64_t>(bytes_per_second)) + "/s, " + TimeText(left) + " left";
}

FetchProgress::FetchProgress(std::function<void(const std::string&)> line)
    : line_(std::move(line)), terminal_(isatty(STDERR_FILENO) == 1), told_at_(Clock::now()) {}

FetchProgress::~FetchProgress() {
  if (drawn_) std::fputs("\n", stderr);
}

double FetchProgress::Rate() const {
  if (samples_.size() < 2) return 0;
  const double passed = std::chrono::duration<double>(samples_.back().at - samples_.front().at).count();
  const auto bytes = static_cast<double>(samples_.back().done - samples_.front().done);
  return passed < 0.5 ? 0 : std::max(0.0, bytes / passed);
}

void FetchProgress::Tell(int64_t done, int64_t total) {
  const Clock::time_point now = Clock::now();
  if (samples_.empty() || now - samples_.back().at >= kRedraw || done == total) samples_.push_back({now, done});
  while (now - samples_.front().at > kWindow) samples_.pop_front();
  if (terminal_ && (now - told_at_ >= kRedraw || done == total)) {
    told_at_ = now;
    return Draw(done, total);
  }
  const int tenth = total > 0 ? static_cast<int>(10 * done / total) : 10;
  if (terminal_ || done == 0 || (tenth <= told_tenth_ && now - told_at_ < kLongestSilence)) return;
  told_tenth_ = tenth;
  told_at_ = now;
  line_(ProgressText(done, total, Rate(), false));
}

void FetchProgress::Draw(int64_t done, int64_t total) {
  std::fprintf(stderr, "\r%s\033[K", ProgressText(done, total, Rate(), true).c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void FetchProgress::Say(const std::string& line) {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
  line_(line);
}

}  // namespace puna::server
