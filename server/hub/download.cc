#include "server/hub/download.h"

#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <list>
#include <memory>
#include <stdexcept>

#include "server/hub/transfer.h"

namespace puna::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kConnections = 4;
constexpr int64_t kShortestSpan = 8 << 20, kLongestSpan = 256 << 20;
constexpr int64_t kEnoughProgress = 1 << 20;
constexpr int kPollMilliseconds = 200;

int64_t SpanLength(int64_t size) { return std::clamp(size / 16, kShortestSpan, kLongestSpan); }

// Of "bytes 0-9/100"; false: it is none.
bool ReadContentRange(const std::string& text, int64_t* first, int64_t* total) {
  int64_t last = 0;
  return std::sscanf(text.c_str(), "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64, first, &last, total) == 3;
}

class RangeDownload {
 public:
  RangeDownload(const DownloadSource& source, const HubSettings& settings, const FetchWatch& watch,
                const std::function<void(int64_t)>& progress, PartFile* part)
      : source_(source),
        settings_(settings),
        watch_(watch),
        progress_(progress),
        part_(part),
        multi_(curl_multi_init(), curl_multi_cleanup) {}
  ~RangeDownload() {
    for (const auto& run : runs_) curl_multi_remove_handle(multi_.get(), run->transfer->handle());
  }

  void Run() {
    while (!part_->complete()) {
      if (!watch_.go_on()) throw FetchStopped();
      Start();
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      Collect();
      if (part_->complete()) break;
      curl_multi_poll(multi_.get(), nullptr, 0, kPollMilliseconds, nullptr);
    }
  }

 private:
  struct OneRun {
    Span span;
    bool ranged = false;   // a range was asked for
    bool checked = false;  // the head of the answer has been looked at
    std::string wrong;     // what is wrong with it
    std::unique_ptr<Transfer> transfer;
  };

  void Start() {
    while (Clock::now() >= not_before_ && runs_.size() < (whole_ ? 1 : kConnections)) {
      Span span;
      if (!broken_off_.empty()) {
        span = broken_off_.front();
        broken_off_.pop_front();
      } else {
        span = whole_ ? WholeSpan() : part_->Take(SpanLength(part_->size()));
      }
      if (span.at >= span.end) return;
      StartOne(span);
    }
  }

  Span WholeSpan() const { return runs_.empty() ? part_->TakeAll() : Span{}; }

  void StartOne(Span span) {
    auto run = std::make_unique<OneRun>();
    run->span = span;
    run->ranged = !whole_ && !(span.at == 0 && span.end == part_->size());
    TransferRequest request{.url = source_.url,
                            .token = source_.token,
                            .headers = source_.headers,
                            .first = {},
                            .last = {},
                            .connect_seconds = settings_.answer_seconds,
                            .silence_seconds = settings_.silence_seconds,
                            .certificates = settings_.certificates};
    if (run->ranged) {
      request.first = span.at;
      if (span.end < part_->size()) request.last = span.end - 1;
    }
    OneRun* raw = run.get();
    run->transfer = std::make_unique<Transfer>(
        request, [this, raw](std::string_view bytes) { return Take(raw, bytes); }, watch_.go_on);
    curl_easy_setopt(run->transfer->handle(), CURLOPT_PRIVATE, raw);
    curl_multi_add_handle(multi_.get(), run->transfer->handle());
    runs_.push_back(std::move(run));
  }

  // Whether the answer is what was asked for; says what is wrong with it.
  bool Check(OneRun* run) {
    const Transfer& answer = *run->transfer;
    if (answer.status() == 206) {
      int64_t first = -1, total = -1;
      if (!ReadContentRange(answer.header("content-range"), &first, &total) || first != run->span.at) {
        run->wrong = "it answers with another range than the one that was asked for";
        ignores_ranges_ = run->ranged;
      } else if (total != part_->size()) {
        LengthIs(total);
      }
    } else if (run->ranged) {
      ignores_ranges_ = true;
      run->wrong = "it knows no ranges";
    } else if (const std::string length = answer.header("content-length"); !length.empty() &&
                                                                           answer.header("content-encoding").empty() &&
                                                                           length != std::to_string(part_->size())) {
      LengthIs(std::stoll(length));
    }
    return run->wrong.empty();
  }

  [[noreturn]] void LengthIs(int64_t length) const {
    throw std::runtime_error(source_.name + ": the hub's list says " + std::to_string(part_->size()) +
                             " bytes, the server says " + std::to_string(length) +
                             "; the file is being changed, or a proxy alters it: try again later");
  }

  bool Take(OneRun* run, std::string_view bytes) {
    if (!run->checked && !Check(run)) return false;
    run->checked = true;
    const auto room = static_cast<size_t>(run->span.end - run->span.at);
    const size_t taken = std::min(room, bytes.size());
    part_->Write(&run->span, bytes.substr(0, taken));
    progress_(static_cast<int64_t>(taken));
    since_failure_ += static_cast<int64_t>(taken);
    return taken == bytes.size();  // what it sends beyond is of no use
  }

  void Collect() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      const auto found =
          std::ranges::find_if(runs_, [&](const auto& run) { return run->transfer->handle() == message->easy_handle; });
      const std::unique_ptr<OneRun> run = std::move(*found);
      runs_.erase(found);
      curl_multi_remove_handle(multi_.get(), run->transfer->handle());
      if (run->span.at < run->span.end) Failed(*run, code);
    }
  }

  void Failed(const OneRun& run, CURLcode code) {
    if (!watch_.go_on()) throw FetchStopped();
    const Transfer& transfer = *run.transfer;
    const int status = transfer.status();
    const std::string trouble = Trouble(run, code);
    // An address that has expired, or a range that the server refuses, is asked for anew.
    const bool anew = code == CURLE_OK && (status == 403 || status == 416) && failures_ + 1 < kMostTries;
    if (ignores_ranges_ && !whole_) {
      broken_off_.push_back(run.span);
      return GoOnWithoutRanges();
    }
    if (code == CURLE_OK) Explain(transfer);
    if (!anew && !MayPass(code, status)) Refuse(status, trouble, transfer);
    KeepPlace(run);
    if (since_failure_ >= kEnoughProgress) failures_ = 0;
    since_failure_ = 0;
    if (++failures_ >= kMostTries) {
      throw HubUnreachable(source_.name + ": " + trouble + ", for the " + std::to_string(kMostTries) +
                           "th time; what is there is kept, and the next run goes on with it");
    }
    const int wait = transfer.RetryAfter() ? *transfer.RetryAfter() * 1000 : BackoffMilliseconds(failures_);
    watch_.say(source_.name + ": " + trouble + "; trying again in " + std::to_string((wait + 999) / 1000) + " s");
    not_before_ = std::max(not_before_, Clock::now() + std::chrono::milliseconds(wait));
  }

  std::string Trouble(const OneRun& run, CURLcode code) const {
    const std::string error = code == CURLE_OK ? "" : run.transfer->ErrorText(code);  // throws what the disk said
    if (!run.wrong.empty()) return run.wrong;
    if (!error.empty()) return error;
    const int status = run.transfer->status();
    if (status != 200 && status != 206) return "the server answers " + std::to_string(status);
    return "the server ended after " + std::to_string(run.span.at) + " of " + std::to_string(run.span.end) + " bytes";
  }

  void Explain(const Transfer& transfer) const {
    const std::string meaning = source_.explain(transfer.status(), transfer.header("x-error-code"));
    if (!meaning.empty()) throw std::runtime_error(meaning);
  }

  [[noreturn]] void Refuse(int status, const std::string& trouble, const Transfer& transfer) const {
    const std::string said = transfer.header("x-error-message");
    throw std::runtime_error(source_.name + ": " + trouble + (said.empty() ? "" : ": " + said) +
                             (status == 401 || status == 403 ? "; check the token and what it may read" : ""));
  }

  void KeepPlace(const OneRun& run) {
    if (!whole_) return broken_off_.push_back(run.span);
    progress_(-run.span.at);  // it comes from the beginning again
  }

  void GoOnWithoutRanges() {
    whole_ = true;
    progress_(-WrittenNow());
    for (const auto& run : runs_) curl_multi_remove_handle(multi_.get(), run->transfer->handle());
    runs_.clear();
    broken_off_.clear();
    part_->Clear();
    watch_.say(source_.name + ": the server knows no ranges; reading it from the beginning, in one piece");
  }

  int64_t WrittenNow() const {
    int64_t bytes = part_->have();
    const auto open = [](const Span& span) { return (span.at - span.begin) % (1 << 20); };
    for (const auto& run : runs_) bytes += open(run->span);
    for (const Span& span : broken_off_) bytes += open(span);
    return bytes;
  }

  const DownloadSource& source_;
  const HubSettings& settings_;
  const FetchWatch& watch_;
  const std::function<void(int64_t)>& progress_;
  PartFile* part_;
  const CurlLibrary library_;
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
  std::list<std::unique_ptr<OneRun>> runs_;
  std::list<Span> broken_off_;
  bool whole_ = false, ignores_ranges_ = false;
  int failures_ = 0;
  int64_t since_failure_ = 0;
  Clock::time_point not_before_ = Clock::now();
};

}  // namespace

void Download(const DownloadSource& source, const HubSettings& settings, const FetchWatch& watch,
              const std::function<void(int64_t)>& progress, PartFile* part) {
  RangeDownload(source, settings, watch, progress, part).Run();
}

}  // namespace puna::server
