#include "engine/kv_disk/run_reader.h"

#include <algorithm>
#include <cerrno>
#include <optional>

namespace puna::engine {
namespace {

constexpr int64_t kPieceBytes = int64_t{8} << 20;  // read at a time: long enough for any disk to be at its best

}  // namespace

// Blocks that follow each other in one record.
struct RunReader::Run {
  std::string segment;
  int64_t offset = 0;  // of the record
  Record record;
  int first_slot = 0;
  int num_blocks = 0;
  std::unique_ptr<DiskFile> file;
};

RunReader::RunReader(DiskFolder& folder, DiskIndex& index, RecordKind kind)
    : folder_(folder), index_(index), kind_(kind), buffer_(static_cast<size_t>(BufferBytes(kind.block_bytes))) {}

int64_t RunReader::BufferBytes(int64_t block_bytes) {
  return std::max<int64_t>(kPieceBytes / block_bytes, 1) * block_bytes;
}

int RunReader::Read(std::span<const BlockName> names, const std::function<bool(std::span<const uint8_t>)>& take,
                    const std::function<void()>& beat) {
  int done = 0;
  std::vector<std::unique_ptr<DiskFile>> used;  // each segment once
  std::string last_segment;
  while (done < static_cast<int>(names.size())) {
    Run run;
    if (!OpenRun(names.subspan(done), run)) break;
    const int taken = TakeRun(run, names.subspan(done, run.num_blocks), take, beat);
    done += taken;
    if (taken > 0 && run.segment != last_segment) used.push_back(std::move(run.file));
    last_segment = run.segment;
    if (taken < run.num_blocks) break;
  }
  // The beginning of a chain is touched last, so that it does not go before what stands behind it.
  for (auto file = used.rbegin(); file != used.rend(); ++file) (*file)->Touch();
  return done;
}

// Finds the longest run that the names begin with.
bool RunReader::OpenRun(std::span<const BlockName> names, Run& run) {
  const std::optional<DiskIndex::Place> place = index_.Find(names.front().hash);
  if (!place) return false;
  int error = 0;
  run.file = folder_.Open(place->segment, /*writable=*/false, error);
  std::vector<uint8_t> header(kHeaderBytes);
  const int64_t read = run.file ? run.file->ReadAt(header, place->record) : error;
  if (read < 0 && read != -ENOENT) ++counts_.errors;
  const std::optional<Record> record = read == kHeaderBytes ? DecodeHeader(header) : std::nullopt;
  if (!record || record->kind != kind_) {
    index_.DropSegment(place->segment);
    return false;
  }
  run.segment = place->segment;
  run.offset = place->record;
  run.record = *record;
  run.first_slot = place->slot;
  const auto there = static_cast<int>(record->entries.size());
  for (int slot = run.first_slot; slot < there && run.num_blocks < static_cast<int>(names.size()); ++slot) {
    const bool is_next = record->entries[slot].name.hash == names[run.num_blocks].hash;
    if (!is_next || (record->damaged >> slot & 1)) break;
    ++run.num_blocks;
  }
  if (run.num_blocks == 0) index_.Drop(names.front().hash);
  return run.num_blocks > 0;
}

// Bytes, or what failed.
int64_t RunReader::ReadPiece(const Run& run, int slot, int num_blocks) {
  const auto bytes = static_cast<size_t>(num_blocks * kind_.block_bytes);
  return run.file->ReadAt(buffer_.span().first(bytes), run.offset + BlockOffset(slot, kind_.block_bytes));
}

int RunReader::TakeRun(const Run& run, std::span<const BlockName> names,
                       const std::function<bool(std::span<const uint8_t>)>& take, const std::function<void()>& beat) {
  const int most = static_cast<int>(static_cast<int64_t>(buffer_.size()) / kind_.block_bytes);
  for (int done = 0; done < run.num_blocks;) {
    const int piece = std::min(most, run.num_blocks - done);
    const int64_t read = ReadPiece(run, run.first_slot + done, piece);
    beat();
    if (read < 0) {
      ++counts_.errors;
      index_.DropSegment(run.segment);
      return done;
    }
    for (int i = 0; i < piece; ++i, ++done) {
      if ((i + 1) * kind_.block_bytes > read) {  // the file is shorter than it was
        index_.DropSegment(run.segment);
        return done;
      }
      const auto bytes =
          buffer_.span().subspan(static_cast<size_t>(i * kind_.block_bytes), static_cast<size_t>(kind_.block_bytes));
      if (!IsSound(run, run.first_slot + done, names[done], bytes) || !take(bytes)) return done;
      ++counts_.blocks;
      counts_.bytes += bytes.size();
    }
  }
  return run.num_blocks;
}

bool RunReader::IsSound(const Run& run, int slot, const BlockName& name, std::span<const uint8_t> bytes) {
  const RecordEntry& entry = run.record.entries[slot];
  const bool same_ids = entry.name.ids == name.ids;
  if (same_ids && HashContent(bytes) == entry.content) return true;
  if (same_ids) {
    ++counts_.damaged;
    MarkDamaged(run, slot);
  }
  index_.Drop(name.hash);
  return false;
}

// So that nobody looks at it again. Where that cannot be written, each process finds out for itself.
void RunReader::MarkDamaged(const Run& run, int slot) {
  int error = 0;
  const std::unique_ptr<DiskFile> file = folder_.Open(run.segment, /*writable=*/true, error);
  if (!file) return;
  const uint64_t damaged = run.record.damaged | uint64_t{1} << slot;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&damaged);
  file->WriteAt({bytes, sizeof damaged}, run.offset + kDamagedOffset);
}

}  // namespace puna::engine
