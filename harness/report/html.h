// report.html: one page that needs nothing else: the cause first, then what to hear, then every check. No script, no
// request: a Content-Security-Policy in the page itself forbids both, in case that a text out of the export should ever
// get past the escaping. Sounds are inside of the page, as far as they are given; for the others <audio> names its WAV
// relative to the page, and a path that leads elsewhere is shown, never linked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "harness/report/report.h"

namespace harness::report {

struct PageSound {
  std::string wav;  // the bytes of a file that browsers play
  double seconds = 0;
  std::vector<float> lows, highs;  // the waveform: least and largest sample of each column, from -1 to 1; as many
};
using PageSounds = std::map<std::string, PageSound>;  // by GenerationResult::audio

std::string RenderHtml(const Report& report, const PageSounds& sounds = {});

}  // namespace harness::report
