// From the name that a codec package refers to, to the codec.
// Source: audiocraft 1.3.0, models/loaders.py load_compression_model, models/encodec.py
// CompressionModel.get_pretrained.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/result.h"
#include "harness/export/codec_description.h"
#include "harness/hub/hub_cache.h"

namespace harness::exports {

// Where references are looked up.
struct CodecPlaces {
  hub::HubCache hub;
  std::filesystem::path dac;                   // weights_44khz_8kbps_0.0.1.pth, ...
  std::vector<std::filesystem::path> folders;  // that a relative path may start from; the first that has it wins
  std::filesystem::path exported = {};         // the export: what packages outside of it hold, no error shows
};

// DAC: HOME/.cache/descript/dac. Folders: the working directory, and the one in which the shell started the program
// ($PWD), as CTest works in the build folder.
CodecPlaces FindCodecPlaces(const hub::HubCache& hub, const hub::HubCache::Environment& environment);
CodecPlaces FindCodecPlaces(const hub::HubCache& hub);  // of this process

// Follows `reference`. Errors: kMismatch (no codec, a loop, weights that don't fit), kNotFound (a path that is not
// there), kUnsupported (a hub model that is neither cached nor known), and those of the files on the way, each with its
// path.
Result<CodecDescription> FollowReference(const std::string& reference, const CodecPlaces& places);

}  // namespace harness::exports
