// The suite's own machinery: profiles, artifacts, the catalogue and its page.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "conformance/framework/artifact.h"
#include "conformance/framework/generation_record.h"
#include "conformance/framework/graph.h"
#include "conformance/framework/profile.h"

namespace conformance {
namespace {

namespace fs = std::filesystem;
using harness::ErrorCode;
using testing::HasSubstr;

fs::path Scratch(const std::string& name) {
  const fs::path path = fs::path(testing::TempDir()) / fmt::format("conformance_test.{}", getpid()) / name;
  fs::create_directories(path.parent_path());
  return path;
}

TEST(Profile, HasTheStatedDefaults) {
  for (const char* text : {"", "\n", "generation: {}", "limits: {}"}) {
    const auto profile = ParseProfile(text, "profile.yaml");
    ASSERT_TRUE(profile.ok()) << profile.error().message;
    EXPECT_TRUE(profile->devices.empty());
    ASSERT_EQ(profile->prompts.size(), 2u);
    EXPECT_EQ(profile->prompts[0], std::nullopt);
    EXPECT_EQ(profile->prompts[1], "upbeat lo fi hip hop beat");
    EXPECT_EQ(profile->duration_s, 2.0);
    EXPECT_EQ(profile->sampling, "top_k");
    EXPECT_EQ(profile->top_k, 250);
    EXPECT_EQ(profile->cfg_coef, 3.0);
    EXPECT_TRUE(profile->expect_trained);
  }
}

TEST(Profile, ReadsEveryKey) {
  const auto profile = ParseProfile(
      "devices: [cpu]\n"
      "generation: {prompts: [rock, null], duration_s: 1, sampling: top_p, top_k: 10, top_p: 0.9, temperature: 0.5,\n"
      "  cfg_coef: 2, two_step_cfg: true, seed: 9, melody: a.wav, float16_steps: 0}\n"
      "reference_audio: b.wav\nexpect_trained: false\nbelonging: all\ntrained_with_codec: c.bin\nlimits: {audio.min_rms: 0.5}\n",
      "profile.yaml");
  ASSERT_TRUE(profile.ok()) << profile.error().message;
  EXPECT_THAT(profile->devices, testing::ElementsAre("cpu"));
  EXPECT_EQ(profile->prompts[0], "rock");
  EXPECT_EQ(profile->prompts[1], std::nullopt);
  EXPECT_EQ(profile->duration_s, 1.0);
  EXPECT_EQ(profile->top_p, 0.9);
  EXPECT_EQ(profile->seed, 9);
  EXPECT_EQ(profile->float16_steps, 0);
  EXPECT_EQ(profile->melody, "a.wav");
  EXPECT_EQ(profile->reference_audio, "b.wav");
  EXPECT_FALSE(profile->expect_trained);
  EXPECT_EQ(profile->belonging, "all");
  EXPECT_EQ(profile->trained_with_codec, "c.bin");
  EXPECT_EQ(profile->limits.at("audio.min_rms"), 0.5);
  EXPECT_THAT(profile->keys, testing::Contains("generation.two_step_cfg"));
}

struct BadProfile {
  const char* name;
  const char* text;
  const char* words;
};

TEST(Profile, RefusesWhatItDoesNotKnow) {
  const BadProfile cases[] = {
      {"UnknownKey", "generation: {duration: 2}", "generation.duration is not a parameter of the profile"},
      {"UnknownSection", "generations: {}", "generations is not a parameter of the profile: did you mean generation?"},
      {"UnknownLimit", "limits: {audio.min_rm: 1}", "did you mean audio.min_rms?"},
      {"Device", "devices: [tpu]", "knows cpu and cuda, found 'tpu'"},
      {"Belonging", "belonging: release", "must be one of quick, default, all, found 'release'"},
      {"Sampling", "generation: {sampling: beam}", "must be one of top_k, greedy, top_p, found 'beam'"},
      {"Duration", "generation: {duration_s: 0}", "must be above 0 and at most 300"},
      {"NoPrompts", "generation: {prompts: []}", "must be a list of 1 to 1000 texts"},
      {"PromptIsNumber", "generation: {prompts: [1]}", "must hold texts or null"},
      {"Float16Steps", "generation: {float16_steps: 101}", "generation.float16_steps must be between 0 and 100"},
      {"Seed", "generation: {seed: -1}", "generation.seed must be between 0"},
      {"TopP", "generation: {sampling: top_p}", "must be above 0 and at most 1"},
      {"Quoted", "generation: {top_k: '250'}", "must be an integer, found the text '250'"},
      {"NotYaml", "generation: [", "profile.yaml"},
  };
  for (const BadProfile& c : cases) {
    SCOPED_TRACE(c.name);
    const auto profile = ParseProfile(c.text, "profile.yaml");
    ASSERT_FALSE(profile.ok());
    EXPECT_THAT(profile.error().message, HasSubstr(c.words));
  }
  const auto absent = ReadProfile("/nonexistent/profile.yaml");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
}

TEST(Artifact, IsReadOnlyByItsOwnRun) {
  const fs::path path = Scratch("a.json");
  ASSERT_TRUE(WriteArtifact(path, "this run", {{"x", 1}}).ok());
  const auto own = ReadArtifact(path, "this run");
  ASSERT_TRUE(own.ok());
  EXPECT_EQ((*own)["x"], 1);
  const auto other = ReadArtifact(path, "another export");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kMismatch);
  EXPECT_EQ(ReadArtifact(Scratch("absent.json"), "this run").error().code, ErrorCode::kNotFound);
  std::ofstream(path) << "{\"run_id\": \"th";
  EXPECT_EQ(ReadArtifact(path, "this run").error().code, ErrorCode::kCorrupt);
}

TEST(Artifact, KeepsAPayloadScan) {
  harness::weights::PayloadScan scan;
  scan.bytes_read = 12;
  scan.records_left_out = 2;  // without these a check in a process of its own would pass what nobody read
  scan.bytes_left_out = 3;
  scan.records.push_back({.record = "a/data/0", .file_offset = 64, .size_bytes = 8, .stored = 1, .computed = 2});
  scan.statistics.push_back({.tensor = 3,
                             .elements = 4,
                             .nan = 1,
                             .infinite = 2,
                             .beyond_float16 = 5,
                             .zeros = 6,
                             .min = std::numeric_limits<double>::infinity(),
                             .max = -std::numeric_limits<double>::infinity(),
                             .first_nan = 7,
                             .first_infinite = 8,
                             .first_beyond_float16 = 9});
  const auto back = PayloadFromJson(PayloadToJson(scan));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(PayloadToJson(*back), PayloadToJson(scan));
  EXPECT_EQ(fmt::format("{} {} {}", back->bytes_read, back->records_left_out, back->bytes_left_out), "12 2 3");
  EXPECT_GT(back->statistics[0].min, back->statistics[0].max);
  const harness::weights::TensorStatistics& s = back->statistics[0];
  EXPECT_EQ(fmt::format("{} {} {} {} {} {}", s.tensor, s.elements, s.nan, s.infinite, s.beyond_float16, s.zeros),
            "3 4 1 2 5 6");
  EXPECT_EQ(fmt::format("{} {} {}", s.first_nan, s.first_infinite, s.first_beyond_float16), "7 8 9");
  const auto& r = back->records[0];
  EXPECT_EQ(fmt::format("{} {} {} {} {}", r.record, r.file_offset, r.size_bytes, r.stored, r.computed),
            "a/data/0 64 8 1 2");
  const auto failed =
      PayloadFromJson(PayloadToJson(harness::Error{ErrorCode::kCorrupt, "does not inflate", "Copy it again"}));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(failed.error().message, "does not inflate");
  EXPECT_EQ(failed.error().remedy, "Copy it again");
  EXPECT_EQ(PayloadFromJson(nlohmann::json{{"records", 3}}).error().code, ErrorCode::kCorrupt);
}

TEST(GenerationRecord, SurvivesTheWayToAnotherProcess) {
  GenerationRecord record;
  record.device = "cpu";
  record.runs["prompt1"] = {.status = GenerationRun::Status::kDone,
                            .message = "m",
                            .remedy = "x",
                            .reason = "r",
                            .prompt = "p",
                            .melody = "w",
                            .tokens = "t",
                            .audio = "a",
                            .frames = 1,
                            .num_codebooks = 2,
                            .cardinality = 3,
                            .sample_rate_hz = 4,
                            .channels = 5,
                            .samples = 6,
                            .repeated_frames = 7,
                            .differing_codes = 8,
                            .load_s = 9,
                            .generate_s = 10,
                            .decode_s = 11,
                            .first_code_s = 12,
                            .step_s = 13,
                            .memory_peak_bytes = 14};
  record.device_name = "n";
  record.compute_capability = "c";
  record.driver_version = "d";
  record.gpu_choice = "g";
  record.problem = "p";
  record.remedy = "q";
  record.reason = "o";
  record.skipped = true;
  record.probes["passed"] = {
      .not_run = "", .reason = "", .passed = true, .message = "f", .remedy = "y", .measured = 1, .limit = 2};
  record.probes["not run"].not_run = "no card";
  record.greedy = {.problem = "", .prompt = "p", .tokens = "t", .gaps = "g", .duration_s = 1, .cfg_coef = 2};
  const fs::path path = Scratch("generation.json");
  ASSERT_TRUE(WriteRecord(path, "s", record).ok());
  const auto back = ReadRecord(path, "s");
  ASSERT_TRUE(back.ok()) << back.error().message;
  ASSERT_EQ(back->runs.size(), 1u);
  const GenerationRun& run = back->runs.at("prompt1");
  EXPECT_EQ(run.status, GenerationRun::Status::kDone);
  EXPECT_EQ(run.prompt, "p");
  EXPECT_EQ(run.melody, "w");
  EXPECT_EQ(fmt::format("{} {} {} {} {} {}", run.message, run.remedy, run.reason, run.tokens, run.audio, run.frames),
            "m x r t a 1");
  EXPECT_EQ(fmt::format("{} {} {} {}", run.num_codebooks, run.cardinality, run.sample_rate_hz, run.channels),
            "2 3 4 5");
  EXPECT_EQ(fmt::format("{} {} {}", run.samples, run.repeated_frames, run.differing_codes), "6 7 8");
  EXPECT_EQ(fmt::format("{} {} {}", run.load_s, run.generate_s, run.decode_s), "9 10 11");
  EXPECT_EQ(fmt::format("{} {} {}", run.first_code_s, run.step_s, run.memory_peak_bytes), "12 13 14");
  EXPECT_EQ(
      fmt::format("{} {} {} {}", back->device_name, back->compute_capability, back->driver_version, back->gpu_choice),
      "n c d g");
  EXPECT_EQ(fmt::format("{} {} {} {} {}", back->device, back->problem, back->remedy, back->reason, back->skipped),
            "cpu p q o true");
  const ModelProbe& probe = back->FindProbe("passed");
  EXPECT_EQ(fmt::format("{}{}{} {} {} {} {}", probe.not_run, probe.reason, probe.passed, probe.message, probe.remedy,
                        probe.measured.dump(), probe.limit.dump()),
            "true f y 1 2");
  EXPECT_EQ(back->FindProbe("not run").not_run, "no card");
  EXPECT_EQ(back->FindProbe("another").not_run, "no probe was left");
  const GreedyRun& greedy = back->greedy;
  EXPECT_EQ(fmt::format("{}{} {} {} {} {}", greedy.problem, greedy.prompt.value_or(""), greedy.tokens, greedy.gaps,
                        greedy.duration_s, greedy.cfg_coef),
            "p t g 1 2");
}

// A run of everything: both devices, a text, a melody, the reference.
RunPlan WholePlan() {
  Settings settings;
  settings.profile.melody = "a.wav";
  settings.audiocraft_python = "python";
  return MakePlan(settings, {.cuda = true, .cpu = true, .text = true, .melody = true, .codec = true});
}

TEST(CheckGraph, HasUniqueReadableNamesAndNoLooseEnds) {
  const CheckGraph graph(WholePlan());
  std::set<std::string> ids, names;
  for (const Check& check : graph.checks()) {
    SCOPED_TRACE(check.id);
    EXPECT_TRUE(ids.insert(check.id).second) << "twice";
    EXPECT_TRUE(names.insert(check.category() + check.test_name()).second) << "test name twice";
    EXPECT_EQ(check.test_name().find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
              std::string::npos);
  }
  for (const Check& check : graph.checks()) {
    for (const std::string& need : check.needs) EXPECT_TRUE(ids.contains(need)) << check.id << " needs " << need;
    for (const std::string& id : check.explained_by) EXPECT_TRUE(ids.contains(id)) << check.id << " names " << id;
  }
  for (const std::string& category : ListCategories()) EXPECT_FALSE(graph.SelectCategory(category).empty()) << category;
}

TEST(CheckGraph, NamesTestsByTheirIds) {
  EXPECT_EQ(ids::MakeTestName(ids::kFloat16Range(harness::exports::Role::kLanguageModel)), "LanguageModelFloat16Range");
  EXPECT_EQ(ids::MakeTestName(ids::kRuns({"cpu", 12})), "CpuPrompt12Runs");
  EXPECT_EQ(ids::MakeTestName(ids::kStuck({"cuda", std::nullopt})), "CudaMelodyStuck");
  EXPECT_EQ(ids::MakeTestName(ids::kFolderName), "FolderName");
  EXPECT_EQ(ids::MakeSuiteName("shape_config_agreement"), "ShapeConfigAgreement");
}

TEST(CheckGraph, IsDescribedForPeople) {
  std::ifstream stream(CONFORMANCE_CHECKS_PAGE);
  std::stringstream page;
  page << stream.rdbuf();
  const CheckGraph graph(WholePlan());
  for (const Check& check : graph.checks()) {
    // One row for all prompts and devices, and one for both files where they are alike.
    std::string id = check.id;
    for (const char* device : {"/cpu/", "/cuda/"}) {  // the melody stands in the prompts' rows
      if (const size_t at = id.find(device); at != std::string::npos) {
        const size_t end = id.find('/', at + std::string(device).size());
        id = id.substr(0, at) + "/DEVICE/promptN" + id.substr(end);
      }
    }
    std::string either = id;
    for (const char* file : {"/language_model/", "/codec/"}) {
      if (const size_t at = either.find(file); at != std::string::npos)
        either.replace(at, std::string(file).size(), "/FILE/");
    }
    EXPECT_TRUE(page.str().find("`" + id + "`") != std::string::npos ||
                page.str().find("`" + either + "`") != std::string::npos)
        << "CHECKS.md has no row for " << id;
  }
  for (const Limit& limit : kLimits) {
    EXPECT_THAT(page.str(), HasSubstr(fmt::format("`{}` | {}", limit.name, limit.value))) << "CHECKS.md";
  }
}

std::vector<std::string> CasesOf(const RunPlan& plan) {
  std::vector<std::string> paths;
  for (const GenerationCase& of : plan.cases) paths.push_back(of.Path());
  return paths;
}

// Of each check that says what does not run: its id, its word of CONFORMANCE_REQUIRE, its reason.
std::vector<std::string> NotRunOf(const RunPlan& plan) {
  std::vector<std::string> rows;
  for (const RunPlan::NotRun& row : plan.not_run) {
    rows.push_back(fmt::format("{} {} {}", row.id, row.requirement, row.outcome().reason));
  }
  return rows;
}

TEST(RunPlan, ListsWhatApplies) {
  using List = std::vector<std::string>;
  const std::string no_cuda = "generation/cuda/prompt0/runs cuda not_asked";
  struct Row {
    const char* name;
    Applicable applicable;
    std::optional<std::string> melody;
    std::set<std::string> require;
    List cases, not_run, unexercised;
  };
  const Row rows[] = {
      {"Default", {}, {}, {}, {"cpu/prompt0", "cpu/prompt1"}, {no_cuda}, {}},
      {"NoText", {.text = false}, {}, {}, {"cpu/prompt0"}, {no_cuda}, {}},
      {"Both", {.cuda = true}, {}, {}, {"cpu/prompt0", "cpu/prompt1", "cuda/prompt0", "cuda/prompt1"}, {}, {}},
      {"CudaAlone", {.cuda = true, .cpu = false}, {}, {}, {"cuda/prompt0", "cuda/prompt1"}, {}, {}},
      {"NoCodec", {.codec = false}, {}, {}, {}, {no_cuda}, {"text"}},
      {"NoCodecCuda", {.cuda = true, .codec = false}, {}, {}, {}, {}, {"cuda", "text"}},
      {"NoCodecTextRequired", {.codec = false}, {}, {"text"}, {"cpu/prompt1"}, {no_cuda}, {"text"}},
      {"Melody", {.melody = true}, "a.wav", {}, {"cpu/prompt0", "cpu/prompt1", "cpu/melody"}, {no_cuda}, {}},
      {"MelodyNotGiven",
       {.melody = true},
       {},
       {},
       {"cpu/prompt0", "cpu/prompt1"},
       {no_cuda, "generation/cpu/melody/runs melody not_asked"},
       {}},
      {"TakesNone",
       {},
       "a.wav",
       {},
       {"cpu/prompt0", "cpu/prompt1"},
       {no_cuda, "generation/cpu/melody/runs melody takes_no_melody"},
       {}},
      {"MelodyRequired",
       {},
       {},
       {"melody"},
       {"cpu/prompt0", "cpu/prompt1"},
       {no_cuda, "generation/cpu/melody/runs melody takes_no_melody"},
       {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Settings settings;
    settings.profile.melody = row.melody;
    settings.profile.devices = row.applicable.cuda ? List{"cpu", "cuda"} : List{"cpu"};
    settings.require = row.require;
    const RunPlan plan = MakePlan(settings, row.applicable);
    EXPECT_EQ(CasesOf(plan), row.cases);
    EXPECT_EQ(NotRunOf(plan), row.not_run);
    EXPECT_EQ(List(plan.unexercised.begin(), plan.unexercised.end()), row.unexercised);
  }
}

TEST(RunPlan, TravelsAsWords) {
  const Applicable all = {.cuda = true, .cpu = false, .text = false, .melody = true, .codec = true};
  EXPECT_EQ(all.ToText(), "cuda melody codec");
  EXPECT_EQ(Applicable::FromText(all.ToText()).ToText(), all.ToText());
  EXPECT_FALSE(Applicable::FromText("cpu").codec);
}

}  // namespace
}  // namespace conformance
