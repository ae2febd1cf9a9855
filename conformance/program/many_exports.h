// Several exports by one command: a process each, one table, one JUnit file, one exit status.
//
// OUTPUT/NUMBER-NAME holds what a run of one export leaves; NUMBER counts from 1 over the whole list, so that tasks that
// take shares of it don't meet. OUTPUT/junit.xml has a suite an export.
#pragma once

#include <filesystem>

#include "conformance/program/command_line.h"

namespace conformance {

// Judges line.exports (its share of them), line.jobs at a time, each as `program EXPORT`. With line.gpus each process
// gets one GPU of the specification, and waits for one to be free. Prints a line when an export is done, and progress on
// a terminal. Gives the exit status: the worst of all.
int JudgeMany(const CommandLine& line, const std::filesystem::path& program, const std::filesystem::path& output);

// What the tasks of a job array left for line.exports: the table, the JUnit file and the exit status of JudgeMany. An
// export without a report is an error.
int CollectMany(const CommandLine& line, const std::filesystem::path& output);

}  // namespace conformance
