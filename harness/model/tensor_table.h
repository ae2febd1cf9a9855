// The tensors of one checkpoint by name, as ATen views of the mapped file: nothing is copied until a model needs it.
//
// Lifetime: the views point into the Checkpoint or WeightsFile, which must outlive the table and everything built from
// it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "harness/architecture/tensor_spec.h"
#include "harness/base/result.h"
#include "harness/checkpoint/checkpoint.h"
#include "harness/checkpoint/weights_file.h"

namespace harness::model {

class TensorTable {
 public:
  // `binding[i]` is the index in checkpoint.tensors() of specs[i], whose shape has been compared already.
  // Errors: kUnsupported (a dtype that ATen can't view), kCorrupt (a view that is not valid).
  static Result<TensorTable> Bind(const checkpoint::Checkpoint& checkpoint,
                                  const std::vector<architecture::TensorSpec>& specs,
                                  const std::vector<size_t>& binding);

  // By name, shapes compared here. Errors: kMismatch (tensors that are missing, or of another shape: all of them in one
  // message), kUnsupported.
  static Result<TensorTable> Bind(const checkpoint::WeightsFile& weights,
                                  const std::vector<architecture::TensorSpec>& specs);

  // Precondition: `name` is one of the specs.
  const at::Tensor& operator[](const std::string& name) const;
  // Another tensor under a name: for what reads the same weights otherwise.
  void Replace(const std::string& name, at::Tensor tensor) { tensors_.insert_or_assign(name, std::move(tensor)); }
  bool Has(const std::string& name) const { return tensors_.contains(name); }

  // As operator[], cast to float32 on `device` (no copy where it is so already).
  at::Tensor Float(const std::string& name, at::Device device) const;

  // As Float, cast to float16: what is beyond its range becomes infinite.
  at::Tensor Half(const std::string& name, at::Device device) const;

  // A large weight for SmallBatchLinear: on the CPU the view itself where its type and layout allow, else as Float.
  at::Tensor Weight(const std::string& name, at::Device device) const;

 private:
  Status Add(const std::string& name, const checkpoint::WeightView& view);

  std::unordered_map<std::string, at::Tensor> tensors_;
};

}  // namespace harness::model
