// A stand-in for LibTorch's CUDA backend (libtorch_cuda.so), for tests on machines without one: a device "cuda:0" whose
// memory is the host's and whose kernels are the CPU's. It shows that tensors are on the device that they should be on,
// and how a device fails; it says nothing of CUDA's kernels, of their rounding or of their speed.
//
// As with CUDA, tensors of two devices do not meet in an operation, and the host can't read device memory (memory.h).
//   CUDA_STAND_IN_FAULT  "OPERATOR:N:WHAT", as "addmm:3:infinite": what the N-th call of aten::OPERATOR and all later
//                        ones do. `infinite`, `coarse`: give an infinity, or only four bits a value; else they throw
//                        it, as the text of a CUDA error. A device-side assert leaves nothing usable, as it does a
//                        card.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "harness/generate/cuda_stand_in/memory.h"

namespace cuda_stand_in {
namespace {

// Draws what the CPU's generator does; CUDA's gives other numbers for the same seed.
class Generator final : public c10::GeneratorImpl {
 public:
  Generator() : GeneratorImpl({c10::kCUDA, 0}, c10::DispatchKeySet(c10::DispatchKey::CUDA)) {}
  const at::Generator& cpu() const { return cpu_; }

  void set_current_seed(uint64_t seed) override { cpu_.set_current_seed(seed); }
  void set_offset(uint64_t offset) override { cpu_.set_offset(offset); }
  uint64_t get_offset() const override { return cpu_.get_offset(); }
  uint64_t current_seed() const override { return cpu_.current_seed(); }
  uint64_t seed() override { return cpu_.seed(); }
  void set_state(const c10::TensorImpl& state) override { cpu_.unsafeGetGeneratorImpl()->set_state(state); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override { return cpu_.unsafeGetGeneratorImpl()->get_state(); }

 private:
  Generator* clone_impl() const override {
    auto* clone = new Generator;
    clone->cpu_ = cpu_.clone();
    return clone;
  }
  at::Generator cpu_ = at::detail::createCPUGenerator();
};

}  // namespace
}  // namespace cuda_stand_in

namespace at {

struct CUDAHooks : CUDAHooksInterface {
  explicit CUDAHooks(CUDAHooksArgs) {}
  void init() const override {}
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasCUDA() const override { return true; }
  bool hasCUDART() const override { return true; }
  bool hasPrimaryContext(DeviceIndex) const override { return true; }
  DeviceIndex deviceCount() const override { return 1; }
  DeviceIndex current_device() const override { return 0; }
  int getNumGPUs() const override { return 1; }
  long versionCUDART() const override { return 13000; }
  at::Generator getNewGenerator(DeviceIndex) const override { return at::make_generator<cuda_stand_in::Generator>(); }
};
REGISTER_CUDA_HOOKS(CUDAHooks);

}  // namespace at

namespace cuda_stand_in {
namespace {

using at::Tensor;

struct Guard final : c10::impl::NoOpDeviceGuardImpl<c10::DeviceType::CUDA> {};
C10_REGISTER_GUARD_IMPL(CUDA, Guard)

constexpr c10::DispatchKeySet kCpuKey(c10::DispatchKey::CPU), kCudaKey(c10::DispatchKey::CUDA);

struct Fault {
  std::string name;
  int64_t from = 0, calls = 0;
  std::string what;
  bool assert_failed = false;

  Fault() {
    const char* text = std::getenv("CUDA_STAND_IN_FAULT");
    const std::string all = text == nullptr ? "" : text;
    const size_t first = all.find(':'), second = all.find(':', first + 1);
    if (second == std::string::npos) return;
    name = "aten::" + all.substr(0, first);
    from = std::strtoll(all.c_str() + first + 1, nullptr, 10);
    what = all.substr(second + 1);
  }
  // Whether this call is to give wrong numbers.
  bool Spoils(const std::string& op) {
    const bool now = op == name && ++calls >= from;
    const bool throws = now && what != "infinite" && what != "coarse";
    assert_failed = assert_failed || (throws && what.find("device-side assert") != std::string::npos);
    TORCH_CHECK(!throws && !assert_failed, "CUDA error: ", what,
                "\nCUDA kernel errors might be asynchronously reported at some other API call");
    return now;
  }
};

Fault& TheFault() {
  static Fault fault;
  return fault;
}

Tensor EmptyStrided(at::IntArrayRef sizes, at::IntArrayRef strides, std::optional<at::ScalarType> dtype,
                    std::optional<at::Layout> = {}, std::optional<at::Device> = {}, std::optional<bool> = {}) {
  return at::detail::empty_strided_generic(sizes, strides, &DeviceMemory(), kCudaKey,
                                           dtype.value_or(at::get_default_dtype_as_scalartype()));
}

Tensor Empty(at::IntArrayRef sizes, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
             std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(sizes, &DeviceMemory(), kCudaKey,
                                   dtype.value_or(at::get_default_dtype_as_scalartype()), format);
}

const Tensor& Resize(const Tensor& self, at::IntArrayRef sizes, std::optional<at::MemoryFormat>) {
  self.unsafeGetTensorImpl()->set_sizes_contiguous(sizes);
  const size_t bytes = at::detail::computeStorageNbytesContiguous(sizes, self.element_size(), self.storage_offset());
  const c10::Storage& storage = self.storage();
  if (bytes <= storage.nbytes()) return self;
  c10::DataPtr grown = DeviceMemory().allocate(bytes);
  if (storage.nbytes() > 0) DeviceMemory().copy_data(grown.mutable_get(), storage.data(), storage.nbytes());
  storage.set_data_ptr_noswap(std::move(grown));
  storage.set_nbytes(bytes);
  return self;
}

Tensor ViewLike(const Tensor& tensor, const Tensor& other) {
  auto view = at::detail::make_tensor<c10::TensorImpl>(c10::TensorImpl::VIEW, c10::Storage(tensor.storage()),
                                                       tensor.key_set(), other.dtype());
  view.unsafeGetTensorImpl()->set_sizes_and_strides(other.sizes(), other.strides(), other.storage_offset());
  return view;
}

// The same elements, as a tensor of the CPU, over a storage of its own.
Tensor OnCpu(const Tensor& tensor) {
  const c10::Storage& storage = tensor.storage();
  c10::Storage host(c10::Storage::use_byte_size_t(), storage.nbytes(),
                    at::DataPtr(KernelView(storage.data()), c10::kCPU), c10::GetAllocator(c10::kCPU),
                    /*resizable=*/true);
  auto alias = at::detail::make_tensor<c10::TensorImpl>(std::move(host), kCpuKey, tensor.dtype());
  alias.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(), tensor.storage_offset());
  return alias;
}

// One call of an operator: its tensors of the device taken for tensors of the CPU, and back.
class Call {
 public:
  Call(const c10::OperatorHandle& op, torch::jit::Stack* stack) : op_(op), stack_(stack) {}

  void Run(bool devices_may_differ) {
    const size_t num_arguments = op_.schema().arguments().size(), num_returns = op_.schema().returns().size();
    const bool spoils = TheFault().Spoils(op_.operator_name().name);
    for (size_t i = stack_->size() - num_arguments; i < stack_->size(); ++i) (*stack_)[i] = Lower((*stack_)[i]);
    TORCH_CHECK(devices_may_differ || host_tensor_ == 0,
                "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (when "
                "checking the arguments of ",
                op_.operator_name().name, ")");
    op_.callBoxed(stack_);
    for (const auto& [tensor, alias] : aliases_) KeepResize(tensor, alias);
    for (size_t i = stack_->size() - num_returns; i < stack_->size(); ++i) {
      (*stack_)[i] = Raise((*stack_)[i]);
      if (spoils && (*stack_)[i].isTensor()) Spoil((*stack_)[i].toTensor());
    }
  }

 private:
  Tensor Lower(const Tensor& tensor) {
    if (!tensor.defined()) return tensor;
    if (!tensor.is_cuda()) {
      if (tensor.dim() > 0) ++host_tensor_;
      return tensor;
    }
    aliases_.emplace_back(tensor, OnCpu(tensor));
    return aliases_.back().second;
  }

  c10::IValue Lower(const c10::IValue& value) {
    if (value.isTensor()) return Lower(value.toTensor());
    if (value.isDevice()) return c10::Device(c10::kCPU);
    if (value.isGenerator()) {
      const at::Generator given = value.toGenerator();
      TORCH_CHECK(given.device().is_cuda(), "Expected a 'cuda' device type for generator but found 'cpu'");
      return static_cast<Generator*>(given.unsafeGetGeneratorImpl())->cpu();
    }
    if (value.isTensorList()) {
      c10::List<Tensor> list;
      for (const Tensor& tensor : value.toTensorVector()) list.push_back(Lower(tensor));
      return list;
    }
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<Tensor>> list;
      for (const auto& tensor : value.toOptionalTensorVector()) {
        list.push_back(tensor ? std::optional<Tensor>(Lower(*tensor)) : std::nullopt);
      }
      return list;
    }
    return value;
  }

  static void KeepResize(const Tensor& tensor, const Tensor& alias) {
    if (alias.storage().data() == KernelView(tensor.storage().data()) && alias.sizes() == tensor.sizes()) return;
    Resize(tensor, alias.sizes(), {});
    OnCpu(tensor).copy_(alias);
  }

  Tensor Raise(const Tensor& result) const {
    if (!result.defined()) return result;
    for (const auto& [tensor, alias] : aliases_) {
      if (result.is_same(alias)) return tensor;
      if (result.storage().is_alias_of(alias.storage())) return ViewLike(tensor, result);
    }
    const Tensor dense = result.is_non_overlapping_and_dense() ? result : result.contiguous();
    Tensor raised = EmptyStrided(dense.sizes(), dense.strides(), dense.scalar_type());
    OnCpu(raised).copy_(dense);
    return raised;
  }

  c10::IValue Raise(const c10::IValue& value) const {
    if (value.isTensor()) return Raise(value.toTensor());
    if (!value.isTensorList()) return value;
    c10::List<Tensor> list;
    for (const Tensor& tensor : value.toTensorVector()) list.push_back(Raise(tensor));
    return list;
  }

  static void Spoil(const Tensor& tensor) {
    if (!tensor.defined() || !at::isFloatingType(tensor.scalar_type()) || tensor.numel() == 0) return;
    Tensor values = OnCpu(tensor);
    if (TheFault().what == "infinite") {
      values.flatten()[0].fill_(std::numeric_limits<double>::infinity());
    } else {
      const auto [mantissa, exponent] = at::frexp(values.to(at::kDouble));
      values.copy_(at::ldexp((mantissa * 16).round() / 16, exponent));
    }
  }

  const c10::OperatorHandle& op_;
  torch::jit::Stack* stack_;
  std::vector<std::pair<Tensor, Tensor>> aliases_;
  int host_tensor_ = 0;  // of at least one dimension: numbers may be on the CPU
};

void OneDevice(const c10::OperatorHandle& op, torch::jit::Stack* stack) { Call(op, stack).Run(false); }
void AnyDevices(const c10::OperatorHandle& op, torch::jit::Stack* stack) { Call(op, stack).Run(true); }

// Has no kernel on the CPU. Source: ATen/native/cuda/RNN.cu: gates in the order input, forget, cell, output.
std::tuple<Tensor, Tensor, Tensor> LstmCell(const Tensor& input_gates, const Tensor& hidden_gates, const Tensor& cell,
                                            const std::optional<Tensor>& input_bias,
                                            const std::optional<Tensor>& hidden_bias) {
  Tensor gates = input_gates + hidden_gates;
  for (const auto& bias : {input_bias, hidden_bias}) {
    if (bias && bias->defined()) gates = gates + *bias;
  }
  const auto parts = gates.chunk(4, 1);
  const Tensor next = at::sigmoid(parts[1]) * cell + at::sigmoid(parts[0]) * at::tanh(parts[2]);
  return {at::sigmoid(parts[3]) * at::tanh(next), next, gates};
}

TORCH_LIBRARY_IMPL(_, CUDA, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&OneDevice>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, m) {
  m.impl("empty.memory_format", Empty);
  m.impl("empty_strided", EmptyStrided);
  m.impl("resize_", Resize);
  m.impl("_thnn_fused_lstm_cell", LstmCell);
  // Copies are between devices; indices may be on the CPU.
  for (const char* name : {"copy_", "index.Tensor_out", "_index_put_impl_"})
    m.impl(name, torch::CppFunction::makeFromBoxedFunction<&AnyDevices>());
}

}  // namespace
}  // namespace cuda_stand_in
