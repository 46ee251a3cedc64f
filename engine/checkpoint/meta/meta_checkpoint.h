// A Llama in Meta's layout: params.json, consolidated.NN.pth, tokenizer.model.
#pragma once

#include <optional>

#include "engine/checkpoint/files/file_set.h"
#include "engine/checkpoint/sources/checkpoint.h"

namespace puna::engine {

// bf16 (one file, or several of a model-parallel release), SPINQUANT_INT4_EO8 and QLORA_INT4_EO8. Rows of q and k come
// in Hugging Face's order. Begin and end tokens follow from the number of ranks in tokenizer.model, when it is there.
Checkpoint OpenMetaCheckpoint(const FileSet& files, std::optional<double> rope_factor);

}  // namespace puna::engine
