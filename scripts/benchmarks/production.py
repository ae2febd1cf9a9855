"""What the real audiocraft needs for the figures of scripts/benchmark; run by its Python (AUDIOCRAFT_PYTHON).

usage: production.py static EXPORT          reads both files: CRC (zipfile.testzip), torch.load, isfinite
       production.py run EXPORT SECONDS [cpu|cuda]
                                            get_pretrained and generate; the figures as JSON on the last line
"""
import json
import os
import sys
import time
import zipfile


def since_start_s() -> float:
    """Since the system started this process: field 22 of /proc/self/stat, in clock ticks."""
    ticks = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def static(export: str) -> None:
    import torch
    for name in ("state_dict.bin", "compression_state_dict.bin"):
        path = os.path.join(export, name)
        zipfile.ZipFile(path).testzip()
        for tensor in torch.load(path, map_location="cpu")["best_state"].values():
            if tensor.is_floating_point():
                torch.isfinite(tensor).all().item()


def run(export: str, seconds: float, device: str = "cpu") -> None:
    import statistics
    import torch
    from audiocraft.models import MusicGen
    model = MusicGen.get_pretrained(export, device=device)
    model.set_generation_params(duration=seconds)
    times, decode = [], []
    sample, decoder = model.lm._sample_next_token, model.compression_model.decode

    def sampled(*args, **kwargs):
        result = sample(*args, **kwargs)
        if device == "cuda":
            torch.cuda.synchronize()  # else the time is that of queueing
        times.append(since_start_s())
        return result

    def decoded(*args, **kwargs):
        start = time.monotonic()
        result = decoder(*args, **kwargs)
        if device == "cuda":
            torch.cuda.synchronize()
        decode.append(time.monotonic() - start)
        return result

    model.lm._sample_next_token, model.compression_model.decode = sampled, decoded
    model.generate([None])
    steps = [after - before for before, after in zip(times, times[1:])]
    figures = {"first_code_s": times[0], "step_s": statistics.median(steps), "decode_s": decode[0] / seconds}
    if device == "cuda":
        figures.update(device=torch.cuda.get_device_name(), memory_peak_bytes=torch.cuda.max_memory_allocated())
    print("\n" + json.dumps(figures))


if sys.argv[1] == "static":
    static(sys.argv[2])
else:
    run(sys.argv[2], float(sys.argv[3]), *sys.argv[4:5])
