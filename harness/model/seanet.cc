#include "harness/model/seanet.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "harness/model/activate.h"

namespace harness::model {
namespace {

// pad1d of `before` (or nothing) of x, computed where the padding leaves it, so that neither is a copy of its own. As
// F.pad, but an input too short to be reflected is lengthened with zeros first, and shortened again.
at::Tensor ActivateAndPad(const architecture::ActivationSpec* before, const at::Tensor& x, int64_t left, int64_t right,
                          const std::string& mode) {
  const bool none = left == 0 && right == 0, reflect = mode == "reflect";
  if (none || (!reflect && mode != "constant")) {
    const at::Tensor y = before == nullptr ? x : Activate(*before, x);
    return none ? y : at::pad(y, {left, right, 0, 0}, mode);
  }
  const int64_t length = x.size(-1), longest = std::max(left, right);
  const int64_t extra = reflect && length <= longest ? longest - length + 1 : 0;
  const int64_t end = left + length + extra;
  const at::Tensor padded =
      at::empty({x.size(0), x.size(1), 1, end + right}, x.options().memory_format(x.suggest_memory_format()));
  const at::Tensor middle = padded.narrow(-1, left, length);
  if (before == nullptr) {
    middle.copy_(x);
  } else {
    ActivateInto(*before, x, middle);
  }
  const at::Tensor first = padded.narrow(-1, 0, left), last = padded.narrow(-1, end, right);
  if (!reflect) {
    first.zero_();
    last.zero_();
    return padded;
  }
  padded.narrow(-1, left + length, extra).zero_();
  first.copy_(padded.narrow(-1, left + 1, left).flip(-1));
  last.copy_(padded.narrow(-1, end - 1 - right, right).flip(-1));
  return padded.narrow(-1, 0, end + right - extra);
}

// get_extra_padding_for_conv1d: what the last window lacks.
int64_t ExtraPadding(int64_t length, int64_t kernel, int64_t stride, int64_t padding) {
  const double frames = static_cast<double>(length - kernel + padding) / static_cast<double>(stride) + 1;
  return (static_cast<int64_t>(std::ceil(frames)) - 1) * stride + (kernel - padding) - length;
}

int64_t Taps(const architecture::ConvSpec& spec) { return (spec.kernel_size + spec.stride - 1) / spec.stride; }

// The weight of a transposed convolution, [in, out, kernel], as one of a convolution of stride 1 that gives the
// `stride` samples of each input at once: [stride * out, in, 1, taps], channels last. With k = t stride + r, sample q
// stride + r of the output is the sum over t of x[q - t] w[k].
at::Tensor Interleave(const at::Tensor& weight, const architecture::ConvSpec& spec) {
  const int64_t in = weight.size(0), out = weight.size(1), taps = Taps(spec);
  return at::constant_pad_nd(weight, {0, taps * spec.stride - spec.kernel_size})
      .view({in, out * taps * spec.stride})
      .t()
      .contiguous()  // this one and the next: each faster than both at once
      .view({out, taps, spec.stride, in})
      .flip(1)
      .permute({2, 0, 1, 3})
      .contiguous()
      .view({spec.stride * out, 1, taps, in})
      .permute({0, 3, 1, 2});
}

at::Tensor FoldedWeight(const architecture::ConvSpec& spec, const TensorTable& tensors, at::Device device) {
  const auto tensor = [&](const char* leaf) { return tensors.Float(spec.inner + leaf, device); };
  // torch.nn.utils.weight_norm, dim = 0: w = g v / |v|, the norm over all other dimensions.
  if (spec.norm == architecture::ConvNorm::kWeightNorm)
    return at::_weight_norm(tensor(".weight_v"), tensor(".weight_g"), 0);
  if (spec.norm != architecture::ConvNorm::kSpectralNorm) return tensor(".weight");
  // torch.nn.utils.spectral_norm in evaluation: divided by u' W v, with the vectors as they were saved.
  const at::Tensor original = tensor(".weight_orig");
  const at::Tensor matrix = (spec.transposed ? original.transpose(0, 1) : original).reshape({spec.out_channels, -1});
  return original / at::dot(tensor(".weight_u"), at::mv(matrix, tensor(".weight_v")));
}

// How far a convolution sees to either side, in its own inputs.
int64_t Reach(const architecture::ConvSpec& spec, bool causal) {
  if (spec.transposed) return Taps(spec);
  const int64_t extent = (spec.kernel_size - 1) * spec.dilation;
  return causal ? extent : (extent + 1) / 2;
}

}  // namespace

Seanet::Seanet(architecture::SeanetSpec spec, const TensorTable& tensors, at::Device device, const SeanetLimits& limits)
    : spec_(std::move(spec)), device_(device), limits_(limits) {
  const auto bind = [&](const architecture::ConvSpec& conv) { convs_.emplace(conv.name, Bind(conv, tensors)); };
  for (const architecture::SeanetLayer& layer : spec_.layers) {
    if (layer.kind == architecture::SeanetLayer::Kind::kConv) bind(layer.conv);
    std::for_each(layer.block.begin(), layer.block.end(), bind);
    std::for_each(layer.shortcut.begin(), layer.shortcut.end(), bind);
    for (int64_t l = 0; l < layer.lstm_layers; ++l) {
      for (const char* leaf : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}) {
        lstms_[layer.name].push_back(tensors.Float(fmt::format("{}.lstm.{}_l{}", layer.name, leaf, l), device_));
      }
    }
    if (layer.lstm_layers > 0 && device_.is_cuda() && at::_use_cudnn_rnn_flatten_weight()) {
      // Into one piece, as nn.LSTM.flatten_parameters lays them out: cuDNN would do so in every call, and say so.
      constexpr int64_t kLstm = 2;  // cudnnRNNMode_t
      at::_cudnn_rnn_flatten_weight(lstms_.at(layer.name), /*weight_stride0=*/4, layer.width, kLstm, layer.width,
                                    /*proj_size=*/0, layer.lstm_layers, /*batch_first=*/false, /*bidirectional=*/false);
    }
  }
  FindTail();
}

Seanet::Conv Seanet::Bind(const architecture::ConvSpec& spec, const TensorTable& tensors) const {
  Conv conv;
  conv.weight = FoldedWeight(spec, tensors, device_);
  conv.bias = tensors.Float(spec.inner + ".bias", device_);
  conv.interleaved = spec.transposed && device_.is_cpu() && conv.weight.numel() <= limits_.interleaved;
  if (conv.interleaved) {
    conv.weight = Interleave(conv.weight, spec);
    conv.bias = conv.bias.repeat({spec.stride});
  } else {
    conv.weight = conv.weight.unsqueeze(2);
  }
  if (spec.norm == architecture::ConvNorm::kTimeGroupNorm && spec.norm_affine) {
    conv.norm_weight = tensors.Float(spec.name + ".norm.weight", device_);
    conv.norm_bias = tensors.Float(spec.name + ".norm.bias", device_);
  }
  return conv;
}

// Whether the layer sees a bounded stretch of time, and its weights are small.
bool Seanet::InPieces(const architecture::SeanetLayer& layer) const {
  if (spec_.pad_mode == "circular") return false;  // one end sees the other
  const auto bounded = [&](const architecture::ConvSpec& spec) {
    const Conv& conv = convs_.at(spec.name);
    return spec.norm != architecture::ConvNorm::kTimeGroupNorm && conv.weight.numel() <= limits_.in_pieces &&
           (spec.transposed ? conv.interleaved : spec.stride == 1);
  };
  return layer.kind != architecture::SeanetLayer::Kind::kLstm &&
         (layer.kind != architecture::SeanetLayer::Kind::kConv || bounded(layer.conv)) &&
         std::all_of(layer.block.begin(), layer.block.end(), bounded) &&
         std::all_of(layer.shortcut.begin(), layer.shortcut.end(), bounded);
}

void Seanet::FindTail() {
  const std::vector<architecture::SeanetLayer>& layers = spec_.layers;
  tail_ = layers.size();
  for (size_t i = layers.size(); i-- > 0 && InPieces(layers[i]);) {
    if (layers[i].conv.transposed) tail_ = i;
  }
  double reach = 0;
  const auto add = [&](const architecture::ConvSpec& spec) {
    reach += static_cast<double>(Reach(spec, spec_.causal)) / static_cast<double>(upsampling_);
    if (spec.transposed) upsampling_ *= spec.stride;
  };
  for (size_t i = tail_; i < layers.size(); ++i) {
    if (layers[i].kind == architecture::SeanetLayer::Kind::kConv) add(layers[i].conv);
    std::for_each(layers[i].block.begin(), layers[i].block.end(), add);  // a shortcut sees one sample
  }
  context_ = static_cast<int64_t>(std::ceil(reach));
}

at::Tensor Seanet::Activated(const Signal& signal) {
  return signal.pending == nullptr ? signal.x : Activate(*signal.pending, signal.x);
}

at::Tensor Seanet::Laid(const at::Tensor& x) const {
  // Channels last, oneDNN's convolutions need no other layout between them, and time can be cut without a copy.
  const auto format = device_.is_cpu() ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  const at::Tensor laid = at::empty({x.size(0), x.size(1), 1, x.size(2)}, x.options().memory_format(format));
  laid.squeeze(2).copy_(x);
  return laid;
}

at::Tensor Seanet::RunConv(const architecture::ConvSpec& spec, const Signal& signal) const {
  const at::Tensor& x = signal.x;
  const Conv& conv = convs_.at(spec.name);
  const int64_t kernel = (spec.kernel_size - 1) * spec.dilation + 1;  // with its dilation
  const int64_t padding = kernel - spec.stride;
  at::Tensor y;
  if (conv.interleaved) {
    y = at::conv2d(Activated(signal), conv.weight, conv.bias, /*stride=*/1,
                   /*padding=*/at::IntArrayRef{0, Taps(spec) - 1});
    // [B, stride * out, 1, N], channels last, is [B, out, 1, N * stride] in memory.
    y = y.permute({0, 2, 3, 1}).reshape({x.size(0), 1, -1, spec.out_channels}).permute({0, 3, 1, 2});
    y = y.narrow(-1, 0, (x.size(-1) - 1) * spec.stride + spec.kernel_size);
  } else if (spec.transposed) {
    y = at::conv_transpose2d(Activated(signal), conv.weight, conv.bias, {1, spec.stride});
  } else {
    const int64_t extra = ExtraPadding(x.size(-1), kernel, spec.stride, padding);
    const int64_t right = spec_.causal ? 0 : padding / 2;
    y = at::conv2d(ActivateAndPad(signal.pending, x, padding - right, right + extra, spec_.pad_mode), conv.weight,
                   conv.bias, {1, spec.stride}, /*padding=*/at::IntArrayRef{0, 0}, {1, spec.dilation});
  }
  if (spec.norm == architecture::ConvNorm::kTimeGroupNorm)
    y = at::group_norm(y, 1, conv.norm_weight, conv.norm_bias, spec.norm_eps);
  if (spec.transposed) {
    const int64_t right = spec_.causal
                              ? static_cast<int64_t>(std::ceil(static_cast<double>(padding) * spec_.trim_right_ratio))
                              : padding / 2;
    y = y.narrow(-1, padding - right, y.size(-1) - padding);
  }
  return y;
}

at::Tensor Seanet::RunLstm(const architecture::SeanetLayer& layer, const at::Tensor& x) const {
  const at::Tensor steps = x.squeeze(2).permute({2, 0, 1});  // [T, B, width]
  const at::Tensor zeros = at::zeros({layer.lstm_layers, x.size(0), layer.width}, x.options());
  const at::Tensor y = std::get<0>(at::lstm(steps, {zeros, zeros}, lstms_.at(layer.name), /*has_biases=*/true,
                                            layer.lstm_layers, /*dropout=*/0.0, /*train=*/false,
                                            /*bidirectional=*/false, /*batch_first=*/false));
  return Laid((y + steps).permute({1, 2, 0}));
}

Seanet::Signal Seanet::RunLayers(size_t begin, size_t end, Signal signal) const {
  for (size_t i = begin; i < end; ++i) {
    const architecture::SeanetLayer& layer = spec_.layers[i];
    if (layer.kind == architecture::SeanetLayer::Kind::kConv) {
      signal = {RunConv(layer.conv, signal)};
      continue;
    }
    const at::Tensor x = Activated(signal);
    switch (layer.kind) {
      case architecture::SeanetLayer::Kind::kConv: break;
      case architecture::SeanetLayer::Kind::kActivation: signal = {x, &layer.activation}; break;
      case architecture::SeanetLayer::Kind::kLstm: signal = {RunLstm(layer, x)}; break;
      case architecture::SeanetLayer::Kind::kResidual: signal = {RunResidual(layer, x)}; break;
    }
  }
  return signal;
}

at::Tensor Seanet::RunResidual(const architecture::SeanetLayer& layer, const at::Tensor& x) const {
  at::Tensor y = x;
  for (const architecture::ConvSpec& conv : layer.block) y = RunConv(conv, {y, &spec_.activation});
  if (!layer.shortcut.empty()) return y.add_(RunConv(layer.shortcut.front(), {x}));
  // nn.Identity gives the tensor itself, which a block whose activation is in place then changes.
  return y.add_(spec_.activation.inplace ? Activate(spec_.activation, x) : x);
}

int64_t Seanet::Pieces(int64_t length) const {
  if (upsampling_ == 1) return 1;
  const int64_t overlap = 2 * context_, longest = std::max(limits_.piece / upsampling_, 4 * overlap);
  return std::max<int64_t>(1, (length - overlap + longest - overlap - 1) / (longest - overlap));
}

// Pieces of one width, for which oneDNN makes its kernels once; the middle of each is kept, where it has all that it
// sees, and the ends of the first and the last, which are padded as the whole is.
at::Tensor Seanet::RunTail(const Signal& signal) const {
  const auto run = [&](const at::Tensor& x) {
    return Activated(RunLayers(tail_, spec_.layers.size(), {x, signal.pending}));
  };
  const int64_t length = signal.x.size(-1), pieces = Pieces(length);
  if (pieces == 1) return run(signal.x);
  const int64_t width = (length - 2 * context_ + pieces - 1) / pieces + 2 * context_;
  at::Tensor whole;
  for (int64_t done = 0; done < length;) {
    const int64_t begin = std::min(std::max<int64_t>(done - context_, 0), length - width);
    const int64_t end = begin + width == length ? length : begin + width - context_;
    const at::Tensor piece = run(signal.x.narrow(-1, begin, width));
    if (!whole.defined()) whole = at::empty({piece.size(0), piece.size(1), 1, length * upsampling_}, piece.options());
    whole.narrow(-1, done * upsampling_, (end - done) * upsampling_)
        .copy_(piece.narrow(-1, (done - begin) * upsampling_, (end - done) * upsampling_));
    done = end;
  }
  return whole;
}

at::Tensor Seanet::Run(const at::Tensor& x) const {
  return RunTail(RunLayers(0, tail_, {Laid(x)})).squeeze(2).contiguous();
}

}  // namespace harness::model
