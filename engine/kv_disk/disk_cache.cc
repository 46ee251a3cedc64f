#include "engine/kv_disk/disk_cache.h"

#include <pthread.h>

#include <algorithm>
#include <deque>
#include <new>
#include <thread>
#include <utility>

#include "engine/base/aligned_buffer.h"
#include "engine/base/check.h"
#include "engine/base/content_hash.h"
#include "engine/base/mutex.h"
#include "engine/kv_disk/disk_index.h"
#include "engine/kv_disk/disk_store.h"
#include "engine/kv_disk/folder_report.h"
#include "engine/kv_disk/run_reader.h"

namespace puna::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kWriteBufferBytes = int64_t{32} << 20;
constexpr std::chrono::seconds kPartingPatience{2};
constexpr std::chrono::milliseconds kNoMemoryPause{100};
constexpr int64_t kIndexBytesPerBlock = 128;

int NumBuffers(int64_t block_bytes) {
  return static_cast<int>(std::clamp<int64_t>(kWriteBufferBytes / block_bytes, 2, kMaxRunBlocks));
}

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

ContentHash HashText(const std::string& text) {
  return HashContent({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace

// Outlives the DiskCache where a thread is stuck in the disk.
struct DiskCache::Shared {
  explicit Shared(DiskCacheOptions o)
      : options(std::move(o)), buffers(NumBuffers(options.block_bytes)), calls_allowed(true) {
    for (auto& buffer : buffers) buffer = AlignedBuffer<uint8_t>(static_cast<size_t>(options.block_bytes));
    for (size_t i = 0; i < buffers.size(); ++i) free_buffers.push_back(i);
    Beat();
  }

  struct Waiting {
    BlockName name;
    size_t buffer;
  };

  void Beat() { *beat = Clock::now().time_since_epoch().count(); }
  void Wake();
  void Report(const std::string& line);
  void WriterThread();
  void ReaderThread();
  RecordKind FindKind();
  bool WaitForWork();
  bool WriteSome(DiskStore& store);
  int ReadRun(KvLoad& load, std::unique_ptr<RunReader>& reader);
  void ReadOne(const std::shared_ptr<KvLoad>& load, std::unique_ptr<RunReader>& reader);
  void Publish(const DiskStore& store);

  const DiskCacheOptions options;
  DiskIndex index;
  std::vector<AlignedBuffer<uint8_t>> buffers;  // [block_bytes] each
  std::atomic<bool> stop{false};
  const std::shared_ptr<KvLoad::Beat> beat = std::make_shared<KvLoad::Beat>();  // of the reader
  const Clock::time_point start = Clock::now();

  mutable Mutex mutex;
  Condition work, changed;  // for the threads; for who waits for them
  std::deque<Waiting> to_write PUNA_GUARDED_BY(mutex);
  std::vector<size_t> free_buffers PUNA_GUARDED_BY(mutex);
  std::deque<std::shared_ptr<KvLoad>> to_read PUNA_GUARDED_BY(mutex);
  RecordKind kind PUNA_GUARDED_BY(mutex);
  bool ready PUNA_GUARDED_BY(mutex) = false;
  std::shared_ptr<KvLoad> reading PUNA_GUARDED_BY(mutex);
  bool naming PUNA_GUARDED_BY(mutex) = true;  // asks for what the content depends on
  bool writer_runs PUNA_GUARDED_BY(mutex) = true;
  bool reader_runs PUNA_GUARDED_BY(mutex) = true;
  DiskStats stats PUNA_GUARDED_BY(mutex);

  Mutex calls_mutex;  // held while the owner is called back
  bool calls_allowed PUNA_GUARDED_BY(calls_mutex);
};

void DiskCache::Shared::Wake() {
  const MutexLock lock(calls_mutex);
  if (calls_allowed) options.wake();
}

void DiskCache::Shared::Report(const std::string& line) {
  const MutexLock lock(calls_mutex);
  if (calls_allowed) options.report(line);
}

RecordKind DiskCache::Shared::FindKind() {
  const RecordKind found{HashText(options.content(stop)), options.block_bytes};
  {
    const MutexLock lock(mutex);
    naming = false;
    kind = found;
  }
  changed.NotifyAll();
  return found;
}

void DiskCache::Shared::WriterThread() {
  pthread_setname_np(pthread_self(), "puna-kv-write");
  DiskStoreOptions store_options{FindKind(), options.limit_bytes, [this] { return Seconds(Clock::now() - start); },
                                 [this](const std::string& line) { Report(line); }};
  if (!stop) {
    const ContentHash fingerprint = store_options.kind.fingerprint;
    DiskStore store(*options.folder, index, std::move(store_options));
    store.Look();
    {
      const MutexLock lock(mutex);
      ready = true;
    }
    Publish(store);
    work.NotifyAll();
    Wake();
    auto looked = Clock::now();
    while (!stop) {
      try {
        // Whoever cleared the folder took the label, too.
        const bool written = WaitForWork() && WriteSome(store);
        if (written && !options.label.empty()) LabelFolder(*options.folder, fingerprint, options.label);
        if (Clock::now() - looked >= kLookEvery) {
          store.Look();
          looked = Clock::now();
        }
        Publish(store);
      } catch (const std::bad_alloc&) {  // of others: what is to be written is still there
        std::this_thread::sleep_for(kNoMemoryPause);
      }
    }
  }
  {
    const MutexLock lock(mutex);
    writer_runs = false;
  }
  changed.NotifyAll();
}

// False: it is time to look at the folder.
bool DiskCache::Shared::WaitForWork() {
  MutexLock lock(mutex);
  const auto until = Clock::now() + kLookEvery;
  while (!stop && to_write.empty() && work.WaitUntil(lock, until)) {
  }
  return !stop && !to_write.empty();
}

bool DiskCache::Shared::WriteSome(DiskStore& store) {
  std::vector<Waiting> taken;
  {
    const MutexLock lock(mutex);
    taken.assign(to_write.begin(), to_write.begin() + std::min<std::ptrdiff_t>(kMaxRunBlocks, std::ssize(to_write)));
  }
  std::vector<BlockToWrite> blocks;
  for (const Waiting& waiting : taken) blocks.push_back({waiting.name, buffers[waiting.buffer].span()});
  const auto begin = Clock::now();
  const bool written = store.Write(blocks);
  {
    const MutexLock lock(mutex);
    stats.write_seconds += Seconds(Clock::now() - begin);
    (written ? stats.written_blocks : stats.unwritten_blocks) += taken.size();
    if (written) stats.written_bytes += taken.size() * static_cast<uint64_t>(options.block_bytes);
    to_write.erase(to_write.begin(), to_write.begin() + std::ssize(taken));
    for (const Waiting& waiting : taken) free_buffers.push_back(waiting.buffer);
  }
  changed.NotifyAll();
  Wake();
  return written;
}

void DiskCache::Shared::Publish(const DiskStore& store) {
  const MutexLock lock(mutex);
  stats.bytes = store.bytes();
  stats.evicted_files = store.evicted_files();
  stats.write_errors = store.write_errors();
}

void DiskCache::Shared::ReaderThread() {
  pthread_setname_np(pthread_self(), "puna-kv-read");
  std::unique_ptr<RunReader> reader;
  while (true) {
    std::shared_ptr<KvLoad> load;
    {
      MutexLock lock(mutex);
      while (!stop && to_read.empty()) work.Wait(lock);
      if (stop) break;
      load = reading = to_read.front();
      to_read.pop_front();
    }
    Beat();
    ReadOne(load, reader);
    Wake();
  }
  {
    const MutexLock lock(mutex);
    reader_runs = false;
  }
  changed.NotifyAll();
}

// What has come when there is no memory for more is what comes of it.
int DiskCache::Shared::ReadRun(KvLoad& load, std::unique_ptr<RunReader>& reader) {
  try {
    if (!reader) {
      const MutexLock lock(mutex);
      reader = std::make_unique<RunReader>(*options.folder, index, kind);
    }
    const auto take = [&](std::span<const uint8_t> bytes) {
      return !stop && load.Fill([&](BlockId block) { options.write_block(block, bytes); });
    };
    return load.cancelled() ? 0 : reader->Read(load.names(), take, [this] { Beat(); });
  } catch (const std::bad_alloc&) {
    return load.num_loaded();
  }
}

void DiskCache::Shared::ReadOne(const std::shared_ptr<KvLoad>& load, std::unique_ptr<RunReader>& reader) {
  const auto begin = Clock::now();
  const int taken = ReadRun(*load, reader);
  {
    const MutexLock lock(mutex);
    reading = nullptr;
    stats.read_seconds += Seconds(Clock::now() - begin);
    if (reader) {
      stats.read_blocks = reader->counts().blocks;
      stats.read_bytes = reader->counts().bytes;
      stats.damaged_blocks = reader->counts().damaged;
      stats.read_errors = reader->counts().errors;
    }
    ++stats.loads;
    stats.loads_cut += taken < std::ssize(load->names());
  }
  Beat();
  load->End();
}

DiskCache::DiskCache(DiskCacheOptions options) : shared_(std::make_shared<Shared>(std::move(options))) {
  std::thread([shared = shared_] { shared->WriterThread(); }).detach();
  std::thread([shared = shared_] { shared->ReaderThread(); }).detach();
}

DiskCache::~DiskCache() {
  Shared& s = *shared_;
  {
    const MutexLock lock(s.mutex);
    s.stop = true;
    for (const auto& load : s.to_read) load->Cancel();
    if (s.reading) s.reading->Cancel();
  }
  s.work.NotifyAll();
  {
    MutexLock lock(s.mutex);
    while (s.naming) s.changed.Wait(lock);  // it reads the model, which is about to go
    const auto until = Clock::now() + kPartingPatience;
    while ((s.writer_runs || s.reader_runs) && s.changed.WaitUntil(lock, until)) {
    }
  }
  const MutexLock lock(s.calls_mutex);
  s.calls_allowed = false;
}

bool DiskCache::opening() const {
  const MutexLock lock(shared_->mutex);
  return !shared_->ready && Clock::now() - shared_->start < kOpening;
}

bool DiskCache::Contains(const BlockHash& hash) const { return shared_->index.Contains(hash); }

int DiskCache::CountFound(std::span<const BlockHash> hashes) const {
  {
    const MutexLock lock(shared_->mutex);
    const Clock::time_point alive{Clock::duration(shared_->beat->load())};
    if (shared_->reading && Clock::now() - alive > KvLoad::kPatience) return 0;  // the disk hangs
  }
  return shared_->index.CountFound(hashes);
}

std::shared_ptr<KvLoad> DiskCache::Load(std::vector<BlockName> names, std::vector<BlockId> blocks) {
  shared_->options.prepare(blocks);
  auto load = std::make_shared<KvLoad>(std::move(names), std::move(blocks), shared_->beat);
  {
    const MutexLock lock(shared_->mutex);
    shared_->to_read.push_back(load);
  }
  shared_->work.NotifyAll();
  return load;
}

bool DiskCache::HasRoom() const {
  const MutexLock lock(shared_->mutex);
  return !shared_->free_buffers.empty();
}

void DiskCache::Write(const BlockName& name, const std::function<void(std::span<uint8_t>)>& fill) {
  size_t buffer = 0;
  {
    const MutexLock lock(shared_->mutex);
    PUNA_CHECK(!shared_->free_buffers.empty());
    buffer = shared_->free_buffers.back();
    shared_->free_buffers.pop_back();
  }
  try {
    fill(shared_->buffers[buffer].span());
    const MutexLock lock(shared_->mutex);
    shared_->to_write.push_back({name, buffer});
  } catch (...) {
    const MutexLock lock(shared_->mutex);
    shared_->free_buffers.push_back(buffer);  // where it has just been
    throw;
  }
  shared_->work.NotifyAll();
}

bool DiskCache::Flush(Clock::time_point until) {
  MutexLock lock(shared_->mutex);
  size_t left = shared_->to_write.size();
  auto patience = Clock::now() + kPartingPatience;
  while (left > 0 && shared_->changed.WaitUntil(lock, std::min(until, patience))) {
    if (shared_->to_write.size() < left) patience = Clock::now() + kPartingPatience;
    left = shared_->to_write.size();
  }
  return left == 0;
}

DiskStats DiskCache::stats() const {
  DiskStats stats;
  {
    const MutexLock lock(shared_->mutex);
    stats = shared_->stats;
    stats.ready = shared_->ready;
  }
  stats.on = true;
  stats.limit_bytes = shared_->options.limit_bytes;
  stats.blocks = shared_->index.size();
  return stats;
}

int64_t DiskCache::BufferBytes(int64_t block_bytes, int64_t limit_bytes) {
  return NumBuffers(block_bytes) * block_bytes + RunReader::BufferBytes(block_bytes) +
         limit_bytes / block_bytes * kIndexBytesPerBlock;
}

}  // namespace puna::engine
