// Result<T>: a value, or the reason why there is none.
//
// Everything in harness/ that reads input (archives, pickles, YAML, tensors, audio, the environment) returns one of
// these; no exception leaves the library because of what a file holds. `Error::message` is a sentence for the person
// who made the export: it names the file, the place, what was expected and what was found.
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace harness {

enum class ErrorCode {
  kNotFound,     // a file, record, key or tensor that must be there is not
  kCorrupt,      // bytes that no writer of the format produces
  kUnsupported,  // well formed, but something that this suite does not read or run; never a verdict on the export
  kMismatch,     // two things that must agree do not
  kUnsafe,       // loading it the usual way would run code that the file brings
  kIo,           // the operating system refused
  kMachine,      // this machine is at a limit (memory, open files, room on the disk); never a verdict on the export
};

// "not found", "corrupt", ...: for messages and tests.
constexpr const char* Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound: return "not found";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kMismatch: return "mismatch";
    case ErrorCode::kUnsafe: return "unsafe";
    case ErrorCode::kIo: return "I/O error";
    case ErrorCode::kMachine: return "limit of this machine";
  }
  return "unknown";
}

struct Error {
  ErrorCode code;
  std::string message;
  std::string remedy = {};             // what to do, as a sentence of its own; empty where nothing is known
  std::vector<std::string> keys = {};  // the options of a config that it complains of: "transformer_lm.dim"

  // The same error, said of `place`: "PLACE: message".
  Error In(const std::string& place) const { return {code, place + ": " + message, remedy, keys}; }
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition: ok(). (std::get throws otherwise: a programmer's error, never an input's.)
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Precondition: !ok().
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return error_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return std::get<1>(error_); }

 private:
  std::variant<std::monostate, Error> error_;
};

using Status = Result<void>;

}  // namespace harness

#define HARNESS_CONCAT_INNER(a, b) a##b
#define HARNESS_CONCAT(a, b) HARNESS_CONCAT_INNER(a, b)

// HARNESS_RETURN_IF_ERROR(expression of type Result<...>): returns its error from the enclosing function.
#define HARNESS_RETURN_IF_ERROR(expression) \
  if (auto harness_status = (expression); !harness_status.ok()) return harness_status.error()

// HARNESS_ASSIGN_OR_RETURN(auto x, expression of type Result<X>): binds the value, or returns the error.
#define HARNESS_ASSIGN_OR_RETURN(declaration, expression) \
  HARNESS_ASSIGN_OR_RETURN_INNER(HARNESS_CONCAT(harness_result_, __LINE__), declaration, expression)
#define HARNESS_ASSIGN_OR_RETURN_INNER(name, declaration, expression) \
  auto name = (expression);                                           \
  if (!name.ok()) return name.error();                                \
  declaration = std::move(name).value()
